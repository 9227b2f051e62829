"""Measure the way through the code: `python -m tests.trips`; `--all` prints the stays too, `--b` trip B only.

For another layout: `PYTHONPATH=ITS_ROOT python -P tests/trips.py`.

Two trips run the real code on a tiny track: A, a text of a corpus to its leaderboard row in `entries.csv` (the stages
`corpus`, `model`, `base`, `posttrain`, `score`), and B, a sample row to its verdict in `comparisons.csv` (one call of
scoring). Imports are done first, by a run that is not counted. The rules:

- A *visit* is the first call of a function of `benchmark/`; a function is read once, so that loops and later calls do
  not count. Reading a property counts as reading a field. Lambdas belong to the function around them.
- The trip is the modules of these calls in order. Calls in a row in one module are one *stay*, the different modules
  are the *rooms*, and stays minus rooms are the *returns*. The second line leaves out the
  arithmetic core (arrays in, arrays out: CORE), which every room may call.
- A *named form* is a data class, named tuple or pydantic model of `benchmark/` of which a function on the trip is given
  or returns an instance that holds the text: the text or its `text_id` is in its fields, in containers in them, or in
  other objects in them.
"""

import contextlib
import functools
import importlib
import io
import itertools
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

CORE = {
    *("design", "crossed", "contrast", "fieller", "multiplicity", "aggregates", "effective_size"),
    *("interquartile", "sign_test", "rank_correlation", "best_step", "textbook", "power"),
    # what follows are the names of before
    *("layout", "inference", "resampling", "signs", "familiarity"),
}
DEPTH = 6
LOOKED_AT = 10
"""Calls of one function whose arguments and results are looked into."""
PARAMS = """
track: {name: tiny, root: ., params: params.yaml}
models:
  tiny: {kind: micro, tokens: 20000, hidden: 16, layers: 1, heads: 2, ffn: 32}
  larger: {kind: micro, role: baseline, tokens: 20000, hidden: 40, layers: 1, heads: 2, ffn: 80}
corpora: {code: {kind: micro, part: code, texts: 3}}
arms: {gap: {kind: ascent}, random: {kind: random}}
posttrain: {learning_rate: 1.0e-3, max_steps: 2}
evaluation: {suite: micro12, documents: 12, select_documents: 12, base_documents: 12}
execution: {workers: 1, arithmetic: native}
scoring: {resamples: 100, ratio: [1.1, 9.0]}
claims: {corpora: [code], pairs: {tiny: larger}, placebos: [random]}
"""


class Trip:
    """Records calls between functions of one package while it is open."""

    def __init__(self, package: Path, words: Iterable[str]) -> None:
        self.prefix, self.words = f"{package}{os.sep}", frozenset(words)
        self.modules: list[str] = []
        self.forms: set[str] = set()
        self.calls: dict[CodeType, int] = {}

    def __enter__(self) -> "Trip":
        sys.setprofile(self._event)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _event(self, frame: FrameType, event: str, value: Any) -> None:
        code = frame.f_code
        if event not in ("call", "return") or not code.co_filename.startswith(self.prefix):
            return
        if (
            code.co_name.startswith("<") or not code.co_flags & 2
        ):  # CO_NEWLOCALS: neither module nor class body
            return
        if event == "return":
            self._look(code, [value])
            return
        self.calls[code] = self.calls.get(code, 0) + 1
        if _is_property(frame):
            return
        if self.calls[code] == 1:
            self.modules.append(code.co_filename.removeprefix(self.prefix).removesuffix(".py"))
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        self._look(code, [frame.f_locals.get(name) for name in names])

    def _look(self, code: CodeType, values: list[Any]) -> None:
        if self.calls.get(code, 0) <= LOOKED_AT:
            for value in values:
                self._holds(value, DEPTH, set())

    def _holds(self, value: Any, depth: int, seen: set[int]) -> bool:
        """Whether the text is found in a value; notes each class of the package in which it is."""
        if isinstance(value, str):
            return value in self.words
        if depth == 0 or id(value) in seen or value is None or isinstance(value, int | float | bytes | type):
            return False
        seen.add(id(value))
        if isinstance(value, pa.Table):
            return any(self._holds(name, 1, seen) for name in _strings(value))
        own = type(value).__module__.startswith("benchmark.")
        inner: list[Any] = []
        if isinstance(value, dict):
            inner = [*value.keys(), *value.values()]
        elif isinstance(value, list | tuple | set | frozenset):
            inner = list(value)
        if own and hasattr(value, "__dict__"):
            inner += list(vars(value).values())
        found = [self._holds(item, depth - 1, seen) for item in inner[:200]]
        if own and any(found) and _is_form(type(value)):
            self.forms.add(f"{type(value).__module__}.{type(value).__qualname__}")
        return any(found)

    def report(self, name: str) -> str:
        """Figures and forms as text; with `--all` the stays too."""
        outside = [module for module in self.modules if module.rpartition("/")[2] not in CORE]
        lines = [f"{name}: {_figures(self.modules)}, {len(self.forms)} named forms"]
        lines += [
            f"  without the arithmetic core: {_figures(outside)}",
            f"  forms: {', '.join(sorted(self.forms))}",
        ]
        if "--all" in sys.argv:
            lines.append("  " + " > ".join(module for module, _ in itertools.groupby(self.modules)))
        return "\n".join(lines)


