"""`gapbench compare`: read folders, compare, and write one format."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmark.compare.compare_formats import json_of, latex_of, markdown_of
from benchmark.compare.compare_page import page_of
from benchmark.compare.compared_scopes import Compared, VerdictShares, compare
from benchmark.compare.log_folder import LoggedModel, read_models
from benchmark.compare.paired_documents import EVERY, Choices, PairedStudy, pair
from benchmark.errors import InputError
from benchmark.system.empty_folder import check_file, writing
from benchmark.system.files import write_text

FORMATS: dict[str, Callable[[PairedStudy, Compared, VerdictShares], str]] = {
    "md": markdown_of,
    "latex": latex_of,
    "json": json_of,
    "html": page_of,
}


def comparison(
    first: str,
    second: str,
    baselines: Sequence[str] = (),
    *,
    form: str = "md",
    chosen: Choices,
    rules: VerdictShares,
    unpaired: bool = False,
) -> str:
    """The comparison of B (`second`) with A (`first`) and with larger models, in one of `FORMATS`.

    Raises InputError for folders that cannot be compared, and an unknown format.
    """
    if form not in FORMATS:
        raise InputError(f"format {form} is not known; give one of {', '.join(FORMATS)}")
    for name, value in (("--margin", rules.margin), ("--negligible", rules.negligible)):
        if not 0 < value < 1:
            raise InputError(f"{name} {value:g} is not between 0 and 1")
    one, other, *larger = read_models([first, second, *baselines])
    study = pair([one, other, *_by_size(larger)], chosen)
    text = FORMATS[form](study, compare(study, rules, unpaired=unpaired), rules)
    return text.encode("utf-8", "replace").decode("utf-8")


def by_task(option: str, given: Sequence[str]) -> dict[str, str]:
    """`NAME` for all tasks or `TASK=NAME` for one, as a mapping from task (`EVERY`: all others) to name."""
    found: dict[str, str] = {}
    for one in given:
        task, equals, name = one.partition("=")
        key, value = (task, name) if equals else (EVERY, one)
        if not value or (equals and not task):
            raise InputError(f"{option} {one!r} is not NAME or TASK=NAME; write it so")
        if key in found:
            raise InputError(f"{option} is given twice for {key or 'all tasks'}; give one")
        found[key] = value
    return found


def write_comparison(text: str, out: Path | None) -> None:
    """Replace `out` in one step, or print. What is no plain file, such as `/dev/stdout`, is written to as it is."""
    if out is None:
        print(text, end="")
        return
    with writing(out):
        if out.exists() and not out.is_file():
            out.write_text(text, encoding="utf-8")
        else:
            write_text(out.resolve(), text)


def check_page(out: Path) -> None:
    """Refuse a place where `write_comparison` cannot write."""
    check_file(out)
    if not out.parent.is_dir():
        raise InputError(f"--out {out}: give a file in a folder that exists")


def _by_size(models: Sequence[LoggedModel]) -> list[LoggedModel]:
    """Smallest first; those whose size is not known last, in their order."""
    return sorted(models, key=lambda model: math.inf if model.parameters is None else model.parameters)
