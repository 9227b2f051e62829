"""Model folders of any architecture: safetensors only, no code, every weight checked."""

from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM
from transformers.utils import logging

from benchmark.errors import InputError
from benchmark.models.any_architecture.architecture import TransformersArchitecture, laid_out
from benchmark.models.any_architecture.configuration import checked_config
from benchmark.models.any_architecture.portable_module import make_portable
from benchmark.models.causal_model import CausalModel
from benchmark.models.weights import check_tensor_finite, weight_files


def load_any(
    folder: Path, *, device: torch.device, dtype: torch.dtype, vocab_rows: int | None = None
) -> CausalModel:
    """Load a model folder through `transformers`.

    Raises:
        InputError: as `load_model`; weights that are missing, left over or of another shape; a stored tied tensor
            that differs from the one that stands for it.
    """
    config = checked_config(folder)
    weight_files(folder)  # refuses pickles, and an index that names other files
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        module, loaded = AutoModelForCausalLM.from_pretrained(
            folder,
            config=config,
            dtype=dtype,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # they are refused below, with their names
        )
    # A model's code may raise any exception on numbers or tensors that do not fit.
    except Exception as error:
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise InputError(
            f"{folder} cannot be loaded ({reason}): save it again with save_pretrained"
        ) from None
    _refuse_misfits(loaded, folder)
    params = {name: parameter.detach() for name, parameter in module.named_parameters()}
    for name, tensor in params.items():
        check_tensor_finite(tensor, name, folder)
    _refuse_untied(module, folder)
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


def _refuse_untied(module: Any, folder: Path) -> None:
    """Refuse a separate head if the configuration says that the embedding is the head."""
    head, embedding = module.get_output_embeddings(), module.get_input_embeddings()
    if head is None or not module.config.get_text_config().tie_word_embeddings:
        return
    if head.weight is not embedding.weight:
        raise InputError(
            f"{folder}: the head differs from the embedding that config.json says it is tied to: set "
            "tie_word_embeddings to false, or save the model again"
        )
