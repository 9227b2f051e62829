"""Which runs a run group (model, corpus) holds, and the content key of each."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from benchmark.corpora.texts import CorpusText
from benchmark.errors import InputError
from benchmark.posttrain.arms import ARMS
from benchmark.posttrain.arms.interface import SoupMember
from benchmark.posttrain.base_model import Base
from benchmark.posttrain.objective import examples_of, text_tokens
from benchmark.posttrain.record import RunRecord
from benchmark.posttrain.run_code import run_code
from benchmark.posttrain.run_loop import RunRequest
from benchmark.posttrain.scorer import Scorer
from benchmark.settings.arm_specs import Arm
from benchmark.settings.names import nearest
from benchmark.settings.track_settings import Settings, arms_of
from benchmark.system.content_hash import digest


def request(
    settings: Settings, base: Base, corpus: str, text: CorpusText, arm_name: str, seed: int
) -> RunRequest:
    """The run of one arm on one text.

    Raises:
        InputError: the arm is not in the settings, its kind is not known, or the text has no token.
    """
    arm = check_arm(settings, arm_name)
    posttrain = settings.posttrain.model_copy(update={"learning_rate": settings.learning_rate(arm_name)})
    positions = base.model.config.max_position_embeddings
    try:
        tokens = text_tokens(
            text.text, base.tokenizer, max_length=settings.evaluation.max_length, positions=positions
        )
    except InputError as error:
        raise InputError(f"corpus {corpus}, text {text.index}: {error}") from None
    return RunRequest(
        track=settings.track.name,
        model_name=base.name,
        model=base.model,
        model_digest=base.digest,
        corpus=corpus,
        index=text.index,
        text_id=text.text_id,
        tokens=tuple(tokens),
        arm_name=arm_name,
        arm=arm,
        updates=arm.updates,
        seed=seed,
        settings=posttrain,
        arithmetic=base.arithmetic,
        draw=base.draw,
        digest_all=settings.checkpoints.keep == "all",
        passages=examples_of(text.text, base.tokenizer, positions=positions) if arm.kind == "lessons" else (),
    )


def check_arm(settings: Settings, name: str) -> Arm:
    """The arm of that name; InputError if there is none, or if its kind is not known."""
    if name not in settings.arms:
        raise InputError(f"arms: no arm '{name}'{nearest(name, settings.arms)}")
    arm = settings.arms[name]
    if arm.kind not in ARMS:
        raise InputError(f"arms.{name}.kind: no kind '{arm.kind}'{nearest(arm.kind, ARMS)}")
    return arm


def group_requests(
    settings: Settings, bases: Sequence[Base], corpus: str, texts: Sequence[CorpusText]
) -> Iterator[RunRequest]:
    """All runs of a run group except soups, arm by arm, text by text, seed by seed.

    Texts are nested in draws: the text of index i is run on the draw at place i modulo the number of `bases`.
    """
    for arm_name, arm in arms_of(settings, bases[0].name, corpus).items():
        if arm.kind == "soup":
            continue
        for text in texts:
            for seed in arm.seeds:
                yield request(settings, base_of(text, bases), corpus, text, arm_name, seed)


def base_of(text: CorpusText, bases: Sequence[Base]) -> Base:
    """The draw that a text is run on."""
    return bases[text.index % len(bases)]


def soup_requests(
    settings: Settings, finished: Sequence[tuple[RunRequest, RunRecord]]
) -> Iterator[RunRequest]:
    """The soups of a run group, over disjoint groups of an arm's texts, so that soups are independent of each other.

    A soup averages runs of one draw: the average of two pretrained models would be useless.

    Args:
        finished: runs with their records, those of an arm in the order of the texts.
    """
    for arm_name, arm in settings.arms.items():
        if arm.kind != "soup":
            continue
        if arm.of is None:
            raise InputError(f"arms.{arm_name}.of: a soup names the arm whose checkpoints it averages")
        usable = [
            (run, step)
            for run, record in finished
            if run.arm_name == arm.of
            and arm_name in arms_of(settings, run.model_name, run.corpus)
            and (step := record.selected_step.get("all")) is not None
        ]
        for index, group in enumerate(_groups(usable, arm.group)):
            members = tuple(SoupMember(run, run.arm.kind, step) for run, step in group)
            names = digest([[member.start.text_id, member.start.seed, member.step] for member in members])
            yield replace(
                group[0][0], arm_name=arm_name, arm=arm, text_id=f"soup-{names[:12]}", index=index,
                members=members,
            )  # fmt: skip


def _groups(runs: Sequence[tuple[RunRequest, int]], size: int) -> Iterator[Sequence[tuple[RunRequest, int]]]:
    """Disjoint groups of `size` runs of one draw, draw by draw."""
    for draw in sorted({run.draw for run, _ in runs}):
        own = [(run, step) for run, step in runs if run.draw == draw]
        for place in range(0, len(own) - size + 1, size):
            yield own[place : place + size]


def run_key(run: RunRequest, scorer: Scorer) -> str:
    """Content key of a run: base weights, tokenizer, text, arm, seed, documents, settings and code."""
    kinds = [run.arm.kind, *(part.kind for part in run.members)]
    return digest(
        {
            "track": run.track,
            "model": [run.model_name, run.draw, run.model_digest],
            "corpus": [run.corpus, run.index, run.text_id, list(run.tokens)],
            "arm": [run.arm_name, run.arm.recipe, run.seed],
            "posttrain": run.settings.model_dump(mode="json"),
            "members": [[part.start.text_id, part.start.seed, part.kind, part.step] for part in run.members],
            "evaluation": scorer.settings.model_dump(mode="json"),
            "plan": scorer.prepared.plan_hash,
            "documents": scorer.prepared.suite_digest,
            "device": run.model.device.type,
            "arithmetic": run.arithmetic,
            "digests": run.digest_all,
            "code": run_code(frozenset(kinds), scorer.settings.suite_name),
        }
    )
