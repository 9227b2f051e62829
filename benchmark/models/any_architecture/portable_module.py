"""Whether a module of `transformers` can compute portably, found out on the module itself when it is loaded."""

import torch
from torch import Tensor
from transformers import PreTrainedModel

from benchmark.arithmetic import mode
from benchmark.models.any_architecture.known_operations import Listener
from benchmark.models.any_architecture.routed_layers import route, unroute

BOUND = 1e-4
"""Largest difference of a log-probability, in nats, between the layers put in place and the module's own."""
SEQUENCES, LENGTH = 2, 32
"""What is tried: as many rows as both kinds of product take."""


def make_portable(module: PreTrainedModel) -> bool:
    """Put portable layers into a module; where that is not enough, put its own back. Returns whether it is portable.

    It is where a forward pass and its gradient consist of known operations (`known_operations`) and give what the
    module gave before. On an accelerator, in another type than float32 and in native arithmetic nothing is done.
    """
    tensors = [*module.parameters(), *module.buffers()]
    of_numbers = [tensor for tensor in tensors if tensor.is_floating_point()]
    if not mode.is_portable() or any(
        tensor.device.type != "cpu" or tensor.dtype != torch.float32 for tensor in of_numbers
    ):
        return False
    ids = (torch.arange(SEQUENCES * LENGTH) * 7 % int(module.config.get_text_config().vocab_size)).view(
        SEQUENCES, LENGTH
    )
    with torch.no_grad():
        own = module(input_ids=ids, use_cache=False).logits
    attention = module.config._attn_implementation
    replaced = route(module)
    try:
        routed, unknown = _heard(module, ids)
        portable = not unknown and _largest_difference(own, routed) <= BOUND
    except (
        RuntimeError,
        TypeError,
        ValueError,
    ):  # a module with an attention that the routed one cannot stand for
        portable = False
    if not portable:
        unroute(module, replaced, attention)
    return portable


def _heard(module: PreTrainedModel, ids: Tensor) -> tuple[Tensor, set[str]]:
    """Logits of a forward pass, and the unknown operations in it and in its gradient."""
    leaves = {name: parameter.detach().requires_grad_() for name, parameter in module.named_parameters()}
    with torch.enable_grad(), Listener() as listener:
        given = {"input_ids": ids, "use_cache": False}
        logits: Tensor = torch.func.functional_call(module, leaves, (), given).logits
        logits.sum().backward()  # type: ignore[no-untyped-call]
    return logits.detach(), listener.unknown


def _largest_difference(one: Tensor, other: Tensor) -> float:
    return float((one.log_softmax(-1) - other.log_softmax(-1)).abs().max())
