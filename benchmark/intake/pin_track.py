"""`gapbench track pin`: look up the commits that a track's branches and tags name, and write them into its settings."""

import shutil
from pathlib import Path

from benchmark.errors import CheckFailed, InputError
from benchmark.intake.pinned_text import pinned_text
from benchmark.intake.transaction import lock
from benchmark.models.tensor_names import INDEX, SINGLE
from benchmark.public_data.hub_files import hub_commit, hub_listing
from benchmark.settings.load import load_settings, validate
from benchmark.settings.pins import HubReference, hub_references
from benchmark.store.track_paths import TrackPaths
from benchmark.system.files import replacing
from benchmark.system.strict_yaml import parse_yaml


def pin_track(params: Path) -> tuple[str, ...]:
    """Pin every revision of a settings file that is not a commit; returns a line for each, none where all are.

    All are looked up before any is written.

    Raises:
        InputError: the Hub is out of reach, or lacks a repository, a branch or a model's safetensors.
        CheckFailed: the file changed in the meantime.
    """
    settings = load_settings(params)
    content = params.read_bytes()
    references = [reference for reference in hub_references(settings) if not reference.is_pinned]
    if not references:
        return ()
    known: dict[tuple[str, str, str], str] = {}
    for reference in references:
        asked = (reference.kind, reference.id, reference.revision)
        known[asked] = known.get(asked) or _commit(reference, params)
    commits = {one.path: known[one.kind, one.id, one.revision] for one in references}
    new = pinned_text(content.decode(), commits, str(params))
    validate(parse_yaml(new, str(params)), str(params))
    with lock(TrackPaths.of(params, settings).root):
        if params.read_bytes() != content:
            raise CheckFailed(f"{params} changed in the meantime: run gapbench track pin again")
        with replacing(params) as temporary:
            temporary.write_bytes(new.encode())
            shutil.copymode(params, temporary)
    return (
        *(f"pinned {one.where}: {one.id}@{one.revision} is commit {commits[one.path]}" for one in references),
        f"wrote {params}",
    )


def _commit(reference: HubReference, params: Path) -> str:
    """The commit that a branch or tag names now; of a model, one that holds weights that may be read."""
    commit = hub_commit(reference.id, reference.revision, kind=reference.kind)
    if (
        reference.kind == "model"
        and not {SINGLE, INDEX} & hub_listing(reference.id, commit, kind="model").keys()
    ):
        raise InputError(
            f"{params}: {reference.where}: {reference.id}@{reference.revision} (commit {commit}) has no {SINGLE}, "
            "and other weights can run code: name another revision, or leave it out"
        )
    return commit
