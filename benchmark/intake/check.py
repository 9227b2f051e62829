"""`gapbench submit check FILE`: would this file be accepted? Writes nothing and runs nothing."""

import tempfile
from collections.abc import Iterator, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from benchmark.corpora.open_corpus import open_corpus
from benchmark.corpora.text_files import LINES
from benchmark.errors import InputError, naming_source
from benchmark.intake.dvc_file import check_dvc_file
from benchmark.intake.facts import gaps_note
from benchmark.intake.summary import Report, describe
from benchmark.public_data.delimited_texts import TABLES
from benchmark.settings.arm_places import ATTEMPTS, GROUP, outside_place, own_module
from benchmark.settings.corpus_specs import FileCorpus, MicroCorpus
from benchmark.settings.load import validate
from benchmark.settings.model_specs import FolderModel, GgufModel
from benchmark.settings.names import nearest
from benchmark.settings.pins import refuse_unpinned
from benchmark.settings.task_suite import TaskSuite
from benchmark.settings.track_settings import Settings
from benchmark.store.attestation import read_attestation
from benchmark.store.tracks import params_name
from benchmark.system.content_hash import digest
from benchmark.system.parameters import keyword_parameters
from benchmark.system.strict_json import walk
from benchmark.system.strict_yaml import read_yaml
from benchmark.tasks.suite_listing import suite_listing
from benchmark.untrusted.corpus_rules import distinct_texts
from benchmark.untrusted.entry_names import FOLDERS
from benchmark.untrusted.manifest import (
    AnyManifest,
    CorpusManifest,
    data_place,
    manifest_place,
    parse_manifest,
    read_manifest,
)
from benchmark.untrusted.model_folder import PICKLE_ENDINGS, check_model, copy_model
from benchmark.untrusted.safe_files import MAX_MODEL_BYTES, inside, kind_of, sha256_of_data, stable_copy
from benchmark.untrusted.safetensors_header import read_header
from benchmark.untrusted.submitted_texts import local_texts
from benchmark.untrusted.tied_head import check_head

SECTIONS = frozenset({"models", "corpora", "arms"})
"""Sections that a settings file has and a manifest has not."""


def check_file(path: Path, *, column: str | None = None) -> Report:
    """Check a settings file, manifest, `.dvc` file, attestation, corpus or model (file or folder).

    Args:
        column: the text column where `path` is a table.

    Raises:
        InputError: what is wrong with it, where, and how to fix it.
    """
    ending = path.suffix.lower()
    if kind_of(path) == "folder":
        return _folder(path)
    if ending in {".yaml", ".yml"}:
        return _yaml(path)
    if ending == ".dvc":
        check_dvc_file(path)
        return Report((f"{path}: a DVC file of one file or folder",))
    if ending == ".json":
        return Report((str(read_attestation(path)),))
    if ending in PICKLE_ENDINGS:
        raise InputError(f"{path}: may hold a pickle, which can run code: give model.safetensors")
    if ending == ".safetensors":
        return _weights(path)
    if ending in (*LINES, *TABLES):
        return _corpus(path, column)
    raise InputError(
        f"{path}: ending {ending!r:.20} is not known: give params.yaml, a manifest, a corpus or a model"
    )


def _yaml(path: Path) -> Report:
    raw = read_yaml(path)
    if isinstance(raw, dict) and {"version", "source"} & raw.keys() and not SECTIONS & raw.keys():
        return check_manifest(path, parse_manifest(raw, str(path)))
    if not isinstance(raw, dict):
        raise InputError(f"{path}: expected a mapping of sections such as 'models' and 'corpora'")
    settings = validate(raw, str(path))
    check_settings(path, settings, raw)
    return Report(
        (
            f"{path}: track {settings.track.name}, {len(settings.models)} models, "
            f"{len(settings.corpora)} corpora, {len(settings.arms)} arms",
        )
    )


def check_settings(path: Path, settings: Settings, raw: Mapping[str, Any]) -> None:
    """Raise InputError where something that is named is not there, or an entry is not pinned or not its manifest's.

    Entries that leave the repository, text that DVC would replace and empty sections are refused too.
    """
    root = path.resolve().parent.joinpath(settings.track.root).resolve()
    named = root / settings.track.params
    if (named.exists() or _is_repository(root)) and named.resolve() != path.resolve():
        raise InputError(f"{path}: track.params names {settings.track.params!r}, not this file: correct it")
    for where, value in walk(raw):
        if isinstance(value, str) and "${" in value:
            raise InputError(f"{path}: {where} holds '${{', which DVC would replace: write it without")
    for section in sorted(SECTIONS):
        if not getattr(settings, section):
            raise InputError(f"{path}: {section}: none is named, so nothing would run: name one")
    refuse_unpinned(settings, path)
    for section, name, entry in _local(settings):
        _check_entry(path, root, section, name, entry)
    check_names(path, settings, root)


