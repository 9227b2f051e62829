"""How numbers are computed: the same bits on every x86-64 CPU with AVX2, or as this machine does it fastest.

torch, MKL, numpy, OpenBLAS and Arrow choose their code by the CPU that they find, and with it the order of sums and
the polynomial of an exponential. Variables of the environment hold them to code that every such CPU has; each library
reads its own once, so they are set before any of them is imported: `benchmark/__init__.py` calls `hold`. Products go
through `benchmark.arithmetic.products`, which needs no variable. What then gives the same bits is not promised by
those libraries: `gapbench doctor` compares digests.
"""

import contextlib
import functools
import hashlib
import os
import platform
import sys
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from benchmark.errors import InputError

Arithmetic = Literal["portable", "native"]
Precision = Literal["fp32", "tf32", "bf16"]
"""Of the products of a forward pass: `precision.computing_in`."""

PORTABLE = "portable-x86-64-v1"
VARIABLES = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "MKL_CBWR": "COMPATIBLE",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_CORETYPE": "Haswell",
    "OPENBLAS_NUM_THREADS": "1",
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",
    "ARROW_USER_SIMD_LEVEL": "AVX2",
}
"""What holds each library: torch's own kernels, MKL, threads, numpy's products, numpy's kernels, Arrow's."""
FOR_TORCH = ("ATEN_", "MKL_", "ONEDNN_", "DNNL_", "OMP_", "GOMP_", "KMP_")
FAMILIES = (*FOR_TORCH, "OPENBLAS_", "NPY_", "ARROW_USER_SIMD_LEVEL")
"""Beginnings of the names of variables that can change how numbers are computed."""
LIBRARIES = ("torch", "numpy", "pyarrow")
NEEDED_FLAGS = {"avx2", "fma"}


@dataclass
class _Process:
    """What holds in this process.

    held: the libraries were given VARIABLES before they were imported. native: `use` has released torch since. early:
    the libraries that were imported before this package. users: the variables as the user had set them.
    """

    held: bool = False
    native: bool = False
    early: tuple[str, ...] = ()
    users: dict[str, str] = field(default_factory=dict)


_process = _Process()


def hold() -> None:
    """Hold the libraries to portable code where this machine can; called once, by the package's import.

    A library that is imported already has read its variables. It is held only where the process was started with
    them, as the workers and stages of a held process are.
    """
    if missing() is not None:
        return
    _process.early = tuple(name for name in LIBRARIES if name in sys.modules)
    started_held = _initial(VARIABLES) == VARIABLES
    if _process.early and not started_held:
        return
    _process.users = {name: value for name, value in os.environ.items() if name.startswith(FAMILIES)}
    for name in _process.users:
        del os.environ[name]
    os.environ.update(VARIABLES)
    _process.held = True


def use(wanted: Arithmetic) -> None:
    """Take the arithmetic that the settings ask for, or refuse; for commands and stages, before torch is imported.

    Raises:
        InputError: a library was imported before this package could hold it, or torch before `native` was asked for.
    """
    if wanted == "native":
        if _process.held and "torch" in sys.modules and not _process.native:
            raise InputError(
                "execution.arithmetic: torch was imported in portable mode before native was asked for: "
                "start a new process"
            )
        _release()
    elif _process.native or (missing() is None and not _process.held):
        first = _process.early[0] if _process.early else "torch"
        raise InputError(
            f"execution.arithmetic: {first} was imported in another mode before gapbench: import benchmark first, "
            "or set execution.arithmetic to native"
        )


def _release() -> None:
    """Give torch and MKL the variables that the user had set; numpy, OpenBLAS and Arrow stay held."""
    if _process.held and not _process.native:
        for name in _for_torch(VARIABLES):
            del os.environ[name]
        os.environ.update(_for_torch(_process.users))
    _process.native = True


def _for_torch(variables: dict[str, str]) -> dict[str, str]:
    """Those of `variables` that torch and what it calls would read."""
    return {name: value for name, value in variables.items() if name.startswith(FOR_TORCH)}


def is_portable() -> bool:
    """Whether this process computes on the CPU with the same bits as every machine that can."""
    return _process.held and not _process.native


def variables() -> dict[str, str]:
    """What a process has to be started with to compute as this one does."""
    return dict(VARIABLES) if is_portable() else {}


def overridden() -> dict[str, str]:
    """The user's variables that portable mode has set aside, by name."""
    if not is_portable():
        return {}
    return {name: value for name, value in _process.users.items() if VARIABLES.get(name) != value}


def missing() -> str | None:
    """What portable arithmetic needs and this machine is not or has not, to follow these words; None where it can."""
    if sys.platform != "linux" or platform.machine() not in ("x86_64", "AMD64"):
        return f"Linux on x86-64 (this is {platform.system()} on {platform.machine()})"
    lacking = sorted(NEEDED_FLAGS - set(str(cpu_facts().get("flags", "")).split()))
    return f"a CPU with {' and '.join(flag.upper() for flag in lacking)}" if lacking else None


def name(device: str = "cpu", *, routed: bool = True) -> str:
    """What stands in keys, records and provenance: `portable-x86-64-v1`, or `native` and what distinguishes machines.

    `routed`: whether all products of the model go through `products`; without, nothing is portable.
    Warns once where the package was imported too late to be portable.
    """
    if device == "cpu" and routed and is_portable():
        return PORTABLE
    if device == "cpu" and routed and _process.early and not _process.native:
        _warn_late()
    import torch

    capability = torch.backends.cpu.get_cpu_capability()
    facts = [f"torch {torch.__version__}", _machine(capability) if device == "cpu" else _gpu()]
    set_by_user = _for_torch(dict(os.environ))
    if set_by_user:
        facts.append(f"variables {_digest(repr(sorted(set_by_user.items())))}")
    return "native: " + ", ".join(facts)


@functools.cache
def _warn_late() -> None:
    warnings.warn(
        f"{_process.early[0]} was imported before benchmark, so numbers are native to this machine: "
        "import benchmark first",
        stacklevel=3,
    )


def _machine(capability: str) -> str:
    facts = cpu_facts()
    model = facts.get("model name") or platform.processor() or platform.machine()
    return f"{model} ({capability}, flags {_digest(' '.join(sorted(str(facts.get('flags', '')).split())))})"


def _gpu() -> str:
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


@functools.cache
def cpu_facts() -> dict[str, str]:
    """The first processor's lines of /proc/cpuinfo, by name; empty where there is no such file."""
    facts: dict[str, str] = {}
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition(":")
            facts.setdefault(key.strip(), value.strip())
    return facts


def _initial(names: "dict[str, str]") -> dict[str, str]:
    """Those of `names` that this process was started with: what a library imported early can have read."""
    try:
        raw = Path("/proc/self/environ").read_bytes().decode(errors="replace")
    except OSError:
        return {}
    started = dict(line.split("=", 1) for line in raw.split("\0") if "=" in line)
    return {name: started[name] for name in names if name in started}
