"""Tokenizers of models.

Those of OPT-architecture models are read without importing ``transformers``, and put their bos in front of every text,
as OPT's own does. Those of other models are what ``AutoTokenizer`` makes of the folder: their own special tokens, and
in front of a text what they put there themselves.
"""

import functools
import hashlib
import itertools
import json
import operator
import os
import sys
import tempfile
import threading
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tokenizers
from tokenizers import AddedToken, decoders, pre_tokenizers
from tokenizers.models import BPE, Unigram
from tokenizers.pre_tokenizers import ByteLevel

from benchmark.errors import InputError
from benchmark.models.any_architecture.config_file import read_model_config
from benchmark.system.strict_json import parse_object

LONGEST_TEXT = 10_000_000
"""Characters of a text that is encoded."""
SLOWEST = 600.0
"""Seconds that texts may take to be encoded together."""
TRIALS = tuple(part * 2_000 + "!" for part in ("a", "A", "1", " ", "\n", "é", "a ", "a1", "'s"))
"""Texts on which a regular expression with exponential backtracking does not finish."""
LARGEST_LOST_SHARE = 0.01
"""Of the characters of texts, how many may be without a token before the texts are refused."""
JSON_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
)
NAMED = ("bos_token", "eos_token", "pad_token", "unk_token")
SCORED = frozenset({"bos_token", "eos_token"})
"""Of these, what a score depends on."""
KEEP = frozenset({"NFC", "NFD", "NFKC", "NFKD", "Lowercase", "Prepend", "ByteLevel", "Digits", "Metaspace"})
KEEP |= {"Punctuation", "Split", "UnicodeScripts"}
"""Normalizers and pre-tokenizers that delete nothing, unless they are told to remove what they find."""
ALIKE = str.maketrans("“”„‘’‚–—", "\"\"\"'''--")
ROLES = {"bos_token": "</s>", "eos_token": "</s>", "pad_token": "<pad>"}


