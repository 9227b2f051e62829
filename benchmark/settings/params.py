"""`params.yaml` as strict typed settings; nothing else reads that file.

Unknown keys, names that DVC or a shell could misread, and values out of range are refused with one line
that says what, where and how to mend it.
"""

import difflib
import itertools
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from benchmark.arithmetic.mode import Arithmetic
from benchmark.errors import InputError
from benchmark.settings.arm_kinds import ONE_STEP, PLACEBOS, SEEDLESS, UNRANKED
from benchmark.system.patterns import COMMIT, HUB_ID, SHA256
from benchmark.system.strict_yaml import parse_yaml, read_yaml

SLUG = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
RESERVED = frozenset({"none"})


class Strict(BaseModel):
    """A section of the settings: an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Track(Strict):
    """Where a track lives; paths are relative to the folder of its `dvc.yaml`.

    DVC writes `root` and `params` into shell commands, so both are plain paths.
    """

    name: str
    root: str = Field(default=".", pattern=r"^(\.|\.\.(/\.\.)*)$")
    params: str = Field(default="params.yaml", pattern=r"^([a-z0-9][a-z0-9_-]*/)*[a-z0-9][a-z0-9_-]*\.yaml$")

    @field_validator("name")
    @classmethod
    def _slug(cls, value: str) -> str:
        return check_name(value)


Role = Literal["treated", "baseline", "both"]


class MicroModel(Strict):
    """A rung of the micro ladder, trained here.

    Draw d is trained with seed `seed + d`. The pipeline trains draws 0 to `trained` - 1 (all where it is not
    set); of the others scores are kept in git (`gapbench draws make`).
    """

    kind: Literal["micro"]
    role: Role = "both"
    hidden: int = Field(gt=0)
    layers: int = Field(gt=0)
    heads: int = Field(gt=0)
    ffn: int = Field(gt=0)
    tokens: int = Field(gt=0)
    batch: int = Field(gt=0, default=768, description="tokens a step")
    learning_rate: float = Field(gt=0, default=8e-3, description="of AdamW, for all but matrices")
    matrix_rate: float = Field(gt=0, default=0.025, description="of Muon, for the layers' matrices")
    seed: int = 0
    draws: int = Field(ge=1, le=100, default=1, description="pretraining draws that the study rests on")
    trained: int | None = Field(ge=1, default=None, description="of these, how many the pipeline trains")

    @property
    def n_draws(self) -> int:
        """Pretraining draws of the study."""
        return self.draws

    @property
    def trained_draws(self) -> int:
        """Draws that the pipeline makes: 0 up to this number."""
        return self.draws if self.trained is None else self.trained

    def drawn(self, draw: int) -> "MicroModel":
        """The settings of one draw by itself."""
        return self.model_copy(update={"seed": self.seed + draw, "draws": 1, "trained": None})

    @model_validator(mode="after")
    def _trained_are_draws(self) -> "MicroModel":
        if self.trained is not None and self.trained > self.draws:
            raise ValueError(f"trained {self.trained}: there are {self.draws} draws: give at most as many")
        return self


HubId = Annotated[str, Field(pattern=f"^{HUB_ID}$")]
Commit = Annotated[str, Field(pattern=f"^{COMMIT}$")]


class HubDraw(Strict):
    """Another pretraining run of a Hub model: a sister repository, or another revision."""

    id: HubId
    revision: Commit


class HubModel(Strict):
    """A model of the Hugging Face Hub, pinned to a commit; draw 0 is itself, `draws` are the further ones."""

    kind: Literal["hub"]
    role: Role = "both"
    id: HubId
    revision: Commit
    allow_pickle_weights: bool = False
    draws: tuple[HubDraw, ...] = ()

    @property
    def n_draws(self) -> int:
        """Pretraining draws of the study."""
        return 1 + len(self.draws)

    @property
    def trained_draws(self) -> int:
        """Draws that the pipeline fetches: all."""
        return self.n_draws

    def drawn(self, draw: int) -> "HubModel":
        """The settings of one draw by itself."""
        one = self.draws[draw - 1] if draw else HubDraw(id=self.id, revision=self.revision)
        return self.model_copy(update={"id": one.id, "revision": one.revision, "draws": ()})

    @model_validator(mode="after")
    def _draws_differ(self) -> "HubModel":
        named = [(self.id, self.revision), *((draw.id, draw.revision) for draw in self.draws)]
        for one in named:
            if named.count(one) > 1:
                raise ValueError(
                    f"draws: {one[0]}@{one[1]} is named twice: a draw is another pretraining run"
                )
        return self


class FolderModel(Strict):
    """A local folder in the Hub's layout, weights as safetensors; `sha256` is that of a submitted folder."""

    kind: Literal["folder"]
    role: Role = "both"
    path: str
    sha256: str | None = Field(default=None, pattern=f"^{SHA256}$")

    @property
    def n_draws(self) -> int:
        """A folder is one pretraining draw."""
        return 1

    @property
    def trained_draws(self) -> int:
        """A folder is one pretraining draw."""
        return 1

    def drawn(self, draw: int) -> "FolderModel":
        """The settings of its one draw."""
        return self


