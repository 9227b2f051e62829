"""What a track costs before it runs: FLOPs of training, runs and evaluations, and the memory of a run."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from benchmark.arithmetic.precision import cached_bytes
from benchmark.commands.machine_rate import FlopRates
from benchmark.commands.planned_track import model_shape, text_count, track_tokenizer
from benchmark.evaluation.batch_plan import slot_bytes
from benchmark.evaluation.batched_requests import cached_tokens
from benchmark.evaluation.prepare import Prepared, prepare
from benchmark.models.opt import OptConfig
from benchmark.posttrain.arms import copies_of
from benchmark.posttrain.arms.lessons import BATCH
from benchmark.posttrain.run_memory import FLOAT, RunMemory, memory_by_arm
from benchmark.settings.model_specs import MicroModel, ModelSpec
from benchmark.settings.track_settings import Settings, arms_of
from benchmark.store.track_paths import TrackPaths
from benchmark.tasks.suite_of_track import suite_of

FORWARD = 2
BACKWARD = 4
GRADIENT = FORWARD + BACKWARD
"""FLOPs per parameter and position: a multiply-add forward, two backward (Kaplan et al. 2020, section 2.1)."""


@dataclass(frozen=True)
class Cost:
    """What one model of a track costs.

    Attributes:
        passes: evaluations of all documents; `positions` pushed in all of them together.
        training: FLOPs of making the model, where it is trained here.
        posttraining: FLOPs of the optimiser steps of its runs, at most: texts may be shorter than they may be.
        evaluation: FLOPs of the layers in all passes; `logits` those of the logits that are read.
        memory: of a run, by arm.
        digested: bytes of weights that digests are computed of, in all runs.
        moved: bytes of weights that are copied between a GPU and the machine's memory.
    """

    model: str
    parameters: int
    passes: int
    positions: int
    training: float
    posttraining: float
    evaluation: float
    logits: float
    memory: Mapping[str, RunMemory]
    digested: float = 0.0
    moved: float = 0.0

    @property
    def bytes(self) -> int:
        """Peak memory on the device of the run that takes most."""
        return max(one.device for one in self.memory.values())

    @property
    def flops(self) -> float:
        """FLOPs of training, runs and passes together."""
        return self.training + self.posttraining + self.evaluation + self.logits

    def hours(self, rates: FlopRates) -> float:
        """Hours at these rates."""
        steps = (self.training + self.posttraining) / rates.steps
        evaluation = self.evaluation / rates.evaluation + self.logits / rates.logits
        return (steps + evaluation) / 3600 + self.digest_hours(rates) + self.moving_hours(rates)

    def moving_hours(self, rates: FlopRates) -> float:
        """Hours of copies between a GPU and the machine's memory."""
        return self.moved / rates.moved / 3600

    def digest_hours(self, rates: FlopRates) -> float:
        """Hours of the digests of weights."""
        return self.digested / rates.digested / 3600


class Preparations:
    """The suite of a track, counted once for all models with equal positions."""

    def __init__(self, settings: Settings, layout: TrackPaths) -> None:
        self.settings, self.layout = settings, layout
        self.tokenizer = track_tokenizer(settings, layout)
        self._prepared: dict[tuple[int | None, int], Prepared] = {}

    def of(self, documents: int | None, positions: int) -> Prepared:
        """The documents as a model of so many positions is scored on them; `documents` as in `suite_of`."""
        evaluation, key = self.settings.evaluation, (documents, positions)
        if key not in self._prepared:
            self._prepared[key] = prepare(
                suite_of(evaluation, documents=documents, root=self.layout.root),
                self.tokenizer,
                max_length=min(evaluation.max_length, positions),
                positions=positions,
                batch_tokens=evaluation.batch_tokens,
                counted=True,
            )
        return self._prepared[key]

    def peak_bytes(self, documents: int | None, config: OptConfig) -> int:
        """What a pass over the documents holds in memory beside the weights of a model."""
        evaluation = self.settings.evaluation
        cached = cached_bytes(evaluation.precision)
        room = cached_tokens(slot_bytes(config, cached))
        found = self.of(documents, config.max_position_embeddings)
        return found.peak_bytes(config, cached=cached, cache_tokens=room)


