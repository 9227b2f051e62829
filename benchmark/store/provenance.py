"""Provenance of results: who made them, from which inputs, on which machine. Not an output of any stage."""

import csv
import datetime
import functools
import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmark.arithmetic import mode as arithmetic
from benchmark.errors import InputError
from benchmark.settings.track_settings import Settings
from benchmark.store.track_paths import TrackPaths
from benchmark.system.content_hash import code_digest, digest, sha256_of
from benchmark.system.files import read_json, write_json
from benchmark.system.git import git
from benchmark.system.import_closure import modules, pipeline_files

PACKAGES = (
    "torch",
    "tokenizers",
    "safetensors",
    "lm-eval",
    "numpy",
    "scipy",
    "pyarrow",
    "pandas",
    "dvc",
    "transformers",
)


@functools.cache
def cpu() -> dict[str, Any]:
    """Model name and a digest of the instruction sets of this machine's CPU."""
    facts = arithmetic.cpu_facts() or {"model name": platform.processor()}
    flags = sorted(facts.get("flags", facts.get("Features", "")).split())
    return {"model": facts.get("model name", platform.machine()), "flags_sha256": digest(flags)[:16]}


def machine() -> dict[str, Any]:
    """The properties of this machine that can change a figure, and an anonymous name for it."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    described: dict[str, Any] = {
        "cpu": cpu()["model"],
        "cpu_flags_sha256": cpu()["flags_sha256"],
        "cores": cores,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "host": digest([platform.node(), _machine_id()])[:16],
        "gpu": _gpus(),
    }
    return described


def _machine_id() -> str:
    path = Path("/etc/machine-id")
    return path.read_text(encoding="utf-8").strip() if path.is_file() else ""


def _gpus() -> list[str]:
    command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    try:
        listed = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return sorted(line.strip() for line in listed.splitlines() if line.strip())


def packages() -> dict[str, str]:
    """Versions of the packages that can change a figure."""
    return {name: importlib.metadata.version(name) for name in PACKAGES}


def revision(root: Path) -> str:
    """The commit that is checked out, with `+` if tracked files differ from it."""
    try:
        head = git(root, "rev-parse", "HEAD").decode().strip()
        changed = git(root, "status", "--porcelain", "--untracked-files=no", "--", "benchmark", "dvc.yaml")
    except InputError:
        return "unknown"
    return head + ("+" if changed else "")


def write_provenance(settings: Settings, paths: TrackPaths) -> None:
    """Write a track's `provenance.json`: revision, versions, hardware, wall time by stage, keys of all inputs."""
    device = "cuda" if settings.execution.device != "cpu" and machine()["gpu"] else "cpu"
    draws = paths.results / "draws.csv"
    timings = sorted((paths.work / "timing" / paths.track).glob("*.json"))
    keys = {"settings": digest(settings.model_dump(mode="json")), **_input_keys(paths)}
    _write(
        paths.results,
        paths.root,
        track=paths.track,
        arithmetic=arithmetic.name(device),
        wall_seconds={wall["stage"]: wall["wall_seconds"] for wall in map(read_json, timings)},
        keys=keys | {"code": code_digest(pipeline_files())},
        **({"draws": draw_counts(draws)} if draws.is_file() else {}),
    )


def draw_counts(path: Path) -> dict[str, dict[str, int]]:
    """Numbers of trained, kept and refused pretraining draws by model, from `draws.csv`."""
    counts: dict[str, dict[str, int]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            of_model = counts.setdefault(row["model"], dict.fromkeys(("trained", "kept", "refused"), 0))
            of_model[row["origin"]] += 1
    return counts


def write_source_provenance(out: Path, track: str, root: Path, files: Iterable[Path]) -> None:
    """Write `provenance.json` of results that are computed from `files` alone: their sha256 are the keys."""
    keys = {f"file {path.name}": sha256_of(path) for path in files}
    keys["code"] = code_digest(modules("benchmark.published.reanalysis"))
    _write(out, root, track=track, arithmetic=arithmetic.name(), wall_seconds={}, keys=keys)


def _write(results: Path, root: Path, **facts: Any) -> None:
    here = {
        "revision": revision(root),
        "packages": packages(),
        "hardware": machine(),
        "written": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
    write_json(results / "provenance.json", here | facts)


def _input_keys(paths: TrackPaths) -> dict[str, str]:
    keys = {}
    for path in sorted(paths.data.glob("models/*/model.json")):
        digests = read_json(path)["weights_sha256"]
        for draw, weights in enumerate(digests):
            keys[f"model {path.parent.name}" + (f" draw {draw}" if draw else "")] = weights
    for path in sorted(paths.data.glob("corpora/*/corpus.json")):
        keys[f"corpus {path.parent.name}"] = read_json(path)["fingerprint"]
    return keys
