"""Model folders: which implementation loads one, and what its `config.json` says."""

import copyreg
import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmark.errors import InputError
from benchmark.models.any_architecture.config_file import read_model_config
from benchmark.models.causal_model import Architecture, CausalModel, StoredWeights
from benchmark.models.opt import OptConfig, load_opt, read_config
from benchmark.models.weights import weights_sha256


def load_model(
    folder: Path,
    *,
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
    vocab_rows: int | None = None,
) -> CausalModel:
    """Load a model folder: `config.json` and safetensors (one file, or several with an index).

    `vocab_rows` is the number of tokens of the tokenizer. The native implementation cuts its embedding after them; the
    one over `transformers` never writes another token.

    Raises:
        InputError: a missing or damaged file, pickled weights, weights that do not fit the configuration or are not
            finite, or code beside the model.
    """
    folder = Path(folder)
    if is_native(folder):
        return load_opt(folder, device=device, dtype=dtype, vocab_rows=vocab_rows)
    from benchmark.models.any_architecture.loading import load_any

    return load_any(folder, device=torch.device(device), dtype=dtype, vocab_rows=vocab_rows)


def waiting_model(folder: Path, device: str, rows: int) -> CausalModel:
    """A model whose tensors wait in the machine's memory for `device`; another process reads them from the folder.

    Raises:
        InputError: as `load_model`.
    """
    native = is_native(folder)
    # A module of `transformers` has further tensors, which must be on the device.
    loaded = load_model(folder, device="cpu" if native else device, vocab_rows=rows)
    model = CausalModel(loaded.config, {name: tensor.cpu() for name, tensor in loaded.params.items()})
    model.stored = StoredWeights(str(Path(folder).resolve()), rows, weights_sha256(model.params))
    if device != "cpu":
        loaded.config.release()
        # Tensors in pinned memory are copied to a GPU several times as fast.
        model.params = {name: tensor.pin_memory() for name, tensor in model.params.items()}
        model.home = torch.device(device)
    return model


@functools.cache
def _read_again(stored: StoredWeights, pinned: bool) -> dict[str, Tensor]:
    """The weights, read once in a process.

    Raises:
        InputError: the folder is not there, or holds other weights.
    """
    if not Path(stored.folder).is_dir():
        raise InputError(
            f"no folder {stored.folder} on this machine, and weights are not sent to it: put the track's data where "
            "all machines see it under one path"
        )
    params = load_model(Path(stored.folder), vocab_rows=stored.rows).params
    if weights_sha256(params) != stored.sha256:
        raise InputError(f"{stored.folder}: this machine has other weights there: make the folders equal")
    return {name: tensor.pin_memory() for name, tensor in params.items()} if pinned else params


def _rebuilt(config: Architecture, stored: StoredWeights, home: torch.device | None) -> CausalModel:
    model = CausalModel(config, _read_again(stored, home is not None), home)
    model.stored = stored
    return model


def _reduced(model: CausalModel) -> tuple[Callable[..., CausalModel], tuple[Any, ...]]:
    """How a model is pickled: by its folder if it has one."""
    if model.stored is None:
        return CausalModel, (model.config, model.params, model.home)
    return _rebuilt, (model.config, model.stored, model.home)


copyreg.pickle(CausalModel, _reduced)


def is_native(folder: Path) -> bool:
    """Whether the native implementation loads the model.

    Raises:
        InputError: as `read_model_config`.
    """
    return is_native_config(read_model_config(folder))


def is_native_config(raw: Mapping[str, Any]) -> bool:
    """Whether a `config.json` is of a form that `benchmark.models.opt` computes."""
    return (
        raw.get("model_type") == "opt"
        and raw.get("activation_function", "relu") == "relu"
        and raw.get("tie_word_embeddings", True) is True
    )


def shape_of(folder: Path) -> OptConfig:
    """The shape of a model, to estimate its cost; for other architectures, that of an OPT model of the same size.

    Raises:
        InputError: no readable configuration.
    """
    if is_native(folder):
        return read_config(folder / "config.json")
    from benchmark.models.any_architecture.declared import declared_model

    declared = declared_model(read_model_config(folder))
    hidden, layers = declared.hidden_size, declared.num_hidden_layers
    outside = (declared.vocab_size + declared.max_position_embeddings) * hidden
    wide = max(hidden, (declared.parameters - outside) // (2 * layers * hidden) - 2 * hidden)
    return OptConfig(declared.vocab_size, hidden, layers, 1, wide, declared.max_position_embeddings, hidden)


def vocabulary_rows(folder: Path) -> int:
    """Rows of the embedding, as `config.json` says.

    Raises:
        InputError: no readable configuration.
    """
    if is_native(folder):
        return read_config(folder / "config.json").vocab_size
    from benchmark.models.any_architecture.configuration import checked_config

    return int(checked_config(folder).get_text_config().vocab_size)
