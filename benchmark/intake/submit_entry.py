"""`gapbench submit corpus` and `gapbench submit model`: check a submission, measure it, and add one entry."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmark.corpora.text_files import check_count
from benchmark.errors import InputError, naming_source
from benchmark.intake.dvc_file import track
from benchmark.intake.facts import measure_corpus, measure_model
from benchmark.intake.params_line import insert_entry
from benchmark.intake.summary import Report, describe
from benchmark.intake.transaction import Staging, commit, lock, staging
from benchmark.public_data.hub_files import Kind, hub_commit
from benchmark.settings.load import validate
from benchmark.settings.track_settings import Settings
from benchmark.store.track_paths import TrackPaths
from benchmark.store.tracks import open_track
from benchmark.system.patterns import COMMIT
from benchmark.system.strict_yaml import parse_yaml
from benchmark.untrusted.corpus_rules import distinct_texts, write_texts
from benchmark.untrusted.entry_names import FOLDERS, check_new_name
from benchmark.untrusted.hub_model import check_remote_model
from benchmark.untrusted.manifest import (
    Data,
    FileOrigin,
    HubOrigin,
    MeasuredCorpus,
    MeasuredModel,
    data_place,
    manifest_place,
    manifest_text,
    parse_manifest,
)
from benchmark.untrusted.model_folder import check_model, copy_model
from benchmark.untrusted.safe_files import inside, sha256_of_data
from benchmark.untrusted.submission_source import HubSource, check_column, parse_source
from benchmark.untrusted.submitted_texts import local_texts, remote_texts, shown_name


@dataclass(frozen=True)
class Target:
    """The settings file that gets the entry."""

    params: Path
    settings: Settings
    layout: TrackPaths


def submit_corpus(
    name: str,
    source: str,
    *,
    params: Path = Path("params.yaml"),
    column: str | None = None,
    texts: int | None = None,
) -> Report:
    """Add a corpus to a track: check its texts, track its data, write its manifest, insert its line.

    Args:
        source: a file, a folder, or `hf://owner/name[@revision][:column]`.
        column: the text column of a table (default `text`, or the only one).
        texts: how many texts, from the first on (default: all).

    Raises:
        InputError: the name or the source is refused; nothing was written.
        CheckFailed: writing failed; nothing was written.
    """
    parsed = parse_source(source, "corpus")
    column = check_column(column) if column is not None else None
    if texts is not None and texts < 2:
        raise InputError(f"--texts {texts}: one text drives one run, so give at least 2")
    target = _target(params, "corpus", name)
    taken = source if texts is None else f"{source}, its first {texts} texts"
    with staging(target.layout.root) as staged:
        data = None
        origin: FileOrigin | HubOrigin
        if isinstance(parsed, HubSource):
            origin = pinned(parsed, "dataset").model_copy(update={"column": column or parsed.column})
            distinct, duplicates = distinct_texts(remote_texts(origin, texts), taken)
            entry: dict[str, Any] = {"kind": "hub", "id": origin.id, "revision": origin.revision}
            entry |= {"column": origin.column} if origin.column else {}
            entry |= {"texts": texts} if texts else {}
        else:
            given, origin = local_texts(parsed, column, staged.folder / "source")
            check_count(len(given), texts, source)
            distinct, duplicates = distinct_texts(given[:texts], taken)
            file = _data_folder(staged, target.layout.root, name) / "texts.jsonl"
            write_texts(distinct, file)
            data = _data("corpus", name, file)
            entry = {"kind": "file", "path": data.path, "sha256": data.sha256}
        found = measure_corpus(distinct, duplicates, target.settings, target.layout)
        return _add(target, staged, "corpus", name, origin, data, entry, found)


def submit_model(name: str, source: str, *, params: Path = Path("params.yaml")) -> Report:
    """Add a model to a track: check it without loading it, track its data, write its manifest, insert its line.

    Args:
        source: a folder of safetensors, or `owner/name[@revision]` with or without `hf://`; a branch or tag
            (default `main`) is pinned to the commit that it names now.

    Raises:
        InputError: the name or the source is refused; nothing was written.
        CheckFailed: writing failed; nothing was written.
    """
    parsed = parse_source(source, "model")
    target = _target(params, "model", name)
    with staging(target.layout.root) as staged:
        data, omitted = None, list[str]()
        origin: FileOrigin | HubOrigin
        if isinstance(parsed, HubSource):
            origin = pinned(parsed, "model")
            with naming_source(f"{origin.id}@{origin.revision}", staged.folder / "source"):
                facts = check_remote_model(origin, staged.folder / "source")
            entry = {"kind": "hub", "role": "treated", "id": origin.id, "revision": origin.revision}
        else:
            folder = _data_folder(staged, target.layout.root, name) / "model"
            with naming_source(parsed, folder):
                omitted = copy_model(parsed, folder)
                facts = check_model(folder)
            data = _data("model", name, folder)
            origin = FileOrigin(kind="folder", name=shown_name(parsed), bytes=data.bytes, sha256=data.sha256)
            entry = {"kind": "folder", "role": "treated", "path": data.path, "sha256": data.sha256}
        found = measure_model(facts, omitted, target.settings, target.layout)
        return _add(target, staged, "model", name, origin, data, entry, found)


def pinned(source: HubSource, kind: Kind) -> HubOrigin:
    """A repository of the Hub at the commit that its branch or tag names now; everything is read at that commit.

    Raises:
        InputError: the commit cannot be looked up.
    """
    commit = source.revision
    if not re.fullmatch(COMMIT, commit):
        commit = hub_commit(source.id, source.revision, kind=kind)
    return HubOrigin(kind="hub", id=source.id, revision=commit, column=source.column)


def _target(params: Path, kind: str, name: str) -> Target:
    """The settings, with the name checked early: nobody waits for a download to hear of a typing error."""
    settings, layout = open_track(params)
    if (layout.root / settings.track.params).resolve() != params.resolve():
        raise InputError(
            f"{params}: track.params says {settings.track.params!r}: name the file of that track"
        )
    check_new_name(name, settings, layout.root)
    for place in (manifest_place(kind, name), data_place(kind, name)):
        inside(layout.root, place)
    placeholder = {"kind": "file" if kind == "corpus" else "folder", "path": "placeholder"}
    _inserted(params.read_bytes(), params, kind, name, placeholder)
    return Target(params.resolve(), settings, layout)


def _inserted(content: bytes, params: Path, kind: str, name: str, entry: dict[str, Any]) -> bytes:
    return insert_entry(content.decode(), FOLDERS[kind], name, entry, str(params)).encode()


def _data_folder(staged: Staging, root: Path, name: str) -> Path:
    folder = staged.plan(root / "submissions" / "data" / name)
    folder.mkdir()
    return folder


def _data(kind: str, name: str, staged: Path) -> Data:
    files = [staged] if staged.is_file() else sorted(staged.iterdir())
    size = sum(file.stat().st_size for file in files)
    return Data(path=data_place(kind, name), bytes=size, sha256=sha256_of_data(staged))


def _add(
    target: Target,
    staged: Staging,
    kind: str,
    name: str,
    source: FileOrigin | HubOrigin,
    data: Data | None,
    entry: dict[str, Any],
    found: MeasuredCorpus | MeasuredModel,
) -> Report:
    """Put everything in place. The settings are read again under the lock, so that no other entry is lost."""
    root, params = target.layout.root, target.params
    raw = {
        "version": 1,
        "kind": kind,
        "name": name,
        "track": target.settings.track.name,
        "source": source.model_dump(),
        "data": data.model_dump() if data else None,
        "entry": entry,
        "found": found.model_dump(),
    }
    manifest = parse_manifest(raw, "manifest")
    if data:
        folder, _ = staged.moves[0]
        track(root, folder / Path(data.path).name)
    text = manifest_text(manifest)
    place = manifest_place(kind, name)
    staged.plan(root / place).write_text(text, encoding="utf-8")
    entry = parse_yaml(text, "manifest")["entry"]
    with lock(root) as handle:
        content = params.read_bytes()
        check_new_name(name, validate(parse_yaml(content.decode(), str(params)), str(params)), root)
        new = _inserted(content, params, kind, name, entry)
        commit(staged, params, hashlib.sha256(content).hexdigest(), new, handle)
    written = [place, str(params.relative_to(root)), *([f"{data.path}.dvc"] if data else [])]
    command = "dvc repro" if manifest.track == "micro" else f"make repro TRACK={manifest.track}"
    return Report(describe(manifest), command, tuple(sorted(written)), manifest)
