"""A submitted tokenizer: its files are checked before the library reads them."""

from pathlib import Path

from benchmark.errors import InputError
from benchmark.models.tokenizer import Tokenizer
from benchmark.system.strict_json import parse_object, refuse_code

JSON_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.json")
TRIALS = tuple(part * 2_000 + "!" for part in ("a", "A", "1", " ", "\n", "é", "a ", "a1", "'s"))
"""Texts on which a regular expression with exponential backtracking does not finish."""
MODELS = frozenset({"BPE", "WordLevel", "Unigram", "WordPiece"})


def check_tokenizer(folder: Path, *, rows: int) -> Tokenizer:
    """The tokenizer of a model folder.

    Raises:
        InputError: JSON that is damaged or names code, an unknown type, two tokens with one id, an id that has no row
            in the embedding, or a regular expression that is too slow on texts made to test this.
    """
    for name in JSON_FILES:
        path = folder / name
        if not path.is_file():
            continue
        raw = parse_object(path.read_bytes(), name)
        refuse_code(raw, name)
        if name == "tokenizer.json":
            _check_types(raw)
    tokenizer = Tokenizer.from_folder(folder)
    tokenizer.rows_of(rows, folder)
    tokenizer.encode_batch(TRIALS, bos=False)
    return tokenizer


def _check_types(raw: dict[str, object]) -> None:
    model = raw.get("model")
    kind = model.get("type", "BPE") if isinstance(model, dict) else None
    if kind not in MODELS:
        raise InputError(f"tokenizer.json: model type {kind!r:.40}: use one of {', '.join(sorted(MODELS))}")
