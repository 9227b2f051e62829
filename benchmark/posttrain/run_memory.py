"""The memory that a run takes at its peak, by model and arm, and the refusal of one that does not fit."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmark.errors import InputError
from benchmark.models.opt import OptConfig
from benchmark.posttrain.arms import Copies, copies_of
from benchmark.settings.arm_specs import Arm
from benchmark.settings.run_options import Posttrain

FLOAT = 4
"""Bytes of a weight, a gradient, a moment of Adam, and an activation."""
GIB = 2**30


@dataclass(frozen=True)
class RunMemory:
    """Bytes at the peak of a run.

    Attributes:
        taken: on the device while a step is taken; `scored` while it is scored, what evaluation holds included.
        host: in the machine's memory where the device is a GPU: the base model, and what the arm keeps there.
        common: of `host`, what forked workers on a CPU share: the base model.
    """

    taken: int
    scored: int
    host: int
    common: int

    @property
    def device(self) -> int:
        """On the device."""
        return max(self.taken, self.scored)

    def on_cpu(self, workers: int) -> int:
        """Bytes of so many runs at once where the CPU computes: everything is in the machine's memory."""
        return self.common + workers * (self.device + self.host - self.common)


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
    arms: Mapping[str, Arm],
    posttrain: Posttrain,
    config: OptConfig,
    parameters: int,
    *,
    tokens: int,
    evaluation: int,
    folder: Path | None = None,
) -> dict[str, RunMemory]:
    """The memory of a run of each arm; arguments as for `run_memory`, `folder` as for `copies_of`."""
    return {
        name: run_memory(
            copies_of(arm.kind, folder),
            config,
            parameters,
            tokens=tokens,
            evaluation=evaluation,
            precision=posttrain.precision,
        )
        for name, arm in arms.items()
    }


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
        needed = runs_at_once * memory.device if device == "cuda" else memory.on_cpu(runs_at_once)
        if needed > room:
            where = "GPU" if device == "cuda" else "machine"
            said = f"{runs_at_once} at once" if runs_at_once > 1 else "one"
            raise InputError(
                f"models.{model}, arms.{arm}: a run needs {memory.device / GIB:.1f} GiB at its peak ({said}: "
                f"{needed / GIB:.1f}), and the {where} has {room / GIB:.1f}: {_advice(memory, runs_at_once, room)}"
            )


def _advice(memory: RunMemory, runs_at_once: int, room: int) -> str:
    if runs_at_once > 1:
        return f"lower execution.workers to {max(1, runs_at_once * room // (runs_at_once * memory.device + 1))}"
    if memory.scored > memory.taken and memory.taken <= room:
        return "lower evaluation.batch_tokens"
    return f"restrict the arm to smaller models (arms.*.models), or set the model's role to baseline"


def largest(runs: Iterable[RunMemory]) -> int:
    """Bytes on the device of the run that takes most."""
    return max((run.device for run in runs), default=0)
