"""The `gapbench` command line: one short function per command."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from typer.exceptions import TyperException

from benchmark.errors import CheckFailed, InputError, is_of_the_machine, naming_source, os_refusal
from benchmark.system.empty_folder import check_file, check_folder

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Does a post-training trick make a small language model as good as one 2-3 times larger?",
)
stage = typer.Typer(no_args_is_help=True, help="One stage of dvc.yaml; `dvc repro` calls these.")
submit = typer.Typer(no_args_is_help=True, help="Add a corpus or a model, or check a submission.")
draws = typer.Typer(no_args_is_help=True, help="Pretraining draws whose scores are kept in git.")
track = typer.Typer(no_args_is_help=True, help="Maintenance of a track before and after `dvc repro`.")
bench = typer.Typer(
    invoke_without_command=True,
    help="Speed benchmarks, as ratios to named peers that run side by side; exit 1 if a bound is missed.",
)
app.add_typer(bench, name="bench")
app.add_typer(stage, name="stage")
app.add_typer(track, name="track")
app.add_typer(draws, name="draws")
app.add_typer(submit, name="submit")
removal = typer.Typer(no_args_is_help=True, help="Undo a submission.")
app.add_typer(removal, name="remove")
exports = typer.Typer(no_args_is_help=True, help="Results in the formats of other tools.")
app.add_typer(exports, name="export")
simulate = typer.Typer(invoke_without_command=True)
app.add_typer(simulate, name="simulate")

Params = Annotated[Path, typer.Option("--params", help="The track's settings file.")]
BenchOut = Annotated[Path | None, typer.Option("--out", help="Folder for bench.json.", callback=check_folder)]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", help="Override a parameter: key=value in YAML.")
]
Entry = Annotated[str, typer.Argument(metavar="ENTRY", help="model/arm/corpus, a track in front if needed.")]
Exported = Annotated[str, typer.Argument(metavar="ENTRY|TRACK", help="model/arm/corpus, or a track.")]
ExportOut = Annotated[Path, typer.Option("--out", help="An empty or new folder.")]
SubmittedName = Annotated[str, typer.Argument(help="Name of a submitted corpus or model.")]
NewName = Annotated[str, typer.Argument(help="What the track calls it: lower-case letters, digits, hyphens.")]
DataSets = Annotated[int, typer.Option(help="Data sets per cell.", min=2)]
Workers = Annotated[int, typer.Option(help="Processes.", min=1)]
Page = Annotated[
    Path | None,
    typer.Option("--out", help="The page whose table is replaced; without it, print.", callback=check_file),
]


@stage.callback()
def _stage() -> None:
    from benchmark.execution.parent_death import die_with_parent

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
    """Do all runs of one model on one corpus."""
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
    seed: Annotated[
        int,
        typer.Option(
            help="Random seed of `random` and `shuffled`; other arms only record it.", min=0, max=2**63 - 1
        ),
    ],
    suite: Annotated[str, typer.Option(help="micro12, gap12, or either with -5shot.")],
    out: Annotated[Path, typer.Option(help="An empty folder.")],
    limit: Annotated[int | None, typer.Option(help="First N documents per task and split.")] = None,
    protocol: Annotated[str | None, typer.Option(help="held-out (default) or paper.")] = None,
    overrides: Overrides = None,
    force: Annotated[bool, typer.Option("--force", help="Replace what is in --out.")] = False,
    draw: Annotated[int, typer.Option(help="Pretraining draw of a ladder's model.")] = 0,
    track: Annotated[
        str | None, typer.Option(help="Whose settings; default: the first track that uses the suite.")
    ] = None,
) -> None:
    """Do one run outside DVC: write run.json and samples.parquet into an empty folder."""
    from benchmark.commands.single_run import single_run

    single_run(
        model=model, corpus=corpus, index=index, arm=arm, seed=seed, suite=suite, out=out, limit=limit,
        protocol=protocol, overrides=overrides or [], force=force, draw=draw, track=track,
    )  # fmt: skip


@app.command()
def ladder(params: Params = Path("params.yaml")) -> None:
    """Print the ladder's table; exit 1 if, for example, scores do not rise from rung to rung."""
    from benchmark.commands.ladder_check import ladder as show

    show(params)


