"""Evaluation in bfloat16: near float32 but not equal, weights untouched, and part of key and arithmetic."""

from pathlib import Path

import numpy as np
import pytest
import torch
from small import random_model

from benchmark.arithmetic.precision import check_precision, computing_in, in_float32
from benchmark.doctor.emulated_tf32 import emulated_tf32, to_tf32
from benchmark.draws.recipes import base_recipe
from benchmark.errors import InputError
from benchmark.evaluation.engine import drafts_from, evaluate
from benchmark.evaluation.prepare import prepare
from benchmark.models.weights import weights_sha256
from benchmark.settings.load import load_settings
from benchmark.system.files import read_json
from benchmark.verification.compare_runs import TOLERANCES

SHAPES = [{}, {"do_layer_norm_before": False, "word_embed_proj_dim": 16}]


def logprobs(evaluation):
    lists = evaluation.samples.column("choice_logprobs").drop_null().to_pylist()
    return np.array([value for values in lists for value in values])


@pytest.mark.parametrize("shape", SHAPES)
def test_bf16_is_near_fp32_and_leaves_weights_alone(shape, tokenizer, suite):
    model = random_model(tokenizer.n_tokens, **shape)
    prepared = prepare(suite, tokenizer, max_length=120)
    digest = weights_sha256(model.params)
    whole, rounded = (evaluate(model, prepared, precision=precision) for precision in ("fp32", "bf16"))
    difference = np.abs(logprobs(whole) - logprobs(rounded))
    # A product's inputs keep 8 bits: sums over some ten tokens of logits around 5 move by hundredths to tenths.
    assert 1e-4 < np.median(difference) < 0.3
    assert difference.max() < 3
    assert rounded.finite
    assert rounded.written_finite
    assert weights_sha256(model.params) == digest
    assert {tensor.dtype for tensor in model.params.values()} == {torch.float32}
    again = evaluate(model, prepared, precision="bf16", drafts=drafts_from(rounded, prepared))
    assert np.array_equal(logprobs(again), logprobs(rounded))


def test_logits_are_float32_in_every_precision():
    left, right = torch.randn(64, 32), torch.randn(16, 32)
    with computing_in("bf16", left.device):
        assert torch.nn.functional.linear(left, right).dtype == torch.bfloat16
        with in_float32(left.device):
            assert torch.nn.functional.linear(left, right).dtype == torch.float32
    assert not torch.is_autocast_enabled("cpu")


def test_tf32_is_refused_on_a_cpu():
    check_precision("tf32", "cuda")
    with pytest.raises(InputError, match=r"evaluation\.precision: tf32 .* use fp32 or bf16"):
        check_precision("tf32", "cpu")


def test_the_tolerances_of_verify_follow_from_the_measured_differences():
    measured = read_json(Path(__file__).resolve().parents[2] / "docs" / "precision.json")
    fp32 = TOLERANCES["fp32"]
    for precision in ("bf16", "tf32"):
        given, found = TOLERANCES[precision], measured[precision]
        for allowed, name, least in (
            (given.log_probability, "logprob_largest", fp32.log_probability),
            (given.probability, "probability_largest", fp32.probability),
            (given.answers, "answers", fp32.answers),
        ):
            assert 2 * found[name] <= allowed <= max(2.2 * found[name], least)
    assert (fp32.log_probability, fp32.probability, fp32.answers) == (1e-3, 1e-3, 0.02)


def test_the_precision_is_in_the_settings_and_older_recipes_stay_valid():
    root = Path(__file__).resolve().parents[2]
    plain, rounded = (
        load_settings(root / "params.yaml", overrides) for overrides in ([], ["evaluation.precision=bf16"])
    )
    assert plain.evaluation.model_dump()["precision"] == "fp32"
    kept = read_json(root / "kept" / "micro" / "kept.json")
    recipes = str(kept)
    assert base_recipe(plain, "micro-3", 5) in recipes
    assert base_recipe(rounded, "micro-3", 5) not in recipes


def test_tf32_rounds_to_ten_bits_ties_to_even():
    step = 2.0**-10
    given = torch.tensor(
        [1.0, 1 + step, 1 + step / 2, 1 + 3 * step / 2, 1 + 0.51 * step, -1 - 0.49 * step, 0.0]
    )
    rounded = torch.tensor([1.0, 1 + step, 1.0, 1 + 2 * step, 1 + step, -1.0, 0.0])
    assert torch.equal(to_tf32(given), rounded)


@pytest.mark.parametrize("shape", SHAPES)
def test_emulated_tf32_is_between_fp32_and_bf16(shape, tokenizer, suite):
    model = random_model(tokenizer.n_tokens, **shape)
    prepared = prepare(suite, tokenizer, max_length=120)
    whole, half = (logprobs(evaluate(model, prepared, precision=name)) for name in ("fp32", "bf16"))
    with emulated_tf32():
        rounded = logprobs(evaluate(model, prepared, precision="tf32"))
        assert np.array_equal(logprobs(evaluate(model, prepared)), whole)
    moved, moved_more = (np.median(np.abs(one - whole)) for one in (rounded, half))
    # Three bits more: an eighth of the error. Outside the block nothing is rounded.
    assert 4 < moved_more / moved < 16
    assert np.array_equal(logprobs(evaluate(model, prepared)), whole)


def test_logits_are_not_rounded_in_tf32():
    left, right = torch.randn(64, 32), torch.randn(16, 32)
    exact = torch.nn.functional.linear(left, right)
    with emulated_tf32(), computing_in("tf32", left.device):
        assert not torch.equal(torch.nn.functional.linear(left, right), exact)
        with in_float32(left.device):
            assert torch.equal(torch.nn.functional.linear(left, right), exact)


@pytest.mark.parametrize("before", [True, False])
def test_a_gpu_is_allowed_tf32_for_all_but_logits(before):
    device, allowed = torch.device("cuda"), torch.backends.cuda.matmul
    as_it_was, allowed.allow_tf32 = allowed.allow_tf32, before
    try:
        with computing_in("tf32", device):
            assert allowed.allow_tf32
            with in_float32(device):
                assert not allowed.allow_tf32
        with computing_in("fp32", device):
            assert not allowed.allow_tf32
        assert allowed.allow_tf32 == before
    finally:
        allowed.allow_tf32 = as_it_was
