"""The peers: stock lm-eval with its own ``HFLM``, as a user calls it and at its best, and a pass padded to 512."""

import contextlib
import io
import json
import logging
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer as Backend
from tokenizers.processors import TemplateProcessing
from torch.nn import functional

from benchmark.bench.subjects import Subject
from benchmark.evaluation.batched_requests import Unit
from benchmark.models.causal_model import CausalModel
from benchmark.models.tokenizer import Tokenizer
from benchmark.tasks.metrics import TEXT_METRICS
from benchmark.tasks.suite import TASKS_FOLDER

BATCH_SIZES = (4, 16, 64)
"""Batch sizes tried for lm-eval at its best, if its logits need at most LOGITS_BYTES."""
LOGITS_BYTES = 4 * 2**30

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # read when transformers is first imported


@dataclass
class Stock:
    """Stock lm-eval on a subject; ``folder`` has its first checkpoint in the format of ``transformers``.

    ``add_bos``: as lm-eval's argument; None leaves it to the tokenizer.
    """

    subject: Subject
    folder: Path
    add_bos: bool | None = True
    kept: Any = None
    manager: Any = None

    @classmethod
    def of(cls, subject: Subject, folder: Path) -> "Stock":
        """Write the tokenizer and the first checkpoint into ``folder``."""
        write_tokenizer(subject.tokenizer, folder)
        save(subject.checkpoints[0], folder)
        return cls(subject, folder)

    def as_called(self, checkpoint: int) -> tuple[float, dict[str, float]]:
        """Seconds of one call as its manual shows it (the model by its folder, defaults elsewhere), and accuracies.

        Writing the checkpoint to the folder is not counted.
        """
        from lm_eval.tasks import TaskManager

        save(self.subject.checkpoints[checkpoint], self.folder)
        settings = {"pretrained": str(self.folder), "dtype": "float32", "add_bos_token": True}
        return self._timed(
            lambda: {
                "model": "hf",
                "model_args": settings,
                "task_manager": TaskManager(include_path=self._include, metadata=dict(self.subject.metadata)),
                "device": str(self.subject.checkpoints[0].device),
            }
        )

    def at_its_best(self, checkpoint: int, batch_size: int) -> tuple[float, dict[str, float]]:
        """Seconds of a call with the model and the task manager kept, no bootstrap and no sample log."""
        self.keep(batch_size)
        load_weights(self.kept.model, self.subject.checkpoints[checkpoint])
        kept = {"model": self.kept, "task_manager": self.manager}
        return self._timed(lambda: {**kept, "bootstrap_iters": 0, "log_samples": False})

    def _timed(self, options: Callable[[], dict[str, Any]]) -> tuple[float, dict[str, float]]:
        """Seconds of one call on the subject's documents, the making of its options included, and accuracies."""
        from lm_eval import simple_evaluate

        samples = {task: list(rows) for task, rows in self.subject.rows.items()}
        with _quietly():
            started = time.perf_counter()
            results = simple_evaluate(tasks=list(samples), samples=samples, **options())
            seconds = time.perf_counter() - started
        return seconds, _accuracies(results)

    def best_batch_size(self) -> int:
        """The fastest of BATCH_SIZES on the first checkpoint; the first call only warms up."""
        sizes = self.sizes()
        self.at_its_best(0, sizes[0])
        return min(sizes, key=lambda size: self.at_its_best(0, size)[0])

    def sizes(self) -> list[int]:
        """Those of BATCH_SIZES that fit: stock lm-eval holds the logits of every position of a batch twice."""
        row = 8 * self.subject.max_length * self.subject.checkpoints[0].config.vocab_size
        return [size for size in BATCH_SIZES if size * row <= LOGITS_BYTES] or [BATCH_SIZES[0]]

    @property
    def _include(self) -> str:
        return str(TASKS_FOLDER / self.subject.folder)

    def keep(self, batch_size: int) -> None:
        """Load the model and the task manager, if they are not kept yet, and set the batch size."""
        from lm_eval.models.huggingface import HFLM
        from lm_eval.tasks import TaskManager
        from transformers import AutoTokenizer

        model = self.subject.checkpoints[0]
        with _quietly():
            if self.kept is None:
                self.kept = HFLM(
                    pretrained=load_transformers(self.folder, model.device, model.dtype),
                    tokenizer=AutoTokenizer.from_pretrained(self.folder),
                    add_bos_token=self.add_bos,
                )
                self.manager = TaskManager(
                    include_path=self._include,
                    include_defaults=False,
                    metadata=dict(self.subject.metadata),
                )
        self.kept.batch_size_per_gpu = batch_size


