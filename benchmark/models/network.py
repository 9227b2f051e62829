"""Losses and gradients of several draws of a rung in one pass, by hand: autograd's nodes cost more than the arithmetic.

Every draw has weights and tokens of its own. Products are taken draw by draw; all other operations run over all draws
at once. Each number depends on its own draw alone, so a draw has the same bits beside any others: operations either
stay in a row, or round once a number (so that vectors of registers and what is left over agree), or are products.

The layers have a `forward`, which keeps what `backward` needs, and a `backward`, which takes the loss's gradient by
their output, writes the gradients of their parameters, and returns the gradient by their input.
"""

import numpy as np
import torch
from torch import Tensor

from benchmark.arithmetic.products import batched_into, causal_mask, linear
from benchmark.models.opt import EMBEDDING, LAYER_NORM_EPSILON, POSITION_OFFSET, POSITIONS, PREFIX, OptConfig
from benchmark.models.packed import Grid, Step
from benchmark.models.stack import Stack, layer_name


class Network:
    """A pre-LN OPT model with the `weights` of several draws; `gradients` is written by each pass."""

    def __init__(self, config: OptConfig, weights: Stack, gradients: Stack) -> None:
        self.config, self.weights, self.gradients = config, weights, gradients
        self.layers = [_Layer(config, weights, gradients, index) for index in range(config.num_hidden_layers)]
        self.head = _Head(weights, gradients)

    @torch.no_grad()
    def losses(self, step: Step) -> list[float]:
        """Mean loss of each draw's targets, whose gradients are written to `gradients`."""
        hidden = self._embedded(step)
        for layer in self.layers:
            hidden = layer.forward(hidden, step)
        losses, gradient = self.head.losses(hidden, step)
        for layer in reversed(self.layers):
            gradient = layer.backward(gradient, step)
        self._embedded_backward(gradient, step)
        return losses

    def _embedded(self, step: Step) -> Tensor:
        hidden = torch.empty(*step.tokens.shape, self.config.hidden_size)
        table, places = self.weights[EMBEDDING], self.weights[POSITIONS][:, POSITION_OFFSET:]
        for draw in range(len(hidden)):
            torch.index_select(table[draw], 0, step.tokens[draw], out=hidden[draw])
            hidden[draw] += places[draw].index_select(0, step.positions[draw])
        return hidden

    def _embedded_backward(self, gradient: Tensor, step: Step) -> None:
        """Adds to what the head, whose weights are the embedding too, has written."""
        table, places = self.gradients[EMBEDDING], self.gradients[POSITIONS]
        places.zero_()
        for draw, count in enumerate(step.counts):
            rows = gradient[draw, :count]
            table[draw].index_add_(0, step.tokens[draw, :count], rows)
            places[draw, POSITION_OFFSET:].index_add_(0, step.positions[draw, :count], rows)


class _Layer:
    """Attention and feed-forward, each behind a norm and added to its input."""

    def __init__(self, config: OptConfig, weights: Stack, gradients: Stack, index: int) -> None:
        name = layer_name(index)
        hidden = config.hidden_size
        joined = f"{name}self_attn.q_proj"
        norm = f"{name}self_attn_layer_norm"
        shapes = (3 * hidden, hidden)
        self.entry = _NormedLinear(_Pair(weights, gradients, joined, shapes), _Norm(weights, gradients, norm))
        self.attention = _Attention(config.num_attention_heads)
        self.out = _Linear(_Pair(weights, gradients, f"{name}self_attn.out_proj", (hidden, hidden)))
        norm = f"{name}final_layer_norm"
        shapes = (config.ffn_dim, hidden)
        self.rise = _NormedLinear(
            _Pair(weights, gradients, f"{name}fc1", shapes), _Norm(weights, gradients, norm)
        )
        self.fall = _Linear(_Pair(weights, gradients, f"{name}fc2", (hidden, config.ffn_dim)))

    def forward(self, hidden: Tensor, step: Step) -> Tensor:
        mixed = self.attention.forward(self.entry.forward(hidden), step)
        hidden = self.out.forward(mixed).add_(hidden)
        self.active = self.rise.forward(hidden).relu_()
        return self.fall.forward(self.active).add_(hidden)

    def backward(self, gradient: Tensor, step: Step) -> Tensor:
        of_active = self.fall.backward(gradient)
        torch.ops.aten.threshold_backward.grad_input(of_active, self.active, 0, grad_input=of_active)
        gradient = self.rise.backward(of_active).add_(gradient)
        of_mixed = self.attention.backward(self.out.backward(gradient), step)
        return self.entry.backward(of_mixed).add_(gradient)