@app.command()
def diff(
    revision: Annotated[str, typer.Argument(metavar="[REV]")] = "HEAD",
    track: Annotated[str, typer.Option(help="The track, or `all`.")] = "all",
    everything: Annotated[
        bool, typer.Option("--all", help="Also print machines, and every column and verdict that moved.")
    ] = False,
) -> None:
    """Compare the results in the working tree with those committed at REV."""
    from benchmark.diff import diff as show

    show(Path.cwd(), revision, track, everything)


@app.command()
def doctor(
    params: Params = Path("params.yaml"),
    part: Annotated[
        list[str] | None,
        typer.Option(
            help="device, kernels, training, base, runs, architectures or repro; repeatable; default: all."
        ),
    ] = None,
    label: Annotated[
        str | None, typer.Option("--record", help="For maintainers: write the digests under this CPU's name.")
    ] = None,
) -> None:
    """Describe this machine and check that it computes the same bits as other machines; exit 1 if it does not."""
    from benchmark.commands.fitting_models import fitting_lines
    from benchmark.doctor.doctor_command import doctor as look

    look(params, part or [], label, fitting_lines(Path.cwd()))


@app.command()
def plan(
    track: Annotated[str, typer.Option(help="Name of a track, such as micro or pythia.")] = "micro",
    rate: Annotated[float | None, typer.Option(help="Sustained FLOP/s; default: measured here.")] = None,
    gpu: Annotated[
        str | None, typer.Option(help="Instead: 40 % of this GPU's published peaks (h100).")
    ] = None,
    power: Annotated[bool, typer.Option("--power", help="Print only what it can detect and decide.")] = False,
    overrides: Overrides = None,
) -> None:
    """Estimate what a track will cost, and what its comparisons can detect and decide."""
    from benchmark.commands.plan import plan as show

    show(Path.cwd(), track, rate, overrides or [], power_only=power, gpu=gpu)


@app.command()
def precision(
    params: Params = Path("params.yaml"),
    out: Annotated[
        Path | None, typer.Option(help="Also write the figures as JSON.", callback=check_file)
    ] = None,
) -> None:
    """Print what tf32 and bf16 do to log-probabilities, answers and a verdict; a few minutes."""
    from benchmark.commands.precision_table import precision_table

    precision_table(params, out)


@app.command()
def score(
    samples: Annotated[list[Path], typer.Option("--samples", help="Parquet files or folders; repeatable.")],
    models: Annotated[Path, typer.Option(help="models.json: {name: {parameters, ladder, role}}.")],
    out: Annotated[Path, typer.Option(help="Folder for the tables.", callback=check_folder)],
    tasks: Annotated[Path | None, typer.Option(help="tasks.json: {task: {family, metric, chance}}.")] = None,
    overrides: Overrides = None,
) -> None:
    """Score any sample table that has the documented columns, without the pipeline."""
    from benchmark.results.standalone import score_alone

    score_alone(samples, models, out, tasks, overrides or [])


@app.command("reanalyse")
@app.command()
def published(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The original's full_results/.")],
    out: Annotated[Path, typer.Option(help="Folder for the tables.", callback=check_folder)],
) -> None:
    """Analyse the original study's published figures again."""
    from benchmark.published.reanalysis import run_published
    from benchmark.published.source_files import FILES, published_folder
    from benchmark.store.provenance import write_source_provenance

    lines = run_published(folder, out)
    sources = [published_folder(folder) / name for name in FILES.values()]
    write_source_provenance(out, "published", Path.cwd(), sources)
    print("\n".join(lines))


@app.command()
def report(
    entry: Entry,
    form: Annotated[str, typer.Option("--format", help="md, latex or json.")] = "md",
    results: Annotated[Path, typer.Option(help="The results folder.")] = Path("results"),
) -> None:
    """Print a table of one entry, ready to paste, with the citation."""
    from benchmark.reports.entry_report import report as table

    print(table(results, entry, form), end="")


