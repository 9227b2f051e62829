"""Byte-level BPE tokenizers of OPT-architecture models, without importing ``transformers``."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tokenizers
from tokenizers import AddedToken, decoders, pre_tokenizers
from tokenizers.models import BPE

from benchmark.errors import InputError

ROLES = {"bos_token": "</s>", "eos_token": "</s>", "pad_token": "<pad>"}


@dataclass(frozen=True)
class Tokenizer:
    """Text to token ids and back; ids equal those of the folder's ``transformers`` tokenizer."""

    backend: tokenizers.Tokenizer
    bos_id: int
    eos_id: int
    pad_id: int
    digest: str
    n_rows: int
    """Largest id + 1: more than ``n_tokens`` where ids have gaps."""

    @classmethod
    def from_folder(cls, folder: Path) -> "Tokenizer":
        """Read ``tokenizer.json``, or ``vocab.json`` and ``merges.txt`` (byte-level BPE, as OPT has)."""
        folder = Path(folder)
        special = _special_tokens(folder)
        return cls._of(_read(folder, special), special, folder)

    @classmethod
    def from_files(cls, vocab: Path, merges: Path) -> "Tokenizer":
        """GPT-2's byte-level BPE with OPT's special tokens, from two files of any name."""
        return cls._of(_byte_level_bpe(vocab, merges, ROLES), ROLES, vocab)

    @classmethod
    def _of(cls, backend: tokenizers.Tokenizer, special: dict[str, str], folder: Path) -> "Tokenizer":
        ids: dict[str, int] = {}
        for role, text in special.items():
            number = backend.token_to_id(text)
            if number is None:
                raise InputError(
                    f"{folder}: the tokenizer lacks {text!r}, its {role}: name another or add it"
                )
            ids[role] = number
        digest = hashlib.sha256(backend.to_str().encode() + repr(sorted(ids.items())).encode()).hexdigest()
        rows = _rows(backend, folder)
        return cls(backend, ids["bos_token"], ids["eos_token"], ids["pad_token"], digest, rows)

    @property
    def n_tokens(self) -> int:
        """Number of tokens, added ones included: ``len()`` of the ``transformers`` tokenizer."""
        return int(self.backend.get_vocab_size(with_added_tokens=True))

    def rows_of(self, embedding: int, where: Path | str) -> int:
        """The first rows of an embedding of that many rows that the tokens need: ``n_rows``.

        A gap's row stays, since the ids behind it are those that the model was trained with; rows behind the
        largest id are no token's. Raises InputError where the embedding has fewer.
        """
        if self.n_rows > embedding:
            raise InputError(
                f"{where}: the tokenizer has {self.n_tokens} tokens with ids up to {self.n_rows - 1}, the "
                f"embedding has {embedding} rows: use the model's own tokenizer, or resize the embedding"
            )
        return self.n_rows

    def encode(self, text: str, *, bos: bool) -> list[int]:
        """Ids of ``text``, behind the beginning-of-sequence token where ``bos`` is true."""
        return self._with_bos(self.backend.encode(text, add_special_tokens=False).ids, bos)

    def encode_batch(self, texts: Sequence[str], *, bos: bool) -> list[list[int]]:
        """``encode`` of each of ``texts``."""
        encoded = self.backend.encode_batch(list(texts), add_special_tokens=False)
        return [self._with_bos(encoding.ids, bos) for encoding in encoded]

    def decode(self, ids: Sequence[int]) -> str:
        """Text of ``ids`` without special tokens."""
        return str(self.backend.decode(list(ids), skip_special_tokens=True))

    def _with_bos(self, ids: Sequence[int], bos: bool) -> list[int]:
        return [self.bos_id, *ids] if bos else list(ids)


def _rows(backend: tokenizers.Tokenizer, folder: Path) -> int:
    """Largest id + 1; raises InputError where two tokens have one id, so that one could not be written."""
    texts: dict[int, str] = {}
    for text, number in backend.get_vocab(with_added_tokens=True).items():
        if number in texts:
            first, second = sorted((texts[number], text))
            raise InputError(
                f"{folder}: tokens {first!r:.60} and {second!r:.60} both have id {number}: mend the tokenizer"
            )
        texts[number] = text
    return max(texts, default=-1) + 1


def _special_tokens(folder: Path) -> dict[str, str]:
    named: dict[str, str] = {}
    for file in ("special_tokens_map.json", "tokenizer_config.json"):
        path = folder / file
        if not path.is_file():
            continue
        try:
            raw = json.loads(path.read_text(encoding="utf-8"))
            for role in ROLES:
                value = raw.get(role)
                text = value["content"] if isinstance(value, dict) else value
                if isinstance(text, str):
                    named.setdefault(role, text)
        except (ValueError, KeyError, AttributeError):
            raise InputError(f"{path} is no JSON object as a tokenizer writes it: fetch it again") from None
    return ROLES | named


def _read(folder: Path, special: dict[str, str]) -> tokenizers.Tokenizer:
    whole, vocab, merges = folder / "tokenizer.json", folder / "vocab.json", folder / "merges.txt"
    if not whole.is_file() and not (vocab.is_file() and merges.is_file()):
        raise InputError(f"no tokenizer in {folder}: add tokenizer.json, or vocab.json and merges.txt")
    try:
        if whole.is_file():
            backend = tokenizers.Tokenizer.from_file(str(whole))
        else:
            backend = _byte_level_bpe(vocab, merges, special)
    # The tokenizers package raises nothing narrower than Exception on a file that it cannot read.
    except Exception as error:
        raise InputError(f"{folder} holds no readable tokenizer ({error}): fetch it again") from None
    if not isinstance(backend.decoder, decoders.ByteLevel):
        raise InputError(f"{folder}: the tokenizer is no byte-level BPE: use an OPT model's own tokenizer")
    backend.no_padding()
    backend.no_truncation()
    return backend


def _byte_level_bpe(vocab: Path, merges: Path, special: dict[str, str]) -> tokenizers.Tokenizer:
    table, rules = BPE.read_file(str(vocab), str(merges))
    backend = tokenizers.Tokenizer(
        BPE(vocab=table, merges=rules, continuing_subword_prefix="", end_of_word_suffix="", fuse_unk=False)
    )
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    texts = sorted(set(special.values()), key=lambda text: table.get(text, len(table)))
    backend.add_special_tokens([AddedToken(text, normalized=True, special=True) for text in texts])
    return backend
