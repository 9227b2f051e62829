"""The manifest: the small file of a submission that a person reviews. It says what was submitted and measured."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)

from benchmark.errors import InputError
from benchmark.settings.corpus_specs import CorpusSpec, FileCorpus, HubCorpus
from benchmark.settings.model_specs import FolderModel, HubModel, ModelSpec
from benchmark.settings.names import Commit, check_name
from benchmark.system.patterns import SHA256
from benchmark.system.strict_yaml import PlainDumper, read_yaml
from benchmark.untrusted.entry_names import FOLDERS
from benchmark.untrusted.safetensors_header import Dtype

HEADER = "# Written by `gapbench submit`, for review. Nothing in it is executed.\n"
Sha256 = Annotated[str, Field(pattern=f"^{SHA256}$")]
Count = Annotated[int, Field(ge=0, le=10**15)]
Finite = Annotated[float, Field(allow_inf_nan=False, ge=0)]
Line = Annotated[str, Field(max_length=500)]
# YAML has lists only, which strict validation does not accept as tuples.
Lines = Annotated[tuple[Line, ...], Field(strict=False)]


class ManifestSection(BaseModel):
    """A section of a manifest; unknown keys and values of another type are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class FileOrigin(ManifestSection):
    """A local file or folder, by its name only."""

    kind: Literal["file", "folder"]
    name: Line
    column: Line | None = None
    bytes: Count
    sha256: Sha256


class HubOrigin(ManifestSection):
    """A repository of the Hub at one commit."""

    kind: Literal["hub"]
    id: Line
    revision: Commit
    column: Line | None = None


class TokenCounts(ManifestSection):
    """Tokens of a corpus by the tokenizer of a ladder model, texts uncut; shortest and longest text."""

    model: Line
    tokenizer: Sha256
    tokens: Count
    shortest: Count
    longest: Count


class CorpusLoss(ManifestSection):
    """Mean loss in nats per token of an unmodified ladder model on the first `texts` texts."""

    model: Line
    loss: Finite
    texts: Count


class Contamination(ManifestSection):
    """Share of the corpus's n-grams in task documents; by task, documents that share one, and all."""

    n: Annotated[int, Field(ge=1, le=100)]
    suite: Line
    share: Annotated[float, Field(ge=0, le=1)]
    texts: Count
    documents: Mapping[Line, Annotated[tuple[Count, Count], Field(strict=False)]]


class MeasuredCorpus(ManifestSection):
    """What is in a corpus; a part that could not be measured is null, and `notes` say why."""

    texts: Annotated[int, Field(ge=2, le=100_000)]
    duplicates: Count
    characters: Count
    fingerprint: Sha256
    tokens: TokenCounts | None
    familiarity: CorpusLoss | None
    overlap: Contamination | None
    notes: Lines = ()


class MeasuredModel(ManifestSection):
    """What a model is; `baselines` maps ladder models to their size ratio."""

    architecture: str = Field(pattern=r"^[A-Za-z0-9_]{1,80}$")
    parameters: Annotated[int, Field(gt=0, le=10**13)]
    layers: Annotated[int, Field(gt=0)]
    hidden: Annotated[int, Field(gt=0)]
    positions: Annotated[int, Field(gt=0)]
    vocabulary: Annotated[int, Field(gt=0)]
    tokenizer: Sha256
    dtypes: Annotated[tuple[Dtype, ...], Field(strict=False)]
    weights_bytes: Count
    baselines: Mapping[Line, Finite]
    notes: Lines = ()


class Data(ManifestSection):
    """The file or folder that DVC tracks; `path` is relative to the repository's root."""

    path: Line
    bytes: Count
    sha256: Sha256


Origin = Annotated[FileOrigin | HubOrigin, Field(discriminator="kind")]


class Manifest(ManifestSection):
    """The fields of both kinds of manifest."""

    version: Literal[1]
    kind: str
    name: str
    track: str
    source: Origin
    data: Data | None
    entry: BaseModel

    @field_validator("name", "track")
    @classmethod
    def _valid_name(cls, value: str) -> str:
        return check_name(value)

    @model_validator(mode="after")
    def _names_its_source(self) -> Self:
        """Refuse an entry whose data, or whose repository of the Hub, differ from the manifest's."""
        entry, data, source = self.entry, self.data, self.source
        if isinstance(entry, FileCorpus | FolderModel):
            place = data_place(self.kind, self.name)
            if data is None or data.path != place or entry.path != place:
                raise ValueError(f"data.path and entry.path must both be {place!r}")
            if entry.sha256 != data.sha256:
                raise ValueError("entry.sha256 must be data.sha256")
        elif isinstance(entry, HubCorpus | HubModel):
            pinned = (entry.id, entry.revision)
            if not isinstance(source, HubOrigin) or (source.id, source.revision) != pinned:
                raise ValueError("source and entry must name one repository at one commit")
            if data is not None:
                raise ValueError("data must be null: the Hub keeps it")
            if isinstance(entry, HubModel) and entry.allow_pickle_weights:
                raise ValueError("entry.allow_pickle_weights: submissions are safetensors only")
        else:
            raise ValueError("entry.kind must be 'hub', or 'file' or 'folder' for local data")
        return self


class CorpusManifest(Manifest):
    """A submitted corpus."""

    kind: Literal["corpus"]
    entry: CorpusSpec
    found: MeasuredCorpus


class ModelManifest(Manifest):
    """A submitted model."""

    kind: Literal["model"]
    entry: ModelSpec
    found: MeasuredModel


AnyManifest = CorpusManifest | ModelManifest
_ADAPTER: TypeAdapter[AnyManifest] = TypeAdapter(Annotated[AnyManifest, Field(discriminator="kind")])


def data_place(kind: str, name: str) -> str:
    """Where the data of a submission are, relative to the repository's root."""
    return f"submissions/data/{name}/{'texts.jsonl' if kind == 'corpus' else 'model'}"


def manifest_place(kind: str, name: str) -> str:
    """Where the manifest of a submission is, relative to the repository's root."""
    return f"submissions/{FOLDERS[kind]}/{name}.yaml"


def parse_manifest(raw: object, source: str) -> AnyManifest:
    """A manifest from plain data.

    Raises:
        InputError: one line that names the key and the fault.
    """
    try:
        return _ADAPTER.validate_python(raw)
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in fault["loc"]) or "manifest"
        # Both quote what was given; a line end in it, U+0085 too, would make two lines.
        message = " ".join(fault["msg"].removeprefix("Value error, ").split())
        where = " ".join(where.split())
        raise InputError(f"{source}: {where:.120}: {message}: submit again rather than editing it") from None


def read_manifest(path: Path) -> AnyManifest:
    """A manifest file of at most 1 MB; raises InputError as `parse_manifest`."""
    return parse_manifest(read_yaml(path), str(path))


def manifest_text(manifest: AnyManifest) -> str:
    """A manifest as YAML, ASCII only, in a fixed order of keys."""
    plain = manifest.model_dump(mode="json")
    entry = manifest.entry.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    plain["entry"] = {"kind": manifest.entry.kind, **entry}
    order = ["version", "kind", "name", "track", "source", "data", "entry", "found"]
    text = yaml.dump(
        {key: plain[key] for key in order},
        Dumper=PlainDumper,
        sort_keys=False,
        allow_unicode=False,
        width=1_000_000,
    )
    return HEADER + text
