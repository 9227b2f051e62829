"""Portable products are products, with gradients, and their bits depend on nothing but the numbers."""

import pytest
import torch
from torch.nn import functional

from benchmark.arithmetic import mode, products
from benchmark.doctor.kernels import draw

needs_portable = pytest.mark.skipif(
    not mode.is_portable(), reason=f"portable arithmetic needs {mode.missing()}"
)

SHAPES = [(1, 32, 96), (47, 44, 176), (48, 44, 176), (333, 108, 768), (130, 1500, 65)]


@pytest.mark.parametrize(("rows", "inputs", "outputs"), SHAPES)
def test_a_product_and_its_gradients_are_those_of_float64(rows: int, inputs: int, outputs: int) -> None:
    hidden, weight, bias = draw(rows, inputs, seed=1), draw(outputs, inputs, seed=2), draw(outputs, seed=3)
    upstream = draw(rows, outputs, seed=4)
    found = [tensor.clone().requires_grad_() for tensor in (hidden, weight, bias)]
    truth = [tensor.double().requires_grad_() for tensor in (hidden, weight, bias)]
    products.linear(*found).backward(upstream)
    functional.linear(*truth).backward(upstream.double())
    torch.testing.assert_close(
        products.linear(hidden, weight, bias).double(), functional.linear(*truth), rtol=1e-4, atol=1e-3
    )
    for ours, theirs in zip(found, truth, strict=True):
        torch.testing.assert_close(ours.grad.double(), theirs.grad, rtol=1e-4, atol=1e-3)


def test_a_batch_of_products_has_the_gradients_of_float64() -> None:
    left, right = draw(3, 2, 23, 11, seed=5), draw(3, 2, 11, 23, seed=6)
    found = [tensor.clone().requires_grad_() for tensor in (left, right)]
    truth = [tensor.double().requires_grad_() for tensor in (left, right)]
    products.batched(*found).square().sum().backward()
    torch.matmul(*truth).square().sum().backward()
    for ours, theirs in zip(found, truth, strict=True):
        torch.testing.assert_close(ours.grad.double(), theirs.grad, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("masked", [False, True])
def test_attention_is_that_of_torch(masked: bool) -> None:
    query, key, value = (draw(2, 3, 9, 16, seed=seed) for seed in (7, 8, 9))
    mask = products.causal_mask(9, torch.float32, torch.device("cpu")) if masked else None
    ours = products.attention(query, key, value, mask, 0.25)
    theirs = functional.scaled_dot_product_attention(query, key, value, is_causal=True, scale=0.25)
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize(
    "shape", [(2, 3, 9, 16), (20, 4, 23, 11), (3, 2, 64, 8), (70, 2, 1, 16), (1, 1, 1, 1)]
)
def test_attention_in_rows_has_the_bits_of_attention_and_zeros_behind_them(shape: tuple[int, ...]) -> None:
    batch, heads, positions, width = shape
    joined = draw(batch, positions, 3, heads, width, seed=18)
    query, key, value = joined.permute(2, 0, 3, 1, 4).unbind(0)
    for mask in (None, draw(batch, 1, positions, positions, seed=19)):
        rows = products.attention_rows(query, key, value, mask, 0.3)
        expected = products.attention(query, key, value, mask, 0.3)
        expected = expected.transpose(1, 2).reshape(batch * positions, heads * width)
        assert torch.equal(rows[: len(expected)], expected)
        assert not rows[len(expected) :].any()


@pytest.mark.parametrize("count", [1, 47, 48, 64, 65, 700])
def test_rows_in_room_have_the_product_that_they_have_without(count: int) -> None:
    hidden, weight = draw(count, 44, seed=20), draw(96, 44, seed=21)
    rows = products.room(count, 44, hidden)
    rows[:count] = hidden
    assert len(rows) == products.rows_for(count, hidden)
    assert torch.equal(products.linear(rows, weight)[:count], products.linear(hidden, weight))


@needs_portable
def test_products_take_rows_in_room_as_they_are() -> None:
    rows = products.room(65, 44, draw(1, 1, seed=22))
    assert len(rows) == 2 * products.ROWS
    assert products._padded(rows) is rows


@needs_portable
@pytest.mark.parametrize("inputs", [32, 432, 1500])
def test_a_row_has_the_same_bits_among_any_number_of_rows_that_onednn_takes(inputs: int) -> None:
    hidden, weight = draw(700, inputs, seed=10), draw(100, inputs, seed=11)
    whole = products.linear(hidden, weight)
    for rows in (products.FEWEST_ROWS, 64, 65, 400):
        assert torch.equal(products.linear(hidden[:rows], weight), whole[:rows])


@needs_portable
def test_a_weight_has_the_same_bits_in_rows_in_columns_and_with_gaps() -> None:
    hidden, weight = draw(64, 1200, seed=12), draw(50, 1200, seed=13)
    whole = products.linear(hidden, weight)
    assert torch.equal(products.linear(hidden, weight.t().contiguous().t()), whole)
    assert torch.equal(products.linear(hidden, torch.cat([weight, weight], 1)[:, :1200]), whole)


@needs_portable
def test_bits_do_not_depend_on_the_number_of_threads() -> None:
    hidden, weight = draw(768, 432, seed=14), draw(768, 432, seed=15)
    one = products.linear(hidden, weight), products.batched(hidden[None], weight.mT[None])
    torch.set_num_threads(2)
    try:
        two = products.linear(hidden, weight), products.batched(hidden[None], weight.mT[None])
    finally:
        torch.set_num_threads(1)
    assert all(torch.equal(left, right) for left, right in zip(one, two, strict=True))


def test_other_types_go_to_torch() -> None:
    hidden, weight = draw(5, 8, seed=16).double(), draw(3, 8, seed=17).double()
    assert torch.equal(products.linear(hidden, weight), functional.linear(hidden, weight))
