"""Names of stored tensors, and what is said of a head of its own; light, for checks that load no model."""

EMBEDDING = "model.decoder.embed_tokens.weight"
HEAD = "lm_head.weight"
OTHER_HEAD = (
    f"{HEAD} differs from {EMBEDDING}, which would be scored in its place: only a tied head is known, so use a "
    "model whose head and embedding are one tensor"
)


def state_dict_name(stored: str) -> str:
    """The name in `OPTForCausalLM`'s state dict of a stored tensor, which may lack the prefix `model.`."""
    return "model." + stored if stored.startswith("decoder.") else stored
