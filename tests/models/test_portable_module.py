"""Models of `transformers` compute with the products of the native model, or say that they are native."""

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from benchmark.arithmetic import mode
from benchmark.doctor.kernels import draw
from benchmark.models.any_architecture import portable_module, routed_layers
from benchmark.models.any_architecture.architecture import TransformersArchitecture, laid_out
from benchmark.models.any_architecture.known_operations import Listener
from benchmark.models.any_architecture.portable_module import make_portable
from benchmark.models.any_architecture.routed_attention import routed_attention
from benchmark.models.any_architecture.routed_layers import exact_gelu
from tests.conftest import run_python

torch.set_num_threads(1)
needs_portable = pytest.mark.skipif(
    not mode.is_portable(), reason=f"portable arithmetic needs {mode.missing()}"
)
LLAMA = {
    "hidden_size": 32,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 300,
}


def small(kind: str = "llama", **changes: Any) -> Any:
    """A small random model."""
    torch.manual_seed(0)
    return laid_out(AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **(LLAMA | changes))))


class Group(nn.Module):
    """What `transformers`' own attention asks of the module that calls it."""

    num_key_value_groups = 3
    is_causal = True


@pytest.mark.parametrize("masked", [False, True])
def test_attention_of_grouped_heads_is_that_of_transformers_with_its_gradients(masked: bool) -> None:
    mask = draw(2, 1, 5, 9, seed=1) if masked else None
    found, expected = (
        [
            draw(2, heads, count, 8, seed=heads + count).requires_grad_()
            for heads, count in ((6, 5), (2, 9), (2, 9))
        ]
        for _ in range(2)
    )
    ours, _ = routed_attention(Group(), *found, mask, scaling=0.3)
    theirs, _ = sdpa_attention_forward(Group(), *expected, mask, scaling=0.3, is_causal=False)
    torch.testing.assert_close(ours, theirs)
    assert ours.is_contiguous()
    for output in (ours, theirs):
        output.backward(draw(2, 5, 6, 8, seed=2))
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one.grad, other.grad)


@needs_portable
def test_attention_has_the_same_bits_with_two_threads() -> None:
    given = [draw(3, heads, 70, 16, seed=heads) for heads in (6, 2, 2)]
    one, _ = routed_attention(Group(), *given, draw(3, 1, 70, 70, seed=3))
    torch.set_num_threads(2)
    try:
        two, _ = routed_attention(Group(), *given, draw(3, 1, 70, 70, seed=3))
    finally:
        torch.set_num_threads(1)
    assert torch.equal(one, two)


def test_the_exact_gelu_is_torchs_with_its_gradient() -> None:
    x, y = draw(40, 30, seed=4).requires_grad_(), draw(40, 30, seed=4).requires_grad_()
    exact_gelu(x).square().sum().backward()
    functional.gelu(y).square().sum().backward()
    torch.testing.assert_close(x.grad, y.grad)
    torch.testing.assert_close(exact_gelu(x), functional.gelu(y))
    assert torch.backends.mkldnn.enabled


@needs_portable
@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (lambda x: functional.gelu(x), "aten::gelu"),
        (lambda x: x @ x.T, "aten::mm"),
        (lambda x: (x * x).sqrt(), "aten::sqrt"),
        (lambda x: (x * x).pow(0.5), "aten::pow.Tensor_Scalar"),
        (lambda x: x.double().sum(), "aten::sum"),
        (lambda x: functional.linear(x, x), "aten::mm"),
    ],
)
def test_operations_that_depend_on_the_cpu_are_heard(kind: Any, said: str) -> None:
    given = draw(8, 8, seed=5)
    with Listener() as listener:
        kind(given)
    assert listener.unknown == {said}


@needs_portable
def test_a_gradient_that_depends_on_the_cpu_makes_a_model_native() -> None:
    module = small(hidden_act="gelu")
    plain = routed_layers._Gelu.backward

    def by_onednn(ctx: Any, *gradients: Any) -> Any:
        (hidden,) = ctx.saved_tensors
        return torch.ops.aten.gelu_backward.default(gradients[0], hidden)

    routed_layers._Gelu.backward = staticmethod(by_onednn)  # type: ignore[method-assign]
    try:
        assert not make_portable(module)
    finally:
        routed_layers._Gelu.backward = staticmethod(plain)  # type: ignore[method-assign]
    assert make_portable(module)


@needs_portable
def test_layers_that_give_other_numbers_are_taken_out_again(monkeypatch: pytest.MonkeyPatch) -> None:
    module = small()
    ids = torch.arange(20)[None]
    before = module(input_ids=ids).logits
    kinds = [type(layer) for layer in module.modules()]
    monkeypatch.setattr(portable_module, "BOUND", 0.0)
    assert not make_portable(module)
    assert [type(layer) for layer in module.modules()] == kinds
    assert torch.equal(module(input_ids=ids).logits, before)
    assert module.config._attn_implementation == "sdpa"


def test_native_arithmetic_and_other_types_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not make_portable(small().to(torch.float64))
    assert not make_portable(small().to(torch.bfloat16))
    monkeypatch.setattr(mode, "is_portable", lambda: False)
    assert not make_portable(small())


@needs_portable
def test_a_portable_model_that_is_sent_or_saved_stays_what_it_is(tmp_path: Path) -> None:
    module = small()
    assert make_portable(module)
    params = {name: parameter.detach().clone() for name, parameter in module.named_parameters()}
    model = TransformersArchitecture(module, 300, True)
    digest = model.digest("weights")
    assert digest == TransformersArchitecture(small(), 300, False).digest("weights")
    sent = pickle.loads(pickle.dumps(model))
    ids = torch.arange(60)[None]
    assert sent.portable
    assert torch.equal(sent.logits(params, ids), model.logits(params, ids))
    model.save(params, tmp_path)
    assert routed_layers.ROUTED not in (tmp_path / "config.json").read_text()


CAPPED = """
import os
from benchmark.arithmetic import mode
os.environ["ONEDNN_MAX_CPU_ISA"] = "AVX2"
from pathlib import Path
from benchmark.doctor import architecture_trials, digest_table
from benchmark.settings.load import load_settings
found = {"architectures": dict(architecture_trials.digests(load_settings(Path("params.yaml"))))}
print(len(found["architectures"]), digest_table.first_difference(digest_table.read_table()["digests"], found))
"""


@needs_portable
@pytest.mark.slow
def test_bits_do_not_depend_on_onednns_code_or_on_the_users_variables() -> None:
    """oneDNN held to AVX2 where it has wider code; two threads asked for by the environment."""
    done = run_python(CAPPED, OMP_NUM_THREADS="2", MKL_CBWR="AVX512")
    assert done.stdout.strip() == "4 None", done.stderr[-2000:]
