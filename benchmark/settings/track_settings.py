"""Everything that one track's `params.yaml` says, as one strict type."""

import itertools
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from pydantic import Field, PrivateAttr, field_validator, model_validator

from benchmark.settings.arm_kinds import DISTANT
from benchmark.settings.arm_specs import Arm, with_placebos
from benchmark.settings.corpus_specs import CorpusSpec
from benchmark.settings.model_specs import ModelSpec
from benchmark.settings.names import check_name, nearest
from benchmark.settings.run_options import Checkpoints, EvaluationOptions, Execution, Posttrain
from benchmark.settings.scoring_rules import Claims, Scoring
from benchmark.settings.section import Section


class Track(Section):
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


class Settings(Section):
    """Everything in one track's `params.yaml`."""

    track: Track
    models: Mapping[str, ModelSpec]
    corpora: Mapping[str, CorpusSpec]
    arms: Mapping[str, Arm]
    posttrain: Posttrain = Posttrain()
    evaluation: EvaluationOptions = EvaluationOptions()
    execution: Execution = Execution()
    checkpoints: Checkpoints = Checkpoints()
    scoring: Scoring = Scoring()
    claims: Claims = Claims()
    _folder: Path | None = PrivateAttr(default=None)

    @property
    def folder(self) -> Path | None:
        """The folder of the settings file, from which arms name files; None if the settings are from no file."""
        return self._folder

    def placed(self, folder: Path) -> Self:
        """These settings as those of a file in `folder`."""
        self._folder = folder
        return self

    @field_validator("models", "corpora", "arms", mode="before")
    @classmethod
    def _names(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            raise ValueError("expected a mapping of names to settings")
        for name in value:
            check_name(name)
        return value

    @field_validator("arms", mode="before")
    @classmethod
    def _placebos(cls, value: Any) -> Any:
        return with_placebos(value) if isinstance(value, dict) else value

    @model_validator(mode="after")
    def _groups(self) -> "Settings":
        groups: dict[str, tuple[str, str]] = {}
        for pair in itertools.product(self.models, self.corpora):
            joined = "-".join(pair)
            if joined in groups:
                other = groups[joined]
                raise ValueError(
                    f"run groups {other[0]} x {other[1]} and {pair[0]} x {pair[1]} would both be called "
                    f"'{joined}': rename one of them"
                )
            groups[joined] = pair
        for name, arm in self.arms.items():
            if arm.of is not None and arm.of not in self.arms:
                raise ValueError(f"arms.{name}.of: no arm '{arm.of}'{nearest(arm.of, self.arms)}")
            built_on = self.arms[arm.of] if arm.of is not None else None
            if built_on is not None and (built_on.kind == "soup" or built_on.of is not None):
                what = "is a soup" if built_on.kind == "soup" else "follows another arm"
                raise ValueError(
                    f"arms.{name}.of: '{arm.of}' {what} itself: name an arm that has runs of its own"
                )
            if arm.base is not None:
                _check_names(f"arms.{name}.base", "model", [arm.base], self.models)
        return self

    @model_validator(mode="after")
    def _steps(self) -> "Settings":
        most, steps = self.posttrain.max_steps, self.evaluation.steps or ()
        if self.evaluation.protocol != "paper" and max(steps, default=0) > most:
            raise ValueError(
                f"evaluation.steps: step {max(steps)} is never taken, posttrain.max_steps is {most}: change one of them"
            )
        return self

    @model_validator(mode="after")
    def _filters(self) -> "Settings":
        for name, arm in self.arms.items():
            _check_names(f"arms.{name}.corpora", "corpus", arm.corpora, self.corpora)
            _check_names(f"arms.{name}.models", "model", arm.models, self.models)
        for name, corpus in self.corpora.items():
            _check_names(f"corpora.{name}.arms", "arm", corpus.arms, self.arms)
        return self

    @model_validator(mode="after")
    def _claimed(self) -> "Settings":
        """What the claims name is there; defaults need not be. Controls are checked with the suite's scopes."""
        claims, pairs = self.claims, self.claims.pairs
        named: dict[str, tuple[str, Sequence[str], Mapping[str, Any]]] = {
            "arm": ("arm", [claims.arm], self.arms),
            "corpora": ("corpus", claims.corpora, self.corpora),
            "target_corpus": ("corpus", [claims.target_corpus], self.corpora),
            "placebos": ("arm", claims.placebos, self.arms),
            "pairs": ("model", [*pairs, *pairs.values()], self.models),
        }
        for key in sorted(named.keys() & claims.model_fields_set):
            _check_names(f"claims.{key}", *named[key])
        for model, larger in pairs.items():
            if model == larger:
                raise ValueError(f"claims.pairs: '{model}' is paired with itself: name a larger model")
        return self

    def check_controls(self, scopes: Collection[str] | None) -> None:
        """Raise ValueError where a control of the claims names a model, arm, corpus or scope that is not there.

        Args:
            scopes: of the suite, `all` among them; None if they are not known.
        """
        controls = self.claims.controls
        for place in ("positive", "negative", "placebo"):
            control, where = getattr(controls, place), f"claims.controls.{place}"
            if control is not None:
                _check_names(f"{where}.model", "model", [control.model], self.models)
                _check_names(f"{where}.arm", "arm", [control.arm], self.arms)
                _check_names(f"{where}.corpus", "corpus", [control.corpus], self.corpora)
                if scopes is not None:
                    _check_names(f"{where}.scopes", "scope", control.scopes, dict.fromkeys(scopes))
        if controls.same is not None:
            _check_names("claims.controls.same", "model", [controls.same], self.models)
        if (rungs := controls.next_rung) is not None:
            _check_names("claims.controls.next_rung", "model", [rungs.model, rungs.larger], self.models)
            if rungs.model == rungs.larger:
                raise ValueError(f"claims.controls.next_rung: '{rungs.model}' twice: name a larger model")

    @property
    def used_models(self) -> Mapping[str, ModelSpec]:
        """The models without those whose role is `unused`."""
        return {name: spec for name, spec in self.models.items() if spec.role != "unused"}

    def learning_rate(self, arm: str) -> float:
        """The rate at which the runs of an arm take their steps; a soup's is that of the runs it averages."""
        spec = self.arms[arm]
        if spec.of is not None:
            return self.learning_rate(spec.of)
        return self.posttrain.learning_rate if spec.learning_rate is None else spec.learning_rate


def arms_of(settings: Settings, model: str, corpus: str) -> dict[str, Arm]:
    """The arms that run on a model and a corpus, by name, as their own filters and the corpus's allow."""
    return {name: arm for name, arm in settings.arms.items() if _runs_on(settings, name, model, corpus)}


def _runs_on(settings: Settings, name: str, model: str, corpus: str) -> bool:
    arm, spec = settings.arms[name], settings.corpora.get(corpus)
    on_corpus = None if spec is None else spec.arms
    is_placebo = arm.kind in DISTANT and arm.of is not None
    if is_placebo and not _runs_on(settings, str(arm.of), model, corpus):
        return False
    if arm.base is not None and (model != arm.base or corpus != _corpus_of_checkpoint(settings, name)):
        return False
    return (
        (arm.models is None or model in arm.models)
        and (arm.corpora is None or corpus in arm.corpora)
        and (on_corpus is None or name in on_corpus or (is_placebo and arm.of in on_corpus))
    )


def _corpus_of_checkpoint(settings: Settings, name: str) -> str | None:
    """The one corpus under which a checkpoint stands: the first that it may run on."""
    named = settings.arms[name].corpora
    for corpus, spec in settings.corpora.items():
        if (named is None or corpus in named) and (spec.arms is None or name in spec.arms):
            return corpus
    return None


def _check_names(where: str, kind: str, names: Sequence[str] | None, known: Mapping[str, Any]) -> None:
    for name in names or ():
        if name not in known:
            raise ValueError(f"{where}: no {kind} '{name}'{nearest(name, known)}")
