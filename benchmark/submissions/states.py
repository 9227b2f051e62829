"""The verification state of every entry of a track, for the stage `score`."""

from benchmark.errors import InputError
from benchmark.pipeline.layout import Layout
from benchmark.settings import Settings
from benchmark.submissions.attestation import EntryKey, State, verification_states
from benchmark.submissions.entry import Entry, samples_digest


def current_states(settings: Settings, layout: Layout) -> dict[EntryKey, State]:
    """State by (model, arm, corpus): what an attestation of the stored samples says, else `self-reported`.

    Raises:
        InputError: an attestation is damaged.
    """

    def digest_of(key: EntryKey) -> str | None:
        try:
            return samples_digest(Entry(settings, layout, *key).samples())
        except InputError:
            return None

    states: dict[EntryKey, State] = {
        (model, arm, corpus): "self-reported"
        for model in settings.models
        for arm in settings.arms
        for corpus in settings.corpora
    }
    attested = verification_states(layout.attestations, digest_of)
    return states | {key: state for key, state in attested.items() if key in states}