def _figures(modules: list[str]) -> str:
    stays, rooms = len(list(itertools.groupby(modules))), len(set(modules))
    return f"{stays} stays in {rooms} rooms, {stays - rooms} returns"


def _is_property(frame: FrameType) -> bool:
    """Whether the call reads a property, which its reader cannot tell from a field."""
    code = frame.f_code
    own = frame.f_locals.get(code.co_varnames[0]) if code.co_argcount == 1 else None
    return isinstance(getattr(type(own), code.co_name, None), property | functools.cached_property)


def _is_form(kind: type) -> bool:
    """Whether a class is a data class, a named tuple or a pydantic model."""
    return any(hasattr(kind, name) for name in ("__dataclass_fields__", "_fields", "model_fields"))


def _strings(table: pa.Table) -> list[str]:
    names = [field.name for field in table.schema if pa.types.is_string(field.type)]
    return [item for name in names for item in table.column(name).unique().to_pylist() if item is not None]


def measured(package: Path, run: Callable[[], None], words: Callable[[], Iterable[str]]) -> Trip:
    """The trip of the second of two runs, in which nothing is imported any more."""
    with contextlib.redirect_stdout(io.StringIO()):
        run()
        with Trip(package, words()) as trip:
            run()
    return trip


def sample_rows() -> pd.DataFrame:
    """Two base models, and a treatment and a control on three texts, two steps each."""
    rng = np.random.default_rng(0)
    parts = []
    for split, first in (("select", 0), ("test", 100)):
        for task, family, metric in (("arc", "classification", "acc"), ("chat", "dialogue", "f1")):
            documents = pd.DataFrame({"doc_id": first + np.arange(20)})
            parts.append(documents.assign(split=split, task=task, family=family, metric=metric))
    documents = pd.concat(parts)
    keys = [(model, "none", "none", "-", 0) for model in ("tiny", "larger")]
    keys += [
        ("tiny", arm, "code", f"code-{n}", step)
        for arm in ("gap", "random")
        for n in range(3)
        for step in (1, 2)
    ]
    rows = [
        documents.assign(
            track="t", model=model, arm=arm, corpus=corpus, text_id=text, seed=0, step=step, draw=0,
            value=(rng.random(len(documents)) < (0.7 if model == "larger" else 0.5)).astype(float),
        )
        for model, arm, corpus, text, step in keys
    ]  # fmt: skip
    return pd.concat(rows)


def imported(*names: str) -> Any:
    """The first of these modules that the layout has."""
    for name in names[:-1]:
        with contextlib.suppress(ModuleNotFoundError):
            return importlib.import_module(name)
    return importlib.import_module(names[-1])


def trip_b(package: Path) -> Trip:
    """A sample row to its verdict."""
    run_score = imported("benchmark.results.score_track", "benchmark.scoring.score").run_score
    with tempfile.TemporaryDirectory() as folder:
        samples = Path(folder) / "samples.parquet"
        sample_rows().to_parquet(samples)
        models = {
            name: {"parameters": size, "ladder": "l"} for name, size in (("tiny", 1000), ("larger", 2500))
        }
        records = [
            {"model": "tiny", "arm": arm, "corpus": "code", "text_id": f"code-{n}", "seed": 0, "steps": []}
            for arm in ("gap", "random")
            for n in range(3)
        ]
        return measured(
            package,
            lambda: run_score([samples], models, Path(folder) / "out", runs=records),
            lambda: ["code-0"],
        )


def trip_a(package: Path) -> Trip:
    """A text of a corpus to its row of `entries.csv`; the models were made and scored before."""
    stages = imported("benchmark.pipeline.stages")
    with tempfile.TemporaryDirectory() as folder:
        params, work = Path(folder) / "params.yaml", Path(folder) / ".gapbench"
        params.write_text(PARAMS, encoding="utf-8")
        (work / "cache").mkdir(parents=True)
        imported("benchmark.models.micro_training", "benchmark.models.micro").micro_tokenizer(work / "cache")
        with contextlib.redirect_stdout(io.StringIO()):
            for model in ("tiny", "larger"):
                stages.model(params, model)
                stages.base(params, model)

        def carry() -> None:
            shutil.rmtree(work / "journal", ignore_errors=True)
            stages.corpus(params, "code")
            for model in ("tiny", "larger"):
                stages.posttrain(params, model, "code")
            stages.score(params)

        def words() -> list[str]:
            table = pd.read_parquet(Path(folder) / "data" / "tiny" / "corpora" / "code" / "texts.parquet")
            return table.loc[0, ["text_id", "text"]].tolist()

        return measured(package, carry, words)


def main() -> None:
    """Print both trips."""
    import benchmark

    package = Path(next(iter(benchmark.__path__))).resolve()
    print(trip_b(package).report("B, a sample row to its verdict"), flush=True)
    if "--b" not in sys.argv:
        print(trip_a(package).report("A, a text to its leaderboard row"), flush=True)


if __name__ == "__main__":
    main()
