"""Model weights on disk: safetensors only, checked before use, written whole, and named by their digest."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from benchmark.errors import InputError
from benchmark.models.tensor_names import EMBEDDING, HEAD, OTHER_HEAD, state_dict_name

SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
PICKLES = ("pytorch_model.bin", "pytorch_model.bin.index.json", "model.pt", "model.pth", "model.ckpt")
# Left out: the head, which the embedding stands for, and a marker that fairseq's converter left in OPT's files.
IGNORED = (HEAD, "model.decoder.version")


def read_weights(folder: Path, *, device: torch.device, dtype: torch.dtype) -> dict[str, Tensor]:
    """All tensors of a model folder, as ``dtype`` on ``device``; a tensor at a time, so the peak is one copy.

    The head is left out, since the embedding stands for it. Raises InputError where the folder holds no
    safetensors, a file is damaged, a tensor stands twice, a weight is not finite as ``dtype``, or the head is
    not the embedding.
    """
    params: dict[str, Tensor] = {}
    for path in _files(folder):
        try:
            with safe_open(str(path), framework="pt") as opened:
                for name in opened.keys():  # noqa: SIM118 - safe_open is no mapping
                    tensor = opened.get_tensor(name)
                    known = state_dict_name(name)
                    if known in params:
                        raise InputError(f"{path}: {known} stands twice in the model: save it again")
                    params[known] = _checked(tensor, name, path, dtype).to(device=device, dtype=dtype)
        except (SafetensorError, OSError) as error:
            raise InputError(f"{path} is no readable safetensors file ({error}): fetch it again") from None
    if HEAD in params and EMBEDDING in params:
        _refuse_other_head(params[HEAD], params[EMBEDDING], folder)
    for name in IGNORED:
        params.pop(name, None)
    return params


def _refuse_other_head(head: Tensor, embedding: Tensor, folder: Path) -> None:
    """Raise InputError where a head [rows, width] is not the embedding, both as they are computed with."""
    if head.shape != embedding.shape:
        shapes = f"{tuple(head.shape)}, not the embedding's {tuple(embedding.shape)}"
        raise InputError(f"{folder}: {HEAD} has shape {shapes}: tie them")
    if not torch.equal(head, embedding):
        raise InputError(f"{folder}: {OTHER_HEAD}")


def _files(folder: Path) -> list[Path]:
    if (folder / SINGLE).is_file():
        return [folder / SINGLE]
    if (folder / INDEX).is_file():
        try:
            index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
            names = sorted(set(index["weight_map"].values()))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise InputError(f"{folder / INDEX} has no weight_map: fetch the model again") from None
        for name in names:
            if not isinstance(name, str) or Path(name).name != name or not (folder / name).is_file():
                raise InputError(
                    f"{folder / INDEX} names {name!r}, no file of that folder: fetch the model again"
                )
        return [folder / name for name in names]
    pickled = [name for name in PICKLES if (folder / name).exists()]
    if pickled:
        raise InputError(
            f"{folder} holds pickled weights ({pickled[0]}), which can run code: convert to {SINGLE}"
        )
    raise InputError(f"no {SINGLE} in {folder}: name a folder that holds a model's safetensors")


def _checked(tensor: Tensor, name: str, path: Path, dtype: torch.dtype) -> Tensor:
    if not tensor.is_floating_point():
        raise InputError(
            f"{path}: {name} is {tensor.dtype}, no floating type: use weights without quantisation"
        )
    if not bool(torch.isfinite(tensor).all()):
        raise InputError(f"{path}: {name} holds NaN or infinite weights: use another checkpoint")
    if torch.finfo(tensor.dtype).max > torch.finfo(dtype).max and not bool(tensor.to(dtype).isfinite().all()):
        raise InputError(
            f"{path}: {name} holds weights beyond {str(dtype).removeprefix('torch.')}: use another checkpoint"
        )
    return tensor


def check_shapes(params: Mapping[str, Tensor], expected: Mapping[str, tuple[int, ...]], folder: Path) -> None:
    """Raise InputError unless ``params`` are the ``expected`` tensors, no more, no fewer, in their shapes."""
    missing = sorted(expected.keys() - params.keys())
    surplus = sorted(params.keys() - expected.keys())
    if missing:
        raise InputError(
            f"{folder}: the weights lack {missing[0]} ({len(missing)} missing): mend config.json"
        )
    if surplus:
        raise InputError(f"{folder}: unknown tensor {surplus[0]} ({len(surplus)} unknown): mend config.json")
    for name, shape in expected.items():
        if tuple(params[name].shape) != shape:
            found = tuple(params[name].shape)
            raise InputError(f"{folder}: {name} has shape {found}, config.json says {shape}: mend either")


def write_weights(params: Mapping[str, Tensor], config: Mapping[str, object], folder: Path) -> None:
    """Write ``config.json`` and ``model.safetensors``, each written aside and then moved."""
    folder.mkdir(parents=True, exist_ok=True)
    stored = {name: tensor.detach().contiguous().cpu() for name, tensor in sorted(params.items())}
    temporary = folder / f".{SINGLE}.{os.getpid()}"
    save_file(stored, str(temporary), metadata={"format": "pt"})
    temporary.replace(folder / SINGLE)
    temporary = folder / f".config.json.{os.getpid()}"
    temporary.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    temporary.replace(folder / "config.json")


def weights_sha256(params: Mapping[str, Tensor]) -> str:
    """sha256 over every tensor's name, type, shape and bytes, in the order of the names."""
    digest = hashlib.sha256()
    for name in sorted(params):
        tensor = params[name].detach().contiguous().cpu()
        digest.update(f"{name} {str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
