"""The name of a new entry: valid for files, shells and YAML, and not in use."""

from pathlib import Path

from benchmark.errors import InputError
from benchmark.settings.names import check_name
from benchmark.settings.track_settings import Settings

FOLDERS = {"corpus": "corpora", "model": "models"}


def check_new_name(name: str, settings: Settings, root: Path) -> str:
    """The name, if a new corpus or model may have it.

    Raises:
        InputError: not a valid name, a word that YAML reads as something else, or the name of another entry.
    """
    try:
        check_name(name)
    except ValueError as error:
        raise InputError(str(error)) from None
    for section, names in (
        ("models", settings.models),
        ("corpora", settings.corpora),
        ("arms", settings.arms),
    ):
        if name in names:
            raise InputError(f"name '{name}' is taken by {section}.{name}: choose another")
    for taken in taken_paths(name, root):
        if taken.exists() or taken.is_symlink():
            raise InputError(f"name '{name}' is taken by {taken.relative_to(root)}: choose another")
    return name


def taken_paths(name: str, root: Path) -> list[Path]:
    """Where a submission of that name is stored, in any track."""
    base = root / "submissions"
    return [*(base / folder / f"{name}.yaml" for folder in FOLDERS.values()), base / "data" / name]
