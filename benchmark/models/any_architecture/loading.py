"""Model folders of any architecture: safetensors only, no code, every weight checked."""

from pathlib import Path
from typing import Any

import torch
from transformers.utils import logging

from benchmark.errors import InputError, naming_source
from benchmark.models.any_architecture.architecture import TransformersArchitecture, laid_out
from benchmark.models.any_architecture.config_file import read_model_config
from benchmark.models.any_architecture.configuration import checked_config
from benchmark.models.any_architecture.declared import (
    check_declared_tensors,
    declared_model,
)
from benchmark.models.any_architecture.portable_module import make_portable
from benchmark.models.causal_model import CausalModel
from benchmark.models.tensor_names import other_tied
from benchmark.models.weights import check_tensor_finite, stored_slices


def load_any(
    folder: Path, *, device: torch.device, dtype: torch.dtype, vocab_rows: int | None = None
) -> CausalModel:
    """Load a model folder through `transformers`.

    Raises:
        InputError: as `load_model`; weights that are missing, left over or of another shape; a stored tied tensor
            that differs from the one that stands for it.
    """
    config = checked_config(folder)
    declared = declared_model(read_model_config(folder))
    made = type(declared.module)
    config = config if isinstance(config, made.config_class) else config.get_text_config()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    with stored_slices(folder) as stored:
        shapes = {name: tuple(slice.get_shape()) for name, slice in stored.items()}
        try:
            # Nothing else in the folder is looked at.
            module, loaded = made.from_pretrained(
                None,
                config=config,
                state_dict=stored,
                dtype=dtype,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # they are refused below, with their names
            )
        # A model's code may raise any exception on numbers or tensors that do not fit.
        except Exception as error:
            reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
            raise InputError(
                f"{folder} cannot be loaded ({reason}): save it again with save_pretrained"
            ) from None
    loaded["unexpected_keys"] = [
        name for name in loaded["unexpected_keys"] if not declared.leaves_unread(name)
    ]
    _refuse_misfits(loaded, folder)
    with naming_source(folder):
        check_declared_tensors(
            {name: shape for name, shape in shapes.items() if not declared.leaves_unread(name)}, declared
        )
    params = {name: parameter.detach() for name, parameter in module.named_parameters()}
    for name, tensor in params.items():
        check_tensor_finite(tensor, name, folder)
    for other, first in declared.tied.items():
        if module.get_parameter(other) is not module.get_parameter(first):
            raise InputError(f"{folder}: {other_tied(other, first)}")
    module = laid_out(module.to(device))
    rows = vocab_rows or int(module.config.get_text_config().vocab_size)
    architecture = TransformersArchitecture(module, rows, make_portable(module))
    if architecture.writable > architecture.vocab_size:
        raise InputError(
            f"{folder}: {vocab_rows} tokens need as many rows, the embedding has {architecture.vocab_size}"
        )
    params = {name: parameter.detach().clone() for name, parameter in module.named_parameters()}
    architecture.bind(params, architecture)
    return CausalModel(architecture, params)


def _refuse_misfits(loaded: dict[str, Any], folder: Path) -> None:
    for key, said in (
        ("missing_keys", "the weights lack"),
        ("mismatched_keys", "config.json asks for another shape of"),
        ("unexpected_keys", "unknown tensor"),
    ):
        names = sorted(str(name[0] if isinstance(name, tuple) else name) for name in loaded.get(key) or ())
        if names:
            raise InputError(f"{folder}: {said} {names[0]!r:.80} ({len(names)} such): save the model again")
