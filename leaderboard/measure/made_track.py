"""A made-up results folder of any size for tests and timings of the pages: drawn samples, scored by the real code.

Base models rise in skill with their size, and each treatment raises or lowers it by a known amount. The tables are
written by `benchmark.results.score_track`; only data that no score depends on (texts, draws, provenance) are invented.
"""

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmark.pipeline.score_stage import selected_documents
from benchmark.results.result_files import write_csv
from benchmark.results.score_track import run_score
from benchmark.schema.result_columns import DRAWS
from benchmark.schema.stored_columns import NO_ARM, NO_TEXT, SAMPLES, TEXTS
from benchmark.settings.scoring_rules import Claims
from benchmark.settings.scoring_settings import FEWEST_UNITS, ScoringSettings
from benchmark.statistics.design import Floats
from benchmark.system.files import write_json
from benchmark.tasks.family_words import family_labels

CHOICE_TASKS = ("cause", "completion", "counting", "passage", "physical", "pronoun", "science", "sums")
DIALOGUE_TASKS = ("empathy", "encyclopedia", "internet", "persona")
TASKS = {name: {"family": "classification", "metric": "acc", "chance": 0.5} for name in CHOICE_TASKS}
TASKS |= {name: {"family": "dialogue", "metric": "f1", "chance": 0.0} for name in DIALOGUE_TASKS}
SIZES = {"micro-70k": 70_144, "micro-200k": 201_472, "micro-600k": 612_864, "micro-1500k": 1_534_976}
WEAKEST, STRONGEST_MODEL = 0.40, 0.70
"""Skill of the smallest and of the largest model."""
GAIN = {"gap": 0.03, "soup": 0.03, "descent": -0.03, "lessons": 0.2, "gap-lr1e-3": -0.2}
"""The skill that a treatment adds; other arms add nothing."""
TREATMENTS, PLACEBOS = ("gap", "soup"), ("random", "shuffled")
STRONGEST = 3
"""Factor of the treatment's effect on texts of the first corpus; on those of the last it is 0."""
ANSWERS = (
    "<script>document.title='owned'</script>",
    "**bold** :material/home: $x^2$",
    "=cmd|' /C calc'!A0",
    "\u0645\u0631\u062d\u0628\u0627 \u202e gnp.exe",
    "\U0001f642" * 40,
)
"""Hostile answers, one for each of the first documents of a task."""
CHECKPOINT = ["model", "draw", "arm", "corpus", "text_id", "seed", "step"]


