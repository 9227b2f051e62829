"""Parameters of several draws of one model in two tensors, one row per draw: what Muon updates, and the rest."""

import itertools
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from benchmark.models.networks.opt_shape import POSITIONS, PREFIX
from benchmark.models.opt import OptConfig
from benchmark.models.tensor_names import EMBEDDING

ALIGNED = 64
"""Rows are padded to a multiple of this many numbers. Kernels compute the rest of a row that fills no vector register
with other instructions, so without padding a number's bits would depend on its row."""


class Stack:
    """Parameters, or their gradients, of `draws` models of one shape (pre-LN, with biases).

    inside: [draws, numbers] the matrices of the layers. outside: [draws, numbers] embeddings, biases and norms.
    """

    def __init__(self, config: OptConfig, draws: int) -> None:
        self.config, self.draws = config, draws
        shapes = config.shapes()
        inside = _inside(config)
        self._places: dict[str, tuple[bool, int, tuple[int, ...]]] = {}
        sizes = []
        for is_inside, names in ((True, inside), (False, [name for name in shapes if name not in inside])):
            size = 0
            for name in names:
                self._places[name] = (is_inside, size, shapes[name])
                size += _numel(shapes[name])
            sizes.append(-(-size // ALIGNED) * ALIGNED)
        self.inside, self.outside = (torch.zeros(draws, size) for size in sizes)

    def view(self, first: str, *shape: int) -> Tensor:
        """View of each draw's numbers from the parameter `first` on: [draws, *shape]."""
        is_inside, start, _ = self._places[first]
        part = (self.inside if is_inside else self.outside)[:, start : start + _numel(shape)]
        return part.view(self.draws, *shape)

    def __getitem__(self, name: str) -> Tensor:
        """View of one parameter of each draw: [draws, *its shape]."""
        return self.view(name, *self._places[name][2])

    def fill(self, draw: int, params: Mapping[str, Tensor]) -> None:
        """Set the parameters of one draw."""
        for name, value in params.items():
            self[name][draw] = value

    def of(self, draw: int) -> dict[str, Tensor]:
        """A copy of the parameters of one draw, in the order of the model."""
        return {name: self[name][draw].clone() for name in self.config.shapes()}

    def matrices(self, tensor: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Views [draws, matrices, rows, columns], one per shape of matrix, of a `tensor` laid out as `inside`."""
        layers, hidden, ffn = (
            self.config.num_hidden_layers,
            self.config.hidden_size,
            self.config.ffn_dim,
        )
        shapes = ((4 * layers, hidden, hidden), (layers, ffn, hidden), (layers, hidden, ffn))
        ends = list(itertools.accumulate(map(_numel, shapes)))
        square, tall, wide = (
            tensor[:, end - _numel(shape) : end].view(self.draws, *shape)
            for shape, end in zip(shapes, ends, strict=True)
        )
        return square, tall, wide


def layer_name(index: int) -> str:
    """Prefix of the names of a layer's parameters."""
    return f"{PREFIX}layers.{index}."


def _inside(config: OptConfig) -> list[str]:
    """Names of the layers' matrices, grouped by shape; query, key and value of a layer follow one another."""
    layers = [layer_name(index) for index in range(config.num_hidden_layers)]
    square = [f"{layer}self_attn.{part}_proj.weight" for layer in layers for part in ("q", "k", "v", "out")]
    return [*square, *(f"{layer}fc1.weight" for layer in layers), *(f"{layer}fc2.weight" for layer in layers)]


def _numel(shape: Sequence[int]) -> int:
    return int(torch.Size(shape).numel())


__all__ = ["EMBEDDING", "POSITIONS", "Stack", "layer_name"]
