"""Shape of an OPT-architecture model, and what its tensors are called."""

from dataclasses import dataclass

from benchmark.models.tensor_names import EMBEDDING

PREFIX = "model.decoder."
POSITIONS = PREFIX + "embed_positions.weight"
# OPT's table of positions begins with two rows that no token uses.
POSITION_OFFSET = 2
LAYER_NORM_EPSILON = 1e-5


@dataclass(frozen=True)
class OptShape:
    """The fields are those of the Hub's ``config.json``."""

    vocab_size: int
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    ffn_dim: int
    max_position_embeddings: int
    word_embed_proj_dim: int
    do_layer_norm_before: bool = True
    remove_final_layer_norm: bool = False
    enable_bias: bool = True
    layer_norm_elementwise_affine: bool = True
    bos_token_id: int = 2
    eos_token_id: int = 2
    pad_token_id: int = 1

    @property
    def head_dim(self) -> int:
        """Width of one attention head."""
        return self.hidden_size // self.num_attention_heads

    @property
    def projected(self) -> bool:
        """Whether embeddings are narrower than the body, as in OPT-350M."""
        return self.word_embed_proj_dim != self.hidden_size

    @property
    def final_norm(self) -> bool:
        """Whether a layer norm follows the last layer."""
        return self.do_layer_norm_before and not self.remove_final_layer_norm

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every tensor of such a model, in the order in which they are used."""
        hidden = self.hidden_size
        shapes: dict[str, tuple[int, ...]] = {
            EMBEDDING: (self.vocab_size, self.word_embed_proj_dim),
            POSITIONS: (self.max_position_embeddings + POSITION_OFFSET, hidden),
        }
        if self.projected:
            shapes[PREFIX + "project_in.weight"] = (hidden, self.word_embed_proj_dim)
            shapes[PREFIX + "project_out.weight"] = (self.word_embed_proj_dim, hidden)
        for index in range(self.num_hidden_layers):
            layer = f"{PREFIX}layers.{index}."
            linears = {f"self_attn.{part}_proj": (hidden, hidden) for part in ("q", "k", "v", "out")}
            linears |= {"fc1": (self.ffn_dim, hidden), "fc2": (hidden, self.ffn_dim)}
            for name, shape in linears.items():
                shapes[f"{layer}{name}.weight"] = shape
                if self.enable_bias:
                    shapes[f"{layer}{name}.bias"] = shape[:1]
            for name in ("self_attn_layer_norm", "final_layer_norm"):
                shapes |= self._norm_shapes(layer + name)
        if self.final_norm:
            shapes |= self._norm_shapes(PREFIX + "final_layer_norm")
        return shapes

    def _norm_shapes(self, name: str) -> dict[str, tuple[int, ...]]:
        if not self.layer_norm_elementwise_affine:
            return {}
        return {f"{name}.weight": (self.hidden_size,), f"{name}.bias": (self.hidden_size,)}