@app.command()
def compare(
    first: Annotated[str, typer.Argument(metavar="A", help="Folder of lm-eval results with samples.")],
    second: Annotated[str, typer.Argument(metavar="B", help="Another; several runs: commas between them.")],
    baseline: Annotated[list[str] | None, typer.Option(help="Folder of a larger model; repeatable.")] = None,
    task: Annotated[list[str] | None, typer.Option(help="Only this task or group; repeatable.")] = None,
    metric: Annotated[
        list[str] | None, typer.Option(help="NAME, or TASK=NAME; default: each task's first.")
    ] = None,
    filter_name: Annotated[
        list[str] | None, typer.Option("--filter", help="NAME, or TASK=NAME; default: each task's first.")
    ] = None,
    cluster: Annotated[
        list[str] | None,
        typer.Option(help="FIELD of the documents, or TASK=FIELD: those alike in it err alike."),
    ] = None,
    common: Annotated[
        bool, typer.Option("--common", help="Compare on the documents that all share.")
    ] = False,
    unpaired: Annotated[bool, typer.Option("--unpaired", help="Runs of A and B are no pairs.")] = False,
    margin: Annotated[float, typer.Option(help="Share of the gap to a larger model that may remain.")] = 0.5,
    negligible: Annotated[float, typer.Option(help="Share of that gap that is not worth having.")] = 0.1,
    form: Annotated[str, typer.Option("--format", help="md, latex, json or html.")] = "md",
    out: Annotated[Path | None, typer.Option(help="A file; without it, print.")] = None,
) -> None:
    """Is B better than A? Folders that lm-eval wrote with --log_samples, paired by document; no track needed."""
    from benchmark.compare.compare_command import by_task, check_page, comparison, write_comparison
    from benchmark.compare.compared_scopes import VerdictShares
    from benchmark.compare.paired_documents import Choices

    if out is not None:
        check_page(out)
    chosen = Choices(
        tuple(task or ()), by_task("--metric", metric or ()), by_task("--filter", filter_name or ()),
        by_task("--cluster", cluster or ()), common,
    )  # fmt: skip
    rules = VerdictShares(margin, negligible)
    text = comparison(first, second, baseline or (), form=form, chosen=chosen, rules=rules, unpaired=unpaired)
    write_comparison(text, out)


@exports.command("lm-eval")
def export_lm_eval(name: Exported, out: ExportOut) -> None:
    """Folders as `lm_eval --log_samples` writes them, one per checkpoint; `gapbench compare` reads them."""
    from benchmark.export.export_command import export

    print(export("lm-eval", name, out, Path.cwd()))


@exports.command("eee")
def export_eee(name: Exported, out: ExportOut) -> None:
    """Records of Every Eval Ever (schema 0.3.0), one per checkpoint, with one line per document."""
    from benchmark.export.export_command import export

    print(export("eee", name, out, Path.cwd()))


@exports.command("hub-card")
def export_hub_card(name: Exported, out: ExportOut) -> None:
    """Kept checkpoints as model folders for the Hub: weights, tokenizer, and a card with `model-index`."""
    from benchmark.export.hub_card import export_cards

    print(export_cards(name, out, Path.cwd()))


@app.command()
def verify(
    entry: Entry,
    runs: Annotated[int, typer.Option(help="Runs to repeat, chosen at random.")] = 3,
) -> None:
    """Recompute an entry's tables, repeat some of its runs, and write the attestation."""
    from benchmark.verification.verify import verify as redo

    attestation = redo(entry, runs=runs, root=Path.cwd())
    print(
        f"{entry}: {attestation.outcome}, state {attestation.state}; `dvc repro` takes it to the leaderboard"
    )
    if attestation.outcome != "agrees":
        faults = [*attestation.consistency["faults"], *attestation.repetition["faults"]]
        raise CheckFailed(f"{entry}: {faults[0] if faults else attestation.outcome}")


