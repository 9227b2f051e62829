"""A byte-level tokenizer, random models and a suite of two tasks, small enough for exact comparisons."""

import json
import random
from pathlib import Path
from typing import Any

import torch
from lm_eval.api.instance import Instance
from tokenizers import AddedToken, decoders, pre_tokenizers
from tokenizers import Tokenizer as Backend
from tokenizers.models import BPE

from benchmark.models.opt import OptConfig, OptModel
from benchmark.models.tokenizer import Tokenizer
from benchmark.tasks.suite import Document, Suite, SuiteTask

WORDS = ["the", " cat", " dog", " sat", " on", " a", " mat", " and", " ran", " to", " User", " 1", ".", "\n"]
UNTIL = "\nUser "
UNIT_SHAPE: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "ffn_dim": 64,
    "max_position_embeddings": 160,
    "word_embed_proj_dim": 32,
}


def write_tokenizer(folder: Path) -> Tokenizer:
    """Bytes, and merges that make ``\\nUser`` span several tokens."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = [
        ("U", "s"),
        ("e", "r"),
        ("Us", "er"),
        ("t", "h"),
        ("th", "e"),
        ("a", "t"),
        ("Ċ", "U"),
        ("r", "Ġ"),
    ]
    tokens = ["<s>", "<pad>", "</s>", "<unk>", *alphabet, *("".join(merge) for merge in merges)]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    backend = Backend(BPE(vocab=vocabulary, merges=merges))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens([AddedToken(text, special=True) for text in ("<pad>", "</s>")])
    backend.save(str(folder / "tokenizer.json"))
    names = {"bos_token": "</s>", "eos_token": "</s>", "pad_token": "<pad>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(names))
    return Tokenizer.from_folder(folder)


def random_model(vocabulary: int, *, seed: int = 0, **shape: Any) -> OptModel:
    """Weights large enough that predictions differ from place to place."""
    config = OptConfig(**(UNIT_SHAPE | {"vocab_size": vocabulary} | shape))
    generator = torch.Generator().manual_seed(seed)
    params = {}
    for name, size in config.shapes().items():
        scale = 0.6 if "embed" in name else 0.05 if "norm" in name else 0.3
        params[name] = torch.randn(size, generator=generator) * scale + ("norm.weight" in name)
    return OptModel(config, params)


class SmallTask:
    """The part of an lm-eval task that the engine uses."""

    def __init__(self, family: str, new_tokens: int = 12) -> None:
        self.family, self.new_tokens = family, new_tokens

    def fewshot_context(self, doc: dict[str, Any], num_fewshot: int) -> str:
        return str(doc["context"])

    def construct_requests(self, doc: dict[str, Any], ctx: str, metadata: tuple[Any, ...]) -> list[Instance]:
        if self.family == "classification":
            pairs = [(ctx, choice) for choice in doc["choices"]]
            return [Instance("loglikelihood", doc, pair, i, metadata) for i, pair in enumerate(pairs)]
        settings = {"until": [UNTIL], "max_gen_toks": self.new_tokens, "do_sample": False}
        return [
            Instance("generate_until", doc, (ctx, settings), 0, metadata),
            Instance("loglikelihood", doc, (ctx, "</s>" + doc["target"]), 1, metadata),
        ]

    def doc_to_target(self, doc: dict[str, Any]) -> str:
        return str(doc["gold"] if self.family == "classification" else doc["target"])

    def process_results(self, doc: dict[str, Any], results: list[Any]) -> dict[str, float]:
        if self.family == "classification":
            scores = [logprob for logprob, _ in results]
            return {"acc": float(scores.index(max(scores)) == doc["gold"])}
        shared = set(results[0].split()) & set(doc["target"].split())
        return {"f1": len(shared) / (1 + len(doc["target"].split()))}


def text(rng: random.Random, words: int) -> str:
    return "".join(rng.choice(WORDS) for _ in range(words))


def small_suite(documents: int = 12, seed: int = 0) -> Suite:
    """A classification task (two to five choices that begin alike) and a dialogue task, two splits."""
    rng = random.Random(seed)
    splits: dict[str, dict[str, list[Document]]] = {"choice": {}, "talk": {}}
    for split in ("select", "test"):
        rows = []
        for _ in range(documents):
            begin = text(rng, 2)
            choices = [begin + text(rng, rng.randint(1, 4)) for _ in range(rng.randint(2, 5))]
            context = text(rng, rng.randint(1, 12))
            rows.append({"context": context, "choices": choices, "gold": rng.randrange(len(choices))})
        talk = [
            {"context": text(rng, rng.randint(2, 14)) + "\nUser 2:", "target": text(rng, rng.randint(1, 6))}
            for _ in range(documents)
        ]
        splits["choice"][split] = [Document(number, row) for number, row in enumerate(rows)]
        splits["talk"][split] = [Document(number, row) for number, row in enumerate(talk)]
    tasks = (
        SuiteTask(
            "choice", "classification", "acc", 0.25, "1", SmallTask("classification"), splits["choice"]
        ),
        SuiteTask("talk", "dialogue", "f1", 0.0, "1", SmallTask("dialogue"), splits["talk"], form="dialogue"),
    )
    return Suite("small", "1", tasks)
