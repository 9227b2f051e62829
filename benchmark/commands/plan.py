"""`gapbench plan`: what a track will cost before it starts, and what its comparisons can detect."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmark.commands.machine_rate import (
    MEMORY,
    SUSTAINED,
    FlopRates,
    hashed_rate,
    measured_rate,
    published_rates,
)
from benchmark.commands.planned_cost import Cost, Preparations, cost
from benchmark.commands.planned_power import print_power, texts_of_an_entry
from benchmark.commands.planned_track import model_shape, text_count
from benchmark.errors import InputError
from benchmark.execution.devices import asks_for_gpu, runs_a_gpu
from benchmark.execution.workers import worker_count
from benchmark.intake.check import check_names
from benchmark.posttrain.run_memory import GIB, capacity, refuse_what_does_not_fit
from benchmark.posttrain.run_requests import check_arm
from benchmark.settings.task_suite import TaskSuite
from benchmark.settings.track_settings import Settings
from benchmark.store.track_paths import TrackPaths
from benchmark.store.tracks import all_tracks, open_track


def plan(
    root: Path,
    track: str,
    rate: float | None,
    overrides: Sequence[str] = (),
    *,
    power_only: bool = False,
    gpu: str | None = None,
) -> None:
    """Print cost and power of a track; `power_only` leaves the cost out.

    `rate` are FLOP/s for everything; with `gpu`, 40 % of its published peaks are taken, by precision.

    Raises:
        InputError: no such track, or the data that counting needs is not at hand.
    """
    params = _params_of(root, track)
    settings, layout = open_track(params, overrides)
    check_names(params, settings, layout.root)
    for name in settings.arms:
        check_arm(settings, name)
    for line in listed_tasks(settings, layout):
        print(line)
    if power_only:
        _print_power(settings, layout)
        return
    measured = rate is None and gpu is None
    rates, said = chosen_rates(settings, rate, gpu)
    preparations = Preparations(settings, layout)
    costs = [cost(name, spec, settings, layout, preparations) for name, spec in settings.used_models.items()]
    counts = f"{len(costs)} models, {len(settings.corpora)} corpora, {len(settings.arms)} arms"
    print(f"track {track}: {counts}")
    unused = [name for name in settings.models if name not in settings.used_models]
    if unused:
        print(f"not used by their role: {', '.join(unused)} (--set models.{unused[0]}.role=both)")
    print(said)
    print("FLOPs of making a model, of the steps of its runs, and of all passes over the documents")
    heads = f"{'model':12} {'parameters':>13} {'passes':>7} {'positions':>13}"
    print(f"{heads} {'training':>9} {'runs':>9} {'passes':>9} {'memory':>9} {'hours':>8}")
    for one in costs:
        memory = f"{one.bytes / 2**30:.2f} GiB"
        hours = one.hours(rates)
        row = f"{one.model:12} {one.parameters:>13,} {one.passes:>7} {one.positions:>13,}"
        flops = f"{one.training:>9.3g} {one.posttraining:>9.3g} {one.evaluation + one.logits:>9.3g}"
        print(f"{row} {flops} {memory:>9} {hours:>8.3g}")
    total = sum(one.flops for one in costs)
    pushed = sum(one.positions for one in costs)
    hours = sum(one.hours(rates) for one in costs)
    print(f"in all: {pushed:.4g} positions, {total:.4g} FLOPs, {hours:.3g} hours at that rate")
    digests = sum(one.digest_hours(rates) for one in costs)
    print(f"  of these {digests:.2g} hours ({digests / hours if hours else 0.0:.1%}) are digests of weights")
    if moving := sum(one.moving_hours(rates) for one in costs):
        print(f"  and {moving:.2g} hours copies of weights between the GPU and the machine's memory")
    print("\n".join(memory_lines(costs, settings, gpu)))
    workers = worker_count(settings.execution, sum(one.passes for one in costs))
    if measured and workers > 1:
        print(f"on {workers} cores, one run on each: {hours / workers:.3g} hours")
    _print_power(settings, layout)


def memory_lines(costs: Sequence[Cost], settings: Settings, gpu: str | None) -> Iterator[str]:
    """Peak memory by model and arm, and whether it fits: into the GPU that is named, or into this machine's device."""
    device = "cuda" if gpu or asks_for_gpu(settings.execution) else "cpu"
    room = int(MEMORY[gpu]) if gpu else capacity(device)
    yield "peak memory of a run by arm, in GiB on the device (none: the unmodified model's scores):"
    for one in costs:
        said = ", ".join(f"{arm} {memory.device / GIB:.3g}" for arm, memory in one.memory.items())
        host = max(memory.host for memory in one.memory.values()) / GIB
        yield f"  {one.model}: {said}; up to {host:.3g} more in the machine's memory"
    at_once = (
        runs_a_gpu(settings.execution) if device == "cuda" else worker_count(settings.execution, 1 << 20)
    )
    refused = []
    for one in costs:
        try:
            refuse_what_does_not_fit(one.model, one.memory, device=device, runs_at_once=at_once, room=room)
        except InputError as error:
            refused.append(f"  does not fit: {error}")
    where = f"one {gpu} (published: {room / GIB:.1f} GiB)" if gpu else f"{room / GIB:.1f} GiB here"
    yield from refused or [f"  all of them fit into {where}, {at_once} at once"]