ModelSpec = Annotated[MicroModel | HubModel | FolderModel, Field(discriminator="kind")]


class Corpus(Strict):
    """What every kind of corpus may say; without `arms` all arms run on it."""

    arms: tuple[str, ...] | None = Field(default=None, min_length=1)


MicroPart = Literal["seen", "unseen", "code", "lessons"]


class MicroCorpus(Corpus):
    """Texts of the micro world, or program text that it never contains."""

    kind: Literal["micro"]
    part: MicroPart
    texts: int = Field(gt=0, default=5)
    seed: int = 0


class OriginalCorpus(Corpus):
    """One of the three corpora that the original study published."""

    kind: Literal["original"]
    name: Literal["github", "pile-cc", "lm_extraction"]
    texts: int = Field(gt=0, default=100)


class FileCorpus(Corpus):
    """A text file, a table with a text column, or a folder of texts; `sha256` is that of a submitted file."""

    kind: Literal["file"]
    path: str
    column: str | None = None
    texts: int | None = Field(gt=0, default=None)
    sha256: str | None = Field(default=None, pattern=f"^{SHA256}$")


class HubCorpus(Corpus):
    """A data set of the Hugging Face Hub, pinned to a commit."""

    kind: Literal["hub"]
    id: HubId
    revision: Commit
    column: str = "text"
    texts: int | None = Field(gt=0, default=None)


CorpusSpec = Annotated[MicroCorpus | OriginalCorpus | FileCorpus | HubCorpus, Field(discriminator="kind")]


class Arm(Strict):
    """A named preset of what is done to a base model; an unset learning rate is that of `posttrain`."""

    kind: str
    role: Literal["treatment", "control"] | None = None
    seeds: tuple[int, ...] = Field(default=(0,), min_length=1)
    learning_rate: float | None = Field(default=None, ge=0)
    of: str | None = None  # soup: the arm whose selected checkpoints are averaged
    group: int = Field(default=2, ge=2)  # soup: texts a soup
    updates: int = Field(default=600, gt=0, le=100_000)  # lessons: optimiser updates of its one step
    corpora: tuple[str, ...] | None = Field(default=None, min_length=1)  # it runs on these alone
    models: tuple[str, ...] | None = Field(default=None, min_length=1)  # and on these

    @property
    def is_control(self) -> bool:
        """Whether the arm's entries are reference rows rather than candidates; `role` before the kind."""
        return (self.role or ("control" if self.kind in UNRANKED else "treatment")) == "control"

    @property
    def recipe(self) -> dict[str, Any]:
        """The settings that one run depends on, for its key and record: not which runs there are."""
        unused = set() if self.kind == "lessons" else {"updates"}
        return self.model_dump(mode="json", exclude={"seeds", "corpora", "models", *unused})

    @model_validator(mode="after")
    def _fields_of_its_kind(self) -> "Arm":
        if self.of is not None and self.kind != "soup":
            raise ValueError(f"of: '{self.kind}' averages no runs, only a soup does: leave it out")
        if self.learning_rate is not None and self.kind == "soup":
            raise ValueError(f"learning_rate: a soup takes no steps of its own: set it on '{self.of}'")
        if "updates" in self.model_fields_set and self.kind != "lessons":
            raise ValueError(
                f"updates: '{self.kind}' takes the steps of posttrain.max_steps: leave it out, or use kind 'lessons'"
            )
        if self.kind in SEEDLESS and len(self.seeds) > 1:
            raise ValueError(
                f"seeds {list(self.seeds)}: '{self.kind}' draws nothing at random, so every seed would give "
                "the same run: give one seed or none"
            )
        return self


