"""Losses and gradients of several draws of a ladder model in one pass, written out: autograd costs more than the maths.

Every draw has its own weights and tokens. Products are computed draw by draw; all other operations run over all draws
at once. Each number depends on its own draw alone, so a draw has the same bits whichever draws are trained with it:
operations either stay within a row, or round once per number (so that vector and scalar instructions agree), or are
products.

Each layer has a `forward`, which stores what `backward` needs, and a `backward`, which takes the gradient of its
output, writes the gradients of its parameters, and returns the gradient of its input.
"""

import functools

import numpy as np
import torch
from torch import Tensor

from benchmark.arithmetic.products import Array, causal_mask, linear, multiply
from benchmark.models.networks.opt_shape import LAYER_NORM_EPSILON, POSITION_OFFSET, POSITIONS, PREFIX
from benchmark.models.opt import OptConfig
from benchmark.models.packed import Grid, PackedStep
from benchmark.models.stacked import Stack, layer_name
from benchmark.models.tensor_names import EMBEDDING


class MicroNetwork:
    """A pre-LN OPT model with the `weights` of several draws; each pass overwrites `gradients`."""

    def __init__(self, config: OptConfig, weights: Stack, gradients: Stack) -> None:
        self.config, self.weights, self.gradients = config, weights, gradients
        self.layers = [_Layer(config, weights, gradients, index) for index in range(config.num_hidden_layers)]
        self.head = _Head(weights, gradients)

    @torch.no_grad()
    def losses(self, step: PackedStep) -> list[float]:
        """Mean loss of each draw's targets; writes their gradients to `gradients`."""
        hidden = self._embedded(step)
        for layer in self.layers:
            hidden = layer.forward(hidden, step)
        losses, gradient = self.head.losses(hidden, step)
        for layer in reversed(self.layers):
            gradient = layer.backward(gradient, step)
        self._embedded_backward(gradient, step)
        return losses

    def _embedded(self, step: PackedStep) -> Tensor:
        hidden = torch.empty(*step.tokens.shape, self.config.hidden_size)
        table, places = self.weights[EMBEDDING], self.weights[POSITIONS][:, POSITION_OFFSET:]
        for draw in range(len(hidden)):
            torch.index_select(table[draw], 0, step.tokens[draw], out=hidden[draw])
            hidden[draw] += places[draw].index_select(0, step.positions[draw])
        return hidden

    def _embedded_backward(self, gradient: Tensor, step: PackedStep) -> None:
        """Adds to the gradients that the head has written, since its weights are the embedding."""
        table, places = self.gradients[EMBEDDING], self.gradients[POSITIONS]
        places.zero_()
        for draw, count in enumerate(step.counts):
            rows = gradient[draw, :count]
            table[draw].index_add_(0, step.tokens[draw, :count], rows)
            places[draw, POSITION_OFFSET:].index_add_(0, step.positions[draw, :count], rows)


class _Layer:
    """Attention and feed-forward, each after a norm and added to its input."""

    def __init__(self, config: OptConfig, weights: Stack, gradients: Stack, index: int) -> None:
        name = layer_name(index)
        hidden = config.hidden_size
        joined = f"{name}self_attn.q_proj"
        norm = f"{name}self_attn_layer_norm"
        shapes = (3 * hidden, hidden)
        self.entry = _NormedLinearLayer(
            _Pair(weights, gradients, joined, shapes), _Norm(weights, gradients, norm)
        )
        self.attention = _Attention(config.num_attention_heads)
        self.out = _LinearLayer(_Pair(weights, gradients, f"{name}self_attn.out_proj", (hidden, hidden)))
        norm = f"{name}final_layer_norm"
        shapes = (config.ffn_dim, hidden)
        self.rise = _NormedLinearLayer(
            _Pair(weights, gradients, f"{name}fc1", shapes), _Norm(weights, gradients, norm)
        )
        self.fall = _LinearLayer(_Pair(weights, gradients, f"{name}fc2", (hidden, config.ffn_dim)))

    def forward(self, hidden: Tensor, step: PackedStep) -> Tensor:
        mixed = self.attention.forward(self.entry.forward(hidden), step)
        hidden = self.out.forward(mixed).add_(hidden)
        self.active = self.rise.forward(hidden).relu_()
        return self.fall.forward(self.active).add_(hidden)

    def backward(self, gradient: Tensor, step: PackedStep) -> Tensor:
        of_active = self.fall.backward(gradient)
        torch.ops.aten.threshold_backward.grad_input(of_active, self.active, 0, grad_input=of_active)
        gradient = self.rise.backward(of_active).add_(gradient)
        of_mixed = self.attention.backward(self.out.backward(gradient), step)
        return self.entry.backward(of_mixed).add_(gradient)