def chosen_rates(settings: Settings, rate: float | None, gpu: str | None) -> tuple[FlopRates, str]:
    """The rates that hours are for, and where they are from.

    Raises:
        InputError: no positive rate, a rate and a GPU, or a GPU whose peaks are not known.
    """
    if gpu is not None:
        if rate is not None:
            raise InputError(f"--rate {rate}, --gpu {gpu}: give one of them")
        rates = published_rates(gpu, settings)
        about = f"{SUSTAINED:.0%} of the published peak of one {gpu} (not measured)"
        ways = f"evaluation in {settings.evaluation.precision} {rates.evaluation:.3g}, its logits {rates.logits:.3g}"
        return (
            rates,
            f"rate: {about}: {ways}, steps in {settings.posttrain.precision} {rates.steps:.3g} FLOP/s",
        )
    if rate is not None and not 0 < rate < math.inf:
        raise InputError(f"--rate {rate}: give the FLOP/s that the machine sustains, such as 2e14")
    taken = measured_rate() if rate is None else rate
    origin = "measured here on one thread" if rate is None else "as given"
    hashed = hashed_rate()
    said = f"rate: {taken:.3g} FLOP/s, {origin}; digests {hashed / 1e9:.2f} GB/s, measured here"
    return FlopRates(taken, taken, taken, hashed), said


def listed_tasks(settings: Settings, layout: TrackPaths) -> Iterator[str]:
    """Of a suite of lm-eval's tasks: the metric of each task, its chance, its splits and where its rows come from."""
    if not isinstance(settings.evaluation.suite, TaskSuite):
        return
    from benchmark.tasks.suite_of_track import suite_of

    suite = suite_of(settings.evaluation, documents=settings.evaluation.documents, root=layout.root)
    for task in suite.tasks:
        facts = task.facts()
        metric = f"{task.metric},{facts['filter']}" if "filter" in facts else task.metric
        used = ", ".join(f"{split} {len(found)}" for split, found in task.documents.items())
        about = f"{task.name} ({task.family}): {metric}, chance {task.chance:.3f}; {facts['splits']}; used: {used}"
        yield f"{about}; {facts['data']}"
    for group in suite.groups:
        weights = "by its documents" if group.weight_by_size else "each task alike"
        yield f"{group.name}: lm-eval's mean over {len(group.tasks)} tasks, {weights}"
    yield "Means of a family and over all are over tasks, each alike."


def _print_power(settings: Settings, layout: TrackPaths) -> None:
    sizes = {name: model_shape(name, spec, layout).parameters for name, spec in settings.used_models.items()}
    texts = [text_count(name, spec, layout) for name, spec in settings.corpora.items()]
    print_power(settings, layout, sizes, texts_of_an_entry(texts))


def _params_of(root: Path, track: str) -> Path:
    tracks = {settings.track.name: path for path, settings in all_tracks(root).items()}
    if track not in tracks:
        raise InputError(f"--track {track}: no such track; known: {', '.join(sorted(tracks))}")
    return tracks[track]
