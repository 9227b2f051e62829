"""What the track's own models say about a submission: its tokens, its familiarity, its baselines."""

import json
import math
from collections.abc import Iterable, Iterator, Sequence
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
    from benchmark.posttrain.base_model import read_model
    from benchmark.posttrain.corpus_loss import corpus_loss
    from benchmark.posttrain.objective import text_tokens

    model, tokenizer, _ = read_model(folder)
    positions = model.config.max_position_embeddings
    encoded = (text_tokens(text, tokenizer, max_length=max_length, positions=positions) for text in texts)
    used = list(_first(encoded, MAX_OPERATIONS / (2 * model.parameters_count())))
    loss = corpus_loss((model, ids) for ids in used)
    if loss is not None and not math.isfinite(loss):
        raise InputError(f"model {name}: its loss on the texts is not finite: fix {folder}")
    return None if loss is None else Familiarity(name, round(loss, 6), len(used))


def _first(encoded: Iterable[list[int]], tokens: float) -> Iterator[list[int]]:
    """Texts from the first on, as long as they have at most that many `tokens` in all."""
    for ids in encoded:
        tokens -= len(ids)
        if tokens < 0:
            return
        yield ids


def baselines(parameters: int, rungs: dict[str, int], settings: Settings) -> dict[str, float]:
    """The rungs with which a model of that size is compared, and their size ratio (`scoring.ratio`)."""
    low, high = settings.scoring.ratio
    ratios = {
        name: size / parameters for name, size in rungs.items() if settings.models[name].role != "treated"
    }
    return {name: round(ratio, 3) for name, ratio in ratios.items() if low <= ratio <= high}
