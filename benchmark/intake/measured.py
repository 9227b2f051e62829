"""What a track's own models measure of a submission: tokens, corpus loss, and the baselines of its size."""

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from benchmark.errors import InputError
from benchmark.settings.track_settings import Settings
from benchmark.store.track_paths import TrackPaths
from benchmark.untrusted.manifest import CorpusLoss, TokenCounts

MAX_OPERATIONS = 5e11
"""Floating-point operations that the corpus loss may cost: a few seconds of one core."""


def built_models(settings: Settings, layout: TrackPaths) -> dict[str, int]:
    """Number of parameters by model that the pipeline has built, the smallest first."""
    sizes: dict[str, int] = {}
    for name in settings.models:
        facts = layout.model(name) / "model.json"
        if facts.is_file():
            sizes[name] = int(json.loads(facts.read_text(encoding="utf-8"))["parameters"])
    return dict(sorted(sizes.items(), key=lambda item: (item[1], item[0])))


def count_tokens(folder: Path, name: str, texts: Sequence[str]) -> TokenCounts:
    """Tokens of `texts` by the tokenizer of a model folder.

    Raises:
        InputError: a text has none.
    """
    from benchmark.models.tokenizer import Tokenizer

    tokenizer = Tokenizer.from_folder(folder)
    counts = [len(ids) for ids in tokenizer.encode_batch(texts, bos=False)]
    if 0 in counts:
        raise InputError(f"text {counts.index(0)} has no token under the tokenizer of {name}: remove it")
    return TokenCounts(
        model=name, tokenizer=tokenizer.digest, tokens=sum(counts), shortest=min(counts), longest=max(counts)
    )


def corpus_loss(folder: Path, name: str, texts: Sequence[str], max_length: int) -> CorpusLoss | None:
    """Loss on as many texts as a few seconds allow; None where not even one fits.

    Raises:
        InputError: the model's loss on a text is not finite.
    """
    from benchmark.posttrain.base_model import read_model
    from benchmark.posttrain.corpus_loss import corpus_loss as mean_token_loss
    from benchmark.posttrain.objective import text_tokens

    model, tokenizer, _ = read_model(folder)
    positions = model.config.max_position_embeddings
    encoded = (text_tokens(text, tokenizer, max_length=max_length, positions=positions) for text in texts)
    used = list(_first(encoded, MAX_OPERATIONS / (2 * model.parameters_count())))
    loss = mean_token_loss((model, ids) for ids in used)
    if loss is not None and not math.isfinite(loss):
        raise InputError(f"model {name}: its loss on the texts is not finite: fix {folder}")
    return None if loss is None else CorpusLoss(model=name, loss=round(loss, 6), texts=len(used))


def _first(encoded: Iterable[list[int]], tokens: float) -> Iterator[list[int]]:
    """The first texts, as many as have at most that many `tokens` together."""
    for ids in encoded:
        tokens -= len(ids)
        if tokens < 0:
            return
        yield ids


def baselines(parameters: int, built: dict[str, int], settings: Settings) -> dict[str, float]:
    """The ladder models that a model of that size is compared with, and their size ratio (`scoring.ratio`)."""
    low, high = settings.scoring.ratio
    ratios = {
        name: size / parameters for name, size in built.items() if settings.models[name].role != "treated"
    }
    return {name: round(ratio, 3) for name, ratio in ratios.items() if low <= ratio <= high}
