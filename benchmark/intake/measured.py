"""What the track's own models say about a submission: its tokens, its familiarity, its baselines."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmark.errors import InputError
from benchmark.settings.track_settings import Settings
from benchmark.store.track_paths import TrackPaths

MAX_OPERATIONS = 5e11
"""Floating-point operations that familiarity may cost: a few seconds of one core."""


@dataclass(frozen=True)
class Familiarity:
    """Mean token loss in nats of the first `texts` texts under an unmodified model."""

    model: str
    loss: float
    texts: int


@dataclass(frozen=True)
class TokenFacts:
    """Tokens of a corpus by a rung's tokenizer, texts uncut; shortest and longest text."""

    model: str
    tokenizer: str
    tokens: int
    shortest: int
    longest: int


def built_rungs(settings: Settings, layout: TrackPaths) -> dict[str, int]:
    """Parameters by name of the models that the pipeline has built, the smallest first."""
    sizes: dict[str, int] = {}
    for name in settings.models:
        facts = layout.model(name) / "model.json"
        if facts.is_file():
            sizes[name] = int(json.loads(facts.read_text(encoding="utf-8"))["parameters"])
    return dict(sorted(sizes.items(), key=lambda item: (item[1], item[0])))


def count_tokens(folder: Path, name: str, texts: Sequence[str]) -> TokenFacts:
    """Tokens of `texts` by the tokenizer of a model folder.

    Raises:
        InputError: a text has none.
    """
    from benchmark.models.tokenizer import Tokenizer

    tokenizer = Tokenizer.from_folder(folder)
    counts = [len(ids) for ids in tokenizer.encode_batch(texts, bos=False)]
    if 0 in counts:
        raise InputError(f"text {counts.index(0)} has no token under the tokenizer of {name}: remove it")
    return TokenFacts(name, tokenizer.digest, sum(counts), min(counts), max(counts))


def familiarity(folder: Path, name: str, texts: Sequence[str], max_length: int) -> Familiarity | None:
    """Familiarity of as many texts as a few seconds allow; None where not one fits.

    Raises:
        InputError: the model's loss on a text is not finite.
    """
    import torch

    from benchmark.models.opt import load_opt, read_config
    from benchmark.models.tokenizer import Tokenizer
    from benchmark.posttrain.objective import text_loss, text_tokens

    tokenizer = Tokenizer.from_folder(folder)
    rows = tokenizer.rows_of(read_config(folder / "config.json").vocab_size, folder)
    model = load_opt(folder, vocab_rows=rows)
    left = int(MAX_OPERATIONS / (2 * model.parameters_count()))
    positions = model.config.max_position_embeddings
    nats = tokens = used = 0.0
    with torch.no_grad():
        for text in texts:
            ids = text_tokens(text, tokenizer, max_length=max_length, positions=positions)
            left -= len(ids)
            if left < 0:
                break
            loss = float(text_loss(model.params, model.config, ids, fused=True))
            if not math.isfinite(loss):
                raise InputError(f"model {name}: its loss on text {int(used)} is not finite: mend {folder}")
            nats += loss * (len(ids) - 1)
            tokens += len(ids) - 1
            used += 1
    return Familiarity(name, round(nats / tokens, 6), int(used)) if tokens else None


def baselines(parameters: int, rungs: dict[str, int], settings: Settings) -> dict[str, float]:
    """The rungs with which a model of that size is compared, and their size ratio (`scoring.ratio`)."""
    low, high = settings.scoring.ratio
    ratios = {
        name: size / parameters for name, size in rungs.items() if settings.models[name].role != "treated"
    }
    return {name: round(ratio, 3) for name, ratio in ratios.items() if low <= ratio <= high}