def _local(settings: Settings) -> Iterator[tuple[str, str, FileCorpus | FolderModel | GgufModel]]:
    """Section, name and settings of the entries that name a path."""
    for section, entries in (("corpora", settings.corpora), ("models", settings.models)):
        for name, entry in entries.items():
            if isinstance(entry, FileCorpus | FolderModel | GgufModel) and entry.path is not None:
                yield section, name, entry


def _is_repository(root: Path) -> bool:
    """Whether files that settings name can be looked for: not where a settings file is checked by itself."""
    return (root / ".dvc").is_dir()


def check_names(path: Path, settings: Settings, root: Path) -> None:
    """Raise InputError where a file, text, suite, task, scope or kind of arm is not there; imports no code of an arm.

    Args:
        path: the settings file, from whose folder arms name files.
        root: of the track; files are looked for where it is a repository.
    """
    evaluation = settings.evaluation
    try:
        if isinstance(evaluation.suite, TaskSuite):
            settings.check_controls(None)
        else:
            tasks, families = suite_listing(evaluation.suite)
            for key in ("tasks", "documents_by_task"):
                for task in getattr(evaluation, key) or ():
                    if task not in tasks:
                        raise ValueError(f"evaluation.{key}: no task '{task}'{nearest(task, tasks)}")
            settings.check_controls(("all", *families, *(evaluation.tasks or tasks)))
        for name, corpus in settings.corpora.items():
            if isinstance(corpus, MicroCorpus) and corpus.part == "code":
                with naming_source(f"corpora.{name}.texts"):
                    open_corpus(corpus, root)
        files = own_module("any").parent.glob("*.py")
        kinds = [one.stem.replace("_", "-") for one in files if keyword_parameters(one, ATTEMPTS) is not None]
        for name, arm in settings.arms.items():
            if ":" not in arm.kind and arm.kind not in kinds and not entry_points(group=GROUP, name=arm.kind):
                raise ValueError(f"arms.{name}.kind: no kind '{arm.kind}'{nearest(arm.kind, kinds)}")
        for where, file in _files(settings, path.resolve().parent, root) if _is_repository(root) else ():
            if not file.exists() and not file.with_name(f"{file.name}.dvc").exists():
                raise ValueError(f"{where}: no file or folder {file}: name an existing one")
    except ValueError as error:
        raise InputError(f"{path}: {error}") from None


def _files(settings: Settings, folder: Path, root: Path) -> Iterator[tuple[str, Path]]:
    """Where settings name files and folders, and which; the arms' start at the `folder` of the settings file."""
    for section, name, entry in _local(settings):
        yield f"{section}.{name}.path", root / str(entry.path)
    for name, arm in settings.arms.items():
        place = outside_place(arm.kind)
        if place is not None and place.file is not None:
            yield f"arms.{name}.kind", folder / place.file
        yield from ((f"arms.{name}.path", folder / one) for one in arm.path or () if "@" not in one)
    suite = settings.evaluation.suite
    if isinstance(suite, TaskSuite) and suite.folder is not None:
        yield "evaluation.suite.folder", root / suite.folder


def _check_entry(
    path: Path, root: Path, section: str, name: str, entry: FileCorpus | FolderModel | GgufModel
) -> None:
    kind = "corpus" if section == "corpora" else "model"
    try:
        inside(root, str(entry.path))
    except InputError as error:
        raise InputError(f"{path}: {section}.{name}: {error}") from None
    if Path(str(entry.path)).parts[:1] != ("submissions",):
        return
    if entry.path != data_place(kind, name):
        raise InputError(f"{path}: {section}.{name}.path: must be {data_place(kind, name)!r}")
    place = inside(root, manifest_place(kind, name))
    if not place.is_file():
        raise InputError(
            f"{path}: {section}.{name}: no manifest {manifest_place(kind, name)}: use gapbench submit"
        )
    if read_manifest(place).entry != entry:
        raise InputError(
            f"{path}: {section}.{name}: differs from {manifest_place(kind, name)}: submit it again"
        )


