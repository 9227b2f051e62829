"""Which runs a run group (model, corpus) holds, and the content key of each."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from benchmark.corpora.texts import CorpusText
from benchmark.errors import InputError
from benchmark.models.weights import weights_sha256
from benchmark.posttrain.arms import ARMS
from benchmark.posttrain.arms.interface import SoupMember
from benchmark.posttrain.arms.outside.load_arm import code_of, outside_arm
from benchmark.posttrain.base_model import Base
from benchmark.posttrain.objective import examples_of, text_tokens
from benchmark.posttrain.outside.arm_options import bound
from benchmark.posttrain.outside.checkpoint_weights import checkpoint_weights
from benchmark.posttrain.record import RunRecord
from benchmark.posttrain.run_code import run_code
from benchmark.posttrain.run_loop import RunRequest
from benchmark.posttrain.scorer import Scorer
from benchmark.settings.arm_specs import Arm
from benchmark.settings.names import nearest
from benchmark.settings.track_settings import Settings, arms_of
from benchmark.system.content_hash import digest


def request(
    settings: Settings,
    base: Base,
    corpus: str,
    text: CorpusText,
    arm_name: str,
    seed: int,
    texts: Sequence[CorpusText] = (),
) -> RunRequest:
    """The run of one arm on one text.

    Args:
        texts: of the run, `text` first, as `texts_of_run` gives them; by default `text` alone.

    Raises:
        InputError: the arm is not in the settings, its kind or a setting of it is not known, or a text has no token.
    """
    arm = check_arm(settings, arm_name)
    posttrain = settings.posttrain.model_copy(update={"learning_rate": settings.learning_rate(arm_name)})
    positions = base.model.config.max_position_embeddings
    ids = [_tokens(settings, base, corpus, one) for one in texts or (text,)]
    run = RunRequest(
        track=settings.track.name,
        model_name=base.name,
        model=base.model,
        model_digest=base.digest,
        corpus=corpus,
        index=text.index,
        text_id=text.text_id,
        tokens=ids[0],
        arm_name=arm_name,
        arm=arm,
        updates=arm.updates,
        seed=seed,
        settings=posttrain,
        arithmetic=base.arithmetic,
        draw=base.draw,
        digest_all=settings.checkpoints.keep == "all",
        passages=examples_of(text.text, base.tokenizer, positions=positions) if arm.kind == "lessons" else (),
        texts=tuple(ids),
        tokenizer=base.tokenizer,
        options=options_of(settings, arm_name),
        folder=settings.folder,
    )
    if arm.path is not None:
        if text.index >= len(arm.path):
            raise InputError(
                f"arms.{arm_name}.path: text {text.index} has no checkpoint, there are {len(arm.path)}"
            )
        return replace(run, weights=checkpoint_weights(settings, arm_name, arm.path[text.index], base))
    if arm.of is not None and arm.kind != "soup":
        other = request(settings, base, corpus, text, arm.of, seed, texts)
        return replace(run, members=(SoupMember(other, other.arm.kind, 0),))
    return run


def _tokens(settings: Settings, base: Base, corpus: str, text: CorpusText) -> tuple[int, ...]:
    positions = base.model.config.max_position_embeddings
    try:
        return tuple(
            text_tokens(
                text.text, base.tokenizer, max_length=settings.evaluation.max_length, positions=positions
            )
        )
    except InputError as error:
        raise InputError(f"corpus {corpus}, text {text.index}: {error}") from None


def check_arm(settings: Settings, name: str) -> Arm:
    """The arm of that name; InputError if there is none, or if its kind or one of its settings is not known."""
    if name not in settings.arms:
        raise InputError(f"arms: no arm '{name}'{nearest(name, settings.arms)}")
    options_of(settings, name)
    return settings.arms[name]


def options_of(settings: Settings, name: str) -> dict[str, Any]:
    """The keyword arguments of an arm's generator, checked; code from outside is imported."""
    arm = settings.arms[name]
    if arm.kind in ARMS:
        function = ARMS[arm.kind]
    else:
        try:
            function = outside_arm(arm.kind, settings.folder).function
        except InputError as error:
            more = "" if ":" in arm.kind else nearest(arm.kind, ARMS)
            raise InputError(f"arms.{name}.kind: {error}{more}") from None
    return bound(function, arm.options, f"arms.{name}", tuple(Arm.model_fields))