class _Pair:
    """A product's weights [draws, out, in] and bias [draws, out], and where their gradients go."""

    def __init__(self, weights: Stack, gradients: Stack, name: str, shape: tuple[int, int]) -> None:
        outputs, _ = shape
        self.weight, self.of_weight = (stack.view(f"{name}.weight", *shape) for stack in (weights, gradients))
        self.bias, self.of_bias = (stack.view(f"{name}.bias", outputs) for stack in (weights, gradients))


class _Norm:
    """A norm's factors and terms [draws, width], and where their gradients go."""

    def __init__(self, weights: Stack, gradients: Stack, name: str) -> None:
        self.factor, self.of_factor = (stack[f"{name}.weight"] for stack in (weights, gradients))
        self.term, self.of_term = (stack[f"{name}.bias"] for stack in (weights, gradients))


class _Linear:
    """`hidden` [draws, rows, in] times the draws' weights, transposed, plus their bias."""

    def __init__(self, own: _Pair) -> None:
        self.own = own

    def forward(self, hidden: Tensor) -> Tensor:
        self.hidden = hidden
        return _times(hidden, self.own.weight.mT).add_(self.own.bias[:, None])

    def backward(self, gradient: Tensor) -> Tensor:
        batched_into(gradient.mT, self.hidden, self.own.of_weight)
        _column_sums(gradient, self.own.of_bias)
        return _times(gradient, self.own.weight)


class _NormedLinear:
    """A layer norm and a product.

    The norm's factors are multiplied into the weights and its terms added to the bias: these are small, the tokens'
    tensors are not. The gradients of both follow from those of the product that is taken.
    """

    def __init__(self, own: _Pair, norm: _Norm) -> None:
        self.own, self.norm = own, norm

    def forward(self, hidden: Tensor) -> Tensor:
        self.hidden = hidden
        self.normed, self.mean, self.scale = _normed(hidden)
        self.weight = self.own.weight * self.norm.factor[:, None]
        bias = _times(self.own.weight, self.norm.term[..., None])[..., 0].add_(self.own.bias)
        return _times(self.normed, self.weight.mT).add_(bias[:, None])

    def backward(self, gradient: Tensor) -> Tensor:
        batched_into(gradient.mT, self.normed, self.own.of_weight)
        _column_sums(gradient, self.own.of_bias)
        _unfold(self.own.weight, self.own.of_weight, self.own.of_bias, self.norm)
        return _norm_backward(_times(gradient, self.weight), self.hidden, self.mean, self.scale)


def _unfold(weight: Tensor, of_weight: Tensor, of_bias: Tensor, norm: _Norm) -> None:
    """Turn the gradient by weights with the norm's factors into those by weights, factors and terms."""
    _column_sums(weight * of_weight, norm.of_factor)
    batched_into(of_bias[:, None], weight, norm.of_term[:, None])
    of_weight.mul_(norm.factor[:, None]).add_(of_bias[..., None] * norm.term[:, None])


