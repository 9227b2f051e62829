"""The `config.json` of a model of any architecture, checked before `transformers` builds anything from it."""

from pathlib import Path
from typing import Any

from transformers import AutoConfig, PreTrainedConfig
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING

from benchmark.errors import InputError
from benchmark.models.any_architecture.config_file import read_model_config

POSITION_NAMES = ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len", "max_seq_length")
"""Names of the number of positions in configurations."""
DEFAULT_POSITIONS = 2048
"""Positions of a model that has no limit of its own: lm-eval's default."""
CODE = (".py", ".so", ".pyc")


def checked_config(folder: Path) -> PreTrainedConfig:
    """The configuration of a model folder.

    Raises:
        InputError: as `read_model_config`; an unknown architecture or one without a causal language model, or code
            beside the model.
    """
    raw = read_model_config(folder)
    if code := sorted(file.name for file in folder.iterdir() if file.suffix in CODE):
        raise InputError(
            f"{folder}: {code[0]!r:.100} is code, and code beside a model is never run: remove it"
        )
    return config_of(raw, str(folder / "config.json"))


def config_of(raw: dict[str, Any], where: str) -> PreTrainedConfig:
    """The configuration object of a `config.json` that holds no code.

    Raises:
        InputError: an unknown architecture, one without a causal language model, or damaged numbers.
    """
    kind = raw.get("model_type")
    try:
        fields = {key: value for key, value in raw.items() if key != "model_type"}
        config: PreTrainedConfig = AutoConfig.for_model(str(kind), **fields)
    except Exception as error:  # a configuration of transformers may raise any exception
        reason = str(error).splitlines()[0][:160] if str(error) else type(error).__name__
        raise InputError(f"{where}: model_type {kind!r:.60} cannot be used ({reason})") from None
    if type(config) not in MODEL_FOR_CAUSAL_LM_MAPPING:
        raise InputError(f"{where}: model_type {kind!r:.60} has no causal language model in transformers")
    return config


def positions_of(config: PreTrainedConfig) -> int:
    """Positions that a text may have."""
    for name in POSITION_NAMES:
        value = getattr(config.get_text_config(), name, None)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
    return DEFAULT_POSITIONS


def windows_of(config: PreTrainedConfig) -> list[int]:
    """Every number by which a configuration may limit how far back a token is seen."""
    found: list[int] = []
    pending: list[Any] = [config.to_dict()]
    while pending:
        item = pending.pop()
        for key, value in item.items():
            if isinstance(value, dict):
                pending.append(value)
            elif any(word in str(key) for word in ("window", "chunk")) and type(value) is int and value > 1:
                found.append(value)
    return sorted(set(found))
