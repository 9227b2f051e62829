"""What a manifest says of a submission; a part is measured only where the track's models and tasks are available."""

from collections.abc import Sequence
from dataclasses import asdict

from benchmark.corpora.overlap import overlap, suite_documents
from benchmark.corpora.texts import fingerprint
from benchmark.errors import InputError
from benchmark.intake.measured import baselines, built_models, corpus_loss, count_tokens
from benchmark.settings.scoring_settings import FEWEST_UNITS
from benchmark.settings.track_settings import Settings
from benchmark.store.track_paths import TrackPaths
from benchmark.untrusted.manifest import Contamination, MeasuredCorpus, MeasuredModel
from benchmark.untrusted.model_folder import ModelFacts


def measure_corpus(
    texts: Sequence[str], duplicates: int, settings: Settings, layout: TrackPaths
) -> MeasuredCorpus:
    """The facts of a corpus.

    Raises:
        InputError: a text has no token under the smallest model that is built.
    """
    notes = []
    tokens = loss = None
    smallest = next(iter(built_models(settings, layout)), None)
    if smallest is not None:
        folder = layout.draw(smallest, 0)
        tokens = count_tokens(folder, smallest, texts)
        loss = corpus_loss(folder, smallest, texts, settings.evaluation.max_length)
    else:
        notes.append("tokens and familiarity: no model of the ladder is built yet")
    shared = _contamination(texts, settings)
    if isinstance(shared, str):
        notes.append(shared)
    if len(texts) < FEWEST_UNITS:
        notes.append(f"fewer than {FEWEST_UNITS} texts: every verdict will be inconclusive")
    return MeasuredCorpus(
        texts=len(texts),
        duplicates=duplicates,
        characters=sum(map(len, texts)),
        fingerprint=fingerprint(texts),
        tokens=tokens,
        familiarity=loss,
        overlap=None if isinstance(shared, str) else shared,
        notes=tuple(notes),
    )


def measure_model(
    facts: ModelFacts, omitted: Sequence[str], settings: Settings, layout: TrackPaths
) -> MeasuredModel:
    """The facts of a model; `omitted` are files of its folder that were not copied."""
    built = built_models(settings, layout)
    notes = []
    if not built:
        notes.append("baselines: no model of the ladder is built yet")
    if facts.gaps:
        notes.append(gaps_note(facts))
    if omitted:
        shown = ", ".join(ascii(name)[1:-1][:60] for name in omitted[:5])
        notes.append(f"not copied: {shown}{' and others' if len(omitted) > 5 else ''}")
    fields = asdict(facts)
    del fields["gaps"]
    return MeasuredModel(**fields, baselines=baselines(facts.parameters, built, settings), notes=tuple(notes))


def gaps_note(facts: ModelFacts) -> str:
    """What happens to the rows of ids without a token."""
    largest = facts.vocabulary + facts.gaps - 1
    return f"{facts.gaps} ids below the largest, {largest}, have no token: their rows stay in the softmax"


def _contamination(texts: Sequence[str], settings: Settings) -> Contamination | str:
    """The n-grams shared with the suite's documents, or why they are not known."""
    from benchmark.tasks.suite_of_track import suite_of

    try:
        suite = suite_of(settings.evaluation, documents=settings.evaluation.base_documents)
    except InputError as error:
        return f"overlap: {' '.join(str(error).split())}"[:400]
    shared = overlap(texts, suite_documents(suite))
    return Contamination(
        n=shared.n,
        suite=suite.name,
        share=round(shared.share, 6),
        texts=shared.texts,
        documents=shared.documents,
    )
