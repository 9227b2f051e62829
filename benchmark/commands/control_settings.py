"""Do the controls do what they are declared to do? Gains of each on pretraining draws that no study reports.

`python -m benchmark.commands.control_settings --folder DIR` trains the draws of micro-1 that DIR lacks, treats
them, and prints the table of docs/CONTROLS.md. Results stay in DIR, so that
draws may be split between processes.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from benchmark.arithmetic.mode import name as arithmetic_name
from benchmark.corpora.micro_corpora import micro_corpus
from benchmark.draws.micro_draws import SomeDraws
from benchmark.errors import InputError
from benchmark.models.causal_model import CausalModel
from benchmark.models.micro_cache import trained_rung
from benchmark.posttrain.base_model import load_base
from benchmark.posttrain.checkpoints import rebuilt
from benchmark.posttrain.record import families_of
from benchmark.posttrain.run_requests import request
from benchmark.reports.markdown import markdown_table
from benchmark.settings.arithmetic_choice import begin
from benchmark.settings.arm_specs import Arm
from benchmark.settings.corpus_specs import MicroCorpus
from benchmark.settings.load import load_settings
from benchmark.settings.model_specs import MicroModel
from benchmark.settings.track_settings import Settings
from benchmark.system.content_hash import code_digest, digest
from benchmark.system.files import write_json, write_text
from benchmark.system.import_closure import modules
from benchmark.system.marked_text import replace_between_markers
from benchmark.tasks.suite_of_track import suite_of

MODEL = "micro-1"
DRAWS = (100, 101, 102, 103, 104)
"""Seeds of the pretraining draws: other ones than a study's, which count from 0."""


@dataclass(frozen=True)
class CandidateControl:
    """A control with the steps that are scored, one `ControlOutcome` per text.

    `expected` is the sign of its gain.
    """

    name: str
    arm: Arm
    corpus: MicroCorpus
    steps: tuple[int, ...]
    expected: int


def _code(texts: int = 5) -> MicroCorpus:
    return MicroCorpus(kind="micro", part="code", texts=texts)


CONTROLS = (
    CandidateControl(
        "lessons",
        Arm(kind="lessons", learning_rate=3e-3, updates=900),
        MicroCorpus(kind="micro", part="lessons", texts=1),
        (1,),
        +1,
    ),
    CandidateControl("ascent at 1e-3", Arm(kind="ascent", learning_rate=1e-3), _code(), (5, 15), -1),
    CandidateControl("ascent at 3e-3", Arm(kind="ascent", learning_rate=3e-3), _code(), (5,), -1),
)


@dataclass(frozen=True)
class ControlOutcome:
    """Score of a treated draw less that of the draw itself, by scope, and the CPU seconds of its steps."""

    draw: int
    control: str
    step: int
    text: int
    gains: dict[str, float]
    seconds: float


def outcomes(
    settings: Settings, draw: int, controls: Sequence[CandidateControl], folder: Path
) -> list[ControlOutcome]:
    """What the controls do to one draw on all `select` documents; from `folder` where the same code has done it."""
    rung = _ladder(settings, [draw], folder).cached(MODEL, draw)
    stored = {
        one.name: folder / f"outcomes-{draw}-{_key(settings, rung.name, one)[:12]}.json" for one in controls
    }
    left = [control for control in controls if not stored[control.name].is_file()]
    if left:
        train(settings, [draw], folder)
        done = list(_outcomes(settings, rung, draw, left))
        for control in left:
            write_json(stored[control.name], [asdict(one) for one in done if one.control == control.name])
    return [
        ControlOutcome(**one)
        for path in stored.values()
        for one in json.loads(path.read_text(encoding="utf-8"))
    ]


def _key(settings: Settings, rung: str, control: CandidateControl) -> str:
    """Content key of what a control does to a draw, whose own key is `rung`."""
    described = [control.name, control.arm.recipe, control.corpus.model_dump(mode="json"), control.steps]
    code = code_digest(modules("benchmark.commands.control_settings"))
    return digest([rung, described, settings.posttrain.model_dump(mode="json"), code])


def train(settings: Settings, draws: Sequence[int], folder: Path) -> None:
    """Train the draws that `folder` lacks, all of them together."""
    ladder = _ladder(settings, draws, folder)
    for draw in draws:
        with tempfile.TemporaryDirectory() as copied:
            trained_rung(ladder, MODEL, draw, Path(copied), settings.execution)


