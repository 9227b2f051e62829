"""What a track costs before it runs: FLOPs of training, runs and evaluations, and the memory of a run."""

from dataclasses import dataclass

from benchmark.commands.machine_rate import FlopRates
from benchmark.commands.planned_track import model_shape, text_count, track_tokenizer
from benchmark.evaluation.prepare import Prepared, prepare
from benchmark.posttrain.arms import copies_of
from benchmark.posttrain.arms.lessons import BATCH
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
        bytes: peak memory of a run: the copies of the weights that its arms declare, and what a pass holds beside them.
    """

    model: str
    parameters: int
    passes: int
    positions: int
    training: float
    posttraining: float
    evaluation: float
    logits: float
    bytes: int

    @property
    def flops(self) -> float:
        """FLOPs of training, runs and passes together."""
        return self.training + self.posttraining + self.evaluation + self.logits

    def hours(self, rates: FlopRates) -> float:
        """Hours at these rates."""
        steps = (self.training + self.posttraining) / rates.steps
        return (steps + self.evaluation / rates.evaluation + self.logits / rates.logits) / 3600


def cost(name: str, spec: ModelSpec, settings: Settings, layout: TrackPaths) -> Cost:
    """The cost of one model: its draws, their base evaluations, and its runs where it is treated."""
    shape = model_shape(name, spec, layout)
    config = shape.config
    tokenizer = track_tokenizer(settings, layout)
    evaluation = settings.evaluation

    def prepared(documents: int | None) -> Prepared:
        suite = suite_of(evaluation, documents=documents, root=layout.root)
        positions = config.max_position_embeddings
        length = min(evaluation.max_length, positions)
        return prepare(
            suite, tokenizer, max_length=length, positions=positions, batch_tokens=evaluation.batch_tokens
        )

    whole, documents = prepared(evaluation.base_documents), prepared(evaluation.documents)
    work = work_of(settings, layout, name) if spec.role != "baseline" else Work(0, 0)
    draws = spec.trained_draws
    cells = draws * len(settings.corpora) if work.passes else 0
    multiplied = shape.body + shape.head
    several = work.passes + cells
    pushed = draws * whole.positions_pushed + several * documents.positions_pushed
    read = draws * tokens_read(whole) + several * tokens_read(documents)
    tokens = min(evaluation.max_length, config.max_position_embeddings)
    return Cost(
        model=name,
        parameters=shape.parameters,
        passes=draws + cells + work.passes,
        positions=pushed,
        training=float(draws * GRADIENT * multiplied * spec.tokens) if isinstance(spec, MicroModel) else 0.0,
        posttraining=float(GRADIENT * multiplied * (tokens * work.steps + work.lesson_tokens)),
        evaluation=float(FORWARD * shape.body * pushed),
        logits=float(FORWARD * shape.head * read),
        bytes=int(4 * copies(settings, name, runs=work.passes > 0) * shape.parameters)
        + max(whole.peak_bytes(config), documents.peak_bytes(config)),
    )


def copies(settings: Settings, model: str, *, runs: bool) -> float:
    """The most copies of the weights that a run of an arm on this model holds; 1 without runs."""
    kinds = {arm.kind for corpus in settings.corpora for arm in arms_of(settings, model, corpus).values()}
    return max([copies_of(kind)[0] for kind in kinds], default=1.0) if runs else 1.0


def tokens_read(prepared: Prepared) -> int:
    """Tokens whose log-probability or choice is read of the logits: those scored, and those generated at most."""
    plans = [(split.workload, split.workload.plan.groups) for split in prepared.splits.values()]
    scored = sum(int(workload.first_slot[-1]) for workload, _ in plans)
    return scored + sum(
        group.rows * group.ending.new_tokens for _, groups in plans for group in groups if group.ending
    )


@dataclass(frozen=True)
class Work:
    """Optimiser steps of all runs of a treated model, and their passes over all documents.

    `lesson_tokens` are the tokens of the updates of `lessons`, at most; its updates do not count as `steps`.
    """

    steps: int
    passes: int
    lesson_tokens: int = 0


def work_of(settings: Settings, layout: TrackPaths, model: str) -> Work:
    """The work of all runs of one treated model; a soup repeats the runs that it averages and is scored once."""
    most = settings.posttrain.max_steps
    evaluation = settings.evaluation
    named = None if evaluation.protocol == "paper" else evaluation.steps
    scored = [step for step in named or range(1, most + 1) if step <= most]
    runs = once = averaged = tokens = 0
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
                runs += texts // (source.texts or 1) * len(arm.seeds)
    return Work((runs + averaged) * most, runs * len(scored) + once, tokens)
