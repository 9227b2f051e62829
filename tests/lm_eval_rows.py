"""Small local files with the columns of lm-eval's data sets, a tokenizer and two small models for its tasks."""

import json
import random
from pathlib import Path
from typing import Any

import torch
from tokenizers import AddedToken, decoders, pre_tokenizers
from tokenizers import Tokenizer as Backend
from tokenizers.models import BPE
from tokenizers.processors import TemplateProcessing
from transformers import AutoModelForCausalLM, LlamaConfig, OPTConfig, PretrainedConfig

WORDS = ["the", "cat", "dog", "sat", "on", "a", "mat", "and", "ran", "to", "red", "tree", "9", "3", "7"]
SPECIAL = ["<pad>", "</s>"]
POSITIONS = 768
SHAPE: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": POSITIONS,
    "bos_token_id": 1,
    "eos_token_id": 1,
    "pad_token_id": 0,
}


def sentence(rng: random.Random, words: int) -> str:
    return " ".join(rng.choice(WORDS) for _ in range(words))


def write_rows(folder: Path, seed: int = 0, rows: int = 24) -> Path:
    """One folder a task, one file a split, with the splits and columns of the Hub's data sets."""
    rng = random.Random(seed)

    def text(least: int = 2, most: int = 6) -> str:
        return sentence(rng, rng.randint(least, most))

    def arc() -> dict[str, Any]:
        labels = rng.choice(["ABCD", "1234", "ABC"])
        choices = {"text": [text(1, 4) for _ in labels], "label": list(labels)}
        return {"question": text(), "choices": choices, "answerKey": rng.choice(labels)}

    def piqa() -> dict[str, Any]:
        return {"goal": text(), "sol1": text(1, 3), "sol2": text(3, 6), "label": rng.randrange(2)}

    def winogrande() -> dict[str, Any]:
        return {
            "sentence": f"{text()} _ {text()}",
            "option1": text(1, 2),
            "option2": text(1, 2),
            "answer": rng.choice("12"),
        }

    def sciq() -> dict[str, Any]:
        wrong = {f"distractor{number}": text(1, 4) for number in (1, 2, 3)}
        return {"question": text(), "support": text(), "correct_answer": text(1, 4), **wrong}

    def boolq() -> dict[str, Any]:
        return {"question": text(), "passage": text(), "label": rng.randrange(2)}

    def lambada() -> dict[str, Any]:
        return {"text": text(3, 9)}

    def gsm8k() -> dict[str, Any]:
        return {"question": text(), "answer": f"{text()}\n#### {rng.randrange(10, 99)}"}

    tasks = {
        "piqa": (piqa, ("train", "validation")),
        "arc_easy": (arc, ("train", "validation", "test")),
        "winogrande": (winogrande, ("train", "validation")),
        "sciq": (sciq, ("train", "validation", "test")),
        "boolq": (boolq, ("train", "validation")),
        "lambada_openai": (lambada, ("test",)),
        "gsm8k": (gsm8k, ("train", "test")),
    }
    for task, (make, splits) in tasks.items():
        for split in splits:
            # Stock lm-eval takes a second and a half for each text of gsm8k.
            count = rows // 3 if make is gsm8k else rows
            write_jsonl(folder / task / f"{split}.jsonl", [make() for _ in range(count)])
    return folder


def write_jsonl(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def local(folder: Path, task: str) -> dict[str, Any]:
    """lm-eval's keys that read a task's files."""
    files = {path.stem: str(path) for path in sorted((folder / task).glob("*.jsonl"))}
    return {"dataset_path": "json", "dataset_name": None, "dataset_kwargs": {"data_files": files}}


def data_settings(folder: Path, *tasks: str) -> dict[str, Any]:
    """The setting `data` of a suite, for the same files."""
    return {
        task: {key: value for key, value in local(folder, task).items() if value is not None}
        for task in tasks
    }


def write_tokenizer(folder: Path, *, begins: bool) -> int:
    """Bytes, words with the blank in front, and a merge over the end of a prompt; returns the number of ids.

    ``begins``: whether the tokenizer puts its bos in front of a text.
    """
    tokens = [*SPECIAL, *sorted(pre_tokenizers.ByteLevel.alphabet())]
    merges = [(":", "Ġ"), ("#", "#")]
    for word in WORDS:
        done = "Ġ"
        for letter in word:
            if (done, letter) not in merges:
                merges.append((done, letter))
            done += letter
    tokens += dict.fromkeys("".join(merge) for merge in merges)
    backend = Backend(BPE(vocab={token: number for number, token in enumerate(tokens)}, merges=merges))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens([AddedToken(token, special=True) for token in SPECIAL])
    if begins:
        backend.post_processor = TemplateProcessing(single="</s> $A", pair=None, special_tokens=[("</s>", 1)])
    folder.mkdir(parents=True, exist_ok=True)
    backend.save(str(folder / "tokenizer.json"))
    names = {
        "bos_token": "</s>",
        "eos_token": "</s>",
        "pad_token": "<pad>",
        "tokenizer_class": "PreTrainedTokenizerFast",
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(names))
    return len(tokens)


def write_model(folder: Path, kind: str, seed: int = 0) -> Path:
    """A random model, `opt` or `llama`, that tells words apart and prefers them to single bytes."""
    vocabulary = write_tokenizer(folder, begins=kind == "opt")
    shape = SHAPE | {"vocab_size": vocabulary, "tie_word_embeddings": True}
    config: PretrainedConfig
    if kind == "opt":
        config = OPTConfig(**shape, ffn_dim=64, word_embed_proj_dim=32)
    else:
        config = LlamaConfig(**shape, intermediate_size=64, num_key_value_heads=2)
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for name, tensor in model.named_parameters():
            if "norm" not in name:
                tensor.copy_(torch.randn_like(tensor) * (0.5 if "embed" in name else 0.25))
        embedding = model.get_input_embeddings().weight
        embedding[len(SPECIAL) + 256 :] *= 1.6
    model.save_pretrained(folder)
    return folder