@simulate.callback()
def simulate_track(
    context: typer.Context,
    params: Params = Path("params.yaml"),
    studies: Annotated[int, typer.Option(help="Studies to simulate.", min=1)] = 1000,
    draws: Annotated[
        int | None, typer.Option(help="Pretraining draws per model; default: those of the track.", min=6)
    ] = None,
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """Would a study like this track's see an effect, and how often would it be wrong?

    The commands below test the statistics on data with known truth instead, and write the tables of docs/.
    """
    if context.invoked_subcommand is None:
        from benchmark.commands.simulate import simulate as run

        run(params, studies, draws, seed)


@simulate.command("coverage")
def simulate_coverage(data_sets: DataSets = 4000, workers: Workers = 2, out: Page = None) -> None:
    """Crossed intervals and tests on one draw (docs/STATISTICS.md)."""
    _simulate("coverage", data_sets, workers, out)


@simulate.command("draws")
def simulate_draws(data_sets: DataSets = 1000, workers: Workers = 2, out: Page = None) -> None:
    """Draws, clusters, skewed texts, a small task (docs/DRAW_SIMULATION.md); exit 1 if a bound is missed."""
    _simulate("draws", data_sets, workers, out)


@simulate.command("size")
def simulate_size(data_sets: DataSets = 2000, workers: Workers = 2, out: Page = None) -> None:
    """The interval of the effective size (docs/EFFECTIVE_SIZE.md)."""
    _simulate("size", data_sets, workers, out)


@simulate.command("selection")
def simulate_selection(data_sets: DataSets = 2000, workers: Workers = 2, out: Page = None) -> None:
    """Choosing a step when no step is better than the base model (docs/STATISTICS.md)."""
    _simulate("selection", data_sets, workers, out)


def _simulate(name: str, data_sets: int, workers: int, out: Path | None) -> None:
    from benchmark.commands.simulate import SIMULATIONS
    from benchmark.simulations.records import run_simulation
    from benchmark.system.marked_text import replace_between_markers

    if out is not None:  # before the work: the page is there and has the table's place
        with naming_source(out):
            replace_between_markers(out.read_text(encoding="utf-8"), {name: ""})
    run_simulation(SIMULATIONS[name], data_sets, workers, out)


@bench.callback()
def _bench(context: typer.Context, out: BenchOut = None) -> None:
    if context.invoked_subcommand is None:
        bench_engine(out)


@bench.command("engine")
def bench_engine(out: BenchOut = None) -> None:
    """This engine compared with lm-eval, and portable arithmetic with native; the default of `gapbench bench`."""
    from benchmark.arithmetic.mode import use

    use("native")  # lm-eval, the peer, has no portable products: MKL's portable mode would only slow it down
    from benchmark.bench.all_benchmarks import run_bench

    sys.exit(run_bench(out))


@bench.command("architectures")
def bench_architectures(
    smollm2: Annotated[
        Path | None,
        typer.Option(help="SmolLM2-135M as a model folder: measures it too, on the tasks of choices."),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(help="gpt_neox, llama or smollm2; repeatable; default: all that can be."),
    ] = None,
    documents: Annotated[int | None, typer.Option(help="Documents per task; default: 16.", min=1)] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for architectures.json.", callback=check_folder)
    ] = None,
) -> None:
    """Models over transformers compared with their bare forward pass and with lm-eval, in either arithmetic."""
    from benchmark.bench.architectures import SHAPES, run_architectures

    names = model or [*SHAPES, *(["smollm2"] if smollm2 else [])]
    for name in names:
        if name not in SHAPES and (name != "smollm2" or smollm2 is None):
            raise InputError(
                f"--model {name}: name {', '.join(SHAPES)}, or smollm2 with its folder in --smollm2"
            )
    sys.exit(run_architectures(names, smollm2, documents, out))


@bench.command("portable")
def bench_portable(params: Params = Path("params.yaml")) -> None:
    """Portable arithmetic compared with native, in processes that take turns: the first rows of `engine`."""
    from benchmark.bench.bench_rows import table
    from benchmark.bench.portable import portable_rows

    print(table(portable_rows(params)))


@bench.command("scoring")
def bench_scoring(
    runs: Annotated[int, typer.Option(help="Runs; the bounds are for 900.", min=9)] = 900,
) -> None:
    """Seconds and memory of scoring the made-up samples of 900 runs; exit 1 if a bound is missed."""
    from benchmark.bench.scoring_scale import run_scoring_scale

    sys.exit(run_scoring_scale(runs))


@bench.command("drafted")
def bench_drafted(data: Annotated[Path, typer.Argument(help="A track's data.")] = Path("data/micro")) -> None:
    """Share of generated texts that equal the unmodified model's, after `make repro`."""
    from benchmark.bench.drafted import shares

    print(shares(data).to_string(float_format="{:.2f}".format))


