"""The memory that a run takes at its peak, by model and arm, and the refusal of one that does not fit."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch

from benchmark.arithmetic.precision import cached_bytes
from benchmark.errors import InputError
from benchmark.execution.devices import runs_a_gpu
from benchmark.execution.workers import worker_count
from benchmark.models.model_folders import shape_of
from benchmark.models.opt import OptConfig
from benchmark.posttrain.base_model import Loaded
from benchmark.schema.stored_columns import NO_ARM
from benchmark.settings.run_options import Posttrain
from benchmark.settings.track_settings import Settings

FLOAT = 4
"""Bytes of a weight, a gradient, a moment of Adam, and an activation."""
GIB = 2**30


class Copies(NamedTuple):
    """Copies of the weights of a run: on the device while a step is `taken` and while it is `scored`; and those that
    wait in the machine's memory, the base model not counted. `moved` are copied between the two at each step.
    """

    taken: float
    scored: float
    host: float
    moved: float = 1.0


@dataclass(frozen=True)
class RunMemory:
    """Bytes at the peak of a run.

    Attributes:
        taken: on the device while a step is taken; `scored` while it is scored, what evaluation holds included.
        host: in the machine's memory where the device is a GPU: the base model, and what the arm keeps there.
        common: of `host`, what forked workers on a CPU share: the base model.
        itself: on the device, where that is the base model, which a CPU does not copy: for its own scores.
    """

    taken: int
    scored: int
    host: int
    common: int
    itself: int = 0

    @property
    def device(self) -> int:
        """On the device."""
        return max(self.taken, self.scored)

    def on_cpu(self, workers: int) -> int:
        """Bytes of so many runs at once where the CPU computes: everything is in the machine's memory."""
        return self.common + workers * (self.device + self.host - self.common - self.itself)


def run_memory(
    copies: Copies,
    config: OptConfig,
    parameters: int,
    *,
    tokens: int,
    evaluation: int,
    precision: str = "fp32",
) -> RunMemory:
    """The memory of a run.

    Args:
        copies: of the weights, as its arm declares them.
        config: the model's shape, or that of an OPT model of the same size.
        parameters: of the model.
        tokens: of the text, at most.
        evaluation: bytes that a pass over the documents holds beside the weights (`Prepared.peak_bytes`).
        precision: of the optimiser steps; with autocast, weights that are rounded stand beside the others.
    """
    weights = FLOAT * parameters
    embedding = FLOAT * config.vocab_size * config.word_embed_proj_dim
    rounded = 0 if precision == "fp32" else weights // 2
    # A gradient of the embedding comes from its head and one from its input, before they are added.
    backward = copies.taken * weights + 2 * embedding * (copies.taken > 1)
    forward = max(copies.taken - 1, copies.scored) * weights + step_activations(config, tokens)
    # A tensor's update: its gradient, the tensor before, and their difference in float64.
    update = copies.scored * weights + 4 * embedding
    return RunMemory(
        taken=int(max(backward, forward, update)) + rounded,
        scored=int(copies.scored * weights) + evaluation,
        host=int((1 + copies.host) * weights),
        common=weights,
    )


def step_activations(config: OptConfig, tokens: int) -> int:
    """Bytes that the forward pass of a text keeps for its gradient.

    Of a layer: the hidden states before and after each norm, query, key, value, the attention's weights and output, and
    the wide layer. Of the end: logits, their log-probabilities, and the gradient of these.
    """
    layer = tokens * (8 * config.hidden_size + config.ffn_dim) + config.num_attention_heads * tokens**2
    return FLOAT * (config.num_hidden_layers * layer + 3 * tokens * config.vocab_size)


def memory_by_arm(
    arms: Mapping[str, Copies],
    posttrain: Posttrain,
    config: OptConfig,
    parameters: int,
    *,
    tokens: int,
    evaluation: int,
) -> dict[str, RunMemory]:
    """The memory of a run of each arm, given its copies, and of the unmodified model's scores; arguments as for
    `run_memory`.
    """
    base = run_memory(Copies(1, 1, 0), config, parameters, tokens=tokens, evaluation=evaluation)
    base = replace(base, itself=base.common)
    return {NO_ARM: base} | {
        name: run_memory(
            copies,
            config,
            parameters,
            tokens=tokens,
            evaluation=evaluation,
            precision=posttrain.precision,
        )
        for name, copies in arms.items()
    }


def fits(settings: Settings, arms: Mapping[str, Copies], runs: int = 1) -> Callable[[Loaded], None]:
    """A check that refuses a model whose runs do not fit into the memory of their device, or its scores, without arms.

    Args:
        arms: the copies of the weights that a run of each holds.
        runs: that there are, which may be fewer than workers.
    """

    def check(loaded: Loaded) -> None:
        device = loaded.model.device.type
        config, parameters = shape_of(loaded.folder), loaded.model.parameters_count()
        evaluation = loaded.prepared.peak_bytes(config, cached=cached_bytes(settings.evaluation.precision))
        tokens = min(settings.evaluation.max_length, config.max_position_embeddings)
        found = memory_by_arm(
            arms,
            settings.posttrain,
            config,
            parameters,
            tokens=tokens,
            evaluation=evaluation,
        )
        at_once = (
            runs_a_gpu(settings.execution) if device == "cuda" else worker_count(settings.execution, runs)
        )
        refuse_what_does_not_fit(
            loaded.name, found, device=device, runs_at_once=min(at_once, runs), room=capacity(device)
        )

    return check


def capacity(device: str) -> int:
    """Bytes of memory of the device that are free, or of the whole machine where the CPU computes."""
    if device == "cuda":
        return int(torch.cuda.mem_get_info()[0])
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def refuse_what_does_not_fit(
    model: str, runs: Mapping[str, RunMemory], *, device: str, runs_at_once: int, room: int
) -> None:
    """Refuse runs that need more memory than there is, before anything is computed.

    Args:
        model: its name in the settings.
        runs: by arm.
        device: `cuda` or `cpu`.
        runs_at_once: on the device, those that share it.
        room: bytes that the device has (`capacity`).

    Raises:
        InputError: an arm that does not fit, and the setting to change.
    """
    for arm, memory in runs.items():

        def needed(count: int, memory: RunMemory = memory) -> int:
            return count * memory.device if device == "cuda" else memory.on_cpu(count)

        if needed(runs_at_once) <= room:
            continue
        fewer = max((count for count in range(1, runs_at_once) if needed(count) <= room), default=0)
        if fewer:
            advice = f"set execution.workers to {fewer}"
        elif memory.scored > memory.taken and needed(1) - memory.scored + memory.taken <= room:
            advice = "lower evaluation.batch_tokens"
        else:
            advice = "lower evaluation.max_length, or restrict the arm to smaller models (arms.*.models)"
        several = f" ({runs_at_once} at once: {needed(runs_at_once) / GIB:.1f})" if runs_at_once > 1 else ""
        named = "scoring it as it is" if arm == NO_ARM else f"arms.{arm}: a run"
        raise InputError(
            f"models.{model}, {named} needs {needed(1) / GIB:.1f} GiB at its peak{several}, and the "
            f"{'GPU' if device == 'cuda' else 'machine'} has {room / GIB:.1f}: {advice}"
        )
