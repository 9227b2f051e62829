"""The memory that a run is said to take is what torch counts, and what does not fit is refused in one line."""

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.distributed._tools.mem_tracker import MemTracker

from benchmark.arithmetic import mode
from benchmark.arithmetic.products import causal_mask
from benchmark.errors import InputError
from benchmark.models.causal_model import CausalModel
from benchmark.models.shapes import SHAPES
from benchmark.posttrain.arms import attempts_of, copies_of
from benchmark.posttrain.arms.interface import RunStart
from benchmark.posttrain.run_memory import GIB, RunMemory, refuse_what_does_not_fit, run_memory
from benchmark.settings.run_options import Posttrain

TOKENS = 512


def counted_by_torch(shape: str, kind: str) -> tuple[int, int]:
    """Peak bytes of all tensors in two steps of an arm, of fake tensors that need no memory; and the parameters."""
    config = SHAPES[shape]
    with FakeTensorMode(allow_non_fake_inputs=True):
        params = {name: torch.empty(size) for name, size in config.shapes().items()}
        start = RunStart(CausalModel(config, params), tuple(range(2, 2 + TOKENS)), Posttrain(), 0, "text")
        with MemTracker() as tracker:
            attempts, held = attempts_of(kind, start), None
            for _ in range(2):
                held = None
                held = next(attempts)
            assert held is not None and held.applied
            (peak,) = tracker.get_tracker_snapshot("peak").values()
    return int(peak["Total"]), sum(tensor.numel() for tensor in params.values())


@pytest.mark.parametrize(
    ("shape", "kind"),
    [("facebook/opt-2.7b", "ascent"), ("facebook/opt-6.7b", "ascent")],
)
def test_the_memory_of_a_step_is_what_torch_counts(
    shape: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mode, "is_portable", lambda: False)  # portable products need real numbers
    causal_mask.cache_clear()
    counted, parameters = counted_by_torch(shape, kind)
    causal_mask.cache_clear()
    said = run_memory(copies_of(kind), SHAPES[shape], parameters, tokens=TOKENS, evaluation=0)
    # All of it is in one memory here, that of the base model and of the placebo included.
    assert said.on_cpu(1) == pytest.approx(counted, rel=0.05)
    assert said.device <= 4.5 * 4 * parameters


@pytest.mark.parametrize(
    "kind", ["ascent", "descent", "shuffled", "random", "lessons", "lora", "sam", "soup"]
)
def test_no_arm_holds_more_than_four_and_a_half_copies_on_its_device(kind: str) -> None:
    assert max(copies_of(kind)[:2]) <= 4.5


SMALL = RunMemory(taken=10 * GIB, scored=12 * GIB, host=5 * GIB, common=4 * GIB)


@pytest.mark.parametrize(
    ("device", "at_once", "room", "said"),
    [
        ("cuda", 1, 11, "lower evaluation.batch_tokens"),
        ("cuda", 1, 9, "restrict the arm to smaller models"),
        ("cuda", 3, 30, "set execution.workers to 2"),
        ("cpu", 1, 16, "lower evaluation.batch_tokens"),
        ("cpu", 4, 20, "set execution.workers to 1"),
    ],
)
def test_a_run_that_does_not_fit_is_refused_with_the_setting_to_change(
    device: str, at_once: int, room: int, said: str
) -> None:
    with pytest.raises(InputError, match=said) as refused:
        refuse_what_does_not_fit(
            "large", {"gap": SMALL}, device=device, runs_at_once=at_once, room=room * GIB
        )
    alone = 12 if device == "cuda" else 17
    assert str(refused.value).startswith(f"models.large, arms.gap: a run needs {alone}.0 GiB")
    refuse_what_does_not_fit("large", {"gap": SMALL}, device=device, runs_at_once=1, room=17 * GIB)