def cost(
    name: str,
    spec: ModelSpec,
    settings: Settings,
    layout: TrackPaths,
    preparations: Preparations | None = None,
) -> Cost:
    """The cost of one model: its draws, their base evaluations, and its runs where it is treated."""
    shape, evaluation = model_shape(name, spec, layout), settings.evaluation
    config = shape.config
    preparations = preparations or Preparations(settings, layout)
    whole = preparations.of(evaluation.base_documents, config.max_position_embeddings)
    documents = preparations.of(evaluation.documents, config.max_position_embeddings)
    work = work_of(settings, layout, name) if spec.role != "baseline" else Work(0, 0)
    draws = spec.trained_draws
    cells = draws * len(settings.corpora) if work.passes else 0
    multiplied = shape.body + shape.head
    by_split: list[tuple[int, Prepared, str | None]] = [(draws, whole, None), (cells, documents, None)]
    if evaluation.test_steps == "selected":
        by_split += [(work.passes, documents, "select"), (work.chosen, documents, "test")]
    else:
        by_split += [(work.passes, documents, None)]
    pushed = sum(times * positions_of(prepared, split) for times, prepared, split in by_split)
    read = sum(times * tokens_read(prepared, split) for times, prepared, split in by_split)
    tokens = min(evaluation.max_length, config.max_position_embeddings)
    passes = {evaluation.base_documents, *([evaluation.documents] if work.passes else [])}
    arms = {
        arm: copies_of(found.kind, settings.folder)
        for corpus in settings.corpora
        for arm, found in arms_of(settings, name, corpus).items()
        if work.passes
    }
    return Cost(
        model=name,
        parameters=shape.parameters,
        passes=draws + cells + work.passes,
        positions=pushed,
        training=float(draws * GRADIENT * multiplied * spec.tokens) if isinstance(spec, MicroModel) else 0.0,
        posttraining=float(GRADIENT * multiplied * (tokens * work.steps + work.lesson_tokens)),
        evaluation=float(FORWARD * shape.body * pushed),
        logits=float(FORWARD * shape.head * read),
        memory=memory_by_arm(
            arms,
            settings.posttrain,
            config,
            shape.parameters,
            tokens=tokens,
            evaluation=max(preparations.peak_bytes(one, config) for one in passes),
        ),
        digested=float(FLOAT * shape.parameters * work.digests),
        moved=float(FLOAT * shape.parameters * work.moved),
    )


def positions_of(prepared: Prepared, split: str | None = None) -> int:
    """Positions pushed in a pass over all documents, or over those of a split."""
    return sum(prepared.splits[one].workload.plan.positions_pushed for one in _splits(prepared, split))


def _splits(prepared: Prepared, split: str | None) -> list[str]:
    return [one for one in prepared.splits if split in (None, one)]


def tokens_read(prepared: Prepared, split: str | None = None) -> int:
    """Tokens whose log-probability or choice is read of the logits: those scored, and those generated at most."""
    workloads = [prepared.splits[one].workload for one in _splits(prepared, split)]
    plans = [(workload, workload.plan.groups) for workload in workloads]
    scored = sum(int(workload.first_slot[-1]) for workload, _ in plans)
    return scored + sum(
        group.rows * group.ending.new_tokens for _, groups in plans for group in groups if group.ending
    )


@dataclass(frozen=True)
class Work:
    """Optimiser steps of all runs of a treated model, and their passes over all documents.

    `lesson_tokens` are the tokens of the updates of `lessons`, at most; its updates do not count as `steps`. `chosen`
    are the steps that runs are judged by, one each; `digests` are those of weights, and `moved` the copies of all
    weights between a GPU and the machine's memory.
    """

    steps: int
    passes: int
    lesson_tokens: int = 0
    chosen: int = field(default=0, compare=False)
    digests: int = field(default=0, compare=False)
    moved: float = field(default=0.0, compare=False)


def work_of(settings: Settings, layout: TrackPaths, model: str) -> Work:
    """The work of all runs of one treated model; a soup repeats the runs that it averages and is scored once."""
    most = settings.posttrain.max_steps
    evaluation = settings.evaluation
    named = None if evaluation.protocol == "paper" else evaluation.steps
    scored = [step for step in named or range(1, most + 1) if step <= most]
    runs = once = averaged = tokens = 0
    moved = 0.0
    for corpus, spec in settings.corpora.items():
        texts = text_count(corpus, spec, layout)
        for name, arm in arms_of(settings, model, corpus).items():
            if arm.kind == "soup":
                once += texts // arm.group
                averaged += texts // arm.group * arm.group
            elif arm.kind == "lessons":
                once += texts * len(arm.seeds)
                tokens += texts * len(arm.seeds) * arm.updates * BATCH
            elif (source := settings.arms[arm.of or name]).path is not None:
                once += min(texts, len(source.path))
            else:
                own = texts // (source.texts or 1) * len(arm.seeds)
                runs += own
                # To the device for step 0 and for the first step; to the machine and back what is kept of the best.
                kept = len(scored) + 1 if evaluation.test_steps == "selected" else 0
                moved += own * (most * copies_of(arm.kind, settings.folder).moved + 2 + kept)
    digested = most if settings.checkpoints.keep == "all" else len(scored)
    return Work(
        (runs + averaged) * most,
        runs * len(scored) + once,
        tokens,
        chosen=(runs if scored else 0) + once,
        digests=runs * (1 + digested) + 2 * once,
        moved=moved,
    )