def check_manifest(path: Path, manifest: AnyManifest) -> Report:
    """Check a manifest against its file name, its `.dvc` file, the settings and, where it is here, its data.

    Raises:
        InputError: something disagrees.
    """
    absolute = path.resolve()
    root = absolute.parents[2] if len(absolute.parents) > 2 else absolute.parent
    place = manifest_place(manifest.kind, manifest.name)
    if (absolute.parent.parent.name, absolute.parent.name) != ("submissions", FOLDERS[manifest.kind]):
        return Report((*describe(manifest), f"note: checked without its repository, it belongs in {place}"))
    if absolute.name != f"{manifest.name}.yaml":
        raise InputError(f"{path}: name '{manifest.name}' belongs in {place}: rename the file")
    _check_settings_entry(path, root, manifest)
    lines = describe(manifest)
    if manifest.data is None:
        return Report(lines)
    data = inside(root, manifest.data.path)
    check_dvc_file(data.with_name(data.name + ".dvc"), data if data.exists() else None)
    if not data.exists():
        return Report((*lines, f"note: the data are not here: `dvc pull {manifest.data.path}` fetches them"))
    if sha256_of_data(data) != manifest.data.sha256:
        raise InputError(f"{path}: {data.name} has another sha256 than data.sha256: submit it again")
    _check_measured(path, data, manifest)
    return Report((*lines, f"data: {manifest.data.path} agrees"))


def _check_settings_entry(path: Path, root: Path, manifest: AnyManifest) -> None:
    track = manifest.track
    params = root / params_name(track)
    if not params.is_file():
        raise InputError(f"{path}: track {track!r} has no {params.relative_to(root)}: name an existing track")
    settings = validate(read_yaml(params), str(params))
    entries: Mapping[str, object] = settings.corpora if manifest.kind == "corpus" else settings.models
    if entries.get(manifest.name) != manifest.entry:
        where = f"{FOLDERS[manifest.kind]}.{manifest.name} of {params.relative_to(root)}"
        raise InputError(f"{path}: {where} is absent or differs: submit it again")


def _check_measured(path: Path, data: Path, manifest: AnyManifest) -> None:
    """Raise InputError where what can be measured again without the track's models differs from the manifest."""
    if isinstance(manifest, CorpusManifest):
        with tempfile.TemporaryDirectory() as folder:
            texts, _ = local_texts(data, "text", Path(folder) / "source")
        distinct, _ = distinct_texts(texts, data)
        measured: dict[str, object] = {
            "texts": len(distinct),
            "characters": sum(map(len, distinct)),
            "fingerprint": digest(distinct),
        }
    else:
        with naming_source(data):
            facts = check_model(data)
        measured = {key: getattr(facts, key) for key in ("parameters", "weights_bytes", "tokenizer")}
    stored = {key: getattr(manifest.found, key) for key in measured}
    if measured != stored:
        raise InputError(f"{path}: found.* says {stored}, the data give {measured}: submit it again")


def _folder(path: Path) -> Report:
    if not (path / "config.json").exists() and not any(path.glob("*.safetensors")):
        return _corpus(path, None)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "model"
        with naming_source(path, copy):
            omitted = copy_model(path, copy)
            facts = check_model(copy)
    shown = f" ({len(omitted)} other files would not be copied)" if omitted else ""
    return Report(
        (
            f"model: {facts.architecture}, {facts.parameters} parameters, {facts.layers} layers, "
            f"{facts.vocabulary} tokens{shown}",
            *([f"note: {gaps_note(facts)}"] if facts.gaps else []),
        )
    )


def _weights(path: Path) -> Report:
    from benchmark.models.weights import check_finite

    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        with naming_source(path, copy):
            stable_copy(path, copy, MAX_MODEL_BYTES)
            tensors = read_header(copy)
            check_finite(copy)
            check_head({path.name: tensors}, lambda _: copy)
    return Report((f"weights: {len(tensors)} tensors, safetensors",))


def _corpus(path: Path, column: str | None) -> Report:
    with tempfile.TemporaryDirectory() as folder:
        texts, _ = local_texts(path, column, Path(folder) / "source")
    distinct, duplicates = distinct_texts(texts, path)
    size = sum(map(len, distinct))
    return Report(
        (f"corpus: {len(distinct)} texts, {size} characters, {duplicates} duplicates would be left out",)
    )
