"""The forward pass of an OPT-architecture model over batches of prefix trees, and its decoding step.

The last layer is computed for all positions only as far as others attend to them (keys and values); its
query, output and wide layer are computed at the rows that are read.

Hidden states stand in `room`: behind the rows that count there may be some that only make up a number of rows that
products take without a copy.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from benchmark.arithmetic.precision import product_type
from benchmark.arithmetic.products import attention_rows, linear, room
from benchmark.models.networks.network_interface import KeyValueCache
from benchmark.models.networks.opt_shape import (
    LAYER_NORM_EPSILON,
    POSITION_OFFSET,
    POSITIONS,
    PREFIX,
    OptShape,
)
from benchmark.models.networks.tree_batch import TreeBatch
from benchmark.models.tensor_names import EMBEDDING


@dataclass(frozen=True)
class Linear:
    """A weight [out, in] and its bias, if any."""

    weight: Tensor
    bias: Tensor | None

    def __call__(self, hidden: Tensor) -> Tensor:
        return linear(hidden, self.weight, self.bias)

    def rows(self, kept: slice) -> "Linear":
        """Some of the outputs only, sharing memory."""
        return Linear(self.weight[kept], None if self.bias is None else self.bias[kept])


@dataclass(frozen=True)
class Norm:
    """A layer norm's weight and bias, if any."""

    weight: Tensor | None
    bias: Tensor | None

    def __call__(self, hidden: Tensor) -> Tensor:
        return torch.layer_norm(hidden, hidden.shape[-1:], self.weight, self.bias, LAYER_NORM_EPSILON)


@dataclass(frozen=True)
class Layer:
    """One decoder layer."""

    joined: Linear  # query, key and value
    query: Linear
    key_value: Linear
    out: Linear
    fc1: Linear
    fc2: Linear
    attention_norm: Norm
    final_norm: Norm


class OptCache:
    """Keys and values [layers, rows, heads, slots, head width] of prompts that are being continued.

    A prompt of n tokens fills the first n slots of its row; what is generated goes to the slots behind the
    longest prompt.
    """

    def __init__(self, network: "OptNetwork", rows: int, prompt: int, new_tokens: int) -> None:
        config = network.config
        shape = (
            config.num_hidden_layers,
            rows,
            config.num_attention_heads,
            prompt + new_tokens,
            config.head_dim,
        )
        dtype = product_type(network.dtype, network.device)
        self.keys = torch.zeros(shape, dtype=dtype, device=network.device)
        self.values = torch.zeros_like(self.keys)
        self.prompt = prompt
        later = torch.full((new_tokens, new_tokens), -torch.inf, dtype=dtype, device=network.device)
        self.behind = later.triu_(1)

    def mask(self, prompts: Tensor, place: Tensor) -> Tensor:
        """Additive mask [rows, 1, width, slots] of tokens at ``place`` [rows, width] behind their prompts.

        A token sees the slots of its row's prompt, ``prompts`` [rows] tokens long, and those behind it up to its own.
        """
        slot = torch.arange(self.prompt, device=prompts.device)
        before = torch.zeros((len(prompts), 1, self.prompt), dtype=self.keys.dtype, device=prompts.device)
        before.masked_fill_((slot >= prompts[:, None])[:, None], -torch.inf)
        return torch.cat([before.expand(-1, place.shape[1], -1), self.behind[place]], -1)[:, None]

    def take(self, other: KeyValueCache, rows: slice) -> None:
        """Copy all rows of a cache with prompts no longer than this one's into ``rows``."""
        assert isinstance(other, OptCache)
        for mine, theirs in ((self.keys, other.keys), (self.values, other.values)):
            mine[:, rows, :, : other.prompt] = theirs[:, :, :, : other.prompt]
            mine[:, rows, :, self.prompt :] = theirs[:, :, :, other.prompt :]

    def keep(self, rows: Tensor) -> None:
        """Drop all rows except ``rows`` (row numbers)."""
        self.keys = self.keys.index_select(1, rows)
        self.values = self.values.index_select(1, rows)


