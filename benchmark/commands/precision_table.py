"""`gapbench precision`: what a precision of evaluation does to log-probabilities, answers, scores and a verdict.

The claimed pair with the smallest treated model is scored in float32 and in the other precisions that the device has:
the unmodified draws of both models, and the runs of the claimed arm on the target corpus. A CPU emulates tf32.
"""

import tempfile
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from benchmark.arithmetic.mode import Precision
from benchmark.corpora.texts import stored_texts
from benchmark.doctor.emulated_tf32 import emulated_tf32
from benchmark.errors import InputError
from benchmark.posttrain.base_draws import load_bases
from benchmark.posttrain.base_model import Base, torch_device
from benchmark.posttrain.run_loop import execute_run
from benchmark.posttrain.run_requests import base_of, request
from benchmark.posttrain.sample_rows import base_samples
from benchmark.results.score_track import run_score
from benchmark.settings.arithmetic_choice import begin
from benchmark.settings.scoring_settings import ScoringSettings
from benchmark.settings.track_settings import Settings
from benchmark.store.track_paths import TrackPaths
from benchmark.store.tracks import open_track
from benchmark.system.files import write_json, write_parquet
from benchmark.tasks.suite_of_track import suite_of

KEY = ["model", "draw", "arm", "text_id", "seed", "step", "task", "split", "doc_id"]


def precision_table(params: Path, out: Path | None = None) -> None:
    """Print the table, and write it as JSON to `out`.

    Raises:
        InputError: the track has no claimed pair, or its models and corpora have not been made.
    """
    settings, paths = open_track(params)
    begin(settings.execution)
    if not settings.claims.pairs or settings.claims.target_corpus is None:
        raise InputError(f"{params}: claims.pairs and claims.target_corpus name what is compared: set them")
    treated, rung = next(iter(settings.claims.pairs.items()))
    device = torch_device(settings.execution)
    others: list[Precision] = ["tf32", "bf16"]
    whole, parameters = _samples(settings, paths, "fp32", (treated, rung))
    facts: dict[str, Any] = {"track": paths.track, "device": device, "models": [treated, rung]}
    facts["fp32"] = {"verdict": verdict(settings, whole, parameters, treated, rung)}
    for precision in others:
        with emulated_tf32() if precision == "tf32" and device == "cpu" else nullcontext():
            rounded, _ = _samples(settings, paths, precision, (treated, rung))
        found = differences(whole, rounded)
        facts[precision] = found | {"verdict": verdict(settings, rounded, parameters, treated, rung)}
    print("\n".join(lines(facts)))
    if out is not None:
        write_json(out, facts)


def _samples(
    settings: Settings, paths: TrackPaths, precision: Precision, names: tuple[str, str]
) -> tuple[pa.Table, dict[str, int]]:
    """The samples of both models and of the runs of the first, and the parameters of the models."""
    evaluation = settings.evaluation.model_copy(update={"precision": precision})
    settings = settings.model_copy(update={"evaluation": evaluation})
    suite = suite_of(evaluation, documents=evaluation.documents, root=paths.root)
    corpus = str(settings.claims.target_corpus)
    if not paths.corpus(corpus).is_dir():
        raise InputError(f"corpus {corpus} of track {paths.track} has not been made: run `make repro` first")
    tables, sizes = [], {}
    for name in names:
        folders = [(draw, paths.draw(name, draw)) for draw in range(settings.models[name].trained_draws)]
        bases = load_bases(name, folders, suite, evaluation, settings.execution)
        sizes[name] = bases[0].model.parameters_count()
        tables += [
            base_samples(one.scorer.start.samples, track=paths.track, model=name, draw=one.draw)
            for one in bases
        ]
        if name == names[0]:
            tables += _runs(settings, bases, corpus, paths)
    return pa.concat_tables(tables), sizes


def _runs(settings: Settings, bases: list[Base], corpus: str, paths: TrackPaths) -> list[pa.Table]:
    found = []
    for text in stored_texts(paths.corpus(corpus)):
        base = base_of(text, bases)
        run = request(
            settings, base, corpus, text, settings.claims.arm, settings.arms[settings.claims.arm].seeds[0]
        )
        found.append(execute_run(run, base.scorer).samples)
    return found


