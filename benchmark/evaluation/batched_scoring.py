"""Push a workload through a model: log-probabilities of the scored tokens, and the generated tokens."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from benchmark.arithmetic.mode import Precision
from benchmark.arithmetic.precision import computing_in
from benchmark.errors import InputError
from benchmark.evaluation.batch_plan import Ending, Group
from benchmark.evaluation.batched_requests import Workload
from benchmark.evaluation.decoding import Rules, Texts, begin_texts, finish_texts, joined_slots
from benchmark.evaluation.drafts import Drafts
from benchmark.evaluation.logits import LogitSpace, rows_at_once
from benchmark.models.networks.network_interface import Network
from benchmark.models.networks.tree_batch import TreeBatch

LOGITS_BYTES = 64 * 2**20
"""Default limit on the memory of logits."""

Progress = Callable[[int, int], None]
"""Called with (positions done, positions in all)."""


@dataclass(frozen=True)
class Outcome:
    """``logprobs`` [slots] of the scored tokens; ``greedy`` [slots], if asked for: whether each was the most likely.

    ``tokens``: unit number to generated tokens, padded with end-of-sequence. ``written_finite``: whether all logits
    from which tokens were chosen were finite, including those of rejected guesses.
    """

    logprobs: npt.NDArray[np.float32]
    greedy: npt.NDArray[np.bool_] | None
    tokens: dict[int, list[int]]
    written_finite: bool = True


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
    precision: Precision = "fp32",
) -> Outcome:
    """Run every group of the plan, with or without ``drafts`` of its texts (``make_drafts``, one per group).

    Raises InputError where a text needs more positions than the model has.
    """
    if workload.longest > network.positions:
        limit = network.positions
        raise InputError(
            f"a text needs {workload.longest} positions, the model has {limit}: lower max_length"
        )
    network.prepare(workload.longest)
    with computing_in(precision, network.device):
        return _run_groups(network, workload, eos_id, logits_bytes, want_greedy, drafts, progress)


def _run_groups(
    network: Network,
    workload: Workload,
    eos_id: int,
    logits_bytes: int,
    want_greedy: bool,
    drafts: Sequence[Drafts | None] | None,
    progress: Progress | None,
) -> Outcome:
    work = workload.on(network.device)
    reader = _Reader(network, rows_at_once(network, logits_bytes), want_greedy)
    writer = _Writer(network, reader.space, work, eos_id)
    done = 0
    guesses = drafts or [None] * len(work.plan.groups)
    for group, batches, guess in zip(work.plan.groups, work.groups, guesses, strict=True):
        if group.ending is None:
            for batch in batches:
                reader.read(network.read_rows(batch), batch)
        else:
            writer.write(group, batches, reader, guess)
        done += group.positions
        if progress is not None:
            progress(done, work.plan.positions_pushed)
    tokens = writer.collect()
    logprobs, greedy = reader.collect(int(work.first_slot[-1]))
    return Outcome(logprobs, greedy, tokens, bool(writer.space.finite))


class _Writer:
    """Writes the groups' texts. The few that differ from their drafts wait for those of other groups."""

    def __init__(self, network: Network, space: LogitSpace, work: Workload, eos_id: int) -> None:
        self.network, self.space, self.work, self.eos_id = network, space, work, eos_id
        self.room = max((group.slots for group in work.plan.groups), default=0) // 2
        self.waiting: list[Texts] = []
        self.ending: Ending | None = None
        self.tables: list[tuple[Group, Tensor]] = []

    def write(self, group: Group, batches: list[TreeBatch], reader: "_Reader", drafts: Drafts | None) -> None:
        """Score a group's batches and continue its prompts."""
        network, ending = self.network, group.ending
        assert ending is not None
        cache = network.cache(group.rows, group.prompt, ending.new_tokens)
        first = []
        row = 0
        for batch in batches:
            output = network.read_rows(batch, cache, row)
            first.append(self.space.most_likely(output, batch.prompts))
            reader.read(output, batch)
            row += batch.prompts
        prompts = [len(self.work.units[number].prompt) for batch in group.batches for number in batch.trees]
        texts = begin_texts(
            network,
            cache,
            self.space,
            torch.cat(first),
            torch.tensor(prompts, device=network.device),
            Rules(ending.new_tokens, self.eos_id, [self.work.tables[stop] for stop in ending.stops]),
            drafts.to(network.device) if drafts else None,
        )
        self.tables.append((group, texts.tokens))
        self._finish_later(texts, ending)

    def _finish_later(self, texts: Texts, ending: Ending) -> None:
        """Let texts wait while a cache of all of them has at most half the size of the largest group's."""
        if joined_slots([texts]) > self.room:
            finish_texts(self.network, self.space, [texts])
            return
        if ending != self.ending or joined_slots([*self.waiting, texts]) > self.room:
            self._finish_waiting()
            self.ending = ending
        self.waiting.append(texts)

    def _finish_waiting(self) -> None:
        finish_texts(self.network, self.space, self.waiting)
        self.waiting = []

    def collect(self) -> dict[int, list[int]]:
        """All texts, by the numbers of their units."""
        self._finish_waiting()
        tokens: dict[int, list[int]] = {}
        for group, table in self.tables:
            order = [number for batch in group.batches for number in batch.trees]
            tokens.update(zip(order, table.tolist(), strict=True))
        return tokens


class _Reader:
    """Reads log-probabilities from outputs, some rows at a time, without waiting for the device."""

    def __init__(self, network: Network, rows: int, want_greedy: bool) -> None:
        self.network, self.rows, self.want_greedy = network, rows, want_greedy
        self.space = LogitSpace(network, rows)
        self.logprobs: list[Tensor] = []
        self.greedy: list[Tensor] = []
        self.slots: list[Tensor] = []

    def read(self, output: Tensor, batch: TreeBatch) -> None:
        count = len(batch.rows)
        for start in range(0, count, self.rows):
            stop = min(start + self.rows, count)
            pairs = slice(batch.pairs_before_row[start], batch.pairs_before_row[stop])
            if pairs.start == pairs.stop:
                continue
            logprobs = self.space.log_softmax(output, start, stop)
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
