"""Small random GPT-NeoX models as Pythia's repositories hold them: a trained `tokenizer.json`, float16, old buffers."""

import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer

END = "<|endoftext|>"
TEXTS = ["The cat sat on the mat and the dog ran to the door. ", "What is it? Which one is it, and why? "]


def write_neox(folder: Path, *, hidden: int, layers: int = 2, positions: int = 512, seed: int = 0) -> None:
    """A model folder with random weights, in the form of `EleutherAI/pythia-14m`."""
    from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

    folder.mkdir(parents=True, exist_ok=True)
    rows = write_neox_tokenizer(folder)
    config = GPTNeoXConfig(
        vocab_size=rows + 20, hidden_size=hidden, num_hidden_layers=layers, num_attention_heads=4,
        intermediate_size=4 * hidden, max_position_embeddings=positions, bos_token_id=0, eos_token_id=0,
    )  # fmt: skip
    torch.manual_seed(seed)
    GPTNeoXForCausalLM(config).half().save_pretrained(folder)
    path = folder / "model.safetensors"
    tensors = load_file(path)
    for layer in range(layers):
        attention = f"gpt_neox.layers.{layer}.attention"
        tensors[f"{attention}.bias"] = torch.ones(1, 1, positions, positions, dtype=torch.bool).tril()
        tensors[f"{attention}.masked_bias"] = torch.tensor(-1e9).half()  # minus infinity in this type
        tensors[f"{attention}.rotary_emb.inv_freq"] = torch.ones(hidden // 32).half()
    save_file(tensors, path, metadata={"format": "pt"})


def write_neox_tokenizer(folder: Path) -> int:
    """A byte-level tokenizer trained on a few words, one special token, nothing in front; its number of tokens."""
    backend = Tokenizer(BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = BpeTrainer(vocab_size=300, special_tokens=[END], initial_alphabet=alphabet, show_progress=False)
    backend.train_from_iterator(TEXTS, trainer)
    backend.save(str(folder / "tokenizer.json"))
    names = {"bos_token": END, "eos_token": END, "unk_token": END, "tokenizer_class": "GPTNeoXTokenizer"}
    (folder / "tokenizer_config.json").write_text(json.dumps(names | {"add_prefix_space": False}))
    return backend.get_vocab_size()