@dataclass(frozen=True)
class MadeTrack:
    """How much to make. Each task has `documents` in each split; those shown are repeated `copies` times."""

    track: str = "micro"
    suite_version: str = "micro12@1"
    tasks: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: TASKS)
    """Family, metric and chance by task, in the suite's order."""
    sizes: Mapping[str, int] = field(default_factory=lambda: SIZES)
    """All models by rising size; those in `models` are treated."""
    treatments: tuple[str, ...] = TREATMENTS
    texts: int = 6
    steps: int = 3
    documents: int = 20
    draws: int = 6
    """Pretraining draws; the last of several is a kept one, and one more is refused."""
    arms: tuple[str, ...] = ("gap", "descent", *PLACEBOS)
    models: tuple[str, ...] = ("micro-70k", "micro-200k")
    corpora: tuple[str, ...] = ("code", "seen", "unseen")
    controls_hold: bool | None = True
    """Whether C0 holds; None for a study without controls."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Other spellings of models, arms and corpora."""
    copies: int = 1

    def write(self, folder: Path) -> Path:
        """Write `folder/<track>/`, the same bytes for the same track; returns that folder."""
        out = folder / self.track
        records = [self._record(*run) for run in self._runs()]
        entries = dict.fromkeys((r["model"], r["arm"], r["corpus"]) for r in records)
        states = ("self-reported", "reproduced", "flagged") * len(entries)
        with tempfile.TemporaryDirectory() as scratch:
            paths = [self._samples(model, records, Path(scratch)) for model in self.sizes]
            run_score(
                paths,
                {
                    self._named(name): {"parameters": size, "ladder": "made"}
                    for name, size in self.sizes.items()
                },
                out,
                tasks=self.tasks,
                runs=records,
                settings=self._settings(),
                verification=dict(zip(entries, states, strict=False)),
                overlap=dict.fromkeys(map(self._named, self.corpora), 0.013),
            )
            runs = pd.read_csv(out / "runs.csv")[[*CHECKPOINT[:-1], "selected_step"]]
            selected = set(runs.itertuples(index=False, name=None))
            self._write_documents(out / "documents.parquet", selected_documents(paths, selected))
        self._write_facts(out, pd.DataFrame(records))
        return out

    def _named(self, name: str) -> str:
        return self.names.get(name, name)

    def _runs(self) -> Iterator[tuple[str, str, str, int]]:
        yield from product(self.models, self.arms, self.corpora, range(self.texts))
        if self.controls_hold is not None:
            yield from product(
                self.models[:1], ("lessons", "gap-lr1e-3"), self.corpora[:1], range(self.texts)
            )

    def _record(self, model: str, arm: str, corpus: str, index: int) -> dict[str, Any]:
        """What a run's `run.json` holds; `skill` is what its treatment adds at the last step."""
        place = self.corpora.index(corpus)
        share = [STRONGEST, *[1] * (len(self.corpora) - 2), 0][place] if arm in self.treatments else 1
        failing = arm == "gap-lr1e-3" and not self.controls_hold
        steps = range(self.steps + 1)
        key: dict[str, Any] = {
            "model": self._named(model),
            "arm": self._named(arm),
            "corpus": self._named(corpus),
        }
        key |= {"text_id": f"{self._named(corpus)}-{index:04d}", "seed": 0, "draw": index % self.draws}
        return key | {
            "track": self.track,
            "suite_version": self.suite_version,
            "index": index,
            "skipped_steps": 0,
            "stopped_at": self.steps,
            "stop_reason": "diverged" if arm == "random" and index == 3 else "max_steps",
            "corpus_loss": 2.0 + place,
            "steps": [{"step": n, "loss": 3 + 0.1 * index + 0.2 * n, "distance": 0.02 * n} for n in steps],
            "settings": {
                "arm": {"kind": "ascent" if arm in self.treatments or arm.startswith("gap") else arm},
                "posttrain": {"learning_rate": 1e-3 if arm == "gap-lr1e-3" else 5e-5},
            },
            "skill": 0 if failing else share * GAIN.get(arm, 0.01 if arm in self.treatments else 0.0),
            "own": model,
        }

    def _settings(self) -> ScoringSettings:
        model, larger = map(self._named, self.models[:2])
        corpora = [*map(self._named, self.corpora)]
        treated = [self._named(arm) for arm in self.arms if arm in self.treatments]
        controls: dict[str, Any] = {
            name: {"model": model, "arm": self._named(arm), "corpus": corpora[0]}
            for name, arm in (("positive", "lessons"), ("negative", "gap-lr1e-3"), ("placebo", "random"))
        }
        if self.draws >= 2 * FEWEST_UNITS:
            controls |= {"same": larger, "next_rung": {"model": model, "larger": larger}}
        larger_by = 1 if len(self.sizes) < 2 * len(SIZES) else len(SIZES)
        pairs = zip(self.sizes, [*self.sizes][larger_by:], strict=False)
        families = dict.fromkeys(str(facts["family"]) for facts in self.tasks.values())
        return ScoringSettings(
            resamples=100,
            families=family_labels(self.suite_version, families),
            treatments=tuple(treated),
            controls=dict.fromkeys(treated, tuple(map(self._named, ("descent", *PLACEBOS)))),
            claims=Claims.model_validate(
                {
                    "arm": treated[0],
                    "corpora": corpora,
                    "target_corpus": corpora[0],
                    "placebos": [*map(self._named, PLACEBOS)],
                    "pairs": {
                        self._named(own): self._named(other) for own, other in pairs if own in self.models
                    },
                    "controls": controls if self.controls_hold is not None else {},
                    "not_testable": {"C3": "every corpus was trained on"},
                }
            ),
        )

    def _samples(self, model: str, records: list[dict[str, Any]], folder: Path) -> Path:
        """All rows of one model as a Parquet file: its base model's draws, then each step of its runs."""
        place = [*self.sizes].index(model)
        rng = np.random.default_rng(place)
        base: dict[str, Any] = {"track": self.track, "model": self._named(model)}
        base |= {"arm": NO_ARM, "corpus": NO_ARM}
        base |= {"text_id": NO_TEXT, "seed": 0, "step": 0, "skill": 0.0}
        rows = [base | {"draw": draw} for draw in range(self.draws)]
        for record in records:
            if record["own"] == model:
                skill, steps = record["skill"] + rng.normal(0, 0.004), range(1, self.steps + 1)
                rows += [record | {"step": n, "skill": skill * n / self.steps} for n in steps]
        keys = pd.DataFrame(rows, columns=["track", *CHECKPOINT, "skill"])
        skill = round(float(np.linspace(WEAKEST, STRONGEST_MODEL, len(self.sizes))[place]), 6)
        skills = skill + rng.normal(0, 0.004, self.draws)[keys["draw"]] + keys.pop("skill").to_numpy()
        tables = [
            self._rows(keys, skills, task, split, rng) for task in self.tasks for split in ("select", "test")
        ]
        frame = pd.concat(tables, ignore_index=True).reindex(columns=SAMPLES.names)
        frame = frame.astype({"choice_logprobs": object})
        path = folder / f"{model}.parquet"
        pq.write_table(pa.Table.from_pandas(frame, schema=SAMPLES, preserve_index=False), path)
        return path

    def _rows(
        self, keys: pd.DataFrame, skills: Floats, task: str, split: str, rng: np.random.Generator
    ) -> pd.DataFrame:
        """Rows of all checkpoints (`skills` [checkpoints]) on the documents of one task and split."""
        facts, size = self.tasks[task], (len(keys), self.documents)
        difficulty = np.random.default_rng([*task.encode(), split == "test"]).random(self.documents)
        margin = skills[:, None] - difficulty + rng.uniform(-0.05, 0.05, size)
        right = np.array([f"the answer {number}" for number in range(self.documents)])
        values = (margin > 0).astype(float) if facts["metric"] == "acc" else np.round(0.4 + 0.3 * margin, 3)
        said = np.where(values == 1, right, "another answer").astype(object)
        said[:, : len(ANSWERS)] = ANSWERS[: self.documents]
        columns: dict[str, Any] = {
            name: np.repeat(keys[name].to_numpy(), self.documents) for name in keys.columns
        }
        columns |= {"task": task, "split": split, "family": facts["family"], "metric": facts["metric"]}
        columns |= {
            "doc_id": np.tile(2 * np.arange(self.documents) + (split == "test"), len(keys)),
            "value": values.ravel(),
            "probability": np.round(0.5 + 0.4 * margin, 4).ravel(),
            "prediction": said.ravel(),
            "target": np.tile(right, len(keys)),
        }
        return pd.DataFrame(columns)

    def _write_documents(self, path: Path, shown: pa.Table) -> None:
        """The rows of `shown`, as often as there are `copies`, each with document numbers of its own."""
        place = shown.schema.get_field_index("doc_id")
        with pq.ParquetWriter(path, shown.schema, compression="zstd") as writer:
            for task in sorted(self.tasks):
                rows = shown.filter(pc.field("task") == task)
                for copy in range(self.copies):
                    numbers = pc.add(rows.column(place), 2 * self.documents * copy)
                    writer.write_table(rows.set_column(place, "doc_id", numbers))

    def _write_facts(self, out: Path, runs: pd.DataFrame) -> None:
        """The data that no score depends on: draws, texts, corpora and provenance."""
        texts = runs[["corpus", "index", "text_id"]].drop_duplicates()
        lines = [f"def run_{row.index}():\n    return '<b>{row.corpus}</b>'\n" for row in texts.itertuples()]
        pq.write_table(
            pa.Table.from_pandas(texts.assign(text=lines), TEXTS, preserve_index=False), out / "texts.parquet"
        )
        corpora = [
            {"corpus": name, "texts": self.texts, "overlap": 0.013} for name in texts["corpus"].unique()
        ]
        write_json(out / "corpora.json", corpora)
        origins = (
            ["trained"] * self.draws
            if self.draws == 1
            else ["trained"] * (self.draws - 1) + ["kept", "refused"]
        )
        draws = [
            {"track": self.track, "model": self._named(model), "draw": draw, "origin": origin}
            | {"reason": "other settings" if origin == "refused" else "", "weights_sha256": f"{draw:064x}"}
            for model in self.sizes
            for draw, origin in enumerate(origins)
        ]
        write_csv(out / "draws.csv", draws, DRAWS)
        models = [*map(self._named, self.sizes)]
        check = {
            "seed": 271_828,
            "model": models[0],
            "draw": 1,
            "agrees": True,
            "outcome": "the same weights",
        }
        provenance = {
            "revision": "0" * 40,
            "packages": {"torch": "2.13.0", "lm-eval": "0.4.13"},
            "hardware": {"cpu": "made up", "cores": 2},
            "wall_seconds": {"posttrain": 412.0, "score": 31.5},
            "keys": {f"model:{name}": f"{place:064x}" for place, name in enumerate(models)},
            "written": "2024-05-01T12:00:00Z",
            "kept_draw_check": check,
        }
        write_json(out / "provenance.json", provenance)


FAMILIES = {"knowledge": 14, "reasoning": 13, "reading-comprehension": 12, "code": 10, "open-answers": 8}
"""Families of a wide track and their tasks; `open-answers` are written, the others chosen."""


def wide_track(track: str = "wide") -> MadeTrack:
    """A track of five families, 57 tasks, 12 arms and 30 models, two of them treated; nothing has a known name."""
    tasks = {
        f"{family}-{number + 1}": {"family": family, "metric": "acc", "chance": 0.25}
        for family, count in FAMILIES.items()
        for number in range(count)
    }
    for name, facts in tasks.items():
        if facts["family"] == "open-answers":
            tasks[name] = facts | {"metric": "f1", "chance": 0.0}
    sizes = {f"model-{number + 1:02d}": round(14e6 * 1.25**number) for number in range(30)}
    treatments = tuple(f"trick-{letter}" for letter in "abcdefghi")
    return MadeTrack(
        track,
        suite_version="wide57@1",
        tasks=tasks,
        sizes=sizes,
        treatments=treatments,
        texts=3,
        steps=2,
        documents=6,
        draws=1,
        arms=(*treatments, "descent", *PLACEBOS),
        models=tuple(sizes)[:9:8],
        corpora=("letters",),
        controls_hold=None,
    )
