"""Shapes of published models before they are fetched, and what of a model's parameters a pass multiplies where."""

from dataclasses import dataclass

import numpy as np

from benchmark.models.networks.opt_shape import POSITIONS
from benchmark.models.opt import OptConfig
from benchmark.models.shapes import SHAPES
from benchmark.models.tensor_names import EMBEDDING


@dataclass(frozen=True)
class PlannedShape:
    """How large a model is, and what a pass over it costs.

    Attributes:
        config: an OPT model as wide, with as many parameters in its layers, for what a pass holds in memory.
        body: parameters that every position is multiplied by.
        head: parameters that only positions whose next token is read are multiplied by.
        looked_up: parameters that are looked up and never multiplied: positions, and an embedding that is not the head.
    """

    config: OptConfig
    body: int
    head: int
    looked_up: int

    @property
    def parameters(self) -> int:
        """Distinct parameters."""
        return self.body + self.head + self.looked_up


def opt_model(config: OptConfig) -> PlannedShape:
    """An OPT model: its head is its embedding."""
    sizes = {name: int(np.prod(shape)) for name, shape in config.shapes().items()}
    head, looked_up = sizes[EMBEDDING], sizes[POSITIONS]
    return PlannedShape(config, sum(sizes.values()) - head - looked_up, head, looked_up)


def other_model(
    *, rows: int, hidden: int, layers: int, positions: int, parameters: int, tied: bool
) -> PlannedShape:
    """A model of another architecture with rotary positions, from its number of parameters."""
    head = rows * hidden
    looked_up = 0 if tied else head
    body = parameters - head - looked_up
    wide = max(hidden, body // (2 * layers * hidden) - 2 * hidden)
    config = OptConfig(rows, hidden, layers, 1, wide, positions, hidden)
    return PlannedShape(config, body, head, looked_up)


def pythia(hidden: int, layers: int) -> PlannedShape:
    """A model of Pythia: GPT-NeoX, head apart from the embedding (Biderman et al. 2023, table 1; `config.json`)."""
    rows = 50304
    in_layer = 12 * hidden**2 + 13 * hidden
    parameters = 2 * rows * hidden + layers * in_layer + 2 * hidden
    return other_model(
        rows=rows, hidden=hidden, layers=layers, positions=2048, parameters=parameters, tied=False
    )


def smollm2(hidden: int, layers: int, wide: int, keys: int) -> PlannedShape:
    """A model of SmolLM2: Llama, head tied to the embedding, ``keys`` the width of keys and values (`config.json`)."""
    rows = 49152
    in_layer = 2 * hidden**2 + 2 * hidden * keys + 3 * hidden * wide + 2 * hidden
    parameters = rows * hidden + layers * in_layer + hidden
    return other_model(
        rows=rows, hidden=hidden, layers=layers, positions=8192, parameters=parameters, tied=True
    )


KNOWN = {
    **{name: opt_model(config) for name, config in SHAPES.items()},
    "EleutherAI/pythia-14m": pythia(128, 6),
    "EleutherAI/pythia-31m": pythia(256, 6),
    "EleutherAI/pythia-70m": pythia(512, 6),
    "EleutherAI/pythia-160m": pythia(768, 12),
    "EleutherAI/pythia-410m": pythia(1024, 24),
    "HuggingFaceTB/SmolLM2-135M": smollm2(576, 30, 1536, 192),
    "HuggingFaceTB/SmolLM2-360M": smollm2(960, 32, 2560, 320),
    "HuggingFaceTB/SmolLM2-1.7B": smollm2(2048, 24, 8192, 2048),
}
"""By id on the Hub."""
