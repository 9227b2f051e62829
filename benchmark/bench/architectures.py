"""Models over `transformers`: this engine beside their bare forward pass and stock lm-eval, in either arithmetic.

One process computes portably and one natively, and both keep their models. The parent asks them in turn for one
measurement at a time, so all sides see the same machine. Seconds are CPU time of the process, which has one thread:
other work on the machine counts less than in wall time.
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Self

from benchmark.arithmetic import mode
from benchmark.bench.bench_rows import Row, at_least, at_most, counted, overhead, speedup, table
from benchmark.errors import InputError
from benchmark.system.files import write_json

ARITHMETICS = ("portable", "native")
TURNS = 3
DOCUMENTS = 16
"""Per task."""
LEAST = {"smollm2": 3}
"""How many times faster than lm-eval, where that is not twice."""
MAX_LENGTH = 512
DISTANCES = {"gpt_neox": 2.5e-5, "llama": 3e-4, "smollm2": 0.0}
"""Of the checkpoint from its model, in every weight: such that the share of texts that are those of the model is as in
runs of the micro track, .71 to .89 (PERFORMANCE). The row `texts_as_drafted` shows the share."""
SIZES = {
    "hidden_size": 384,
    "num_hidden_layers": 6,
    "num_attention_heads": 6,
    "max_position_embeddings": 2048,
    "tie_word_embeddings": True,
    "bos_token_id": 2,
    "eos_token_id": 2,
    "pad_token_id": 1,
}
SHAPES: dict[str, dict[str, Any]] = {
    "gpt_neox": SIZES | {"model_type": "gpt_neox", "intermediate_size": 1536, "hidden_act": "gelu"},
    "llama": SIZES | {"model_type": "llama", "intermediate_size": 1024, "num_key_value_heads": 2},
}
"""30 and 29 million weights, 19 of them in the embedding of OPT's tokens; the second has three heads per group."""
CHOICE_FAMILY = "classification"
"""The family of gap12 on which SmolLM2 is measured: all eight tasks whose answers are choices."""
UNIT = "s of CPU per checkpoint"


def run_architectures(names: list[str], folder: Path | None, documents: int | None, out: Path | None) -> int:
    """Measure the models of these `names`, print a table, write `architectures.json` into `out` if given.

    `folder`: SmolLM2-135M, for the name `smollm2`. `documents` per task (default: DOCUMENTS). Figures of other models
    that the same CPU gave stay in the file. Returns 0 where every bound holds, otherwise 1. Needs gap12's data.
    """
    rows: dict[str, Row] = {}
    for name in names:
        found = model_rows(name, folder if name == "smollm2" else None, documents or DOCUMENTS)
        if out is not None:
            keep(found, name, out / "architectures.json")
        rows |= found
    print(f"{cpu_name()}, one thread\n{table(rows)}")
    missed = [name for name, row in rows.items() if not row.holds]
    if missed:
        print(f"missed: {', '.join(missed)}", file=sys.stderr)
    return 1 if missed else 0


def cpu_name() -> str:
    """What the CPU calls itself, with its family and model: kinds as unlike as Zen 3 and Zen 5 may share a name."""
    facts = mode.cpu_facts()
    kind = [f"{key.removeprefix('cpu ')} {facts[key]}" for key in ("cpu family", "model") if key in facts]
    return ", ".join([facts.get("model name", "unknown CPU"), *kind])


def keep(rows: Mapping[str, Row], name: str, path: Path) -> None:
    """Write the rows of one model, beside those of others that the same CPU gave."""
    before = json.loads(path.read_bytes()) if path.is_file() else {"cpu": None, "rows": {}}
    others = before["rows"] if before["cpu"] == cpu_name() else {}
    kept = {key: row for key, row in others.items() if not key.startswith(f"{name}/")}
    kept |= {key: row.to_json() for key, row in rows.items()}
    write_json(path, {"cpu": cpu_name(), "rows": kept})