class OptNetwork:
    """An OPT model laid out for inference; shares its tensors where it can."""

    def __init__(self, config: OptShape, params: Mapping[str, Tensor]) -> None:
        self.config = config
        self.embedding = params[EMBEDDING].detach()
        self.device, self.dtype = self.embedding.device, self.embedding.dtype
        self.positions, self.width = config.max_position_embeddings, config.hidden_size
        self.places = params[POSITIONS].detach()
        self.vocabulary = self.writable = len(self.embedding)
        self.scale = self.config.head_dim**-0.5
        self.layers = [
            _layer(params, index, config.hidden_size) for index in range(self.config.num_hidden_layers)
        ]
        self.final_norm = _norm(params, PREFIX + "final_layer_norm") if self.config.final_norm else None
        self.project_in = _linear(params, PREFIX + "project_in") if self.config.projected else None
        self.project_out = _linear(params, PREFIX + "project_out") if self.config.projected else None

    def prepare(self, longest: int) -> None:
        """Nothing: trees of any length are right."""

    def cache(self, rows: int, prompt: int, new_tokens: int) -> OptCache:
        """Room for as many prompts of up to `prompt` tokens, each continued by `new_tokens`."""
        return OptCache(self, rows, prompt, new_tokens)

    def logits(self, outputs: Tensor) -> Tensor:
        """Logits [rows, vocabulary] of some rows of outputs."""
        return linear(outputs, self.embedding)

    def read_rows(self, batch: TreeBatch, cache: KeyValueCache | None = None, first_row: int = 0) -> Tensor:
        """Outputs of the batch's rows in ``room`` [read or more, embedding width], ready for ``logits``.

        With a ``cache``, keys and values of the trees' first nodes go to its rows from ``first_row`` on.
        """
        assert cache is None or isinstance(cache, OptCache)
        trees, length = batch.ids.shape
        hidden = self._embed(batch.ids.view(-1), batch.depth.view(-1))
        mask = batch.mask(self.dtype)
        for number, layer in enumerate(self.layers):
            last = number == len(self.layers) - 1
            normed = layer.attention_norm(hidden) if self.config.do_layer_norm_before else hidden
            if last:
                key, value = self._heads(layer.key_value(normed), trees, length, 2)
                read = (batch.row_nodes + torch.arange(trees, device=self.device)[:, None] * length).view(-1)
                mask = batch.row_mask(mask, self.dtype)
                (query,) = self._heads(layer.query(_taken(normed, read)), trees, batch.row_nodes.shape[1], 1)
            else:
                query, key, value = self._heads(layer.joined(normed), trees, length, 3)
            if cache is not None:
                kept = min(length, cache.prompt)
                cache.keys[number, first_row : first_row + trees, :, :kept] = key[:, :, :kept]
                cache.values[number, first_row : first_row + trees, :, :kept] = value[:, :, :kept]
            mixed = attention_rows(query, key, value, mask, self.scale)
            if last:
                mixed, hidden = _taken(mixed, batch.rows), _taken(hidden, read[batch.rows])
            hidden = self._after_attention(layer, hidden, mixed)
        return self._output(hidden)

    def extend(
        self,
        tokens: Tensor,
        positions: Tensor,
        cache: KeyValueCache,
        slots: Tensor | slice,
        mask: Tensor,
        *,
        rows: Tensor | None,
    ) -> Tensor:
        """Outputs in ``room`` [rows * width or more, embedding width] for ``width`` more tokens per row.

        ``tokens``, ``positions`` and ``slots`` [rows, width]: the tokens, where they stand in their texts, and where
        in the ``cache`` their keys and values go (a slice where that is the same in all rows). ``mask`` [rows, 1,
        width, reach] is additive, over the first ``reach`` slots. ``rows``: the rows of the cache that are extended;
        None: all of them.
        """
        assert isinstance(cache, OptCache)
        count, width = tokens.shape
        row = torch.arange(count, device=self.device) if rows is None else rows
        reach = mask.shape[-1]
        hidden = self._embed(tokens.reshape(-1), positions.reshape(-1))
        for number, layer in enumerate(self.layers):
            normed = layer.attention_norm(hidden) if self.config.do_layer_norm_before else hidden
            joined = layer.joined(normed)[: count * width]
            query, key, value = joined.view(count, width, 3, -1, self.config.head_dim).unbind(2)
            keys, values = cache.keys[number], cache.values[number]
            if isinstance(slots, slice):
                keys[row, :, slots], values[row, :, slots] = key.transpose(1, 2), value.transpose(1, 2)
            else:
                keys[row[:, None], :, slots], values[row[:, None], :, slots] = key, value
            keys, values = keys[:, :, :reach], values[:, :, :reach]
            if rows is not None:
                keys, values = keys.index_select(0, rows), values.index_select(0, rows)
            mixed = attention_rows(query.transpose(1, 2), keys, values, mask, self.scale)
            hidden = self._after_attention(layer, hidden, mixed)
        return self._output(hidden)

    def _embed(self, ids: Tensor, positions: Tensor) -> Tensor:
        hidden = functional.embedding(ids, self.embedding)
        if self.project_in is not None:
            hidden = self.project_in(hidden)
        rows = room(len(ids), hidden.shape[1], self.places)
        places = functional.embedding(positions + POSITION_OFFSET, self.places)
        torch.add(hidden, places, out=rows[: len(ids)])
        return rows

    def _heads(self, joined: Tensor, batch: int, length: int, parts: int) -> tuple[Tensor, ...]:
        shape = (batch, length, parts, self.config.num_attention_heads, self.config.head_dim)
        return joined[: batch * length].view(shape).permute(2, 0, 3, 1, 4).unbind(0)

    def _after_attention(self, layer: Layer, hidden: Tensor, mixed: Tensor) -> Tensor:
        before = self.config.do_layer_norm_before
        hidden = _sum(layer.out(mixed), hidden)
        if not before:
            hidden = layer.attention_norm(hidden)
        wide = layer.fc1(layer.final_norm(hidden) if before else hidden).relu_()
        hidden = _sum(layer.fc2(wide), hidden)
        return hidden if before else layer.final_norm(hidden)

    def _output(self, hidden: Tensor) -> Tensor:
        if self.final_norm is not None:
            hidden = self.final_norm(hidden)
        return hidden if self.project_out is None else self.project_out(hidden)


