"""The package holds torch, MKL and numpy to portable code before they are imported, whatever the user has set."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmark.arithmetic import mode

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(
    mode.missing() is not None, reason=f"portable arithmetic needs {mode.missing()}"
)

TELL = """
import json, torch
print(json.dumps({"name": mode.name(), "portable": mode.is_portable(), "overridden": mode.overridden(),
    "capability": torch.backends.cpu.get_cpu_capability(), "threads": torch.get_num_threads(),
    "environment": {name: value for name, value in os.environ.items() if name.startswith(mode.FAMILIES)}}))
"""


def printed(code: str, **variables: str) -> str:
    """What a new process prints that runs `code` without the user's own variables of arithmetic."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(mode.FAMILIES)}
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env=clean | {"PYTHONPATH": str(ROOT)} | variables, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip


def told(before: str = "", after: str = "", **variables: str) -> dict:
    """What a new process says of itself that runs `before`, imports the package, and runs `after`."""
    code = f"import os\n{before}\nfrom benchmark.arithmetic import mode\n{after}\n{TELL}"
    return json.loads(printed(code, **variables))


def test_the_library_is_portable_by_default() -> None:
    process = told()
    assert process["name"] == "portable-x86-64-v1"
    assert process["capability"] == "AVX2"
    assert process["threads"] == 1
    assert process["environment"] == mode.VARIABLES


def test_what_the_user_has_set_is_set_aside_and_named() -> None:
    process = told(MKL_CBWR="AVX512", OMP_NUM_THREADS="7", ONEDNN_MAX_CPU_ISA="SSE41", MKL_VERBOSE="0")
    assert process["name"] == "portable-x86-64-v1"
    assert set(process["overridden"]) == {"MKL_CBWR", "OMP_NUM_THREADS", "ONEDNN_MAX_CPU_ISA", "MKL_VERBOSE"}
    assert process["environment"] == mode.VARIABLES


@pytest.mark.parametrize("library", ["torch", "numpy", "pyarrow"])
def test_a_library_that_was_imported_first_makes_the_process_native(library: str) -> None:
    process = told(before=f"import {library}")
    assert not process["portable"]
    assert process["name"].startswith("native: torch ")


def test_the_library_warns_and_a_command_refuses_where_torch_came_first() -> None:
    code = (
        "import warnings, torch\nfrom benchmark.arithmetic import mode\n"
        "with warnings.catch_warnings(record=True) as caught:\n    warnings.simplefilter('default')\n"
        "    mode.name()\n    mode.name()\n"
        "assert len(caught) == 1 and 'torch was imported before benchmark' in str(caught[0].message), caught\n"
        "from benchmark.errors import InputError\n"
        "try:\n    mode.use('portable')\nexcept InputError as error:\n    print(error)\n"
    )
    assert "torch was imported in another mode before gapbench" in printed(code)


def test_a_process_that_is_started_held_stays_so_whatever_it_imports_first() -> None:
    assert told(before="import numpy, torch", **mode.VARIABLES)["portable"]


def test_native_gives_torch_the_users_variables_back() -> None:
    process = told(after="mode.use('native')", MKL_VERBOSE="0")
    assert process["name"].startswith("native: torch ")
    assert process["environment"].get("MKL_VERBOSE") == "0"
    assert "ATEN_CPU_CAPABILITY" not in process["environment"]


def test_native_after_torch_was_imported_is_refused() -> None:
    with pytest.raises(subprocess.CalledProcessError):
        told(after="import torch\nmode.use('native')")


def test_native_names_what_distinguishes_machines() -> None:
    plain, other = told(after="mode.use('native')"), told(after="mode.use('native')", MKL_CBWR="COMPATIBLE")
    assert plain["name"] != other["name"]