@dataclass(frozen=True)
class Tokenizer:
    """Text to token ids and back; ids equal those of the folder's ``transformers`` tokenizer."""

    backend: tokenizers.Tokenizer
    bos_id: int
    """Of a tokenizer without one: its eos, as lm-eval has it, and 0 without that."""
    eos_id: int
    """-1 where the tokenizer has none: then nothing but a stop string or the number of tokens ends a text."""
    pad_id: int
    digest: str
    n_rows: int
    """Largest id + 1: more than ``n_tokens`` where ids have gaps."""
    leading: tuple[int, ...]
    """What stands in front of every text."""

    @classmethod
    def from_folder(cls, folder: Path) -> "Tokenizer":
        """The tokenizer of a model folder; raises InputError where there is none that is known here."""
        folder = Path(folder)
        files = json_files(folder)
        named = _named_tokens(files, folder)
        config = read_model_config(folder) if (folder / "config.json").is_file() else {"model_type": "opt"}
        if config["model_type"] != "opt":
            found = cls._of_any(folder)
        else:
            special = ROLES | {role: text for role, text in named.items() if role in ROLES}
            found = cls._of(_read(folder, special), special, folder)
        _refuse_useless(found.backend, folder)
        return found

    @classmethod
    def from_files(cls, vocab: Path, merges: Path) -> "Tokenizer":
        """GPT-2's byte-level BPE with OPT's special tokens, from two files of any name."""
        return cls._of(_byte_level_bpe(vocab, merges, ROLES), ROLES, vocab)

    @classmethod
    def _of(cls, backend: tokenizers.Tokenizer, special: dict[str, str], folder: Path) -> "Tokenizer":
        ids: dict[str, int] = {}
        for role, text in special.items():
            number = backend.token_to_id(text)
            if number is None and role == "pad_token" and text == ROLES[role]:
                number = ids["eos_token"]
            if number is None:
                raise InputError(
                    f"{folder}: the tokenizer lacks {text!r}, its {role}: name another or add it"
                )
            ids[role] = number
        digest = hashlib.sha256(backend.to_str().encode() + repr(sorted(ids.items())).encode()).hexdigest()
        rows = _rows(backend, folder)
        bos = ids["bos_token"]
        return cls(backend, bos, ids["eos_token"], ids["pad_token"], digest, rows, (bos,))

    @classmethod
    def _of_any(cls, folder: Path) -> "Tokenizer":
        from transformers import AutoTokenizer

        with _readable(folder):
            made = AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
            backend = tokenizers.Tokenizer.from_str(made.backend_tokenizer.to_str())
        backend.no_padding()
        backend.no_truncation()
        eos = -1 if made.eos_token_id is None else int(made.eos_token_id)
        bos = max(eos, 0) if made.bos_token_id is None else int(made.bos_token_id)
        pad = max(eos, 0) if made.pad_token_id is None else int(made.pad_token_id)
        with_own, plain = (backend.encode("a", add_special_tokens=own).ids for own in (True, False))
        front = len(with_own) - len(plain)
        if with_own[front:] != plain:
            raise InputError(
                f"{folder}: the tokenizer puts tokens behind a text, which would then be its end: let it put none "
                "there (add_eos_token and the post_processor of tokenizer.json)"
            )
        leading = tuple(with_own[:front])
        digest = hashlib.sha256(backend.to_str().encode() + repr((bos, eos, pad, leading)).encode())
        return cls(backend, bos, eos, pad, digest.hexdigest(), _rows(backend, folder), leading)

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
        """Ids of ``text``, behind what the tokenizer puts in front of a text where ``bos`` is true.

        Of an empty text without anything in front: the bos, so that there is something to go on from, as lm-eval does.
        """
        return self.encode_batch([text], bos=bos)[0]

    def encode_batch(self, texts: Sequence[str], *, bos: bool) -> list[list[int]]:
        """``encode`` of each of ``texts``.

        Raises:
            InputError: a text is too long, or takes the tokenizer's regular expressions too long.
        """
        ids = [encoding.ids for encoding in _bounded_encodings(self.backend, list(texts))]
        return [[*self.leading, *one] or [self.bos_id] for one in ids] if bos else ids

    def try_expressions(self) -> None:
        """Raise InputError where a regular expression goes astray on texts made to test this."""
        with _silent():
            self.encode_batch(TRIALS, bos=False)

    @functools.cached_property
    def _loses_nothing(self) -> bool:
        """Whether every byte has a token."""
        raw = json.loads(self.backend.to_str())
        model, parts = raw["model"], [*_parts(raw["normalizer"]), *_parts(raw["pre_tokenizer"])]
        affixes = model.get("continuing_subword_prefix") or model.get("end_of_word_suffix")
        return (
            model["type"] == "BPE"
            and not affixes
            and any(part["type"] == "ByteLevel" for part in parts)
            and all(part["type"] in KEEP and part.get("behavior") != "Removed" for part in parts)
            and all(self.backend.token_to_id(byte) is not None for byte in ByteLevel.alphabet())
        )

    def lost_share(self, texts: Sequence[str]) -> float:
        """Share of the texts' characters, blanks apart, that their tokens do not hold: lost, or an unknown token."""
        if self._loses_nothing:
            return 0.0
        unknown = _unknown_token(self.backend)
        lost = total = 0
        for text, encoding in zip(texts, _bounded_encodings(self.backend, list(texts)), strict=True):
            held = bytearray(len(text))
            for token, (start, end) in zip(encoding.tokens, encoding.offsets, strict=True):
                if token != unknown or text[start:end] == unknown:
                    held[start:end] = b"\1" * (end - start)
            without = "".join(itertools.compress(text, map(operator.not_, held)))
            size, uncovered = (sum(not one.isspace() for one in part) for part in (text, without))
            total += size
            lost += min(size, uncovered + self._deleted_inside(text, without))
        return lost / total if total else 0.0

    def _deleted_inside(self, text: str, uncovered: str) -> int:
        """Characters that the normalizer deletes and that no gap between tokens shows: their places lie in a token."""
        normalizer = self.backend.normalizer
        if normalizer is None:
            return 0
        left = str(normalizer.normalize_str(text))
        if "ByteLevel" in str(normalizer):
            left = str(decoders.ByteLevel().decode([left]))
        if not any(not one.isspace() for one in Counter(text) - Counter(left)):
            return 0
        return (_letters(text) - _letters(left) - _letters(uncovered)).total()

    def check_texts(self, texts: Sequence[str], what: str) -> None:
        """Say on stderr which share of the characters of texts has no token.

        Raises:
            InputError: it is more than LARGEST_LOST_SHARE.
        """
        share = self.lost_share(texts)
        if share > LARGEST_LOST_SHARE:
            raise InputError(
                f"{what}: the tokenizer has no token for {share:.1%} of the characters, at most "
                f"{LARGEST_LOST_SHARE:.0%} may be lost: use texts that the model can read, or another model"
            )
        if share:
            print(f"{what}: the tokenizer has no token for {share:.2%} of the characters", file=sys.stderr)

    def cut_left(self, ids: Sequence[int], longest: int) -> list[int]:
        """Ids of a text cut to its end, behind what the tokenizer puts in front."""
        front = len(self.leading)
        if len(ids) <= longest:
            return list(ids)
        return [*ids[:front], *ids[len(ids) - longest + front :]]

    def text_of(self, number: int) -> str:
        """What a token is written as, special ones included; empty for an id that no token has."""
        return str(self.backend.decode([number], skip_special_tokens=False)) if number >= 0 else ""

    def decode(self, ids: Sequence[int]) -> str:
        """Text of ``ids`` without special tokens."""
        return str(self.backend.decode(list(ids), skip_special_tokens=True))