class _Pair:
    """A product's weights [draws, out, in] and bias [draws, out], and views of their gradients."""

    def __init__(self, weights: Stack, gradients: Stack, name: str, shape: tuple[int, int]) -> None:
        outputs, _ = shape
        self.weight, self.of_weight = (stack.view(f"{name}.weight", *shape) for stack in (weights, gradients))
        self.bias, self.of_bias = (stack.view(f"{name}.bias", outputs) for stack in (weights, gradients))


class _Norm:
    """A norm's factors and terms [draws, width], and views of their gradients."""

    def __init__(self, weights: Stack, gradients: Stack, name: str) -> None:
        self.factor, self.of_factor = (stack[f"{name}.weight"] for stack in (weights, gradients))
        self.term, self.of_term = (stack[f"{name}.bias"] for stack in (weights, gradients))

    def folded(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """The norm folded into a product with `weight`: weights [draws, out, in] and bias [draws, out]."""
        return weight * self.factor[:, None], _times(weight.numpy(), self.term.numpy()[..., None])[..., 0]

    def unfold(self, weight: Tensor, of_weight: Tensor, of_bias: Tensor) -> None:
        """Turn the gradient of folded weights into those of the weights, the factors and the terms."""
        _column_sums((weight * of_weight).numpy(), self.of_factor)
        multiply(of_bias.numpy()[:, None], weight.numpy(), out=self.of_term.numpy()[:, None])
        of_weight.mul_(self.factor[:, None]).add_(of_bias[..., None] * self.term[:, None])


class _LinearLayer:
    """`hidden` [draws, rows, in] times the draws' weights, transposed, plus their bias."""

    def __init__(self, own: _Pair) -> None:
        self.own = own

    def forward(self, hidden: Tensor) -> Tensor:
        self.hidden = hidden.numpy()
        return _times(self.hidden, self.own.weight.mT.numpy()).add_(self.own.bias[:, None])

    def backward(self, gradient: Tensor) -> Tensor:
        rows = gradient.numpy()
        multiply(rows.swapaxes(1, 2), self.hidden, out=self.own.of_weight.numpy())
        _column_sums(rows, self.own.of_bias)
        return _times(rows, self.own.weight.numpy())


class _NormedLinearLayer:
    """A layer norm and a product.

    The norm's factors are multiplied into the weights and its terms added to the bias, because these are small and the
    tokens' tensors are not. The gradients of both follow from those of the folded product.
    """

    def __init__(self, own: _Pair, norm: _Norm) -> None:
        self.own, self.norm = own, norm

    def forward(self, hidden: Tensor) -> Tensor:
        self.hidden = hidden
        self.normed, self.mean, self.scale = _normed(hidden)
        self.weight, bias = self.norm.folded(self.own.weight)
        return _times(self.normed.numpy(), self.weight.mT.numpy()).add_(bias.add_(self.own.bias)[:, None])

    def backward(self, gradient: Tensor) -> Tensor:
        rows = gradient.numpy()
        multiply(rows.swapaxes(1, 2), self.normed.numpy(), out=self.own.of_weight.numpy())
        _column_sums(rows, self.own.of_bias)
        self.norm.unfold(self.own.weight, self.own.of_weight, self.own.of_bias)
        return _norm_backward(_times(rows, self.weight.numpy()), self.hidden, self.mean, self.scale)


class _Head:
    """The last norm, the product with the embedding, and the loss; draw by draw, because logits are large."""

    def __init__(self, weights: Stack, gradients: Stack) -> None:
        self.table, self.of_table = weights[EMBEDDING], gradients[EMBEDDING]
        self.norm = _Norm(weights, gradients, PREFIX + "final_layer_norm")

    def losses(self, hidden: Tensor, step: PackedStep) -> tuple[list[float], Tensor]:
        """Mean loss of each draw, and the gradient of `hidden`."""
        normed, mean, scale = _normed(hidden)
        table, bias = self.norm.folded(self.table)
        of_bias, gradient = torch.empty_like(bias), torch.empty_like(hidden)
        losses = []
        for draw, count in enumerate(step.counts):
            logits = linear(normed[draw], table[draw], bias[draw])
            shares = torch.softmax(logits, -1, out=logits).numpy()
            at_targets = (np.arange(count), step.targets[draw, :count].numpy())
            losses.append(-float(np.log(shares[at_targets]).mean()) if count else 0.0)
            shares[at_targets] -= 1
            shares[count:] = 0
            multiply(shares, table[draw].numpy(), out=gradient[draw].numpy())
            multiply(shares.T, normed[draw].numpy(), out=self.of_table[draw].numpy())
            _column_sums(shares[None], of_bias[draw : draw + 1])
            for sums in (gradient, self.of_table, of_bias):
                sums[draw] /= max(count, 1)
        self.norm.unfold(self.table, self.of_table, of_bias)
        return losses, _norm_backward(gradient, hidden, mean, scale)


class _Attention:
    """Causal attention in every grid: queries, keys and values [draws, rows, 3 * width] to [draws, rows, width]."""

    def __init__(self, heads: int) -> None:
        self.heads = heads

    def forward(self, projected: Tensor, step: PackedStep) -> Tensor:
        draws, rows, columns = projected.shape
        width = columns // 3
        self.factor = float((width // self.heads) ** -0.5)
        self.filled = projected.view(draws * rows, columns).index_select(0, step.rows_of)
        self.filled[:, :width] *= self.factor
        mixed = _with_zeros(len(self.filled), width)
        self.shares = []
        for grid in step.grids:
            query, key, value = self._in_heads(self.filled, grid, 3)
            scores = torch.empty(grid.passages, self.heads, grid.width, grid.width)
            multiply(query, key.swapaxes(2, 3), out=scores.numpy())
            scores.add_(causal_mask(grid.width, scores.dtype, scores.device))
            shares = torch.softmax(scores, -1, out=scores)
            multiply(shares.numpy(), value, out=self._in_heads(mixed, grid, 1)[0])
            self.shares.append(shares)
        return mixed.index_select(0, step.places_of).view(draws, rows, width)

    def backward(self, gradient: Tensor, step: PackedStep) -> Tensor:
        draws, rows, width = gradient.shape
        of_mixed = gradient.view(draws * rows, width).index_select(0, step.rows_of)
        of_mixed.index_fill_(0, step.empty, 0)
        of_filled = _with_zeros(len(of_mixed), 3 * width)
        for grid, shares in zip(step.grids, self.shares, strict=True):
            query, key, value = self._in_heads(self.filled, grid, 3)
            of_query, of_key, of_value = self._in_heads(of_filled, grid, 3)
            (of_mix,) = self._in_heads(of_mixed, grid, 1)
            multiply(shares.numpy().swapaxes(2, 3), of_mix, out=of_value)
            of_shares = _times(of_mix, value.swapaxes(2, 3))
            of_scores = torch._softmax_backward_data(of_shares, shares, -1, shares.dtype).numpy()
            multiply(of_scores, key, out=of_query)
            multiply(of_scores.swapaxes(2, 3), query, out=of_key)
        of_filled[:, :width] *= self.factor
        return of_filled.index_select(0, step.places_of).view(draws, rows, 3 * width)

    def _in_heads(self, filled: Tensor, grid: Grid, parts: int) -> Array:
        """View [parts, passages, heads, width, head width] of the grid's places in `filled` [places, columns]."""
        places = filled.numpy()[grid.first : grid.end]
        return places.reshape(grid.passages, grid.width, parts, self.heads, -1).transpose(2, 0, 3, 1, 4)


def _with_zeros(places: int, columns: int) -> Tensor:
    """An uninitialised tensor [places + 1, columns] whose last row is zero."""
    rows = torch.empty(places + 1, columns)
    rows[places:] = 0
    return rows


def _times(left: Array, right: Array) -> Tensor:
    return torch.from_numpy(multiply(left, right))


def _column_sums(rows: Array, out: Tensor) -> None:
    """Sums over the rows of [draws, rows, columns], written into `out` [draws, columns]."""
    draws, count, _ = rows.shape
    multiply(_ones(draws, count), rows, out=out.numpy()[:, None])


@functools.lru_cache(maxsize=64)
def _ones(draws: int, count: int) -> Array:
    return np.ones((draws, 1, count), dtype=np.float32)


def _normed(hidden: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Rows with mean 0 and variance 1, and the mean and scale that their gradient needs."""
    return torch.native_layer_norm(hidden, hidden.shape[-1:], None, None, LAYER_NORM_EPSILON)


def _norm_backward(gradient: Tensor, hidden: Tensor, mean: Tensor, scale: Tensor) -> Tensor:
    shape, wanted = hidden.shape[-1:], [True, False, False]
    of_hidden: Tensor = torch.ops.aten.native_layer_norm_backward(
        gradient, hidden, shape, mean, scale, None, None, wanted
    )[0]
    return of_hidden