class Posttrain(Strict):
    """The optimiser of a run; the defaults are the original study's."""

    learning_rate: float = Field(default=5e-5, ge=0)
    max_steps: int = Field(default=15, ge=0, le=10_000)
    precision: Literal["fp32", "fp16-amp", "bf16"] = "fp32"
    betas: tuple[float, float] = (0.9, 0.98)
    eps: float = Field(default=1e-8, gt=0)


class Evaluation(Strict):
    """Which documents a checkpoint is scored on, and how."""

    suite: str = "micro12"
    protocol: Literal["held-out", "paper"] = "held-out"
    max_length: int = Field(default=512, ge=8)
    tasks: tuple[str, ...] | None = Field(default=None, min_length=1)
    steps: tuple[int, ...] | None = Field(default=None, min_length=1)
    documents: int | None = Field(default=None, gt=0)
    select_documents: int | None = Field(default=None, gt=0)
    base_documents: int | None = Field(default=None, gt=0)
    num_fewshot: int = Field(default=0, ge=0, le=32)
    fewshot_seed: int = 0
    loss_batch_size: int = Field(default=64, gt=0)
    batch_tokens: int = Field(default=8192, gt=0)
    split_source: Literal["halves", "train", "whole"] = "halves"


class Execution(Strict):
    """Where runs run; `workers` 0 means one a core, `device` auto a GPU where there is one.

    `arithmetic` portable gives the same bits on every x86-64 CPU with AVX2 (Linux); where that cannot be had, on a GPU
    or another CPU, numbers are native all the same and say so.
    """

    engine: Literal["local", "ray"] = "local"
    workers: int = Field(default=0, ge=0)
    device: Literal["auto", "cpu", "cuda"] = "cpu"
    arithmetic: Arithmetic = "portable"


Keep = Literal["none", "selected", "all"]


class Checkpoints(Strict):
    """Which weights of a run are kept beside its samples; the recipe and every step's digest always are.

    `selected` are the steps that a run is judged by.
    """

    keep: Keep = "none"


class Scoring(Strict):
    """How models are compared.

    `margin` is the share of the ladder gap that may remain for `comparable`; a difference below the share
    `negligible` of the gap is not worth having. `ratio` bounds baseline size / own size, both ends included.
    `resamples` draws of documents and texts, from `seed`, stand behind the interval of the interquartile mean;
    nothing else is resampled.
    """

    margin: float = Field(default=0.5, gt=0, lt=1)
    negligible: float = Field(default=0.1, gt=0, lt=1)
    ratio: tuple[float, float] = (1.9, 4.2)
    resamples: int = Field(default=10_000, ge=100)
    seed: int = 0

    @model_validator(mode="after")
    def _ordered(self) -> "Scoring":
        if not 1 <= self.ratio[0] < self.ratio[1]:
            raise ValueError("ratio is [low, high] with 1 <= low < high")
        return self


class Control(Strict):
    """An entry whose outcome against its own base model is known before: what a study that can see shows."""

    model: str
    arm: str
    corpus: str
    scopes: tuple[str, ...] = Field(default=("all", "classification", "dialogue"), min_length=1)


class NextRung(Strict):
    """Draws of a larger rung that are entered as if they were the treated `model`."""

    model: str
    larger: str


class Controls(Strict):
    """The declared controls of claim C0, none of which is ranked.

    `positive` must be superior to its base model and `negative` inferior, in every scope that they name; `placebo`
    must be superior in none. `same`: two disjoint sets of draws of this model must not be told apart. `next_rung`:
    draws of the larger rung, entered as a treated model, must be comparable to the other draws.
    """

    positive: Control | None = None
    negative: Control | None = None
    placebo: Control | None = None
    same: str | None = None
    next_rung: NextRung | None = None

    @property
    def declared(self) -> bool:
        """Whether there is any."""
        return any(getattr(self, name) is not None for name in type(self).model_fields)


