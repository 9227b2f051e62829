"""One `results_<date>.json` of lm-eval: the parts that a comparison reads, with their types checked."""

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from benchmark.errors import InputError
from benchmark.system.strict_json import unique_keys

STRICT = ConfigDict(strict=True, extra="ignore", frozen=True)


class LoggedConfig(BaseModel):
    """A task's configuration."""

    model_config = STRICT
    metric_list: list[dict[str, Any]] | None = None
    metadata: Any = None
    output_type: str | None = None


class LoggedCall(BaseModel):
    """How lm-eval was called, and what it says of the model."""

    model_config = STRICT
    model_args: Any = None
    model_num_parameters: int | None = Field(default=None, lt=2**63)
    model_sha: str | None = None
    limit: int | float | None = None


class LoggedResults(BaseModel):
    """The file: sections by task; `results` are means by `metric,filter`, `counts` numbers of documents."""

    model_config = STRICT
    configs: dict[str, LoggedConfig]
    config: LoggedCall = LoggedCall()
    results: dict[str, dict[str, Any]] = {}
    versions: dict[str, Any] = {}
    shots: dict[str, Any] = Field({}, alias="n-shot")
    higher_is_better: dict[str, dict[str, bool | None]] = {}
    counts: dict[str, dict[str, float]] = Field({}, alias="n-samples")
    task_hashes: dict[str, Any] = {}
    group_subtasks: dict[str, list[str]] = {}
    model_name: str | None = None

    @property
    def model(self) -> dict[str, str | None]:
        """What tells one model from another, None where it is not known: name, arguments, commit and size."""
        call = self.config
        size = None if call.model_num_parameters is None else str(call.model_num_parameters)
        arguments = _arguments(call.model_args)
        named = self.model_name if arguments else None
        return {
            "model_name": named,
            "model_args": arguments,
            "model_sha": call.model_sha or None,
            "model_num_parameters": size,
        }

    def differs_from(self, other: "LoggedResults") -> str | None:
        """Which of `model` differs, of those that both know; None if it may be the same model."""
        ours, theirs = self.model, other.model
        return next(
            (key for key in ours if None not in (ours[key], theirs[key]) and ours[key] != theirs[key]), None
        )


def _arguments(given: Any) -> str | None:
    """`model_args` in one form: newer versions of lm-eval write a mapping where older ones wrote `a=b,c=d`."""
    pairs = (
        [f"{name}={value}" for name, value in given.items()]
        if isinstance(given, dict)
        else str(given or "").split(",")
    )
    return ",".join(sorted(pairs)) or None


def read_results(path: Path) -> LoggedResults:
    """The content of a results file.

    Raises:
        InputError: it is not JSON, has a key twice, or a section of another type than lm-eval writes.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"), object_pairs_hook=unique_keys)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not JSON ({str(error)[:100]}); run the evaluation again") from None
    if not isinstance(content, dict) or not isinstance(content.get("configs"), dict):
        raise InputError(f"{path}: no 'configs' in it; it is not a results file of lm-eval 0.4")
    try:
        return LoggedResults.model_validate(
            {key: value for key, value in content.items() if value is not None}
        )
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        where = ".".join(map(str, fault["loc"]))
        expected = fault["msg"].partition(" or instance")[0]
        raise InputError(f"{path}: {where}: {expected}; restore the file that lm-eval wrote") from None