def differences(whole: pa.Table, rounded: pa.Table) -> dict[str, Any]:
    """How far the rows of `rounded` are from those of `whole`, which are the same documents of the same runs.

    `logprob` are nats per choice, `probability` that of the right answer; `flips` the share of choices that differ,
    at a margin (in `whole`) of up to `flip_margin` nats; `answers` the share of written texts that differ; `score`
    the largest difference of a checkpoint's average over documents.
    """
    columns = [*KEY, "value", "probability", "prediction", "choice_logprobs"]
    left, right = (table.select(columns).to_pandas() for table in (whole, rounded))
    both = left.merge(right, on=KEY, suffixes=("", "_other"), validate="one_to_one")
    chosen = both[both["choice_logprobs"].notna()]
    moved = np.concatenate(
        [
            np.abs(np.asarray(one, np.float64) - np.asarray(other, np.float64))
            for one, other in zip(chosen["choice_logprobs"], chosen["choice_logprobs_other"], strict=True)
        ]
    )
    flipped = chosen[chosen["prediction"] != chosen["prediction_other"]]
    margins = [float(np.diff(np.sort(np.asarray(one))[-2:])[0]) for one in flipped["choice_logprobs"]]
    written = both[both["choice_logprobs"].isna()]
    checkpoint = ["model", "draw", "arm", "text_id", "step"]
    scores = both.groupby(checkpoint)[["value", "value_other"]].mean()
    return {
        "values": len(moved),
        "logprob_median": float(np.median(moved)),
        "logprob_999": float(np.quantile(moved, 0.999)),
        "logprob_largest": float(moved.max()),
        "probability_largest": float((both["probability"] - both["probability_other"]).abs().max()),
        "choices": len(chosen),
        "flips": len(flipped) / max(1, len(chosen)),
        "flip_margin": max(margins, default=0.0),
        "answers": float((written["prediction"] != written["prediction_other"]).mean())
        if len(written)
        else 0.0,
        "score": float((scores["value"] - scores["value_other"]).abs().max()),
    }


def verdict(
    settings: Settings, samples: pa.Table, parameters: Mapping[str, int], treated: str, rung: str
) -> dict[str, Any]:
    """The treated model against the larger rung at `all`, by the rules of scoring."""
    models = {
        name: {"parameters": size, "ladder": settings.track.name, "role": settings.models[name].role}
        for name, size in parameters.items()
    }
    with tempfile.TemporaryDirectory() as folder:
        write_parquet(Path(folder) / "samples.parquet", samples)
        scoring = ScoringSettings.of_track(settings, None, {})
        run_score([Path(folder) / "samples.parquet"], models, Path(folder) / "tables", settings=scoring)
        rows = pd.read_csv(Path(folder) / "tables" / "comparisons.csv")
    where = (rows["baseline"] == rung) & (rows["scope"] == "all") & (rows["measure"] == "score")
    row = rows[where & (rows["baseline_kind"] == "rung") & (rows["model"] == treated)].iloc[0]
    return {
        name: (row[name] if name == "verdict" else float(row[name]))
        for name in ("verdict", "delta", "ci_low", "ci_high")
    }


def lines(facts: Mapping[str, Any]) -> list[str]:
    """The table in Markdown."""
    treated, rung = facts["models"]
    found = [
        f"Track {facts['track']} on {facts['device']}: {treated}, its runs, and {rung}, against fp32.",
        "",
        "| precision | log-probability: median | 99.9 % | largest | choices flipped | at a margin up to | texts differ "
        f"| a score, largest | {treated} - {rung} at all | verdict |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for precision in ("fp32", "tf32", "bf16"):
        if precision not in facts:
            continue
        one, said = facts[precision], facts[precision]["verdict"]
        moved = (
            f"{one['logprob_median']:.2g} | {one['logprob_999']:.2g} | {one['logprob_largest']:.2g} | "
            f"{one['flips']:.2%} | {one['flip_margin']:.2g} | {one['answers']:.2%} | {one['score']:.4f}"
            if "flips" in one
            else "| | | | | |"
        )
        delta = f"{said['delta']:+.4f} ({said['ci_low']:+.4f} to {said['ci_high']:+.4f})"
        name = "tf32 (emulated)" if precision == "tf32" and facts["device"] == "cpu" else precision
        found.append(f"| {name} | {moved} | {delta} | {said['verdict']} |")
    return found