def _ladder(settings: Settings, draws: Sequence[int], folder: Path) -> SomeDraws:
    spec = settings.models.get(MODEL)
    if not isinstance(spec, MicroModel):
        raise InputError(f"models: no rung '{MODEL}' of the micro ladder: name the micro track's params.yaml")
    rung = spec.model_copy(update={"draws": max(draws) + 1, "trained": None})
    return SomeDraws({MODEL: rung}, folder, frozenset((MODEL, draw) for draw in draws))


def _outcomes(
    settings: Settings, model: Path, draw: int, controls: Sequence[CandidateControl]
) -> Iterable[ControlOutcome]:
    arms = {control.name: control.arm for control in controls}
    evaluation = settings.evaluation.model_copy(update={"select_documents": None})
    settings = settings.model_copy(update={"arms": arms, "evaluation": evaluation})
    base = load_base(MODEL, model, suite_of(evaluation, documents=1), evaluation, settings.execution)
    start = base.scorer.start.averages["select"]
    for control in controls:
        for text in micro_corpus(control.corpus.part, control.corpus.texts, control.corpus.seed):
            run = request(settings, base, control.corpus.part, text, control.name, 0)
            began = time.process_time()
            for step, params in rebuilt(run, control.steps):
                seconds = time.process_time() - began
                scores = base.scorer.score(CausalModel(base.model.config, params)).averages["select"]
                scopes = ("all", *families_of(start))
                gains = {scope: (scores[scope] or 0.0) - (start[scope] or 0.0) for scope in scopes}
                yield ControlOutcome(draw, control.name, step, text.index, gains, seconds)
                began = time.process_time()


def table(found: Sequence[ControlOutcome], controls: Sequence[CandidateControl]) -> str:
    """Gains by control, step and draw in Markdown: means over texts, then mean and deviation over draws."""
    draws = sorted({one.draw for one in found})
    of_draws = [f"draw {draw}" for draw in draws]
    heads = ["control", "step", "scope", *of_draws, "mean", "s.d.", "draws as expected"]
    lines: list[list[str]] = []
    for control in controls:
        for step in control.steps:
            rows = [one for one in found if (one.control, one.step) == (control.name, step)]
            for scope in dict.fromkeys(scope for one in rows for scope in one.gains):
                gains = [
                    statistics.fmean(one.gains[scope] for one in rows if one.draw == draw) for draw in draws
                ]
                spread = f"{statistics.stdev(gains):.3f}" if len(gains) > 1 else ""
                right = sum(gain * control.expected > 0 for gain in gains)
                figures = [f"{gain:+.3f}" for gain in (*gains, statistics.fmean(gains))]
                lines.append([control.name, str(step), scope, *figures, spread, f"{right} of {len(gains)}"])
    return markdown_table(heads, lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, treat and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmark.commands.control_settings", description=__doc__
    )
    parser.add_argument("--params", type=Path, default=Path("params.yaml"))
    parser.add_argument(
        "--folder", type=Path, default=Path(".gapbench/controls"), help="where draws are kept"
    )
    parser.add_argument("--draws", type=int, nargs="+", default=DRAWS, help="seeds of the pretraining draws")
    parser.add_argument(
        "--lessons", type=int, default=1, metavar="N", help="lesson texts that each draw is taught"
    )
    names = [one.name for one in CONTROLS]
    parser.add_argument("--only", nargs="+", choices=names, default=names, help="these controls alone")
    parser.add_argument("--out", type=Path, help="page whose marked part is replaced")
    given = parser.parse_args(arguments)
    settings = load_settings(given.params)
    begin(settings.execution)
    taught = CONTROLS[0].corpus.model_copy(update={"texts": given.lessons})
    controls = [one for one in (replace(CONTROLS[0], corpus=taught), *CONTROLS[1:]) if one.name in given.only]
    train(settings, given.draws, given.folder)
    found = [one for draw in given.draws for one in outcomes(settings, draw, controls, given.folder)]
    text = table(found, controls)
    seconds = [one.seconds for one in found if one.control == "lessons"]
    if seconds:
        mean, most = statistics.fmean(seconds), max(seconds)
        text += (
            f"\n\nA run of `lessons` took {mean:.1f} CPU seconds, at most {most:.1f}, in {arithmetic_name()}."
        )
    print(text)
    if given.out:
        page = given.out.read_text(encoding="utf-8")
        write_text(given.out, replace_between_markers(page, {"controls": text}))


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None