class _Head:
    """The last norm, the product with the embedding, and the loss; one draw after the other, as logits are large."""

    def __init__(self, weights: Stack, gradients: Stack) -> None:
        self.table, self.of_table = weights[EMBEDDING], gradients[EMBEDDING]
        self.norm = _Norm(weights, gradients, PREFIX + "final_layer_norm")

    def losses(self, hidden: Tensor, step: Step) -> tuple[list[float], Tensor]:
        """Mean loss of each draw, and the gradient by `hidden`."""
        normed, mean, scale = _normed(hidden)
        table = self.table * self.norm.factor[:, None]
        bias = _times(self.table, self.norm.term[..., None])[..., 0]
        of_bias, gradient = torch.empty_like(bias), torch.empty_like(hidden)
        losses = []
        for draw, count in enumerate(step.counts):
            logits = linear(normed[draw], table[draw], bias[draw])
            shares = torch.softmax(logits, -1, out=logits)
            at_targets = (np.arange(count), step.targets[draw, :count].numpy())
            losses.append(-float(np.log(shares.numpy()[at_targets]).mean()) if count else 0.0)
            shares.numpy()[at_targets] -= 1
            shares[count:] = 0
            gradient[draw] = linear(shares, table[draw].t()).div_(max(count, 1))
            batched_into(shares.t(), normed[draw], self.of_table[draw]).div_(max(count, 1))
            _column_sums(shares[None], of_bias[draw : draw + 1]).div_(max(count, 1))
        _unfold(self.table, self.of_table, of_bias, self.norm)
        return losses, _norm_backward(gradient, hidden, mean, scale)


class _Attention:
    """Causal attention in every grid: of queries, keys and values [draws, rows, 3 * width] to [draws, rows, width]."""

    def __init__(self, heads: int) -> None:
        self.heads = heads

    def forward(self, projected: Tensor, step: Step) -> Tensor:
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
            batched_into(query, key.mT, scores).add_(causal_mask(grid.width, scores.dtype, scores.device))
            shares = torch.softmax(scores, -1, out=scores)
            batched_into(shares, value, self._in_heads(mixed, grid, 1)[0])
            self.shares.append(shares)
        return mixed.index_select(0, step.places_of).view(draws, rows, width)

    def backward(self, gradient: Tensor, step: Step) -> Tensor:
        draws, rows, width = gradient.shape
        of_mixed = gradient.view(draws * rows, width).index_select(0, step.rows_of)
        of_mixed.index_fill_(0, step.empty, 0)
        of_filled = _with_zeros(len(of_mixed), 3 * width)
        for grid, shares in zip(step.grids, self.shares, strict=True):
            query, key, value = self._in_heads(self.filled, grid, 3)
            of_query, of_key, of_value = self._in_heads(of_filled, grid, 3)
            (of_mix,) = self._in_heads(of_mixed, grid, 1)
            batched_into(shares.mT, of_mix, of_value)
            of_shares = batched_into(of_mix, value.mT, torch.empty_like(shares))
            of_scores = torch._softmax_backward_data(of_shares, shares, -1, shares.dtype)
            batched_into(of_scores, key, of_query)
            batched_into(of_scores.mT, query, of_key)
        of_filled[:, :width] *= self.factor
        return of_filled.index_select(0, step.places_of).view(draws, rows, 3 * width)

    def _in_heads(self, filled: Tensor, grid: Grid, parts: int) -> tuple[Tensor, ...]:
        """Views [passages, heads, width, head width] of the grid's places in [places, parts * heads * head width]."""
        shape = (grid.passages, grid.width, parts, self.heads, -1)
        return filled[grid.first : grid.end].view(shape).permute(2, 0, 3, 1, 4).unbind(0)


def _with_zeros(places: int, columns: int) -> Tensor:
    """Room for `places` and, behind them, a row of zeros."""
    found = torch.empty(places + 1, columns)
    found[places:] = 0
    return found


def _times(left: Tensor, right: Tensor) -> Tensor:
    return batched_into(left, right, torch.empty(*left.shape[:-1], right.shape[-1]))


def _column_sums(rows: Tensor, out: Tensor) -> Tensor:
    """Sums over the rows of [draws, rows, columns], written into `out` [draws, columns]."""
    batched_into(torch.ones(len(rows), 1, rows.shape[1]), rows, out[:, None])
    return out


def _normed(hidden: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Rows with mean 0 and variance 1, and what their gradient needs."""
    return torch.native_layer_norm(hidden, hidden.shape[-1:], None, None, LAYER_NORM_EPSILON)


def _norm_backward(gradient: Tensor, hidden: Tensor, mean: Tensor, scale: Tensor) -> Tensor:
    shape, wanted = hidden.shape[-1:], [True, False, False]
    found: Tensor = torch.ops.aten.native_layer_norm_backward(
        gradient, hidden, shape, mean, scale, None, None, wanted
    )[0]
    return found
