"""Which models of which track fit into the memory of this machine's device: part of `gapbench doctor`."""

from collections.abc import Iterator
from pathlib import Path

from benchmark.arithmetic.precision import cached_bytes
from benchmark.commands.planned_track import model_shape
from benchmark.errors import InputError
from benchmark.evaluation.batch_plan import GROUP_TEXTS, slot_bytes
from benchmark.evaluation.batched_requests import cached_tokens
from benchmark.evaluation.batched_scoring import LOGITS_BYTES
from benchmark.models.opt import OptConfig
from benchmark.posttrain.arms import copies_of
from benchmark.posttrain.base_model import torch_device
from benchmark.posttrain.run_memory import GIB, capacity, memory_by_arm
from benchmark.settings.run_options import EvaluationOptions
from benchmark.settings.track_settings import Settings, arms_of
from benchmark.store.track_paths import TrackPaths
from benchmark.store.tracks import all_tracks


def fitting_lines(root: Path) -> Iterator[str]:
    """A line for each track: one run at a time of which of its models fits, and what the others would need."""
    for path, settings in all_tracks(root).items():
        try:
            device = torch_device(settings.execution)
        except InputError:
            device = "cpu"
        room = capacity(device)
        needed = {
            name: bytes_of(name, settings, TrackPaths.of(path, settings), device)
            for name in settings.used_models
        }
        known = {name: found for name, found in needed.items() if found is not None}
        fitting = [name for name, found in known.items() if found <= room]
        parts = [f"fit: {', '.join(fitting) or 'none'}"]
        parts += [f"{name} needs {found / GIB:.1f} GiB" for name, found in known.items() if found > room]
        parts += [f"{name} is not fetched yet" for name, found in needed.items() if found is None]
        yield f"track {settings.track.name} on {device} ({room / GIB:.1f} GiB): {'; '.join(parts)}"


def bytes_of(name: str, settings: Settings, layout: TrackPaths, device: str) -> int | None:
    """Bytes that the largest run of a model takes at its peak, or its scores; None if its shape is not known yet."""
    spec, evaluation = settings.models[name], settings.evaluation
    corpora = settings.corpora if spec.role != "baseline" else ()
    try:
        shape = model_shape(name, spec, layout)
        arms = {
            arm: copies_of(found.kind, settings.folder)
            for corpus in corpora
            for arm, found in arms_of(settings, name, corpus).items()
        }
    except InputError:
        return None
    found = memory_by_arm(
        arms,
        settings.posttrain,
        shape.config,
        shape.parameters,
        tokens=min(evaluation.max_length, shape.config.max_position_embeddings),
        evaluation=held_by_a_pass(shape.config, evaluation),
    )
    return max(one.device if device == "cuda" else one.on_cpu(1) for one in found.values())


def held_by_a_pass(config: OptConfig, evaluation: EvaluationOptions) -> int:
    """About what a pass over any documents holds beside the weights: caches, joined weights, activations, logits."""
    slot = slot_bytes(config, cached_bytes(evaluation.precision))
    positions = max(evaluation.batch_tokens, min(cached_tokens(slot), GROUP_TEXTS * evaluation.max_length))
    caches = 5 * slot * positions // 2
    joined = 3 * config.num_hidden_layers * config.hidden_size**2 * 4
    layer = evaluation.batch_tokens * (8 * config.hidden_size + 2 * config.ffn_dim) * 4
    return caches + joined + layer + LOGITS_BYTES