class Claims(Strict):
    """The entries over which the claims C1-C4 are decided: the treatment, its corpora, each model's larger rung.

    Empty `corpora` means every corpus with an entry of `arm`; empty `pairs` every model with one. `placebos`
    are names of arms. `controls` are those of C0, and `not_testable` says by claim why this track cannot test it.
    """

    arm: str = "gap"
    corpora: tuple[str, ...] = ()
    target_corpus: str = "code"
    placebos: tuple[str, ...] = PLACEBOS
    pairs: Mapping[str, str] = Field(default_factory=dict)
    controls: Controls = Controls()
    not_testable: Mapping[Literal["C1", "C2", "C3", "C4"], str] = Field(default_factory=dict)


class Settings(Strict):
    """Everything in one track's `params.yaml`."""

    track: Track
    models: Mapping[str, ModelSpec]
    corpora: Mapping[str, CorpusSpec]
    arms: Mapping[str, Arm]
    posttrain: Posttrain = Posttrain()
    evaluation: Evaluation = Evaluation()
    execution: Execution = Execution()
    checkpoints: Checkpoints = Checkpoints()
    scoring: Scoring = Scoring()
    claims: Claims = Claims()

    @field_validator("models", "corpora", "arms", mode="before")
    @classmethod
    def _names(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            raise ValueError("expected a mapping of names to settings")
        for name in value:
            check_name(name)
        return value

    @model_validator(mode="after")
    def _cells(self) -> "Settings":
        cells: dict[str, tuple[str, str]] = {}
        for pair in itertools.product(self.models, self.corpora):
            joined = "-".join(pair)
            if joined in cells:
                other = cells[joined]
                raise ValueError(
                    f"cells {other[0]} x {other[1]} and {pair[0]} x {pair[1]} would both be called "
                    f"'{joined}': rename one of them"
                )
            cells[joined] = pair
        for name, arm in self.arms.items():
            if arm.of is not None and arm.of not in self.arms:
                raise ValueError(f"arms.{name}.of: no arm '{arm.of}'{nearest(arm.of, self.arms)}")
            if arm.of is not None and self.arms[arm.of].kind == "soup":
                raise ValueError(f"arms.{name}.of: '{arm.of}' is a soup itself: name an arm that has runs")
        return self

    @model_validator(mode="after")
    def _filters(self) -> "Settings":
        for name, arm in self.arms.items():
            _check_names(f"arms.{name}.corpora", "corpus", arm.corpora, self.corpora)
            _check_names(f"arms.{name}.models", "model", arm.models, self.models)
        for name, corpus in self.corpora.items():
            _check_names(f"corpora.{name}.arms", "arm", corpus.arms, self.arms)
        return self

    def learning_rate(self, arm: str) -> float:
        """The rate at which the runs of an arm take their steps; a soup's is that of the runs it averages."""
        spec = self.arms[arm]
        if spec.of is not None:
            return self.learning_rate(spec.of)
        return self.posttrain.learning_rate if spec.learning_rate is None else spec.learning_rate

    def controls_of(self, arm: str) -> tuple[str, ...]:
        """The control arms that a treatment is compared with: those with its learning rate.

        A control at another rate moves the weights another distance, so a difference from it would be one of
        dose. A soup has none and is none: its texts are groups of texts. Nor is `lessons` one.
        """
        if self.arms[arm].kind == "soup":
            return ()
        rate = self.learning_rate(arm)
        return tuple(
            name
            for name, spec in self.arms.items()
            if spec.is_control and spec.kind not in ONE_STEP and self.learning_rate(name) == rate
        )


def arms_of(settings: Settings, model: str, corpus: str) -> dict[str, Arm]:
    """The arms that run on a model and a corpus, by name; their own filters and the corpus's must let them."""
    spec = settings.corpora.get(corpus)
    on_corpus = None if spec is None else spec.arms
    return {
        name: arm
        for name, arm in settings.arms.items()
        if (arm.models is None or model in arm.models)
        and (arm.corpora is None or corpus in arm.corpora)
        and (on_corpus is None or name in on_corpus)
    }


def _check_names(where: str, kind: str, names: Sequence[str] | None, known: Mapping[str, Any]) -> None:
    for name in names or ():
        if name not in known:
            raise ValueError(f"{where}: no {kind} '{name}'{nearest(name, known)}")


def check_name(name: object) -> str:
    """A name of a corpus, model or arm: it ends up in file names and shell commands, so it must be a slug."""
    if not isinstance(name, str):
        raise ValueError(
            f"name {name!r} is read by YAML as {type(name).__name__}, and DVC would drop it: "
            f"use a name such as 'corpus-{str(name).lower()}'"
        )
    if not SLUG.fullmatch(name) or len(name) > 60:
        raise ValueError(
            f"name {name!r} is no slug: use lower-case letters, digits and single hyphens, a letter first, "
            "60 at most"
        )
    if name in RESERVED:
        raise ValueError(f"name {name!r} is reserved: choose another")
    return name


def nearest(name: str, known: Sequence[str] | Mapping[str, Any]) -> str:
    """The words `, did you mean 'x'?` for the nearest known name, or the known names."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f", did you mean '{close[0]}'?" if close else f"; known: {', '.join(sorted(known))}"


def load_settings(path: Path, overrides: Sequence[str] = ()) -> Settings:
    """Settings of one track.

    Args:
        path: the track's `params.yaml`.
        overrides: `key=value` with a dotted key and a YAML value, as `--set` takes them.

    Raises:
        InputError: one line that names the key, the fault and the nearest known key.
    """
    raw = read_yaml(path)
    if not isinstance(raw, dict):
        raise InputError(f"{path}: expected a mapping of sections such as 'models' and 'corpora'")
    for override in overrides:
        _apply(raw, override)
    return validate(raw, str(path))


def validate(raw: Mapping[str, Any], source: str) -> Settings:
    """Typed settings from plain data.

    Raises:
        InputError: one line that names the key and the fault.
    """
    try:
        return Settings.model_validate(raw)
    except ValidationError as error:
        raise InputError(f"{source}: {describe(error)}") from None


def _apply(raw: dict[str, Any], override: str) -> None:
    key, separator, value = override.partition("=")
    parts = key.strip().split(".")
    if not separator or not all(parts):
        raise InputError(f"--set {override!r}: expected key=value, such as posttrain.max_steps=5")
    if parts[0] not in Settings.model_fields:
        raise InputError(f"--set {key}: no section '{parts[0]}'{nearest(parts[0], Settings.model_fields)}")
    target = raw
    for part in parts[:-1]:
        child = target.setdefault(part, {})
        if not isinstance(child, dict):
            raise InputError(f"--set {key}: '{part}' has no keys of its own")
        target = child
    target[parts[-1]] = parse_yaml(value, f"--set {key}")


def describe(error: ValidationError) -> str:
    """The first fault of a validation as one line: where, what, and the nearest known key."""
    faults = error.errors(include_url=False)
    first = next((fault for fault in faults if fault["type"] == "extra_forbidden"), faults[0])
    where = [str(part) for part in first["loc"]]
    kinds = {"micro", "hub", "folder", "original", "file"}
    shown = ".".join(part for part in where if part not in kinds)
    if first["type"] == "extra_forbidden":
        known = _known_keys(where[:-1])
        return f"{shown}: unknown key{nearest(where[-1], known) if known else ''}"
    message = first["msg"].removeprefix("Value error, ")
    return f"{shown}: {message}" if shown else message


def _known_keys(where: Sequence[str]) -> list[str]:
    """Names of the fields of the section at `where` (a path as pydantic reports it)."""
    if not where:
        return list(Settings.model_fields)
    entries: dict[str, type[Strict]] = {
        "micro-models": MicroModel, "hub-models": HubModel, "folder-models": FolderModel,
        "micro-corpora": MicroCorpus, "original-corpora": OriginalCorpus, "file-corpora": FileCorpus,
        "hub-corpora": HubCorpus,
    }  # fmt: skip
    section = where[0]
    if section == "arms":
        return list(Arm.model_fields)
    if section in {"models", "corpora"}:
        kind = entries.get(f"{where[-1]}-{section}")
        return list(kind.model_fields) if kind else []
    annotation = Settings.model_fields[section].annotation
    if isinstance(annotation, type) and issubclass(annotation, Strict):
        return list(annotation.model_fields)
    return []