def model_rows(name: str, folder: Path | None, documents: int) -> dict[str, Row]:
    """Rows of one model."""
    kinds = ARITHMETICS if mode.missing() is None else ("native",)
    seconds: dict[str, list[float]] = {}
    with contextlib.ExitStack() as stack:
        _say(f"{name}: preparing")
        sides = {kind: stack.enter_context(Side.started(kind, name, folder, documents)) for kind in kinds}
        native = sides["native"]
        by_size = {size: native.ask(f"stock {size}") for size in native.facts["sizes"]}
        best = min(by_size, key=lambda size: by_size[size])
        _say(f"{name}: lm-eval at its best (batch size {best}): {by_size[best]:.1f} s")
        differing, of = native.ask("differing")
        for turn in range(TURNS):
            for what in ("engine", "floor", f"stock {best}"):
                for kind, side in sides.items():
                    seconds.setdefault(f"{kind} {what.split()[0]}", []).append(side.ask(what))
            taken = ", ".join(f"{key} {one[-1]:.1f} s" for key, one in seconds.items())
            _say(f"{name}: turn {turn + 1} of {TURNS}: {taken}")
    facts, least = native.facts, LEAST.get(name, 2)
    rows = {
        f"{name}/positions": counted(facts["pushed"], facts["needed"], "positions", at_most(1.1)),
        f"{name}/accuracies_that_differ": counted(differing, of, "documents", at_most(0.03)),
    }
    equal, written = facts["drafted"]
    if written:
        rows[f"{name}/texts_as_drafted"] = counted(equal, written, "texts")
    for kind in kinds:
        ours, floor, theirs = (seconds[f"{kind} {what}"] for what in ("engine", "floor", "stock"))
        row = speedup(ours, theirs, UNIT, at_least(least))
        counts = facts["flops"]
        rows |= {
            f"{name}/{kind}/floor": overhead(ours, floor, UNIT, at_most(1.4)),
            f"{name}/{kind}/lm_eval_at_best": row,
            f"{name}/{kind}/share_of_counted_flops": Row(
                row.ratio, counts, row.ratio / counts, row.spread / counts, "ratio of times, of FLOPs"
            ),
        }
    if "portable" in sides:
        rows[f"{name}/portable/native_lm_eval"] = speedup(
            seconds["portable engine"], seconds["native stock"], UNIT, at_least(least)
        )
    return rows


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


