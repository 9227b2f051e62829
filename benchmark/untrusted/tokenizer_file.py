"""A submitted tokenizer: its files checked before the library that reads them sees them."""

from pathlib import Path

from benchmark.errors import InputError
from benchmark.models.tokenizer import Tokenizer
from benchmark.system.strict_json import parse_object, refuse_code

JSON_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.json")
MODELS = frozenset({"BPE", "WordLevel", "Unigram", "WordPiece"})


def check_tokenizer(folder: Path, *, rows: int) -> Tokenizer:
    """The tokenizer of a model folder.

    Raises:
        InputError: JSON that is damaged or names code, a regular expression (its cost has no bound), an
            unknown type, two tokens of one id, or an id that has no row of the embedding.
    """
    for name in JSON_FILES:
        path = folder / name
        if not path.is_file():
            continue
        raw = parse_object(path.read_bytes(), name)
        refuse_code(raw, name)
        if name == "tokenizer.json":
            _refuse_odd(raw)
    tokenizer = Tokenizer.from_folder(folder)
    tokenizer.rows_of(rows, folder)
    return tokenizer


def _refuse_odd(raw: dict[str, object]) -> None:
    model = raw.get("model")
    kind = model.get("type", "BPE") if isinstance(model, dict) else None
    if kind not in MODELS:
        raise InputError(f"tokenizer.json: model type {kind!r:.40}: use one of {', '.join(sorted(MODELS))}")
    pending: list[object] = [
        raw.get(key) for key in ("normalizer", "pre_tokenizer", "post_processor", "decoder")
    ]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            if "Regex" in item:
                raise InputError(
                    "tokenizer.json: a regular expression can take for ever: use the byte-level pre-tokenizer"
                )
            pending.extend(item.values())
        elif isinstance(item, list):
            pending.extend(item)
