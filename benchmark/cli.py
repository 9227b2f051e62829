"""The `gapbench` command: thin, one function a command."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from benchmark.errors import CheckFailed, InputError

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Does a post-training trick make a small language model as good as one 2-3 times larger?",
)
stage = typer.Typer(no_args_is_help=True, help="One stage of dvc.yaml; `dvc repro` calls these.")
submit = typer.Typer(no_args_is_help=True, help="Add a corpus or a model, or check a submission.")
app.add_typer(stage, name="stage")
app.add_typer(submit, name="submit")

Params = Annotated[Path, typer.Option("--params", help="The track's settings file.")]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", help="Override a parameter: key=value in YAML.")
]


@stage.callback()
def _stage() -> None:
    from benchmark.pipeline.lifeline import die_with_parent

    die_with_parent()


@stage.command("corpus")
def stage_corpus(params: Params, corpus: Annotated[str, typer.Option()]) -> None:
    """Read or make a corpus."""
    from benchmark.pipeline import stages

    stages.corpus(params, corpus)


@stage.command("model")
def stage_model(params: Params, model: Annotated[str, typer.Option()]) -> None:
    """Train, fetch or copy a model."""
    from benchmark.pipeline import stages

    stages.model(params, model)


@stage.command("base")
def stage_base(params: Params, model: Annotated[str, typer.Option()]) -> None:
    """Score an unmodified model."""
    from benchmark.pipeline import stages

    stages.base(params, model)


@stage.command("posttrain")
def stage_posttrain(
    params: Params, model: Annotated[str, typer.Option()], corpus: Annotated[str, typer.Option()]
) -> None:
    """All runs of one model on one corpus."""
    from benchmark.pipeline import stages

    stages.posttrain(params, model, corpus)


@stage.command("score")
def stage_score(params: Params) -> None:
    """Compare all entries and write the results."""
    from benchmark.pipeline import stages

    stages.score(params)


@app.command()
def run(
    model: Annotated[str, typer.Option(help="Ladder name, local folder, or owner/name@<40 hex>.")],
    corpus: Annotated[str, typer.Option(help="Corpus name or file.")],
    index: Annotated[int, typer.Option(help="Row of the text in its corpus.")],
    arm: Annotated[str, typer.Option(help="An arm of the settings, such as gap.")],
    seed: Annotated[int, typer.Option()],
    suite: Annotated[str, typer.Option(help="micro12, gap12, or either with -5shot.")],
    out: Annotated[Path, typer.Option(help="An empty folder.")],
    limit: Annotated[int | None, typer.Option(help="First N documents a task and split.")] = None,
    protocol: Annotated[str | None, typer.Option(help="held-out (default) or paper.")] = None,
    overrides: Overrides = None,
    force: Annotated[bool, typer.Option("--force", help="Replace what is in --out.")] = False,
) -> None:
    """One run outside DVC: writes run.json and samples.parquet into an empty folder."""
    from benchmark.single import single_run

    single_run(
        model=model, corpus=corpus, index=index, arm=arm, seed=seed, suite=suite, out=out, limit=limit,
        protocol=protocol, overrides=overrides or [], force=force,
    )  # fmt: skip


@app.command()
def ladder(params: Params = Path("params.yaml")) -> None:
    """The ladder's table; exit 1 where it is no ladder."""
    from benchmark.ladder import ladder as show

    show(params)


@app.command()
def diff(
    revision: Annotated[str, typer.Argument(metavar="[REV]")] = "HEAD",
    track: Annotated[str, typer.Option(help="The track, or `all`.")] = "all",
) -> None:
    """The results in the working tree against those committed at REV."""
    from benchmark.diff import diff as show

    show(Path.cwd(), revision, track)


@app.command()
def plan(
    track: Annotated[str, typer.Option()] = "micro",
    rate: Annotated[float | None, typer.Option(help="Sustained FLOP/s; measured here where absent.")] = None,
) -> None:
    """What a track will cost before it starts, and what its comparisons can detect."""
    from benchmark.plan import plan as show

    show(Path.cwd(), track, rate)


def main() -> None:
    """Run the command; refused input exits with 2 and a failed check with 1, each with one line."""
    try:
        app()
    except InputError as error:
        _say(error)
        sys.exit(2)
    except CheckFailed as error:
        _say(error)
        sys.exit(1)


def _say(error: Exception) -> None:
    print("gapbench: " + " ".join(str(error).split()), file=sys.stderr)
