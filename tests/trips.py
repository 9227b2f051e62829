"""Measure the way through the code: `python -m tests.trips`.

Two trips run the real code on a tiny track: A, a text of a corpus to its leaderboard row in `entries.csv` (the stages
`corpus`, `model`, `base`, `posttrain`, `score`), and B, a sample row to its verdict in `comparisons.csv` (one call of
scoring). Imports are done first, by a run that is not counted. The rules:

- A *visit* is a call of a function of `benchmark/`. A call counts the first time that this function is called from that
  one, so that loops over texts, tasks and documents count once. Code that runs inside another function (lambdas,
  comprehensions) belongs to its module and is not counted by itself.
- The trip is the modules of these calls in order. Calls in a row in one module are one *stay*. *Rooms* are the
  different modules, and *returns* the stays in a module that was left before: stays minus rooms.
- A *named form* is a class of `benchmark/` of which a function on the trip is given or returns an instance that holds
  the text: the text, or its `text_id`, is found in its fields, in containers in them, or in forms in them.
"""

import contextlib
import functools
import io
import os
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

DEPTH = 6
LOOKED_AT = 40
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
execution: {workers: 1}
scoring: {resamples: 100, ratio: [1.1, 9.0]}
claims: {corpora: [code], pairs: {tiny: larger}, placebos: [random]}
"""


class Trip:
    """Records calls between functions of one package while it is open."""

    def __init__(self, package: Path, words: Iterable[str]) -> None:
        self.prefix, self.words = f"{package}{os.sep}", frozenset(words)
        self.edges: set[tuple[CodeType | None, CodeType]] = set()
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

    def _caller(self, frame: FrameType) -> CodeType | None:
        """The function of the package that this call comes from, whatever library stands between."""
        above = frame.f_back
        while above is not None:
            code = above.f_code
            if code.co_filename.startswith(self.prefix) and not code.co_name.startswith("<"):
                return code
            above = above.f_back
        return None

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
        found = [self._holds(item, depth - 1, seen) for item in inner[:2000]]
        if own and any(found):
            self.forms.add(f"{type(value).__module__}.{type(value).__qualname__}")
        return any(found)

    def stays(self) -> list[str]:
        """The modules in the order in which they were entered."""
        return [
            name for place, name in enumerate(self.modules) if place == 0 or self.modules[place - 1] != name
        ]

    def report(self, name: str) -> str:
        """Figures, forms and stays as text."""
        stays = self.stays()
        rooms = list(dict.fromkeys(stays))
        often = sorted(((stays.count(room), room) for room in rooms), reverse=True)[:12]
        lines = [
            f"{name}: {len(stays)} stays in {len(rooms)} rooms, {len(stays) - len(rooms)} returns, "
            f"{len(self.forms)} named forms",
            f"  most visited: {', '.join(f'{room} {count}' for count, room in often)}",
            f"  forms: {', '.join(sorted(self.forms))}",
        ]
        if "--all" in sys.argv:
            lines.append("  " + " > ".join(stays))
        return "\n".join(lines)


def _is_property(frame: FrameType) -> bool:
    """Whether the call reads a property, which its reader cannot tell from a field."""
    code = frame.f_code
    own = frame.f_locals.get(code.co_varnames[0]) if code.co_argcount == 1 else None
    return isinstance(getattr(type(own), code.co_name, None), property | functools.cached_property)


def _strings(table: pa.Table) -> list[str]:
    names = [field.name for field in table.schema if pa.types.is_string(field.type)]
    return [item for name in names for item in table.column(name).unique().to_pylist() if item is not None]


def measured(package: Path, words: Iterable[str], run: Callable[[], None]) -> Trip:
    """The trip of the second of two runs."""
    with contextlib.redirect_stdout(io.StringIO()):
        run()
        with Trip(package, words) as trip:
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


def trip_b(package: Path) -> Trip:
    """A sample row to its verdict."""
    try:
        from benchmark.results.score_track import run_score
    except ImportError:
        from benchmark.scoring.score import run_score  # type: ignore[no-redef]
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
            package, ["code-0"], lambda: run_score([samples], models, Path(folder) / "out", runs=records)
        )


def trip_a(package: Path) -> Trip:
    """A text of a corpus to its row of `entries.csv`."""
    from benchmark.models.micro_training import micro_tokenizer  # noqa: F401
    from benchmark.pipeline import stages

    raise NotImplementedError(stages)


def main() -> None:
    """Print both trips."""
    import benchmark

    package = Path(next(iter(benchmark.__path__))).resolve()
    print(trip_b(package).report("B, a sample row to its verdict"), flush=True)


if __name__ == "__main__":
    main()