@bench.command("report")
def bench_report(
    measured: Annotated[Path, typer.Option("--bench")] = Path("docs/bench.json"),
    provenance: Annotated[Path, typer.Option()] = Path("results/micro/provenance.json"),
    page: Annotated[Path, typer.Option()] = Path("docs/PERFORMANCE.md"),
) -> None:
    """Write the tables of PERFORMANCE.md from bench.json."""
    from benchmark.bench.written_report import write_report

    write_report(measured, provenance, page)


@bench.command("leaderboard")
def bench_leaderboard(
    texts: Annotated[int, typer.Option(help="Texts per corpus; 36 entries and controls.")] = 25,
    documents: Annotated[int, typer.Option(help="Documents per task and run.")] = 926,
    readers: Annotated[int, typer.Option()] = 10,
    repeats: Annotated[int, typer.Option()] = 5,
    results: Annotated[Path | None, typer.Option(help="Use this results folder, not a made-up one.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write the figures here as JSON.", callback=check_file)
    ] = None,
) -> None:
    """How long readers wait for pages with 10 million document rows, in a real browser."""
    from leaderboard.measure.waiting_times import run_waiting_times

    run_waiting_times(texts, documents, readers, repeats, results, out)


@submit.command("corpus")
def submit_corpus(
    name: NewName,
    source: Annotated[str, typer.Argument(help="File, folder, or hf://owner/name[@revision][:column].")],
    params: Params = Path("params.yaml"),
    column: Annotated[str | None, typer.Option(help="Text column of a table.")] = None,
    texts: Annotated[int | None, typer.Option(help="Take this many texts from the start.")] = None,
) -> None:
    """Check a corpus and add it to a track."""
    from benchmark.intake.submit_entry import submit_corpus as add

    print(add(name, source, params=params, column=column, texts=texts))


@submit.command("model")
def submit_model(
    name: NewName,
    source: Annotated[str, typer.Argument(help="Folder of safetensors, or owner/name[@revision].")],
    params: Params = Path("params.yaml"),
) -> None:
    """Check a model without loading it and add it to a track."""
    from benchmark.intake.submit_entry import submit_model as add

    print(add(name, source, params=params))


@submit.command("check")
def submit_check(
    file: Annotated[
        Path,
        typer.Argument(help="A params.yaml, a manifest, a corpus file, or a folder of a corpus or model."),
    ],
    column: Annotated[str | None, typer.Option(help="Text column, if FILE is a table.")] = None,
) -> None:
    """Validate settings, a manifest, a corpus or a model folder; write nothing, run nothing."""
    from benchmark.intake.check import check_file

    print(check_file(file, column=column))


@removal.command("corpus")
def remove_corpus(name: SubmittedName, params: Params = Path("params.yaml")) -> None:
    """Undo `gapbench submit corpus`: the settings' line, the manifest and the data, all or nothing."""
    _remove("corpus", name, params)


@removal.command("model")
def remove_model(name: SubmittedName, params: Params = Path("params.yaml")) -> None:
    """Undo `gapbench submit model`: the settings' line, the manifest and the data, all or nothing."""
    _remove("model", name, params)


def _remove(kind: str, name: str, params: Path) -> None:
    from benchmark.commands.clean import clean as show
    from benchmark.intake.remove_entry import remove
    from benchmark.store.tracks import open_track

    print(remove(kind, name, params=params))
    print("\n".join(show(open_track(params)[1].root, dry_run=True)))


@app.command()
def clean(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what can go, and its size.")] = False,
) -> None:
    """Delete cached runs, trained models, outputs and copies of data that no settings here refer to."""
    from benchmark.commands.clean import clean as tidy

    print("\n".join(tidy(Path.cwd(), dry_run=dry_run)))


@draws.command("make")
def draws_make(
    params: Params = Path("params.yaml"),
    models: Annotated[
        list[str] | None, typer.Option("--models", help="Models; repeatable; default: all.")
    ] = None,
) -> None:
    """Train and score the draws that the pipeline does not train, and write kept/<track>/."""
    from benchmark.draws.make_kept_draws import make

    make(params, models or [])


@draws.command("retrain")
def draws_retrain(
    params: Params = Path("params.yaml"),
    seed: Annotated[int | None, typer.Option(help="Chooses the draw; default: random.")] = None,
) -> None:
    """Train one kept draw again, chosen at random, for `draws check`; `make repro` runs it beside `dvc repro`."""
    from benchmark.draws.check_kept_draw import retrain_one

    retrain_one(params, seed)


