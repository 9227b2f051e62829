"""A submitted tokenizer: its files are checked before the library reads them."""

from pathlib import Path

from benchmark.errors import InputError
from benchmark.models.tokenizer import Tokenizer, json_files
from benchmark.system.strict_json import refuse_code

MODELS = frozenset({"BPE", "WordLevel", "Unigram", "WordPiece"})


def check_tokenizer(folder: Path, *, rows: int) -> Tokenizer:
    """The tokenizer of a model folder.

    Raises:
        InputError: JSON that is damaged or names code, an unknown type, two tokens with one id, an id that has no row
            in the embedding, or a regular expression that is too slow on texts made to test this.
    """
    for name, raw in json_files(folder).items():
        refuse_code(raw, name)
        if name == "tokenizer.json":
            _check_types(raw)
    tokenizer = Tokenizer.from_folder(folder)
    tokenizer.rows_of(rows, folder)
    tokenizer.try_expressions()
    return tokenizer


def _check_types(raw: dict[str, object]) -> None:
    model = raw.get("model")
    kind = model.get("type", "BPE") if isinstance(model, dict) else None
    if kind not in MODELS:
        raise InputError(f"tokenizer.json: model type {kind!r:.40}: use one of {', '.join(sorted(MODELS))}")
