"""The one small file of a submission that a person reviews: what was brought, and what was found in it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

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
from benchmark.settings.names import check_name
from benchmark.system.strict_yaml import read_yaml
from benchmark.untrusted.entry_names import FOLDERS

HEADER = "# Written by `gapbench submit`, for review. Nothing in it is executed.\n"
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0, le=10**15)]
Finite = Annotated[float, Field(allow_inf_nan=False, ge=0)]
Line = Annotated[str, Field(max_length=500)]


class Part(BaseModel):
    """A section of a manifest: unknown keys and values of another type are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class FileOrigin(Part):
    """A local file or folder, by its name only."""

    kind: Literal["file", "folder"]
    name: Line
    column: Line | None = None
    bytes: Count
    sha256: Sha256


class HubOrigin(Part):
    """A repository of the Hub at one commit."""

    kind: Literal["hub"]
    id: Line
    revision: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
    column: Line | None = None


class TokensFound(Part):
    """Tokens by the tokenizer of a rung."""

    model: Line
    tokenizer: Sha256
    tokens: Count
    shortest: Count
    longest: Count


class FamiliarityFound(Part):
    """Mean token loss in nats of the first `texts` texts."""

    model: Line
    loss: Finite
    texts: Count


class OverlapFound(Part):
    """Share of the corpus's n-grams in task documents; by task, documents touched and all."""

    n: Annotated[int, Field(ge=1, le=100)]
    suite: Line
    share: Annotated[float, Field(ge=0, le=1)]
    texts: Count
    documents: Mapping[Line, tuple[Count, Count]]

    @field_validator("documents", mode="before")
    @classmethod
    def _pairs(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {key: tuple(pair) if isinstance(pair, list) else pair for key, pair in value.items()}


class CorpusFound(Part):
    """What is in a corpus; a part that could not be measured is null and `notes` say why."""

    texts: Annotated[int, Field(ge=2, le=100_000)]
    duplicates: Count
    characters: Count
    fingerprint: Sha256
    tokens: TokensFound | None
    familiarity: FamiliarityFound | None
    overlap: OverlapFound | None
    notes: tuple[Line, ...] = ()

    @field_validator("notes", mode="before")
    @classmethod
    def _as_tuple(cls, value: Any) -> Any:
        return tuple(value) if isinstance(value, list) else value


class ModelFound(Part):
    """What a model is; `baselines` maps rungs to their size ratio."""

    architecture: Literal["OPTForCausalLM"]
    parameters: Annotated[int, Field(gt=0, le=10**13)]
    layers: Annotated[int, Field(gt=0)]
    hidden: Annotated[int, Field(gt=0)]
    positions: Annotated[int, Field(gt=0)]
    vocabulary: Annotated[int, Field(gt=0)]
    tokenizer: Sha256
    dtypes: tuple[Literal["F64", "F32", "F16", "BF16"], ...]
    weights_bytes: Count
    baselines: Mapping[Line, Finite]
    notes: tuple[Line, ...] = ()

    @field_validator("notes", "dtypes", mode="before")
    @classmethod
    def _as_tuple(cls, value: Any) -> Any:
        return tuple(value) if isinstance(value, list) else value


class Data(Part):
    """The file or folder that DVC tracks, relative to the repository's root."""

    path: Line
    bytes: Count
    sha256: Sha256


Origin = Annotated[FileOrigin | HubOrigin, Field(discriminator="kind")]


class Manifest(Part):
    """What both kinds of manifest have."""

    version: Literal[1]
    name: str
    track: str
    source: Origin
    data: Data | None

    @field_validator("name", "track")
    @classmethod
    def _slug(cls, value: str) -> str:
        return check_name(value)

    def check_data(self, place: str, pinned: str | None, path: str | None) -> None:
        """Raise ValueError unless `data` stands at `place` and the entry names it with its digest."""
        if self.data is None or self.data.path != place or path != place:
            raise ValueError(f"data.path and entry.path must both be {place!r}")
        if pinned != self.data.sha256:
            raise ValueError("entry.sha256 must be data.sha256")

    def check_hub(self, identity: str, revision: str) -> None:
        """Raise ValueError unless the source is the repository that the entry names."""
        source = self.source
        if not isinstance(source, HubOrigin) or (source.id, source.revision) != (identity, revision):
            raise ValueError("source and entry must name one repository at one commit")
        if self.data is not None:
            raise ValueError("data must be null: the Hub keeps it")


class CorpusManifest(Manifest):
    """A submitted corpus."""

    kind: Literal["corpus"]
    entry: CorpusSpec
    found: CorpusFound

    @model_validator(mode="after")
    def _agrees(self) -> "CorpusManifest":
        if isinstance(self.entry, FileCorpus):
            self.check_data(data_place("corpus", self.name), self.entry.sha256, self.entry.path)
        elif isinstance(self.entry, HubCorpus):
            self.check_hub(self.entry.id, self.entry.revision)
        else:
            raise ValueError("entry.kind must be 'file' or 'hub'")
        return self


class ModelManifest(Manifest):
    """A submitted model."""

    kind: Literal["model"]
    entry: ModelSpec
    found: ModelFound

    @model_validator(mode="after")
    def _agrees(self) -> "ModelManifest":
        if isinstance(self.entry, FolderModel):
            self.check_data(data_place("model", self.name), self.entry.sha256, self.entry.path)
        elif isinstance(self.entry, HubModel):
            self.check_hub(self.entry.id, self.entry.revision)
            if self.entry.allow_pickle_weights:
                raise ValueError("entry.allow_pickle_weights: submissions are safetensors only")
        else:
            raise ValueError("entry.kind must be 'folder' or 'hub'")
        return self


AnyManifest = CorpusManifest | ModelManifest
_ADAPTER: TypeAdapter[AnyManifest] = TypeAdapter(Annotated[AnyManifest, Field(discriminator="kind")])


def data_place(kind: str, name: str) -> str:
    """Where the data of a submission stands, relative to the repository's root."""
    return f"submissions/data/{name}/{'texts.jsonl' if kind == 'corpus' else 'model'}"


def manifest_place(kind: str, name: str) -> str:
    """Where the manifest of a submission stands, relative to the repository's root."""
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
    text = yaml.safe_dump(
        {key: plain[key] for key in order}, sort_keys=False, allow_unicode=False, width=1_000_000
    )
    return HEADER + text
