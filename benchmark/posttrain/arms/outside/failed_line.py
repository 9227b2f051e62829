"""Where code from outside failed, in one line."""

import traceback
from pathlib import Path

from benchmark.system.outside_code import OutsideCode


def told(error: Exception, kind: str, code: OutsideCode) -> str:
    """File, line, type and message of a failure: the last line of the arm's own files that was being run."""
    said = " ".join(str(error).split())[:200]
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}, line {error.lineno}: {type(error).__name__}: {error.msg}"
    frames = traceback.extract_tb(error.__traceback__)
    files = {str(path) for path in code.files.values()}
    own = [frame for frame in frames if str(Path(frame.filename).resolve()) in files] or frames
    where = f"{own[-1].filename}, line {own[-1].lineno}" if own else kind
    return f"{where}: {type(error).__name__}: {said}" if said else f"{where}: {type(error).__name__}"
