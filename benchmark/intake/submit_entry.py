"""`gapbench submit corpus` and `gapbench submit model`: look, tell, and add one entry or nothing."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmark.errors import InputError, told_of
from benchmark.intake.dvc_file import track
from benchmark.intake.facts import corpus_found, model_found
from benchmark.intake.params_line import insert_entry
from benchmark.intake.summary import Report, describe
from benchmark.intake.transaction import Staging, commit, lock, staging
from benchmark.settings.load import validate
from benchmark.settings.track_settings import Settings
from benchmark.store.track_paths import TrackPaths
from benchmark.store.tracks import open_track
from benchmark.system.strict_yaml import parse_yaml
from benchmark.untrusted.corpus_rules import distinct_texts, write_texts
from benchmark.untrusted.entry_names import FOLDERS, check_new_name
from benchmark.untrusted.hub_model import check_remote_model
from benchmark.untrusted.manifest import (
    AnyManifest,
    CorpusFound,
    Data,
    FileOrigin,
    HubOrigin,
    ModelFound,
    data_place,
    manifest_place,
    manifest_text,
    parse_manifest,
)
from benchmark.untrusted.model_folder import check_model, copy_model
from benchmark.untrusted.safe_files import inside, sha256_of
from benchmark.untrusted.submission_source import HubSource, check_column, parse_source
from benchmark.untrusted.submitted_texts import local_texts, remote_texts


@dataclass(frozen=True)
class Target:
    """The settings file that gets the entry."""

    params: Path
    settings: Settings
    layout: TrackPaths

    @property
    def root(self) -> Path:
        """The repository's root."""
        return self.layout.root


def submit_corpus(
    name: str,
    source: str,
    *,
    params: Path = Path("params.yaml"),
    column: str | None = None,
    texts: int | None = None,
) -> Report:
    """Add a corpus to a track: look through it, track its data, write its manifest, insert its line.

    Args:
        source: a file, a folder, or `hf://owner/name@<40 hex>[:column]`.
        column: the text column of a table (default `text`, or the only one).
        texts: how many texts from the start (default: all).

    Raises:
        InputError: the name or the source is refused; nothing was written.
        CheckFailed: writing failed; nothing was written.
    """
    parsed = parse_source(source, "corpus")
    column = check_column(column) if column is not None else None
    if texts is not None and texts < 2:
        raise InputError(f"texts {texts}: one text drives one run, so ask for at least 2")
    target = _target(params, "corpus", name)
    with staging(target.root) as staged:
        if isinstance(parsed, HubSource):
            parsed = HubSource(parsed.id, parsed.revision, column or parsed.column)
            found, origin = remote_texts(parsed, texts)
            entry: dict[str, Any] = {"kind": "hub", "id": parsed.id, "revision": parsed.revision}
            entry |= {"column": parsed.column} if parsed.column else {}
            entry |= {"texts": texts} if texts else {}
            facts = corpus_found(*distinct_texts(found), target.settings, target.layout)
            return _add(target, staged, _manifest("corpus", name, target, origin, None, entry, facts))
        found, file = local_texts(parsed.path, column, staged.folder / "source")
        distinct, duplicates = distinct_texts(found[:texts])
        folder = _data_folder(staged, target.root, name)
        write_texts(distinct, folder / "texts.jsonl")
        data, entry = _data("corpus", name, folder / "texts.jsonl", {"kind": "file"})
        facts = corpus_found(distinct, duplicates, target.settings, target.layout)
        manifest = _manifest("corpus", name, target, file, data, entry, facts)
        _track(target.root, folder, "texts.jsonl")
        return _add(target, staged, manifest)


