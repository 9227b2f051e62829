"""Shapes of the published OPT models before they are fetched (Zhang et al. 2022, table 1)."""

from benchmark.models.opt import OptConfig

OPT_ROWS = 50272
OPT_POSITIONS = 2048


def opt_shape(hidden: int, layers: int, heads: int, *, embedding: int | None = None) -> OptConfig:
    """A model of OPT's family; give `embedding` if it is narrower than the body, as in 350M (post-LN)."""
    return OptConfig(
        vocab_size=OPT_ROWS,
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        ffn_dim=4 * hidden,
        max_position_embeddings=OPT_POSITIONS,
        word_embed_proj_dim=embedding or hidden,
        do_layer_norm_before=embedding is None,
    )


SHAPES = {
    "facebook/opt-125m": opt_shape(768, 12, 12),
    "facebook/opt-350m": opt_shape(1024, 24, 16, embedding=512),
    "facebook/opt-1.3b": opt_shape(2048, 24, 32),
    "facebook/opt-2.7b": opt_shape(2560, 32, 32),
    "facebook/opt-6.7b": opt_shape(4096, 32, 32),
}