@dataclass
class Side:
    """A process with one arithmetic and one model; `facts` are what it counted."""

    process: "subprocess.Popen[str]"
    facts: dict[str, Any]

    @classmethod
    @contextlib.contextmanager
    def started(cls, arithmetic: str, name: str, folder: Path | None, documents: int) -> Iterator[Self]:
        """Start it and wait until it is ready."""
        given = {key: value for key, value in os.environ.items() if not key.startswith(mode.FAMILIES)}
        arguments = [arithmetic, name, str(documents), str(folder or "")]
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmark.bench.architectures", *arguments],
            env=given | {"TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            side = cls(process, {})
            side.facts = side._answer()
            yield side
        finally:
            process.kill()
            process.wait()

    def ask(self, what: str) -> Any:
        """Seconds of CPU of one more measurement, or its result."""
        assert self.process.stdin is not None
        self.process.stdin.write(what + "\n")
        self.process.stdin.flush()
        return self._answer()

    def _answer(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise InputError("a process of the benchmark has ended: its message stands above")
        return json.loads(line)


def serve(arithmetic: str, name: str, documents: str, folder: str) -> None:
    """What a side's process does: prepares, then answers each line of its input with a time or a result."""
    answers = os.fdopen(os.dup(1), "w")
    sys.stdout = sys.stderr  # lm-eval and its data sets print
    mode.use("native" if arithmetic == "native" else "portable")
    from benchmark.arithmetic.single_thread import compute_alone

    compute_alone()
    with tempfile.TemporaryDirectory() as room:
        try:
            facts, work = prepared(name, int(documents), Path(folder) if folder else None, Path(room))
        except InputError as error:
            sys.exit(f"error: {error}")
        print(json.dumps(facts), file=answers, flush=True)
        for line in sys.stdin:
            what, *given = line.split()
            started = time.process_time()
            result = work[what](*map(int, given))
            seconds = time.process_time() - started
            print(json.dumps(result if what == "differing" else seconds), file=answers, flush=True)


def prepared(
    name: str, documents: int, given: Path | None, room: Path
) -> tuple[dict[str, Any], Mapping[str, Callable[..., object]]]:
    """What is counted of a model's work; three ways of doing it, and the documents on which two of them differ."""
    import torch

    from benchmark.bench.counting import needed, one_sequence_a_choice
    from benchmark.bench.floor import floor_batches
    from benchmark.bench.speed_ratio import agreement, drafted, score
    from benchmark.bench.stock import BATCH_SIZES, Stock
    from benchmark.bench.subjects import BATCH_TOKENS, bench_suite, subject_of
    from benchmark.doctor.architecture_trials import write_drawn
    from benchmark.evaluation.prepare import prepare
    from benchmark.models.any_architecture.architecture import TransformersArchitecture
    from benchmark.models.any_architecture.portable_module import make_portable
    from benchmark.models.causal_model import CausalModel
    from benchmark.models.model_folders import load_model
    from benchmark.models.tokenizer import Tokenizer
    from benchmark.public_data.public_files import locate

    if given is None:
        files = locate("tokenizer/opt/gpt2-vocab.json"), locate("tokenizer/opt/gpt2-merges.txt")
        tokenizer = Tokenizer.from_files(*files)
        write_drawn(SHAPES[name] | {"vocab_size": tokenizer.n_tokens}, room, scale=0.02)
        suite = bench_suite("gap12", "paper")
    else:
        tokenizer = Tokenizer.from_folder(given)
        whole_suite = bench_suite("gap12", "paper")
        suite = replace(
            whole_suite, tasks=tuple(one for one in whole_suite.tasks if one.family == CHOICE_FAMILY)
        )
    base = load_model(given or room, vocab_rows=tokenizer.n_rows)
    assert isinstance(base.config, TransformersArchitecture)
    generator = torch.Generator().manual_seed(1)
    moved = {
        key: tensor + DISTANCES[name] * torch.randn(tensor.shape, generator=generator)
        for key, tensor in base.params.items()
    }
    model = CausalModel(base.config, moved)
    subject = subject_of(
        name, suite, "paper", tokenizer, (base, model), max_length=MAX_LENGTH, documents=documents
    )
    positions = base.config.max_position_embeddings
    whole = prepare(suite, tokenizer, max_length=MAX_LENGTH, positions=positions, batch_tokens=BATCH_TOKENS)
    stock = Stock.of(subject, room) if given is None else Stock(subject, given, add_bos=None)
    stock.keep(BATCH_SIZES[0])
    make_portable(stock.kept.model)
    module = base.config.module
    mine, theirs = (flops_of(count(subject.prepared), module) for count in (needed, one_sequence_a_choice))
    batches = floor_batches(subject.prepared, model)
    texts = drafted(subject)
    accuracies: dict[str, float] = {}

    def differing() -> list[float]:
        row = agreement(subject, accuracies)
        return [row.ours, row.peer]

    facts = {
        "pushed": whole.positions_pushed,
        "needed": whole.positions_needed,
        "flops": theirs / mine,
        "sizes": stock.sizes(),
        "drafted": [texts.ours, texts.peer],
    }
    return facts, {
        "engine": partial(score, subject, 0),
        "floor": partial(bare_pass, model, batches),
        "stock": lambda size: accuracies.update(stock.at_its_best(0, size)[1]),
        "differing": differing,
    }


def bare_pass(model: Any, batches: Any) -> float:
    """`floor_pass` with the forward of `transformers`: hidden states of plain sequences, logits where they are read."""
    import torch

    module = model.config.module
    model.config.bind(model.params, model)
    head = module.get_output_embeddings()
    total = 0.0
    with torch.inference_mode():
        for batch in batches:
            hidden = module.base_model(input_ids=batch.ids, use_cache=False).last_hidden_state
            for rows in hidden.flatten(0, 1)[batch.read].split(128):
                total += float(torch.log_softmax(head(rows), -1)[:, 0].double().sum())
    return total


def flops_of(count: Any, module: Any) -> float:
    """FLOPs of a pass: 2 a weight and position in linear layers and head, 4 a channel and pair in attention."""
    from torch import nn

    head = module.get_output_embeddings()
    linears = [layer for layer in module.modules() if isinstance(layer, nn.Linear) and layer is not head]
    body = sum(layer.weight.numel() for layer in linears)
    channels = module.config.num_hidden_layers * module.config.hidden_size
    return float(
        2 * body * count.positions + 4 * channels * count.pairs + 2 * head.weight.numel() * count.logits
    )


if __name__ == "__main__":  # one process of `Side`
    serve(*sys.argv[1:])
