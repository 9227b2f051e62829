"""Run an arm from outside: it gets copies of the model's tensors, and what goes wrong in it is told in one line."""

from collections.abc import Iterator
from dataclasses import replace

from benchmark.errors import InputError
from benchmark.posttrain.arms.interface import Attempt, RunStart
from benchmark.posttrain.arms.outside.failed_line import told
from benchmark.posttrain.arms.outside.load_arm import importing_from, outside_arm


def outside_attempts(kind: str, start: RunStart) -> Iterator[Attempt]:
    """The attempts of a kind from outside.

    Raises:
        InputError: its code raises an exception, or yields something else than attempts at the model's weights.
    """
    arm = outside_arm(kind, start.folder)
    copied = {
        name: tensor.detach().to(start.model.device, copy=True) for name, tensor in start.model.params.items()
    }
    own = replace(start, model=replace(start.model, params=copied))
    attempts = None
    while True:
        try:
            with importing_from(arm.folder):
                attempts = iter(arm.function(own, **start.options)) if attempts is None else attempts
                attempt = next(attempts, None)
        except InputError:
            raise
        except Exception as error:
            raise InputError(f"arm kind {kind}: {told(error, kind, arm.code)}") from None
        if attempt is None:
            return
        _check(attempt, kind, start)
        yield attempt


def _check(attempt: object, kind: str, start: RunStart) -> None:
    if not isinstance(attempt, Attempt):
        raise InputError(
            f"arm kind {kind}: it yields {type(attempt).__name__}: yield an Attempt for each step"
        )
    for name, tensor in start.model.params.items():
        found = attempt.params.get(name)
        if found is None or found.shape != tensor.shape:
            what = (
                "is missing" if found is None else f"has shape {list(found.shape)}, not {list(tensor.shape)}"
            )
            raise InputError(
                f"arm kind {kind}: tensor {name} {what} in a step: yield all of the model's tensors"
            )
    if unknown := sorted(set(attempt.params) - set(start.model.params)):
        raise InputError(
            f"arm kind {kind}: a step has a tensor {unknown[0]}, which the model lacks: leave it out"
        )
