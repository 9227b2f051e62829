"""The kernels that results depend on, each on fixed inputs: name to digest of its output on this machine."""

import hashlib
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from scipy import special
from torch import Tensor
from torch.nn import functional

from benchmark.arithmetic import products
from benchmark.models.muon import orthogonal

WIDTHS = (32, 44, 72, 108)
"""Widths of the micro ladder's rungs."""
LENGTH = 16
"""Hexadecimal digits of a digest."""

Kernel = Callable[[], Any]


def kernels() -> dict[str, Kernel]:
    """All kernels by name; each returns an array, a tensor or a list of numbers."""
    found: dict[str, Kernel] = {}
    for part in (_draws, _products, _elementwise, _gradients, _numpy, _c_library):
        found.update(part())
    return found


def digest_of(value: Any) -> str:
    """Digest of the bytes of a tensor, an array or numbers."""
    if isinstance(value, Tensor):
        value = value.detach().contiguous().numpy()
    return hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()[:LENGTH]


def kernel_digests(chosen: dict[str, Kernel] | None = None) -> dict[str, str]:
    """Digests of all kernels, or of `chosen`."""
    return {name: digest_of(kernel()) for name, kernel in (chosen or kernels()).items()}


def draw(*shape: int, seed: int) -> Tensor:
    """Standard normal numbers, float32, the same everywhere."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def _draws() -> Iterator[tuple[str, Kernel]]:
    yield "torch randn", lambda: draw(1000, seed=1)
    yield "torch randint", lambda: torch.randint(0, 2, (999,), generator=torch.Generator().manual_seed(2))
    yield "torch randperm", lambda: torch.randperm(999, generator=torch.Generator().manual_seed(3))
    yield (
        "numpy multinomial",
        lambda: np.random.default_rng([0, 1]).multinomial(320, np.full(320, 1 / 320), 9),
    )
    yield "numpy integers", lambda: np.random.default_rng([0, 2]).integers(0, 5, (50, 5))


def _products() -> Iterator[tuple[str, Kernel]]:
    for width in WIDTHS:
        for rows in (1, 7, 47, 48, 333, 768):
            for name, outputs in (("square", width), ("wide", 4 * width), ("vocabulary", 768)):
                yield f"linear {name} {rows}x{width}x{outputs}", _linear(rows, width, outputs)
        yield f"linear long 65x2000x{width}", _linear(65, 2000, width)
        yield f"linear narrow 768x{4 * width}x{width}", _linear(768, 4 * width, width)
    for shape in ((44, 2, 23, 16), (11, 4, 45, 11), (3, 4, 255, 18), (9, 6, 1, 18)):
        yield f"attention {_by(shape)}", _attention(shape)
    for matrices in ((8, 32, 32), (6, 44, 176), (3, 288, 72), (6, 108, 432)):
        yield f"orthogonal {_by(matrices)}", _orthogonal(matrices)


def _by(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def _attention(shape: tuple[int, ...]) -> Kernel:
    def attention() -> Tensor:
        query, key, value = (draw(*shape, seed=seed) for seed in (4, 5, 6))
        return products.attention(query, key, value, None, 0.25)

    return attention


def _orthogonal(shape: tuple[int, ...]) -> Kernel:
    return lambda: orthogonal(draw(*shape, seed=7))


def _linear(rows: int, inputs: int, outputs: int) -> Kernel:
    def product() -> Tensor:
        hidden, weight = draw(rows, inputs, seed=rows), draw(outputs, inputs, seed=outputs)
        return products.linear(hidden, weight, draw(outputs, seed=8))

    return product


def _elementwise() -> Iterator[tuple[str, Kernel]]:
    x = draw(333, 96, seed=9)
    row = x[0]
    yield "softmax", lambda: torch.softmax(x, -1)
    yield "log_softmax", lambda: torch.log_softmax(x, -1)
    yield "layer_norm", lambda: functional.layer_norm(x, (96,), row, row)
    yield "sum", lambda: x.sum(0)
    yield "norm", lambda: draw(6, 44, 176, seed=10).norm(dim=(-2, -1))
    yield "distance", lambda: (x.double() - x.flip(0).double()).pow(2).sum()


def _gradients() -> Iterator[tuple[str, Kernel]]:
    for inputs, outputs in ((32, 768), (176, 44), (108, 324)):
        yield f"gradient of linear 768x{inputs}x{outputs}", _linear_gradient(inputs, outputs)
    yield "gradient of layer_norm, softmax and embedding", _small_network_gradient
    yield "fused Adam", _adam


def _linear_gradient(inputs: int, outputs: int) -> Kernel:
    def gradients() -> Tensor:
        hidden = draw(768, inputs, seed=11).requires_grad_()
        weight = draw(outputs, inputs, seed=12).requires_grad_()
        product = products.linear(hidden, weight)
        found = torch.autograd.grad(product, (hidden, weight), draw(768, outputs, seed=13))
        return torch.cat([gradient.flatten() for gradient in found])

    return gradients


def _small_network_gradient() -> Tensor:
    table = draw(96, 64, seed=14).requires_grad_()
    ids = torch.randint(0, 96, (8, 48), generator=torch.Generator().manual_seed(15))
    hidden = functional.layer_norm(functional.embedding(ids, table), (64,))
    hidden = hidden + products.batched(torch.softmax(products.batched(hidden, hidden.mT), -1), hidden)
    logits = products.linear(hidden, table)
    loss = functional.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten())
    (gradient,) = torch.autograd.grad(loss, table)
    return gradient


def _adam() -> Tensor:
    weight = draw(20011, seed=16).requires_grad_()
    adam = torch.optim.Adam([weight], lr=1e-4, betas=(0.9, 0.98), fused=True)
    for seed in range(3):
        weight.grad = draw(20011, seed=seed) * 1e-3
        adam.step()
    return weight


def _numpy() -> Iterator[tuple[str, Kernel]]:
    x = draw(500, 96, seed=17).double().numpy()
    above = np.abs(x) + 1e-3
    yield "numpy product", lambda: x @ x.T
    yield "numpy product with a vector", lambda: x @ x[0]
    yield (
        "numpy sums",
        lambda: np.concatenate([x.mean(0), x.var(0, ddof=1), np.add.reduceat(x, [0, 99], 0)[1]]),
    )
    yield (
        "numpy exp, log, tanh, sqrt",
        lambda: np.stack([np.exp(x), np.log(above), np.tanh(x), np.sqrt(above)]),
    )
    yield (
        "scipy Student and normal",
        lambda: np.stack([special.stdtr(7.3, x), special.ndtri(special.ndtr(x))]),
    )
    yield "scipy quantile of Student", lambda: special.stdtrit(4.5, special.ndtr(x[:9]))
    yield (
        "arrow sum and mean",
        lambda: [pc.sum(pa.array(x[:, 0])).as_py(), pc.mean(pa.array(x[:, 1])).as_py()],
    )


def _c_library() -> Iterator[tuple[str, Kernel]]:
    numbers = [place / 997 for place in range(1, 2000)]
    yield "C exp", lambda: [math.exp(number) for number in numbers]
    yield "C log", lambda: [math.log(number) for number in numbers]