@app.command()
def site(
    out: Annotated[Path, typer.Option(help="An empty folder for the pages.", callback=check_folder)],
    results: Annotated[Path | None, typer.Option(help="A results folder; default: results.")] = None,
    app_address: Annotated[
        str, typer.Option("--app", help="Where the leaderboard runs; pages link to it.")
    ] = "",
    force: Annotated[bool, typer.Option("--force", help="Replace what is in --out.")] = False,
) -> None:
    """Write the answer, the ranking and each entry as plain HTML, for any web server."""
    from leaderboard.export.static_copy import write_site

    print(f"{len(write_site(out, results, app_address, force=force))} pages in {out}")


@draws.command("check")
def draws_check(
    params: Params = Path("params.yaml"),
    seed: Annotated[int | None, typer.Option(help="Chooses the draw; default: random.")] = None,
) -> None:
    """Compare a kept draw that was trained again with the record, training it if needed; exit 1 if it differs."""
    from benchmark.draws.check_kept_draw import check

    check(params, seed)


@draws.command("track")
def draws_track(params: Params = Path("params.yaml")) -> None:
    """Write a second track in which all draws are trained; `make repro FROM=nothing` calls this."""
    from benchmark.draws.from_nothing import make_track

    print(f"tracks/{make_track(params)}: all draws are trained; its results are separate")


@draws.command("compare")
def draws_compare(params: Params = Path("params.yaml")) -> None:
    """Compare all kept draws with those that `make repro FROM=nothing` trained; exit 1 if weights differ."""
    from benchmark.draws.from_nothing import compare

    compare(params)


@draws.command("disjoint")
def draws_disjoint(
    params: Params = Path("params.yaml"),
    splits: Annotated[int, typer.Option(help="Ways to halve the draws.", min=1)] = 100,
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """Compare disjoint halves of a track's draws; exit 1 if the standard errors are not right."""
    from benchmark.commands.disjoint_draws import disjoint

    disjoint(params, splits, seed)


@track.command("prepare")
def track_prepare(params: Params) -> None:
    """Make a track visible to DVC and clear a lock that a killed `dvc` left; `make repro` calls this."""
    from benchmark.pipeline.prepare_dvc import prepare_track

    prepare_track(params)


@track.command("pin")
def track_pin(params: Params) -> None:
    """Write the commits of the Hub's branches and tags into the settings in their place; `make repro` calls this."""
    from benchmark.intake.pin_track import pin_track

    for line in pin_track(params):
        print(line)


@track.command("times")
def track_times(params: Params = Path("params.yaml")) -> None:
    """Print how long each stage took when it last ran here."""
    from benchmark.pipeline.stage_times import print_times

    print_times(params)


@track.command("deps")
def track_deps() -> None:
    """Write the code that each stage imports into the `deps` of dvc.yaml."""
    from benchmark.pipeline.dependencies import write_code_deps

    write_code_deps(Path("dvc.yaml"))


@track.command("clusters")
def track_clusters(suite: Annotated[str, typer.Argument(help="A suite, such as micro12.")]) -> None:
    """Print the table of docs/CLUSTERS.md: how many documents of each task ask the same thing."""
    from benchmark.tasks.clusters import markdown
    from benchmark.tasks.suite import load_suite

    print("\n".join(markdown(load_suite(suite))))


def main() -> None:
    """Run the command; refused input exits with 2 and a failed check with 1, each with one line."""
    try:
        sys.exit(app(standalone_mode=False) or 0)
    except typer.Abort:
        sys.exit(1)
    except TyperException as error:
        # Errors of the command line itself: an unknown option, a value that is not a number.
        _say(error.format_message())
        sys.exit(2)
    except InputError as error:
        _say(error)
        sys.exit(2)
    except CheckFailed as error:
        _say(error)
        sys.exit(1)
    except OSError as error:
        if not is_of_the_machine(error):
            raise
        _say(os_refusal(error))
        sys.exit(2)


def _say(error: object) -> None:
    line = " ".join(str(error).encode("utf-8", "backslashreplace").decode().split())
    if line:
        print(f"gapbench: {line}", file=sys.stderr)
