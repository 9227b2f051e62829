"""Push a workload through a model: log-probabilities of the scored tokens, and the generated tokens."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from benchmark.errors import InputError
from benchmark.evaluation.batches import TreeBatch
from benchmark.evaluation.drafts import Drafts
from benchmark.evaluation.generate import continue_greedily
from benchmark.evaluation.logits import LogitSpace, rows_at_once
from benchmark.evaluation.network import Cache, Network
from benchmark.evaluation.plan import Group
from benchmark.evaluation.workload import Workload

LOGITS_BYTES = 64 * 2**20
"""Memory that logits may take at once, by default."""

Progress = Callable[[int, int], None]
"""Called with (positions done, positions in all)."""


@dataclass(frozen=True)
class Outcome:
    """``logprobs`` [slots] of the scored tokens; ``greedy`` [slots], if asked: was it the most likely one.

    ``tokens``: unit number to generated tokens, end-of-sequence filled up.
    """

    logprobs: npt.NDArray[np.float32]
    greedy: npt.NDArray[np.bool_] | None
    tokens: dict[int, list[int]]


@torch.inference_mode()
def run_workload(
    network: Network,
    workload: Workload,
    *,
    eos_id: int,
    logits_bytes: int = LOGITS_BYTES,
    want_greedy: bool = False,
    drafts: Sequence[Drafts | None] | None = None,
    progress: Progress | None = None,
) -> Outcome:
    """Run every group of the plan, given ``drafts`` of its texts or not (``make_drafts``, one a group).

    Raises InputError where a text needs more positions than the model has.
    """
    if workload.longest > network.config.max_position_embeddings:
        limit = network.config.max_position_embeddings
        raise InputError(
            f"a text needs {workload.longest} positions, the model has {limit}: lower max_length"
        )
    work = workload.on(network.device)
    reader = _Reader(network, rows_at_once(network, logits_bytes), want_greedy)
    tokens: dict[int, list[int]] = {}
    done = 0
    guesses = drafts or [None] * len(work.plan.groups)
    for group, batches, guess in zip(work.plan.groups, work.groups, guesses, strict=True):
        if group.ending is None:
            for batch in batches:
                reader.read(network.read_rows(batch), batch)
        else:
            text = _generate(network, work, group, batches, reader, eos_id, guess)
            order = [number for batch in group.batches for number in batch.trees]
            tokens.update(zip(order, text.tolist(), strict=True))
        done += group.positions
        if progress is not None:
            progress(done, work.plan.positions_pushed)
    logprobs, greedy = reader.collect(int(work.first_slot[-1]))
    return Outcome(logprobs, greedy, tokens)


def _generate(
    network: Network,
    work: Workload,
    group: Group,
    batches: list[TreeBatch],
    reader: "_Reader",
    eos_id: int,
    drafts: Drafts | None,
) -> Tensor:
    assert group.ending is not None
    cache = Cache(network, group.rows, group.prompt, group.ending.new_tokens)
    first = []
    row = 0
    for batch in batches:
        output = network.read_rows(batch, cache, row)
        first.append(reader.space.most_likely(output[: batch.prompts]))
        reader.read(output, batch)
        row += batch.prompts
    prompts = [len(work.units[number].prompt) for batch in group.batches for number in batch.trees]
    return continue_greedily(
        network,
        cache,
        reader.space,
        torch.cat(first),
        torch.tensor(prompts, device=network.device),
        new_tokens=group.ending.new_tokens,
        eos_id=eos_id,
        stops=[work.tables[stop] for stop in group.ending.stops],
        drafts=drafts.to(network.device) if drafts else None,
    )


class _Reader:
    """Reads log-probabilities off outputs, some rows at a time, without waiting for the device."""

    def __init__(self, network: Network, rows: int, want_greedy: bool) -> None:
        self.network, self.rows, self.want_greedy = network, rows, want_greedy
        self.space = LogitSpace(network, rows)
        self.logprobs: list[Tensor] = []
        self.greedy: list[Tensor] = []
        self.slots: list[Tensor] = []

    def read(self, output: Tensor, batch: TreeBatch) -> None:
        for start in range(0, len(output), self.rows):
            stop = min(start + self.rows, len(output))
            pairs = slice(batch.pairs_before_row[start], batch.pairs_before_row[stop])
            if pairs.start == pairs.stop:
                continue
            logprobs = self.space.log_softmax(output[start:stop])
            row, token = batch.pair_row[pairs] - start, batch.pair_token[pairs]
            self.logprobs.append(logprobs[row, token])
            if self.want_greedy:
                self.greedy.append(logprobs.argmax(dim=-1)[row] == token)
            self.slots.append(batch.pair_slot[pairs])

    def collect(self, slots: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_] | None]:
        """Everything read so far in the order of the slots: one transfer from the device."""
        logprobs = np.zeros(slots, np.float32)
        greedy = np.zeros(slots, np.bool_) if self.want_greedy else None
        if self.slots:
            order = torch.cat(self.slots).cpu().numpy()
            logprobs[order] = torch.cat(self.logprobs).cpu().numpy()
            if greedy is not None:
                greedy[order] = torch.cat(self.greedy).cpu().numpy()
        return logprobs, greedy