def _parts(step: dict[str, Any] | None) -> list[dict[str, Any]]:
    """A normalizer or pre-tokenizer of a `tokenizer.json`, or the parts of a sequence."""
    if step is None:
        return []
    inner = step.get("normalizers", step.get("pretokenizers"))
    return [step] if inner is None else [part for one in inner for part in _parts(one)]


def _letters(text: str) -> Counter[str]:
    """How often each visible character is in a text, whatever its case, accents, composition and kind of quote."""
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold()).translate(ALIKE)
    kept = (one for one in plain if not one.isspace() and not "\u0300" <= one <= "\u036f")
    return Counter(one for one in kept if unicodedata.category(one) != "Cf")


def _unknown_token(backend: tokenizers.Tokenizer) -> str | None:
    """The token that stands for what a tokenizer does not know."""
    known = getattr(backend.model, "unk_token", None)
    if known is None and isinstance(backend.model, Unigram):
        number = json.loads(backend.to_str())["model"].get("unk_id")
        known = None if number is None else backend.id_to_token(number)
    return None if known is None else str(known)


def json_files(folder: Path) -> dict[str, dict[str, Any]]:
    """The files of a folder that say how its texts are read."""
    paths = [folder / name for name in JSON_FILES]
    return {path.name: parse_object(path.read_bytes(), str(path)) for path in paths if path.is_file()}


def _named_tokens(files: Mapping[str, dict[str, Any]], folder: Path) -> dict[str, str]:
    """The special tokens that the files name; raises InputError where two files name another one to score with."""
    named: dict[str, str] = {}
    for file in ("special_tokens_map.json", "tokenizer_config.json"):
        for role in NAMED:
            value = files.get(file, {}).get(role)
            text = value.get("content", value) if isinstance(value, dict) else value
            if isinstance(text, dict):
                raise InputError(f"{folder / file}: {role} has no content: save the tokenizer again")
            if isinstance(text, str) and named.setdefault(role, text) != text and role in SCORED:
                raise InputError(
                    f"{folder}: special_tokens_map.json says {role} {named[role]!r:.60}, {file} says {text!r:.60}: "
                    "make them agree"
                )
    return named


