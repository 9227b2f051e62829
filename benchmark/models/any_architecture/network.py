"""The forward pass of a model of `transformers` over prefix trees, or over their paths if that would be wrong.

A float mask [trees, 1, nodes, nodes] and positions counted from the root make one pass over a tree equal to one pass
per path for models whose only view of order is the mask and the positions. Windows, ALiBi, convolutions and recurrence
are others; `probe` finds out on the model's own weights.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.cache_utils import Cache

from benchmark.models.any_architecture.loaded_module import LoadedModule
from benchmark.models.any_architecture.paths import Paths, paths_of
from benchmark.models.any_architecture.probe import trees_are_right
from benchmark.models.networks.network_interface import KeyValueCache
from benchmark.models.networks.tree_batch import TreeBatch

PATH_POSITIONS = 4096
"""Positions that are pushed at once where every path is a sequence of its own."""


class SlotCache(Cache):  # type: ignore[misc] # transformers types it as Any
    """Keys and values by layer, [rows, heads, slots, width] each, written where `OptCache` writes them."""

    def __init__(
        self, rows: int, prompt: int, new_tokens: int, dtype: torch.dtype, device: torch.device
    ) -> None:
        self.rows, self.prompt, self.new_tokens = rows, prompt, new_tokens
        self.layers: list[Any] = []  # of transformers' own kind it has none
        self.layers_held: dict[int, tuple[Tensor, Tensor]] = {}
        later = torch.full((new_tokens, new_tokens), torch.finfo(dtype).min, dtype=dtype, device=device)
        self.behind = later.triu_(1)
        self.where: tuple[Any, ...] = ()

    def mask(self, prompts: Tensor, place: Tensor) -> Tensor:
        """Additive mask [rows, 1, width, slots] of tokens at `place` [rows, width] behind their prompts."""
        slot = torch.arange(self.prompt, device=prompts.device)
        before = self.behind.new_zeros((len(prompts), 1, self.prompt))
        before.masked_fill_((slot >= prompts[:, None])[:, None], torch.finfo(before.dtype).min)
        return torch.cat([before.expand(-1, place.shape[1], -1), self.behind[place]], -1)[:, None]

    def take(self, other: "KeyValueCache", rows: slice) -> None:
        """Copy all rows of a cache with prompts no longer than this one's into `rows`."""
        assert isinstance(other, SlotCache)
        for layer, tensors in other.layers_held.items():
            for mine, theirs in zip(self._held(layer, *tensors), tensors, strict=True):
                mine[rows, :, : other.prompt] = theirs[:, :, : other.prompt]
                mine[rows, :, self.prompt :] = theirs[:, :, other.prompt :]

    def keep(self, rows: Tensor) -> None:
        """Drop all rows except `rows` (row numbers)."""
        self.rows = len(rows)
        for layer, (keys, values) in self.layers_held.items():
            self.layers_held[layer] = keys.index_select(0, rows), values.index_select(0, rows)

    def _held(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        if layer not in self.layers_held:
            slots = self.prompt + self.new_tokens
            keys, values = (
                tensor.new_zeros((self.rows, tensor.shape[1], slots, tensor.shape[3]))
                for tensor in (key, value)
            )
            self.layers_held[layer] = keys, values
        return self.layers_held[layer]

    def update(self, key_states: Tensor, value_states: Tensor, layer_idx: int, *_: Any, **__: Any) -> Any:
        """Called by each layer: takes its new keys and values and returns those that it attends to."""
        keys, values = self._held(layer_idx, key_states, value_states)
        kind, *where = self.where
        if kind == "read":
            first, kept = where[0], min(key_states.shape[2], self.prompt)
            rows = slice(first, first + len(key_states))
            keys[rows, :, :kept], values[rows, :, :kept] = key_states[:, :, :kept], value_states[:, :, :kept]
            return key_states, value_states
        row, slots, reach, chosen = where
        if isinstance(slots, slice):
            keys[row, :, slots], values[row, :, slots] = key_states, value_states
        else:
            keys[row[:, None], :, slots] = key_states.transpose(1, 2)
            values[row[:, None], :, slots] = value_states.transpose(1, 2)
        keys, values = keys[:, :, :reach], values[:, :, :reach]
        return (
            (keys, values)
            if chosen is None
            else (keys.index_select(0, chosen), values.index_select(0, chosen))
        )

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Not used, since positions are given."""
        return 0

    def get_mask_sizes(self, query_length: int, layer_idx: int) -> tuple[int, int]:
        """Not used, since masks are given."""
        return (self.where[3] if self.where[0] == "extend" else query_length), 0

    def __len__(self) -> int:
        return len(self.layers_held)


class PathCache:
    """The tokens of texts that are being continued: they are computed again with every pass."""

    def __init__(self, rows: int, prompt: int, new_tokens: int, device: torch.device) -> None:
        self.prompt, self.new_tokens = prompt, new_tokens
        # One more column for what is pushed behind the last place that counts.
        self.ids = torch.zeros((rows, prompt + new_tokens + 1), dtype=torch.long, device=device)
        self.lengths = torch.zeros(rows, dtype=torch.long, device=device)

    def mask(self, prompts: Tensor, place: Tensor) -> Tensor:
        """Nothing: every text is a sequence of its own."""
        return torch.empty(0)

    def take(self, other: "KeyValueCache", rows: slice) -> None:
        """Copy all rows of a cache with prompts no longer than this one's into `rows`."""
        assert isinstance(other, PathCache)
        self.ids[rows, : other.ids.shape[1]] = other.ids
        self.lengths[rows] = other.lengths

    def keep(self, rows: Tensor) -> None:
        """Drop all rows except `rows` (row numbers)."""
        self.ids, self.lengths = self.ids[rows], self.lengths[rows]


class TransformersNetwork:
    """A module with some weights, laid out for inference; outputs are inputs of its head."""

    def __init__(self, config: LoadedModule, params: Mapping[str, Tensor]) -> None:
        self.config, self.params = config, params
        first = next(iter(params.values()))
        self.device, self.dtype = first.device, first.dtype
        self.positions, self.width = config.max_position_embeddings, config.hidden_size
        self.vocabulary, self.writable = config.vocab_size, config.writable
        self.trees = True
        config.bind(params, self)
        self.in_head = HeadInputs.of(config.module)

    def prepare(self, longest: int) -> None:
        """Test whether trees of up to `longest` tokens are scored correctly in one pass."""
        self.trees = trees_are_right(self, longest)

    def cache(self, rows: int, prompt: int, new_tokens: int) -> KeyValueCache:
        """Room for as many prompts of up to `prompt` tokens, each continued by `new_tokens`."""
        if self.trees:
            return SlotCache(rows, prompt, new_tokens, self.dtype, self.device)
        return PathCache(rows, prompt, new_tokens, self.device)

    def read_rows(self, batch: TreeBatch, cache: KeyValueCache | None = None, first_row: int = 0) -> Tensor:
        """Outputs [read, width] of the batch's rows; with a `cache`, its trees' prompts go there."""
        if not self.trees:
            return self._read_paths(batch, cache, first_row)
        trees, length = batch.ids.shape
        read = batch.row_nodes + torch.arange(trees, device=self.device)[:, None] * length
        held: dict[str, Any] = {"use_cache": False}
        if cache is not None:
            assert isinstance(cache, SlotCache)
            cache.where = ("read", first_row)
            held = {"use_cache": True, "past_key_values": cache}
        return self._outputs(
            read.view(-1)[batch.rows],
            input_ids=batch.ids,
            attention_mask=tree_mask(batch, self.dtype),
            position_ids=batch.depth,
            **held,
        )

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
        """Outputs [rows * width, width of a layer] of `tokens` [rows, width], as `Network.extend`."""
        count, width = tokens.shape
        row = torch.arange(count, device=self.device) if rows is None else rows
        if isinstance(cache, PathCache):
            return self._extend_paths(tokens, cache, slots, row)
        assert isinstance(cache, SlotCache)
        cache.where = ("extend", row, slots, mask.shape[-1], rows)
        return self._outputs(
            torch.arange(count * width, device=self.device),
            input_ids=tokens,
            attention_mask=mask,
            position_ids=positions,
            use_cache=True,
            past_key_values=cache,
        )

    def logits(self, outputs: Tensor) -> Tensor:
        """Logits [rows, vocabulary] of some rows of outputs."""
        self.config.bind(self.params, self)
        return self.in_head.logits(outputs)

    def _outputs(self, rows: Tensor, **given: Any) -> Tensor:
        """What the head is given at `rows` of the flattened positions."""
        self.config.bind(self.params, self)
        return self.in_head.read(rows, given)

    def _read_paths(self, batch: TreeBatch, cache: KeyValueCache | None, first_row: int) -> Tensor:
        paths = paths_of(batch)
        if cache is not None:
            assert isinstance(cache, PathCache)
            lengths = batch.row_nodes[:, 0] + 1
            end = first_row + len(lengths)
            kept = min(cache.prompt, batch.ids.shape[1])
            cache.ids[first_row:end, :kept] = batch.ids[:, :kept]
            cache.lengths[first_row:end] = lengths
        return self._run_paths(paths)

    def _run_paths(self, paths: Paths) -> Tensor:
        read: Tensor | None = None
        for part in paths.parts(PATH_POSITIONS):
            ids = paths.ids[part.rows, : part.width]
            output = self._outputs(part.path * part.width + part.place, input_ids=ids, use_cache=False)
            if read is None:
                read = output.new_empty((len(paths.path), output.shape[-1]))
            read[part.reads] = output
        assert read is not None
        return read

    def _extend_paths(self, tokens: Tensor, cache: PathCache, slots: Tensor | slice, row: Tensor) -> Tensor:
        count, width = tokens.shape
        if isinstance(slots, slice):
            slots = torch.arange(slots.start, slots.stop, device=self.device).expand(count, -1)
        place = cache.lengths[row][:, None] + slots - cache.prompt
        cache.ids[row[:, None], place] = tokens
        owner = torch.arange(count, device=self.device).repeat_interleave(width)
        return self._run_paths(Paths(cache.ids[row], place.amax(1) + 1, owner, place.reshape(-1)))


def tree_mask(batch: TreeBatch, dtype: torch.dtype) -> Tensor:
    """Additive mask [trees, 1, nodes, nodes]: 0 for ancestors, the type's lowest number elsewhere."""
    mask = batch.mask(dtype)
    if mask is None:
        length = batch.ids.shape[1]
        full = torch.full((length, length), -torch.inf, dtype=dtype, device=batch.ids.device)
        mask = full.triu_(1).expand(len(batch.ids), 1, -1, -1)
    return mask.clamp(min=torch.finfo(dtype).min)


class GivenOutput:
    """What a body returns: the last hidden states, and None for everything else that a head may hand on."""

    def __init__(self, rows: Tensor) -> None:
        self.last_hidden_state = rows

    def __getitem__(self, place: Any) -> Any:
        return (self.last_hidden_state,)[place]

    def __getattr__(self, name: str) -> None:
        return None


class Given(nn.Module):
    """A replacement of a model's body that returns the same rows for any arguments."""

    def __init__(self, rows: Tensor) -> None:
        super().__init__()
        self.rows = rows
        self.decoder = self.forward  # some heads call the decoder of their body

    def forward(self, *_: Any, **__: Any) -> GivenOutput:
        """The rows as the only sequence of a batch."""
        return GivenOutput(self.rows[None])


class HeadInputs:
    """Reads what a module's head is given at some places, and computes logits from it later, a few rows at a time.

    Where the head has another form than that (`whole`), the logits themselves are read.
    """

    def __init__(self, module: PreTrainedModel) -> None:
        self.module = module
        self.head = module.get_output_embeddings()
        self.whole = self.head is None or not self._is_last()

    @classmethod
    def of(cls, module: PreTrainedModel) -> "HeadInputs":
        """That of a module, found out once."""
        known: HeadInputs | None = module.__dict__.get("_head_inputs")
        if known is None:
            known = module.__dict__["_head_inputs"] = cls(module)
        return known

    @torch.no_grad()
    def _is_last(self) -> bool:
        """Whether logits follow from the head's inputs row by row."""
        self.whole = False
        ids = (
            torch.arange(4, device=self.module.device)[None] % self.module.config.get_text_config().vocab_size
        )
        every = torch.arange(4, device=self.module.device)
        expected = self.module(input_ids=ids, use_cache=False).logits[0]
        try:
            found = self.logits(self.read(every, {"input_ids": ids, "use_cache": False}))
        except Exception:  # a body that cannot be replaced may raise any exception
            return False
        return found.shape == expected.shape and bool(
            torch.allclose(found, expected, atol=1e-5, equal_nan=True)
        )

    def read(self, rows: Tensor, given: Mapping[str, Any]) -> Tensor:
        """Inputs of the head [rows, width] at `rows` of the flattened positions."""
        if self.whole:
            logits: Tensor = self.module(**given).logits
            return logits.reshape(-1, logits.shape[-1])[rows]
        found: list[Tensor] = []

        def take(_: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor]:
            hidden = inputs[0]
            found.append(hidden.reshape(-1, hidden.shape[-1])[rows])
            return (hidden[:1, :1],)

        handle = self.head.register_forward_pre_hook(take)
        try:
            self.module(**given)
        finally:
            handle.remove()
        (read,) = found
        return read

    def logits(self, outputs: Tensor) -> Tensor:
        """Logits [rows, vocabulary] of outputs that `read` gave."""
        if self.whole:
            return outputs
        with _without_body(self.module, outputs):
            dummy = torch.zeros((1, len(outputs)), dtype=torch.long, device=outputs.device)
            logits: Tensor = self.module(input_ids=dummy, use_cache=False).logits[0]
        return logits


@contextmanager
def _without_body(module: PreTrainedModel, outputs: Tensor) -> Iterator[None]:
    name = module.base_model_prefix
    body = module._modules[name]
    module._modules[name] = Given(outputs)
    try:
        yield
    finally:
        module._modules[name] = body
