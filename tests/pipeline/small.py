"""A copy of this repository with tracks cut down by parameters alone, and small OPT models for them."""

import csv
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from benchmark.models.opt import OptConfig, save_opt
from benchmark.pipeline import stages
from benchmark.settings.load import load_settings
from tests.tiny_model import random_opt

ROOT = Path(__file__).resolve().parents[2]
LEFT_OUT = ("docs/screenshots/", "results/", "dvc.lock")


def copy_repository(target: Path) -> Path:
    """The working tree (what git ignores left out) in a git repository of its own.

    It has no results and no `dvc.lock`. The root's lock is about stages of other settings, and DVC takes three seconds
    to read and write its 9,000 lines after each stage.
    """
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
    for name in filter(None, listed.decode().split("\0")):
        source, copy = ROOT / name, target / name
        if not (source.exists() or source.is_symlink()) or name.startswith(LEFT_OUT):
            continue
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, copy, follow_symlinks=False)
    shell(target, "git", "init", "--quiet")
    shell(target, "git", "add", "--all")
    commit(target)
    return target


def commit(repository: Path) -> None:
    author = ("-c", "user.name=test", "-c", "user.email=test@example.invalid")
    shell(repository, "git", "add", "--all")
    shell(repository, "git", *author, "commit", "--quiet", "--allow-empty", "--message", "test")


def environment(repository: Path, **extra: str) -> dict[str, str]:
    """The environment in which `gapbench` and `dvc` run the copy's own code, with one thread.

    Each process keeps the copy's bytecode for the next one, even where the user's Python writes none.
    """
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"PATH": path, "PYTHONPATH": str(repository), "OMP_NUM_THREADS": "1"} | extra


def shell(repository: Path, *command: str, ok: tuple[int, ...] = (0,), **extra: str) -> str:
    """Run a command in the copy; its output, both streams."""
    done = subprocess.run(
        command, cwd=repository, env=environment(repository, **extra), text=True, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=1800,
    )  # fmt: skip
    assert done.returncode in ok, f"{' '.join(command)} exited with {done.returncode}:\n{done.stdout}"
    return done.stdout


def save_small_opt(folder: Path, hidden: int, tokenizer: Path, *, seed: int = 0) -> None:
    """An OPT-shaped model with random weights and OPT's tokenizer (GPT-2's files, under any names)."""
    config = OptConfig(
        vocab_size=50272, hidden_size=hidden, num_hidden_layers=1, num_attention_heads=2, ffn_dim=2 * hidden,
        max_position_embeddings=512, word_embed_proj_dim=hidden,
    )  # fmt: skip
    save_opt(random_opt(config, 0.1, seed), folder)
    shutil.copyfile(tokenizer / "gpt2-vocab.json", folder / "vocab.json")
    shutil.copyfile(tokenizer / "gpt2-merges.txt", folder / "merges.txt")


def edit_params(path: Path, changes: Mapping[str, Any]) -> None:
    """Replace sections of a settings file, or single keys of them where `changes` holds a mapping of them."""
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    for section, value in changes.items():
        keep = isinstance(value, Mapping) and section not in ("models", "corpora", "arms")
        raw[section] = {**raw.get(section, {}), **value} if keep else value
    path.write_text(yaml.safe_dump(raw, sort_keys=False), encoding="utf-8")


def edit_csv(path: Path, edit: Callable[[list[dict[str, str]]], list[dict[str, str]]]) -> None:
    """Write a table again with the rows that `edit` makes of its own."""
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        rows, columns = list(reader), list(reader.fieldnames or [])
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(edit(rows))


def tree(folder: Path, skip: tuple[str, ...] = ("provenance.json",)) -> dict[str, bytes]:
    """Bytes of every file below a folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in skip)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def small_micro(target: Path, cache: Path) -> Path:
    """A copy whose micro track has two tiny rungs, one corpus and few documents; `cache` holds its tokenizer."""
    copy = copy_repository(target)
    shutil.copytree(cache, copy / ".gapbench" / "cache")
    rung = {"kind": "micro", "tokens": 20000, "hidden": 16, "layers": 1, "heads": 2, "ffn": 32}
    edit_params(
        copy / "params.yaml",
        {
            "models": {"tiny": rung, "larger": {**rung, "role": "baseline", "hidden": 40, "ffn": 80}},
            "corpora": {"code": {"kind": "micro", "part": "code", "texts": 6}},
            "arms": {"gap": {"kind": "ascent"}, "random": {"kind": "random"}},
            "posttrain": {"max_steps": 8},
            "evaluation": {"documents": 60, "select_documents": 40, "base_documents": 60, "steps": None},
            "execution": {"workers": 1},
            "scoring": {"resamples": 200},
            "claims": {"corpora": ["code"], "pairs": {"tiny": "larger"}},
        },
    )
    commit(copy)
    return copy


def run_stages(params: Path) -> None:
    """Do all stages of a track in this process."""
    settings = load_settings(params)
    for corpus in settings.corpora:
        stages.corpus(params, corpus)
    for model in settings.models:
        stages.model(params, model)
        stages.base(params, model)
        for corpus in settings.corpora:
            stages.posttrain(params, model, corpus)
    stages.score(params)


def copy_pipeline(repository: Path, target: Path) -> Path:
    """A copy in which the pipeline goes on where it was."""
    return shutil.copytree(repository, target, symlinks=True)


def finished_runs(repository: Path) -> dict[Path, int]:
    """The finished runs and when each was written."""
    return {path: path.stat().st_mtime_ns for path in repository.glob(".gapbench/journal/*/*/run.json")}


def wait_for(condition: Callable[[], object], seconds: float = 600) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
