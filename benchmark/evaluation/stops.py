"""Stop strings as tables over tokens: they end a generated text without decoding it at every step."""

import functools
import re
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from benchmark.models.tokenizer import Tokenizer


def token_bytes(tokenizer: Tokenizer) -> tuple[bytes, ...]:
    """The bytes that each token adds to a text, none for special tokens; index = id.

    For byte-level BPE, and for tokens that are written as they are, with `▁` for a blank and `<0x0A>` for a byte.
    """
    alphabet = {character: byte for byte, character in _byte_characters().items()}
    backend = tokenizer.backend
    is_byte_level = "ByteLevel" in str(backend.decoder)
    special = {number for number, added in backend.get_added_tokens_decoder().items() if added.special}
    texts = []
    for number in range(tokenizer.n_rows):
        text = "" if number in special else backend.id_to_token(number) or ""
        if not is_byte_level:
            byte = _BYTE_TOKEN.fullmatch(text)
            texts.append(bytes.fromhex(byte[1]) if byte else text.replace("▁", " ").encode())
            continue
        try:
            texts.append(bytes(alphabet[character] for character in text))
        except KeyError:
            # An added token is written as it is, not in the byte alphabet.
            texts.append(text.encode())
    return tuple(texts)


_BYTE_TOKEN = re.compile("<0x([0-9A-F]{2})>")


@functools.cache
def _byte_characters() -> dict[int, str]:
    """GPT-2's alphabet: printable bytes stand for themselves, the others for characters from 256 on."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    characters = {byte: chr(byte) for byte in printable}
    for byte in range(256):
        if byte not in characters:
            characters[byte] = chr(256 + len(characters) - len(printable))
    return characters


def special_tokens_with(tokenizer: Tokenizer, stop: str) -> list[int]:
    """Ids of the special tokens that are written with ``stop``: they add nothing to a text, and end it."""
    added = tokenizer.backend.get_added_tokens_decoder().items()
    return sorted(number for number, token in added if token.special and stop in token.content)


def stop_table(texts: tuple[bytes, ...], stop: str, ends: Sequence[int] = ()) -> Tensor:
    """Automaton [len(stop) + 1, tokens]: the matched length after a token, given that before it.

    The last state means that ``stop`` has occurred, and is never left. The tokens of ``ends`` lead to it.
    """
    pattern = stop.encode()
    failure = _failure(pattern)
    table = np.zeros((len(pattern) + 1, len(texts)), np.int64)
    table[-1] = len(pattern)
    table[:, list(ends)] = len(pattern)
    begins = pattern[0]
    for number, text in enumerate(texts):
        for state in range(len(pattern)):
            # Most tokens neither continue the match nor contain the first byte of one.
            if not text:
                table[state, number] = max(state, table[state, number])
            elif begins in text or (state and text[0] in pattern):
                table[state, number] = _run(pattern, failure, state, text)
    return torch.from_numpy(table)


def _failure(pattern: bytes) -> list[int]:
    """For each matched length, the longest shorter one that is also its suffix (Knuth, Morris, Pratt)."""
    failure = [0] * (len(pattern) + 1)
    matched = 0
    for position in range(1, len(pattern)):
        while matched and pattern[position] != pattern[matched]:
            matched = failure[matched]
        matched += pattern[position] == pattern[matched]
        failure[position + 1] = matched
    return failure


def _run(pattern: bytes, failure: list[int], state: int, text: bytes) -> int:
    for byte in text:
        while state and byte != pattern[state]:
            state = failure[state]
        state += byte == pattern[state]
        if state == len(pattern):
            return state
    return state


def cut_at_stops(text: str, stops: tuple[str, ...]) -> str:
    """The text before the first of its stop strings."""
    for stop in stops:
        text = text.split(stop, 1)[0]
    return text
