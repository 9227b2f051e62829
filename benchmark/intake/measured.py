"""What a track's own models measure of a submission: tokens, corpus loss, and the baselines of its size."""

import json
import math
from collections.abc import Sequence
from pathlib import Path

from benchmark.errors import InputError
from benchmark.settings.params import Settings
from benchmark.store.track_paths import Layout
from benchmark.untrusted.manifest import CorpusLoss, TokenCounts

MAX_OPERATIONS = 5e11
"""Floating-point operations that the corpus loss may cost: a few seconds of one core."""


def built_models(settings: Settings, layout: Layout) -> dict[str, int]:
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
    import torch

    from benchmark.models.opt import load_opt, read_config
    from benchmark.models.tokenizer import Tokenizer
    from benchmark.posttrain.objective import text_loss, text_tokens

    tokenizer = Tokenizer.from_folder(folder)
    rows = tokenizer.rows_of(read_config(folder / "config.json").vocab_size, folder)
    model = load_opt(folder, vocab_rows=rows)
    left = int(MAX_OPERATIONS / (2 * model.parameters_count()))
    positions = model.config.max_position_embeddings
    nats, tokens, used = 0.0, 0, 0
    with torch.no_grad():
        for text in texts:
            ids = text_tokens(text, tokenizer, max_length=max_length, positions=positions)
            left -= len(ids)
            if left < 0:
                break
            loss = float(text_loss(model.params, model.config, ids, fused=True))
            if not math.isfinite(loss):
                raise InputError(f"model {name}: its loss on text {used} is not finite: fix {folder}")
            nats += loss * (len(ids) - 1)
            tokens += len(ids) - 1
            used += 1
    return CorpusLoss(model=name, loss=round(nats / tokens, 6), texts=used) if tokens else None


def baselines(parameters: int, built: dict[str, int], settings: Settings) -> dict[str, float]:
    """The ladder models that a model of that size is compared with, and their size ratio (`scoring.ratio`)."""
    low, high = settings.scoring.ratio
    ratios = {
        name: size / parameters for name, size in built.items() if settings.models[name].role != "treated"
    }
    return {name: round(ratio, 3) for name, ratio in ratios.items() if low <= ratio <= high}
