"""What a submission is found to be: measured where the track's own models and tasks are at hand."""

from collections.abc import Sequence
from dataclasses import asdict

from benchmark.corpora.overlap import overlap, suite_documents
from benchmark.corpora.texts import fingerprint
from benchmark.errors import InputError
from benchmark.intake.measured import baselines, built_rungs, count_tokens, familiarity
from benchmark.settings.scoring_settings import FEWEST_UNITS
from benchmark.settings.track_settings import Settings
from benchmark.store.track_paths import TrackPaths
from benchmark.untrusted.manifest import CorpusFound, FamiliarityFound, ModelFound, OverlapFound, TokensFound
from benchmark.untrusted.model_folder import ModelFacts


def corpus_found(
    texts: Sequence[str], duplicates: int, settings: Settings, layout: TrackPaths
) -> CorpusFound:
    """The facts of a corpus.

    Raises:
        InputError: a text has no token under the smallest built rung.
    """
    notes = []
    tokens = known = None
    rungs = built_rungs(settings, layout)
    if rungs:
        name = next(iter(rungs))
        tokens = TokensFound(**asdict(count_tokens(layout.draw(name, 0), name, texts)))
        measured = familiarity(layout.draw(name, 0), name, texts, settings.evaluation.max_length)
        known = FamiliarityFound(**asdict(measured)) if measured else None
    else:
        notes.append("tokens and familiarity: no rung of the ladder is built yet")
    shared = _overlap(texts, settings)
    if isinstance(shared, str):
        notes.append(shared)
    if len(texts) < FEWEST_UNITS:
        notes.append(f"fewer than {FEWEST_UNITS} texts: every verdict will be inconclusive")
    return CorpusFound(
        texts=len(texts),
        duplicates=duplicates,
        characters=sum(map(len, texts)),
        fingerprint=fingerprint(texts),
        tokens=tokens,
        familiarity=known,
        overlap=None if isinstance(shared, str) else shared,
        notes=tuple(notes),
    )


def model_found(facts: ModelFacts, left: Sequence[str], settings: Settings, layout: TrackPaths) -> ModelFound:
    """The facts of a model; `left` are files of its folder that were not taken."""
    rungs = built_rungs(settings, layout)
    notes = []
    if not rungs:
        notes.append("baselines: no rung of the ladder is built yet")
    if facts.gaps:
        notes.append(gaps_told(facts))
    if left:
        shown = ", ".join(ascii(name)[1:-1][:60] for name in left[:5])
        notes.append(f"not taken: {shown}{' and others' if len(left) > 5 else ''}")
    return ModelFound(
        architecture="OPTForCausalLM",
        parameters=facts.parameters,
        layers=facts.layers,
        hidden=facts.hidden,
        positions=facts.positions,
        vocabulary=facts.vocabulary,
        tokenizer=facts.tokenizer_digest,
        dtypes=facts.dtypes,
        weights_bytes=facts.weights_bytes,
        baselines=baselines(facts.parameters, rungs, settings),
        notes=tuple(notes),
    )


def gaps_told(facts: ModelFacts) -> str:
    """What becomes of ids without a token."""
    largest = facts.vocabulary + facts.gaps - 1
    return f"{facts.gaps} ids below the largest, {largest}, have no token: their rows stay in the softmax"


def _overlap(texts: Sequence[str], settings: Settings) -> OverlapFound | str:
    """The overlap with the suite's documents, or why it is not known."""
    from benchmark.posttrain.base_model import suite_of

    try:
        suite = suite_of(settings.evaluation, documents=settings.evaluation.base_documents)
    except InputError as error:
        return f"overlap: {' '.join(str(error).split())}"[:400]
    found = overlap(texts, suite_documents(suite))
    return OverlapFound(
        n=found.n, suite=suite.name, share=round(found.share, 6), texts=found.texts, documents=found.documents
    )
