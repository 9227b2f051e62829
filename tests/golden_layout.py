"""A data folder laid out as docs/DATA.md says whose Hub sets are the rows the original code was run on."""

import json
from pathlib import Path

FILES = {
    "piqa": "tasks/piqa/valid.jsonl",
    "hellaswag": "tasks/hellaswag/validation.jsonl",
    "ai2_arc__ARC-Easy": "tasks/arc_easy/validation.jsonl",
    "ai2_arc__ARC-Challenge": "tasks/arc_challenge/validation.jsonl",
    "super_glue__copa": "tasks/copa/validation.jsonl",
    "winogrande__winogrande_s": "tasks/winogrande/dev.jsonl",
    "math_qa": "tasks/math_qa/dev.json",
}
NAMES = {
    "ai2_arc/ARC-Easy": "arc_easy",
    "ai2_arc/ARC-Challenge": "arc_challenge",
    "super_glue/copa": "copa",
    "winogrande/winogrande_s": "winogrande",
}
"""The golden files' names of tasks -> ours, where they differ."""


def make_layout(data_dir: Path, rows: str, target: Path) -> Path:
    """Write the golden rows of ``rows`` (``rows_first32`` or ``rows_handmade``) into ``target``; returns it.

    The original's own files (dialogue, PubMedQA, corpora) are linked, not copied.
    """
    for name, path in FILES.items():
        content = (data_dir / "golden" / rows / f"{name}.jsonl").read_text(encoding="utf-8")
        if path.endswith(".json"):
            content = json.dumps([json.loads(line) for line in content.splitlines()])
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        (target / path).write_text(content, encoding="utf-8")
    (target / "official-gap").symlink_to(data_dir / "official-gap")
    return target
