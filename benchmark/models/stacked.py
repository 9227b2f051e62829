"""Parameters of several draws of one model in two tensors, a row a draw: what Muon updates, and the rest."""

import itertools
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from benchmark.models.opt import EMBEDDING, POSITIONS, PREFIX, OptConfig

ALIGNED = 64
"""Numbers of a row are a multiple of this, so that every number has its place in a vector of registers, in whichever
row it stands: kernels compute what is left over at the end with other instructions."""


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
        """Numbers from the parameter `first` on, in `shape`, of each draw: [draws, *shape]."""
        is_inside, start, _ = self._places[first]
        part = (self.inside if is_inside else self.outside)[:, start : start + _numel(shape)]
        return part.view(self.draws, *shape)

    def __getitem__(self, name: str) -> Tensor:
        """One parameter of each draw: [draws, *its shape]."""
        return self.view(name, *self._places[name][2])

    def fill(self, draw: int, params: Mapping[str, Tensor]) -> None:
        """Set the parameters of one draw."""
        for name, value in params.items():
            self[name][draw] = value

    def of(self, draw: int) -> dict[str, Tensor]:
        """A copy of the parameters of one draw, in the order of the model."""
        return {name: self[name][draw].clone() for name in self.config.shapes()}

    def matrices(self, tensor: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Views of `tensor`, laid out as `inside`: [draws, matrices, rows, columns] of each of the three shapes."""
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
    """What the names of the parameters of a layer begin with."""
    return f"{PREFIX}layers.{index}."


def _inside(config: OptConfig) -> list[str]:
    """Matrices of the layers; those of one shape, and among them query, key and value, stand together."""
    layers = [layer_name(index) for index in range(config.num_hidden_layers)]
    square = [f"{layer}self_attn.{part}_proj.weight" for layer in layers for part in ("q", "k", "v", "out")]
    return [*square, *(f"{layer}fc1.weight" for layer in layers), *(f"{layer}fc2.weight" for layer in layers)]


def _numel(shape: Sequence[int]) -> int:
    return int(torch.Size(shape).numel())


__all__ = ["EMBEDDING", "POSITIONS", "Stack", "layer_name"]
