"""The first stage whose output differs, in the order of the pipeline, by the digests in `dvc.lock`."""

from benchmark.diff.changed_inputs import STAGES
from benchmark.diff.comparable import Scope
from benchmark.diff.dvc_lock import Lock


def first_stage(locks: tuple[Lock, Lock], scope: Scope) -> str | None:
    """The first stage, such as `model@micro-1`, whose outputs differ between the locks; None if none does.

    `score` is left out, because its outputs are the tables, which are compared themselves. Stages that depend on
    inputs that differ, or that only one side has, are left out too.
    """
    before, after = locks
    order = {kind: place for place, kind in enumerate(STAGES[:-1])}
    shared = [name for name in before.stages.keys() & after.stages.keys() if _kind(name) in order]
    for name in sorted(shared, key=lambda name: (order[_kind(name)], name)):
        old, new = before.outs(name), after.outs(name)
        if old != new and not scope.stage_depends(_kind(name), *_cell(_kind(name), list(old))):
            return name
    return None


def _kind(name: str) -> str:
    return name.partition("@")[0]


def _cell(kind: str, outs: list[str]) -> tuple[str | None, str | None]:
    """Model and corpus of a stage, from the path of its output, such as `.../runs/<model>/<corpus>`."""
    parts = outs[0].split("/") if outs else ["", ""]
    if kind == "corpus":
        return None, parts[-1]
    return (parts[-1], None) if kind == "model" else (parts[-2], parts[-1])
