"""A submitted tokenizer: its files are checked before the library reads them."""

from pathlib import Path

from benchmark.errors import InputError
from benchmark.models.tokenizer import Tokenizer
from benchmark.system.strict_json import parse_object, refuse_code, walk

JSON_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.json")
MODELS = frozenset({"BPE", "WordLevel", "Unigram", "WordPiece"})


def check_tokenizer(folder: Path, *, rows: int) -> Tokenizer:
    """The tokenizer of a model folder.

    Raises:
        InputError: JSON that is damaged or names code, a regular expression (its cost has no bound), an
            unknown type, two tokens with one id, or an id that has no row in the embedding.
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
    return tokenizer


def _check_types(raw: dict[str, object]) -> None:
    model = raw.get("model")
    kind = model.get("type", "BPE") if isinstance(model, dict) else None
    if kind not in MODELS:
        raise InputError(f"tokenizer.json: model type {kind!r:.40}: use one of {', '.join(sorted(MODELS))}")
    parts = [raw.get(key) for key in ("normalizer", "pre_tokenizer", "post_processor", "decoder")]
    if any(isinstance(item, dict) and "Regex" in item for _, item in walk(parts)):
        raise InputError(
            "tokenizer.json: a regular expression can take for ever: use the byte-level pre-tokenizer"
        )
