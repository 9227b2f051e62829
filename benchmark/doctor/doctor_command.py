"""What `gapbench doctor` prints: this machine, its arithmetic, a trial of its device, and the first difference."""

import hashlib
import os
import platform
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from benchmark.arithmetic import mode
from benchmark.arithmetic.single_thread import compute_alone
from benchmark.doctor import architecture_trials, trials
from benchmark.doctor.device_trials import device_lines
from benchmark.doctor.digest_table import first_difference, read_table, record
from benchmark.doctor.kernels import kernel_digests
from benchmark.errors import CheckFailed, InputError
from benchmark.settings.arithmetic_choice import begin
from benchmark.settings.model_specs import MicroModel
from benchmark.settings.track_settings import Settings
from benchmark.store.provenance import machine
from benchmark.store.track_paths import TrackPaths
from benchmark.store.tracks import open_track

PARTS = ("device", "kernels", "training", "base", "runs", "architectures", "repro")


def doctor(params: Path, parts: Sequence[str], label: str | None, fitting: Iterable[str] = ()) -> None:
    """Compute `parts` (all if empty) and compare them with the table; with a `label`, record them.

    `fitting` are lines that say which models fit.

    Raises:
        InputError: no such part.
        CheckFailed: something differs; the message names the first difference.
    """
    for part in parts:
        if part not in PARTS:
            raise InputError(f"--part {part}: no such part: name {', '.join(PARTS)}")
    settings, layout = open_track(params)
    begin(settings.execution)
    compute_alone()
    for line in (*describe(), *fitting):
        print(line)
    asked = list(parts or PARTS)
    if "device" in asked:
        asked.remove("device")
        print("computing device ...", file=sys.stderr, flush=True)
        for line in device_lines(settings):
            print(line)
        if not asked:
            return
    if not mode.is_portable():
        print("digests: none to compare with, since numbers are native here; `gapbench diff` compares claims")
        return
    found = {part: dict(_compute(part, settings, layout)) for part in asked}
    found = {part: digests for part, digests in found.items() if digests}
    if label is not None:
        record(found, {"cpu": label, "parts": sorted(found), **versions()}, mode.name())
        return
    difference = first_difference(read_table()["digests"], found)
    if difference is not None:
        raise CheckFailed(f"{difference}: everything after it in the pipeline will differ too")
    count = sum(len(digests) for digests in found.values())
    seen = ", ".join(str(one["cpu"]) for one in read_table()["seen"])
    print(f"digests: all {count} agree with the table ({', '.join(found)}), which was seen on {seen}")


def describe() -> Iterator[str]:
    """CPU, devices with their memory and precisions, and arithmetic, one line each."""
    facts = machine()
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    yield f"machine: {facts['cpu']}, {facts['cores']} cores, {pages / 2**30:.0f} GiB, {facts['system']}"
    yield f"devices: {', '.join(facts['gpu']) or 'no GPU'}"
    if torch.cuda.is_available():
        for number in range(torch.cuda.device_count()):
            free, whole = torch.cuda.mem_get_info(number)
            name = torch.cuda.get_device_name(number)
            bf16 = "bf16 " if torch.cuda.is_bf16_supported() else ""
            yield f"  cuda:{number}: {name}, {free / 2**30:.1f} of {whole / 2**30:.1f} GiB free; fp32 tf32 {bf16}"
    else:
        yield "precisions: fp32, and bf16 by autocast (tf32 is a mode of NVIDIA GPUs)"
    yield f"arithmetic: {mode.name()}"
    if mode.missing():
        yield f"portable arithmetic needs {mode.missing()}"


def versions() -> dict[str, str]:
    """Versions of the libraries that compute: torch, numpy and the C library."""
    return {"torch": torch.__version__, "numpy": np.__version__, "libc": " ".join(platform.libc_ver())}


def _compute(part: str, settings: Settings, layout: TrackPaths) -> Iterator[tuple[str, str]]:
    print(f"computing {part} ...", file=sys.stderr, flush=True)
    if part == "kernels":
        yield from kernel_digests().items()
    elif part == "training":
        rungs = {name: spec for name, spec in settings.models.items() if isinstance(spec, MicroModel)}
        with tempfile.TemporaryDirectory() as folder:
            kept = layout.work / "cache"
            yield from trials.trainings(rungs, kept if kept.is_dir() else Path(folder))
    elif part == "base":
        yield "stored model", trials.base_digest(trials.stored_base(settings))
    elif part == "runs":
        yield from trials.runs(settings, trials.stored_base(settings))
    elif part == "architectures":
        yield from architecture_trials.digests(settings)
    else:
        yield from finished(layout)


def finished(layout: TrackPaths) -> Iterator[tuple[str, str]]:
    """Digests of the outputs of a finished `make repro`, if any: the rungs' weights and the files of `results/`."""
    rungs = sorted(layout.data.glob("models/*/*/model.safetensors"))
    for path in rungs:
        name, draw = path.parent.parent.name, path.parent.name
        yield (
            f"rung {name}" + (f" draw {draw}" if draw != "0" else ""),
            hashlib.sha256(path.read_bytes()).hexdigest(),
        )
    if rungs:
        for path in sorted(layout.results.iterdir()):
            if path.name != "provenance.json":
                yield f"results {path.name}", hashlib.sha256(path.read_bytes()).hexdigest()
