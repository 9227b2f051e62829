"""Do the controls do what they are declared to do? Gains of each on pretraining draws that no study reports.

`python -m benchmark.commands.control_settings --folder DIR` trains the draws of micro-1 that DIR lacks, treats them,
and prints the table of docs/CONTROLS.md. What is done is kept in DIR, so that draws may be split between processes.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.arithmetic.mode import name as arithmetic_name
from benchmark.bench.written_report import fill
from benchmark.errors import InputError
from benchmark.posttrain.early_stopping import FAMILIES
from benchmark.settings.arithmetic_choice import begin
from benchmark.settings.params import Arm, MicroCorpus, MicroModel, Settings, load_settings
from benchmark.system.content_hash import code_digest, digest
from benchmark.system.files import write_json
from benchmark.system.import_closure import modules

if TYPE_CHECKING:
    from benchmark.corpora.texts import Text
    from benchmark.models.micro_cache import Ladder
    from benchmark.models.opt import OptModel
    from benchmark.models.tokenizer import Tokenizer
    from benchmark.posttrain.run_loop import RunRequest

MODEL = "micro-1"
DRAWS = (100, 101, 102, 103, 104)
"""Seeds of the pretraining draws: other ones than a study's, which count from 0."""
SCOPES = ("all", *FAMILIES)