def group_requests(
    settings: Settings, bases: Sequence[Base], corpus: str, texts: Sequence[CorpusText]
) -> Iterator[RunRequest]:
    """All runs of a run group except soups, arm by arm, text by text, seed by seed.

    Texts are nested in draws: the text of index i is run on the draw at place i modulo the number of `bases`.
    """
    arms = arms_of(settings, bases[0].name, corpus)
    for arm_name in sorted(arms, key=lambda name: arms[name].kind == "soup"):
        arm = arms[arm_name]
        if arm.kind == "soup":
            _check_group(settings, arm_name, bases, corpus, texts)
            continue
        shares = [(text, texts_of_run(settings, arm_name, text, texts, len(bases))) for text in texts]
        if texts and not any(share for _, share in shares):
            raise InputError(
                f"arms.{arm_name}.texts: no draw of {bases[0].name} has so many texts of corpus {corpus}, which has "
                f"{len(texts)} on {len(bases)} draws: lower it or give the corpus more texts"
            )
        for text, share in shares:
            for seed in arm.seeds if share else ():
                yield request(settings, base_of(text, bases), corpus, text, arm_name, seed, share)


def _check_group(
    settings: Settings, name: str, bases: Sequence[Base], corpus: str, texts: Sequence[CorpusText]
) -> None:
    """Raise InputError where no draw has as many runs as a soup averages."""
    arm = settings.arms[name]
    if arm.of is None or not texts:
        return
    runs = Counter(
        text.index % len(bases) for text in texts if texts_of_run(settings, arm.of, text, texts, len(bases))
    )
    most = max(runs.values(), default=0) * len(settings.arms[arm.of].seeds)
    if most < arm.group:
        raise InputError(
            f"arms.{name}.group: a soup of {arm.group} runs of {arm.of!r}, and a draw of {bases[0].name} has {most} on "
            f"corpus {corpus}: lower it or give the corpus more texts"
        )


def texts_of_run(
    settings: Settings, name: str, text: CorpusText, texts: Sequence[CorpusText], draws: int
) -> Sequence[CorpusText]:
    """The texts of an arm's run that is named after `text`; empty if no run is.

    A run of several texts takes them from one draw and shares none with another run, so that runs are independent. It
    is named after its first. A checkpoint has a run for each of its paths.
    """
    arm = settings.arms[name]
    source = settings.arms[arm.of] if arm.of is not None else arm
    if source.path is not None:
        return (text,) if text.index < len(source.path) else ()
    size = source.texts or 1
    own = [one for one in texts if one.index % draws == text.index % draws]
    place = own.index(text)
    share = own[place : place + size]
    return share if place % size == 0 and len(share) == size else ()


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
    kinds = {run.arm.kind, *(part.kind for part in run.members)}
    outside = {kind: code_of(kind, run.folder) for kind in kinds if kind not in ARMS}
    own = {name for code in outside.values() for name in code.own}
    return digest(
        {
            **_only_some(run),
            **({"outside": {kind: code.digest() for kind, code in outside.items()}} if outside else {}),
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
            "code": run_code(frozenset(kinds & ARMS.keys()), scorer.settings.suite_name, frozenset(own)),
        }
    )


def _only_some(run: RunRequest) -> dict[str, Any]:
    """What only some runs depend on, so that the keys of others do not change with it."""
    recipes = [part.start.arm.recipe for part in run.members if isinstance(part.start, RunRequest)]
    found = {
        "texts": [list(ids) for ids in run.texts] if len(run.texts) > 1 else None,
        "weights": weights_sha256(run.weights.params) if run.weights is not None else None,
        "followed": [
            recipes,
            [
                weights_sha256(part.start.weights.params)
                for part in run.members
                if part.start.weights is not None
            ],
        ]
        if run.arm.kind != "soup" and run.members
        else None,
        "recipes": recipes if any(part.start.options for part in run.members) else None,
    }
    return {name: value for name, value in found.items() if value is not None}
