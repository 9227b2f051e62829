"""The weights of a `checkpoint` arm: a user's own model folder, or a repository of the Hub at a commit."""

from pathlib import Path

from benchmark.errors import InputError
from benchmark.models.causal_model import CausalModel
from benchmark.models.model_folders import vocabulary_rows, waiting_model
from benchmark.models.tokenizer import Tokenizer
from benchmark.posttrain.base_model import Base
from benchmark.settings.track_settings import Settings


def checkpoint_weights(settings: Settings, arm: str, place: str, base: Base) -> CausalModel:
    """The base model with the weights at a place of the arm's setting `path`, which have its names and shapes.

    Raises:
        InputError: there is no model, or it is not one that was trained from a model of the base's shape.
    """
    where = f"arms.{arm}.path"
    folder = _folder(settings, place, where)
    rows = base.tokenizer.rows_of(vocabulary_rows(folder), folder)
    model = waiting_model(folder, "cpu", rows)
    if (folder / "tokenizer.json").is_file() and Tokenizer.from_folder(
        folder
    ).digest != base.tokenizer.digest:
        raise InputError(f"{where}: {folder} has another tokenizer than {base.name}: correct `base`")
    shapes = {name: tensor.shape for name, tensor in model.params.items()}
    if shapes != {name: tensor.shape for name, tensor in base.model.params.items()}:
        raise InputError(
            f"{where}: {folder} has tensors of other names or shapes than {base.name}: correct `base`"
        )
    model.config, model.home = base.model.config, base.model.home
    return model


def _folder(settings: Settings, place: str, where: str) -> Path:
    start = settings.folder or Path()
    if "@" in place:
        return hub_folder(start / settings.track.root, *place.split("@"))
    folder = start.joinpath(place).resolve()
    if not (folder / "config.json").is_file():
        raise InputError(
            f"{where}: no model folder {folder}: the path starts at the folder of the settings file"
        )
    return folder


def hub_folder(root: Path, name: str, commit: str) -> Path:
    """A Hub model at a commit, fetched to the work folder below `root` if it is not there."""
    from benchmark.models.from_hub import fetch

    folder = root / ".gapbench" / "hub" / f"{name.replace('/', '--')}-{commit}"
    if not folder.is_dir():
        fetch(name, commit, folder, allow_pickle_weights=False)
    return folder