def _refuse_useless(backend: tokenizers.Tokenizer, folder: Path) -> None:
    """Refuse a tokenizer that reads a text differently each time, or that has special tokens only."""
    if getattr(backend.model, "dropout", None):
        raise InputError(
            f"{folder}: the tokenizer has dropout {backend.model.dropout}, so that a text is read differently each "
            "time: set dropout to null in tokenizer.json"
        )
    special = sum(token.special for token in backend.get_added_tokens_decoder().values())
    if backend.get_vocab_size(with_added_tokens=True) <= special:
        raise InputError(f"{folder}: the tokenizer's vocabulary is empty: use the model's own tokenizer")


@contextmanager
def _silent() -> Iterator[None]:
    """Nothing is printed on stderr by a block that raises: the library puts a backtrace there before."""
    if sys.stderr is None:  # closed
        yield
        return
    with tempfile.TemporaryFile() as said:
        kept = os.dup(2)
        os.dup2(said.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
        said.seek(0)
        os.write(2, said.read())


@contextmanager
def _readable(folder: Path) -> Iterator[None]:
    """Raise InputError where the libraries cannot read the tokenizer of a folder."""
    try:
        with _silent():
            yield
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # the library's panics are no Exceptions
        reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise InputError(f"{folder} holds no readable tokenizer ({reason}): fetch it again") from None


def _bounded_encodings(backend: tokenizers.Tokenizer, texts: list[str]) -> list[tokenizers.Encoding]:
    """The encodings of texts; raises InputError beyond LONGEST_TEXT characters or SLOWEST seconds.

    The library's engine for regular expressions gives up on a single match that goes astray, and may be slow at many.
    """
    longest = max(map(len, texts), default=0)
    if longest > LONGEST_TEXT:
        raise InputError(f"a text has {longest} characters, at most {LONGEST_TEXT} are encoded: cut it")
    found: list[tokenizers.Encoding] = []
    failed: list[BaseException] = []

    def encode() -> None:
        try:
            found.extend(backend.encode_batch(texts, add_special_tokens=False))
        except BaseException as error:  # the library's panics are no Exceptions
            failed.append(error)

    worker = threading.Thread(target=encode, daemon=True)
    worker.start()
    worker.join(SLOWEST)
    if worker.is_alive() or failed:
        reason = str(failed[0])[:100] if failed else f"more than {SLOWEST} s for {len(texts)} texts"
        what = "a regular expression of the tokenizer goes astray"
        what = what if not failed or "Regex" in reason else "the tokenizer fails on a text"
        raise InputError(f"{what} ({reason}): use another model")
    return found


def _rows(backend: tokenizers.Tokenizer, folder: Path) -> int:
    """Largest id + 1; raises InputError where two tokens have one id, so that one could not be written."""
    texts: dict[int, str] = {}
    for text, number in backend.get_vocab(with_added_tokens=True).items():
        if number in texts:
            first, second = sorted((texts[number], text))
            raise InputError(
                f"{folder}: tokens {first!r:.60} and {second!r:.60} both have id {number}: give each its own"
            )
        texts[number] = text
    return max(texts, default=-1) + 1


def _read(folder: Path, special: dict[str, str]) -> tokenizers.Tokenizer:
    whole, vocab, merges = folder / "tokenizer.json", folder / "vocab.json", folder / "merges.txt"
    if not whole.is_file() and not (vocab.is_file() and merges.is_file()):
        raise InputError(f"no tokenizer in {folder}: add tokenizer.json, or vocab.json and merges.txt")
    with _readable(folder):
        if whole.is_file():
            backend = tokenizers.Tokenizer.from_file(str(whole))
        else:
            backend = _byte_level_bpe(vocab, merges, special)
    if not isinstance(backend.decoder, decoders.ByteLevel):
        raise InputError(f"{folder}: the tokenizer is no byte-level BPE: use an OPT model's own tokenizer")
    backend.no_padding()
    backend.no_truncation()
    backend.post_processor = None  # `encode` puts the bos in front
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
