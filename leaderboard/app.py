"""The leaderboard's entry point: `streamlit run leaderboard/app.py`."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:  # `streamlit run` puts only this folder there
    sys.path.insert(0, str(ROOT))

from leaderboard.site.memory import spare_loaded_modules  # noqa: E402
from leaderboard.site.navigation import chosen_page  # noqa: E402

chosen_page().run()
spare_loaded_modules()
