"""Names and shapes of the tensors that a `config.json` of any architecture describes; no tensor is loaded."""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from transformers import AutoModelForCausalLM, PreTrainedModel
from transformers.conversion_mapping import get_model_conversion_mapping
from transformers.core_model_loading import convert_and_load_state_dict_in_model
from transformers.modeling_utils import LoadStateDictConfig
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING
from transformers.utils import logging

from benchmark.errors import InputError
from benchmark.models.any_architecture.configuration import config_of, positions_of
from benchmark.models.tensor_names import stored_name

LARGEST = 10_000_000
MOST_LAYERS = 256
MOST_EXPERTS = 1024
SAVE_AGAIN = "save the model again with save_pretrained"
MASKS = {
    "codegen": r"\.attn\.causal_mask$",
    "gpt_neo": r"\.attn\.attention\.(masked_)?bias$",
    "gptj": r"\.attn\.(masked_)?bias$",
}
"""Names of masks that older versions stored and `transformers` does not know any more."""


@dataclass(frozen=True)
class DeclaredModel:
    """Names and shapes of a model's tensors, shared ones once; `tied` maps other names of such to the first.

    `module` is without storage. `unread` are patterns of the names that older files hold and `transformers` leaves
    unread: masks and other buffers.
    """

    architecture: str
    vocab_size: int
    hidden_size: int
    num_hidden_layers: int
    max_position_embeddings: int
    tensors: Mapping[str, tuple[int, ...]]
    tied: Mapping[str, str]
    module: PreTrainedModel
    unread: tuple[str, ...] = ()

    def leaves_unread(self, name: str) -> bool:
        """Whether a stored tensor of that name is none of the model's, and is left unread."""
        own = (*self.tensors, *self.tied)
        known = any(one == name or one.endswith(f".{name}") for one in own)
        return not known and any(re.search(pattern, name) for pattern in self.unread)

    @property
    def parameters(self) -> int:
        """Each distinct tensor once."""
        return sum(math.prod(shape) for shape in self.tensors.values())


def declared_model(raw: dict[str, Any]) -> DeclaredModel:
    """The model that a `config.json` describes, with limits on its numbers before anything is allocated.

    Raises:
        InputError: an unknown architecture, another class than its own, numbers out of bounds, or a head that the
            architecture does not tie to the embedding where `config.json` says so.
    """
    _refuse_large(raw)
    config = config_of(raw, "config.json")
    text = config.get_text_config()
    known = MODEL_FOR_CAUSAL_LM_MAPPING[type(config)]
    known = known[0] if isinstance(known, tuple) else known
    named = raw.get("architectures")
    if named is not None and named != [known.__name__]:
        raise InputError(
            f"config.json: architectures {named!r:.100}: {raw['model_type']} is loaded as {known.__name__}: write that "
            "name alone there"
        )
    try:
        with torch.device("meta"):
            module = AutoModelForCausalLM.from_config(config)
    except Exception as error:  # a model may raise any exception on numbers that do not fit
        reason = (str(error).splitlines() or [type(error).__name__])[0][:160]
        raise InputError(f"config.json describes no model that can be built ({reason})") from None
    head, embedding = module.get_output_embeddings(), module.get_input_embeddings()
    if (
        getattr(text, "tie_word_embeddings", False)
        and head is not None
        and head.weight is not embedding.weight
    ):
        raise InputError(
            f"config.json: the head of {known.__name__} is not tied to the embedding: set tie_word_embeddings to false"
        )
    tensors = {name: tuple(tensor.shape) for name, tensor in module.named_parameters()}
    first = {id(tensor): name for name, tensor in module.named_parameters()}
    every = module.named_parameters(remove_duplicate=False)
    tied = {name: first[id(tensor)] for name, tensor in every if name not in tensors}
    return DeclaredModel(
        known.__name__,
        int(text.vocab_size),
        int(text.hidden_size),
        int(text.num_hidden_layers),
        positions_of(config),
        tensors,
        tied,
        module,
        tuple(_unread_patterns(module)),
    )