def save(model: CausalModel, folder: Path) -> None:
    """Write a checkpoint in the format of ``transformers``."""
    model.config.save(model.params, folder)


def write_tokenizer(tokenizer: Tokenizer, folder: Path) -> None:
    """Write the tokenizer in the format of ``transformers``, which then adds the leading token itself."""
    folder.mkdir(parents=True, exist_ok=True)
    backend = Backend.from_str(tokenizer.backend.to_str())
    begin = backend.id_to_token(tokenizer.bos_id)
    backend.post_processor = TemplateProcessing(
        single=f"{begin} $A", pair=None, special_tokens=[(begin, tokenizer.bos_id)]
    )
    backend.save(str(folder / "tokenizer.json"))
    names = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": begin,
        "eos_token": backend.id_to_token(tokenizer.eos_id),
        "pad_token": backend.id_to_token(tokenizer.pad_id),
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(names), encoding="utf-8")


def load_transformers(folder: Path, device: torch.device, dtype: torch.dtype) -> Any:
    """The model in a folder, as a ``transformers`` model."""
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder, dtype=dtype).to(device).eval()


@torch.no_grad()
def load_weights(stock: Any, model: CausalModel) -> None:
    """Copy a checkpoint's weights into a ``transformers`` model."""
    named = dict(stock.named_parameters())
    for name, tensor in model.params.items():
        named[name].copy_(tensor)


@torch.inference_mode()
def padded_pass(stock: Any, subject: Subject, documents: int) -> float:
    """Seconds for ``documents`` per task when every sequence is padded to the greatest length.

    One batch per task. Logits are computed at every position, as in the original. Generation uses ``transformers`` on
    prompts padded to the left, as in the original.
    """
    seconds = 0.0
    split = subject.prepared.splits["test"]
    for task in split.tasks:
        units = [split.workload.units[unit] for unit in task.units][:documents]
        started = time.perf_counter()
        _padded_scores(stock, units, subject).tolist()
        if task.task.metric in TEXT_METRICS:
            _padded_generation(stock, units, subject).tolist()
        seconds += time.perf_counter() - started
    return seconds


def _padded_scores(stock: Any, units: list[Unit], subject: Subject) -> torch.Tensor:
    sequences = [one for unit in units for one in unit.continuations]
    ids = torch.full((len(sequences), subject.max_length), subject.tokenizer.pad_id, device=stock.device)
    labels = torch.full_like(ids, -100)
    for row, one in enumerate(sequences):
        ids[row, : len(one.ids)] = ids.new_tensor(one.ids)
        labels[row, one.scored_from : len(one.ids)] = ids.new_tensor(one.ids[one.scored_from :])
    mask = ids != subject.tokenizer.pad_id
    logits = stock(input_ids=ids, attention_mask=mask).logits
    losses = functional.cross_entropy(
        logits[:, :-1].flatten(0, 1).float(), labels[:, 1:].flatten(), reduction="none"
    )
    return losses.view(len(sequences), -1).sum(dim=1)


def _padded_generation(stock: Any, units: list[Unit], subject: Subject) -> torch.Tensor:
    ids = torch.full((len(units), subject.max_length), subject.tokenizer.pad_id, device=stock.device)
    mask = torch.zeros_like(ids)
    for row, unit in enumerate(units):
        ids[row, subject.max_length - len(unit.prompt) :] = ids.new_tensor(unit.prompt)
        mask[row, subject.max_length - len(unit.prompt) :] = 1
    assert units[0].ending is not None
    generated: torch.Tensor = stock.generate(
        input_ids=ids,
        attention_mask=mask,
        max_new_tokens=units[0].ending.new_tokens,
        do_sample=False,
        pad_token_id=subject.tokenizer.pad_id,
    )
    return generated


def _accuracies(results: Any) -> dict[str, float]:
    found = {}
    for task, scores in results["results"].items():
        for metric in ("acc", "f1"):
            if f"{metric},none" in scores:
                found[task] = float(scores[f"{metric},none"])
    return found


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Suppress lm-eval's logs and progress bars."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            yield
        finally:
            logging.disable(before)