def _sum(product: Tensor, hidden: Tensor) -> Tensor:
    """The sum in the type of `hidden`: with autocast a product is bfloat16 and the hidden state is not."""
    return product.add_(hidden) if product.dtype == hidden.dtype else hidden + product


def _taken(hidden: Tensor, rows: Tensor) -> Tensor:
    """Some rows of ``hidden`` in ``room``, by their numbers [taken]."""
    taken = room(len(rows), hidden.shape[1], hidden)
    torch.index_select(hidden, 0, rows, out=taken[: len(rows)])
    return taken


def _layer(params: Mapping[str, Tensor], index: int, width: int) -> Layer:
    name = f"{PREFIX}layers.{index}."
    parts = [_linear(params, f"{name}self_attn.{part}_proj") for part in ("q", "k", "v")]
    biases = [part.bias for part in parts if part.bias is not None]
    joined = Linear(torch.cat([part.weight for part in parts]), torch.cat(biases) if biases else None)
    return Layer(
        joined=joined,
        query=joined.rows(slice(None, width)),
        key_value=joined.rows(slice(width, None)),
        out=_linear(params, name + "self_attn.out_proj"),
        fc1=_linear(params, name + "fc1"),
        fc2=_linear(params, name + "fc2"),
        attention_norm=_norm(params, name + "self_attn_layer_norm"),
        final_norm=_norm(params, name + "final_layer_norm"),
    )


def _linear(params: Mapping[str, Tensor], name: str) -> Linear:
    bias = params.get(name + ".bias")
    return Linear(params[name + ".weight"].detach(), None if bias is None else bias.detach())


def _norm(params: Mapping[str, Tensor], name: str) -> Norm:
    weight, bias = params.get(name + ".weight"), params.get(name + ".bias")
    return Norm(None if weight is None else weight.detach(), None if bias is None else bias.detach())