@dataclass(frozen=True)
class Control:
    """A control with the steps that are scored, one `Outcome` each a text.

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
    Control(
        "lessons",
        Arm(kind="lessons", learning_rate=3e-3, updates=900),
        MicroCorpus(kind="micro", part="lessons", texts=1),
        (1,),
        +1,
    ),
    Control("ascent at 1e-3", Arm(kind="ascent", learning_rate=1e-3), _code(), (5, 15), -1),
    Control("ascent at 3e-3", Arm(kind="ascent", learning_rate=3e-3), _code(), (5,), -1),
)


@dataclass(frozen=True)
class Outcome:
    """Score of a treated draw less that of the draw itself, by scope, and the CPU seconds of its steps."""

    draw: int
    control: str
    step: int
    text: int
    gains: dict[str, float]
    seconds: float


def outcomes(settings: Settings, draw: int, controls: Sequence[Control], folder: Path) -> list[Outcome]:
    """What the controls do to one draw on all `select` documents; from `folder` where the same code has done it."""
    rung = _ladder(settings, folder).kept(MODEL, draw)
    kept = {
        one.name: folder / f"outcomes-{draw}-{_key(settings, rung.name, one)[:12]}.json" for one in controls
    }
    left = [control for control in controls if not kept[control.name].is_file()]
    if left:
        train(settings, [draw], folder)
        done = list(_outcomes(settings, rung, draw, left))
        for control in left:
            write_json(kept[control.name], [asdict(one) for one in done if one.control == control.name])
    return [Outcome(**one) for path in kept.values() for one in json.loads(path.read_text(encoding="utf-8"))]


def _key(settings: Settings, rung: str, control: Control) -> str:
    """Content key of what a control does to a draw, whose own key is `rung`."""
    described = [control.name, control.arm.recipe, control.corpus.model_dump(mode="json"), control.steps]
    code = code_digest(modules("benchmark.commands.control_settings"))
    return digest([rung, described, settings.posttrain.model_dump(mode="json"), code])


def train(settings: Settings, draws: Sequence[int], folder: Path) -> None:
    """Train the draws that `folder` lacks, all of them together."""
    from benchmark.models.micro_training import train_rung

    ladder = _ladder(settings, folder)
    left = {draw: kept for draw in draws if not (kept := ladder.kept(MODEL, draw)).is_dir()}
    if left:
        with tempfile.TemporaryDirectory(dir=folder) as made:
            folders = {draw: Path(made) / str(draw) for draw in left}
            train_rung(ladder.rungs[MODEL], folders, name=MODEL, cache=ladder.cache)
            for draw, kept in left.items():
                kept.parent.mkdir(parents=True, exist_ok=True)
                folders[draw].rename(kept)


def _ladder(settings: Settings, folder: Path) -> "Ladder":
    from benchmark.models.micro_cache import Ladder

    spec = settings.models.get(MODEL)
    if not isinstance(spec, MicroModel):
        raise InputError(f"models: no rung '{MODEL}' of the micro ladder: name the micro track's params.yaml")
    folder.mkdir(parents=True, exist_ok=True)
    return Ladder({MODEL: spec}, folder)


def _outcomes(settings: Settings, model: Path, draw: int, controls: Sequence[Control]) -> Iterable[Outcome]:
    from benchmark.arithmetic.single_thread import compute_alone
    from benchmark.corpora.micro_corpora import micro_corpus
    from benchmark.evaluation.engine import drafts_from, evaluate
    from benchmark.evaluation.prepare import prepare
    from benchmark.models.opt import OptModel, load_opt
    from benchmark.models.tokenizer import Tokenizer
    from benchmark.posttrain.checkpoints import rebuilt
    from benchmark.tasks.suite import load_suite

    compute_alone()
    base, tokenizer = load_opt(model), Tokenizer.from_folder(model)
    positions = base.config.max_position_embeddings
    prepared = prepare(
        load_suite(settings.evaluation.suite),
        tokenizer,
        max_length=positions,
        positions=positions,
        splits=["select"],
    )
    start = evaluate(base, prepared)
    drafts = drafts_from(start, prepared)
    for control in controls:
        for text in micro_corpus(control.corpus.part, control.corpus.texts, control.corpus.seed):
            run = _request(settings, base, tokenizer, control, text)
            began = time.process_time()
            for step, params in rebuilt(run, control.steps):
                seconds = time.process_time() - began
                scores = evaluate(OptModel(base.config, params), prepared, drafts=drafts).averages["select"]
                gains = {
                    scope: (scores[scope] or 0.0) - (start.averages["select"][scope] or 0.0)
                    for scope in SCOPES
                }
                yield Outcome(draw, control.name, step, text.index, gains, seconds)
                began = time.process_time()


def _request(
    settings: Settings, base: "OptModel", tokenizer: "Tokenizer", control: Control, text: "Text"
) -> "RunRequest":
    from benchmark.posttrain.objective import examples_of, text_tokens
    from benchmark.posttrain.run_loop import RunRequest

    positions = base.config.max_position_embeddings
    return RunRequest(
        track="bench", model_name=MODEL, model=base, model_digest="", corpus=control.corpus.part, index=text.index,
        text_id=text.text_id, arm_name=control.name, arm=control.arm, seed=0, arithmetic=arithmetic_name(),
        tokens=tuple(text_tokens(text.text, tokenizer, max_length=positions, positions=positions)),
        posttrain=settings.posttrain.model_copy(update={"learning_rate": control.arm.learning_rate}),
        passages=examples_of(text.text, tokenizer, positions=positions) if control.arm.kind == "lessons" else (),
    )  # fmt: skip


def table(found: Sequence[Outcome], controls: Sequence[Control]) -> str:
    """Gains by control, step and draw in Markdown: means over texts, then mean and deviation over draws."""
    draws = sorted({one.draw for one in found})
    heads = [
        "control",
        "step",
        "scope",
        *(f"draw {draw}" for draw in draws),
        "mean",
        "s.d.",
        "draws as expected",
    ]
    lines = [f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}"]
    for control in controls:
        for step in control.steps:
            rows = [one for one in found if (one.control, one.step) == (control.name, step)]
            for scope in SCOPES:
                gains = [
                    statistics.fmean(one.gains[scope] for one in rows if one.draw == draw) for draw in draws
                ]
                spread = f"{statistics.stdev(gains):.3f}" if len(gains) > 1 else ""
                right = sum(gain * control.expected > 0 for gain in gains)
                cells = [
                    control.name, str(step), scope, *(f"{gain:+.3f}" for gain in gains),
                    f"{statistics.fmean(gains):+.3f}", spread, f"{right} of {len(gains)}",
                ]  # fmt: skip
                lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


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
    controls = [
        Control(
            one.name, one.arm, one.corpus.model_copy(update={"texts": given.lessons}), one.steps, one.expected
        )
        if one.arm.kind == "lessons"
        else one
        for one in CONTROLS
        if one.name in given.only
    ]
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
        given.out.write_text(fill(page, {"controls": text}), encoding="utf-8")


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None