def _unread_patterns(module: Any) -> Iterator[str]:
    """The patterns of names by which a surplus tensor is a buffer of an older version, and is dropped."""
    yield from sorted(module._keys_to_ignore_on_load_unexpected or ())
    if module.config.model_type in MASKS:
        yield MASKS[module.config.model_type]
    buffers = [name for name, _ in module.named_buffers()]
    if any(name.endswith("rotary_emb.inv_freq") for name in buffers):
        yield r"rotary_emb\.inv_freq"
    if any(name.endswith("position_ids") for name in buffers):
        yield r"(^|\.)position_ids$"


def _refuse_large(raw: dict[str, Any]) -> None:
    for key, value in _numbers(raw):
        limit = MOST_LAYERS if "layers" in key else MOST_EXPERTS if "experts" in key else LARGEST
        # A rotary base is not a size.
        if isinstance(value, int) and value > limit and "theta" not in key:
            raise InputError(f"config.json: {key:.60} is {str(value)[:30]}, at most {limit} is accepted")


def _numbers(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _numbers(item, str(name))
    elif isinstance(value, list):
        for item in value:
            yield from _numbers(item, key)
    elif not isinstance(value, bool):
        yield key, value


def check_declared_tensors(stored: Mapping[str, tuple[int, ...]], model: DeclaredModel) -> None:
    """Raise InputError unless transformers reads the stored tensors as those of the model, each once.

    They may have the names of older versions; a tied tensor may be stored too.
    """
    buffers = {name for name, _ in model.module.named_buffers()}
    size = sum(math.prod(shape) for name, shape in stored.items() if stored_name(buffers, name) is None)
    spare = sum(math.prod(model.tensors[name]) for name in model.tied.values())
    fits = size in (model.parameters, model.parameters + spare)
    sizes = "" if fits else f", and {size} stored values are not the {model.parameters} of config.json"
    found = _read_without_values(stored, model)
    held = {name for pair in model.tied.items() for name in pair if not found.missing_keys.issuperset(pair)}
    for names, said in (
        (found.missing_keys - buffers - held, "is missing: config.json asks for it"),
        (found.unexpected_keys, f"is in no {model.architecture}"),
        ({name for name, *_ in found.mismatched_keys}, "has another shape than config.json says"),
    ):
        if names:
            name = min(names).encode("unicode_escape").decode()
            raise InputError(f"weights: {name:.80} {said}{sizes}: {SAVE_AGAIN}")
    if not fits:
        raise InputError(f"weights: a tensor has two names{sizes}: {SAVE_AGAIN}")
    for name in {*model.tied, *model.tied.values()} if size > model.parameters else ():
        if stored_name(stored, name) is None:
            raise InputError(f"weights: {name} is stored under an unknown name: {SAVE_AGAIN}")


def _read_without_values(stored: Mapping[str, tuple[int, ...]], model: DeclaredModel) -> Any:
    """What transformers reports where it loads tensors of these names and shapes.

    Raises:
        InputError: it cannot convert them.
    """
    given = LoadStateDictConfig(
        device_map={"": "meta"},
        dtype=torch.get_default_dtype(),
        weight_mapping=get_model_conversion_mapping(model.module),
    )
    logging.disable_progress_bar()
    try:
        tensors = {name: torch.empty(shape, device="meta") for name, shape in stored.items()}
        found, _ = convert_and_load_state_dict_in_model(model.module, tensors, given)
    except Exception as error:  # on names and shapes that do not fit, a conversion may raise any exception
        raise InputError(f"weights: they cannot be read ({type(error).__name__}): {SAVE_AGAIN}") from None
    if found.conversion_errors:
        name = min(found.conversion_errors)
        raise InputError(f"weights: {name:.80} cannot be made of the stored tensors: {SAVE_AGAIN}")
    return found
