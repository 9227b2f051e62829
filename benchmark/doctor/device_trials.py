"""A run of two small models on this machine's device: right numbers, the same with two workers, and how fast."""

import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmark.arithmetic.precision import computing_in
from benchmark.corpora.texts import CorpusText
from benchmark.doctor import trials
from benchmark.doctor.architecture_trials import ARM, TOKENIZER, write_drawn
from benchmark.errors import CheckFailed
from benchmark.evaluation.engine import evaluate
from benchmark.execution.workers import run_units
from benchmark.models.causal_model import CausalModel
from benchmark.posttrain.base_model import Base, load_base, torch_device
from benchmark.posttrain.run_loop import RunRequest, execute_run
from benchmark.posttrain.run_requests import request
from benchmark.posttrain.scorer import Scorer
from benchmark.settings.run_options import Execution
from benchmark.settings.track_settings import Settings
from benchmark.store.entry_lookup import samples_digest
from benchmark.tasks.suite_of_track import suite_of

WIDTHS = {"cpu": (96, 2), "cuda": (1024, 12)}
"""Width and layers by device: on a GPU, models whose products are worth measuring."""
ALLOWED = 2e-3
"""Largest difference in nats of a log-probability from a plain forward pass on the CPU, in float32."""
LENGTH = 128
"""Positions of a text of the bare forward pass."""


def shapes(device: str) -> dict[str, dict[str, Any]]:
    """An OPT-shaped and a Llama-shaped configuration."""
    width, layers = WIDTHS[device]
    sizes = {"hidden_size": width, "num_hidden_layers": layers, "max_position_embeddings": 512}
    opt = {"model_type": "opt", "ffn_dim": 4 * width, "word_embed_proj_dim": width, "num_attention_heads": 8}
    llama = {"model_type": "llama", "intermediate_size": 4 * width, "num_attention_heads": 8}
    return {
        "OPT-shaped": sizes | opt | {"do_layer_norm_before": True, "activation_function": "relu"},
        "Llama-shaped": sizes | llama | {"num_key_value_heads": 4, "tie_word_embeddings": False},
    }


def device_lines(settings: Settings) -> Iterator[str]:
    """What the device computes, of each of the two models.

    Raises:
        CheckFailed: log-probabilities differ from those of a plain forward pass on the CPU, or the results of two
            workers from those of one.
    """
    trial = trials.trial_settings(settings)
    device = torch_device(Execution(device="auto"))
    rows = json.loads((trials.STORED / "config.json").read_bytes())["vocab_size"]
    tokens = {"vocab_size": rows, "bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0}
    for name, shape in shapes(device).items():
        with tempfile.TemporaryDirectory() as folder:
            for file in TOKENIZER:
                (Path(folder) / file).write_bytes((trials.STORED / file).read_bytes())
            write_drawn(shape | tokens, Path(folder), scale=0.05)
            yield from _model_lines(name, Path(folder), trial, device)


def _model_lines(name: str, folder: Path, trial: Settings, device: str) -> Iterator[str]:
    evaluation = trial.evaluation.model_copy(update={"precision": "fp32"})
    suite = suite_of(evaluation, documents=evaluation.documents)
    base = load_base("doctor", folder, suite, evaluation, Execution(device="auto"))
    off = difference_from_plain(base)
    said = f"{name} on {device}, {base.model.parameters_count():,} parameters"
    yield f"{said}: log-probabilities of fp32 within {off:.1e} nats of a plain forward pass on the CPU"
    if not off <= ALLOWED:
        raise CheckFailed(
            f"{said}: log-probabilities are {off:.1e} nats off, more than {ALLOWED}: trust no score here"
        )
    texts = [CorpusText(index, f"doctor-{index}", text) for index, text in enumerate(trials.TEXTS)]
    runs = [request(trial, base, "doctor", text, ARM, 0) for text in texts]
    started = time.perf_counter()
    one, two = (
        dict(
            run_units(_run, (runs, base.scorer), range(len(runs)), Execution(device="auto", workers=workers))
        )
        for workers in (1, 2)
    )
    if one != two:
        raise CheckFailed(f"{said}: two workers give other results than one: set execution.workers to 1")
    yield f"{said}: {len(runs)} runs give the same with two workers as with one ({time.perf_counter() - started:.1f} s)"
    engine, bare = speeds(base)
    yield f"{said}: {engine:,.0f} positions a second scored, {bare:,.0f} in the bare forward pass ({engine / bare:.2f})"


def _run(context: tuple[Sequence[RunRequest], Scorer], number: int) -> str:
    runs, scorer = context
    result = execute_run(runs[number], scorer)
    return samples_digest(result.samples) + str([step.weights_sha256 for step in result.record.steps])


@torch.no_grad()
def difference_from_plain(base: Base) -> float:
    """The largest difference in nats of the sums of some documents' choices from a plain forward pass on the CPU."""
    split = base.scorer.prepared.splits["test"]
    table = base.scorer.start.samples.to_pylist()
    stored = [row["choice_logprobs"] for row in table if row["split"] == "test"]
    config, params, largest = base.model.config, base.model.params, 0.0
    cpu = CausalModel(config, params)
    for task in split.tasks:
        first = sum(len(other.documents) for other in split.tasks[: split.tasks.index(task)])
        for place, unit in enumerate(task.units):
            found = stored[first + place]
            for number, continuation in enumerate(split.workload.units[unit].continuations):
                if found is None:
                    continue
                ids = torch.tensor([continuation.ids])
                logprobs = cpu.config.logits(cpu.params, ids)[0].float().log_softmax(-1)
                scored = range(len(continuation.ids) - continuation.n_scored, len(continuation.ids))
                plain = float(sum(logprobs[at - 1, continuation.ids[at]] for at in scored))
                largest = max(largest, abs(plain - found[number]) if np.isfinite(plain) else np.inf)
    return largest


@torch.inference_mode()
def speeds(base: Base) -> tuple[float, float]:
    """Positions a second of a pass over the documents, and of the bare forward pass over as many in full batches."""
    prepared, placed = base.scorer.prepared, base.model.placed()
    precision = base.scorer.settings.precision
    rows = max(1, base.scorer.settings.batch_tokens // LENGTH)
    ids = (
        torch.arange(rows * LENGTH, device=placed.device)
        .remainder(placed.config.vocab_size)
        .view(rows, LENGTH)
    )
    count = max(1, prepared.positions_pushed // (rows * LENGTH))

    def engine() -> int:
        evaluate(placed, prepared, drafts=base.scorer.drafts, precision=precision)
        return prepared.positions_pushed

    def bare() -> int:
        with computing_in(precision, placed.device):
            for _ in range(count):
                logits = placed.config.logits(placed.params, ids, fused=True)
        logits.sum().item()
        return count * rows * LENGTH

    found = []
    for work in (engine, bare):
        work()
        started = time.perf_counter()
        found.append(work() / (time.perf_counter() - started))
    return found[0], found[1]