def submit_model(name: str, source: str, *, params: Path = Path("params.yaml")) -> Report:
    """Add a model to a track: check it unloaded, track its data, write its manifest, insert its line.

    Args:
        source: a folder of safetensors, or `owner/name@<40 hex>` with or without `hf://`.

    Raises:
        InputError: the name or the source is refused; nothing was written.
        CheckFailed: writing failed; nothing was written.
    """
    parsed = parse_source(source, "model")
    target = _target(params, "model", name)
    with staging(target.root) as staged:
        if isinstance(parsed, HubSource):
            with told_of(f"{parsed.id}@{parsed.revision}", staged.folder / "source"):
                checked = check_remote_model(parsed, staged.folder / "source")
            facts = model_found(checked, [], target.settings, target.layout)
            origin = HubOrigin(kind="hub", id=parsed.id, revision=parsed.revision)
            entry = {"kind": "hub", "role": "treated", "id": parsed.id, "revision": parsed.revision}
            return _add(target, staged, _manifest("model", name, target, origin, None, entry, facts))
        folder = _data_folder(staged, target.root, name)
        with told_of(parsed.path, folder / "model"):
            left = copy_model(parsed.path, folder / "model")
            checked = check_model(folder / "model")
        facts = model_found(checked, left, target.settings, target.layout)
        data, entry = _data("model", name, folder / "model", {"kind": "folder", "role": "treated"})
        brought = ascii(parsed.path.resolve().name)[1:-1][:200]
        file = FileOrigin(kind="folder", name=brought, bytes=data.bytes, sha256=data.sha256)
        manifest = _manifest("model", name, target, file, data, entry, facts)
        _track(target.root, folder, "model")
        return _add(target, staged, manifest)


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
    _inserted(params.read_bytes(), params, kind, name, _placeholder(kind))
    return Target(params.resolve(), settings, layout)


def _placeholder(kind: str) -> dict[str, Any]:
    return {"kind": "file" if kind == "corpus" else "folder", "path": "placeholder"}


def _inserted(content: bytes, params: Path, kind: str, name: str, entry: dict[str, Any]) -> bytes:
    return insert_entry(content.decode(), FOLDERS[kind], name, entry, str(params)).encode()


def _data_folder(staged: Staging, root: Path, name: str) -> Path:
    folder = staged.plan(root / "submissions" / "data" / name)
    folder.mkdir()
    return folder


def _data(kind: str, name: str, staged: Path, entry: dict[str, Any]) -> tuple[Data, dict[str, Any]]:
    files = [staged] if staged.is_file() else sorted(staged.iterdir())
    size = sum(file.stat().st_size for file in files)
    data = Data(path=data_place(kind, name), bytes=size, sha256=sha256_of(staged))
    return data, {**entry, "path": data.path, "sha256": data.sha256}


def _track(root: Path, folder: Path, name: str) -> None:
    tracked = track(root, folder / name, name)
    (folder / f"{name}.dvc").write_text(tracked.dvc_file, encoding="utf-8")
    (folder / ".gitignore").write_text(tracked.gitignore, encoding="utf-8")


def _manifest(
    kind: str,
    name: str,
    target: Target,
    source: FileOrigin | HubOrigin,
    data: Data | None,
    entry: dict[str, Any],
    found: CorpusFound | ModelFound,
) -> AnyManifest:
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
    return parse_manifest(raw, "manifest")


def _add(target: Target, staged: Staging, manifest: AnyManifest) -> Report:
    """Put everything in place; the settings are read again under the lock, so no other entry is lost."""
    root, params = target.root, target.params
    text = manifest_text(manifest)
    place = manifest_place(manifest.kind, manifest.name)
    staged.plan(root / place).write_text(text, encoding="utf-8")
    entry = parse_yaml(text, "manifest")["entry"]
    with lock(root) as handle:
        content = params.read_bytes()
        check_new_name(manifest.name, validate(parse_yaml(content.decode(), str(params)), str(params)), root)
        new = _inserted(content, params, manifest.kind, manifest.name, entry)
        commit(staged, params, hashlib.sha256(content).hexdigest(), new, handle)
    settings = str(params.relative_to(root))
    written = [place, settings, *([f"{manifest.data.path}.dvc"] if manifest.data else [])]
    name = manifest.track
    command = "dvc repro" if name == "micro" else f"make repro TRACK={name}"
    return Report(describe(manifest), command, tuple(sorted(written)), manifest)
