"""`gapbench doctor` computes the committed digests again, and names the first thing that differs."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmark.arithmetic import mode
from benchmark.commands import fitting_models
from benchmark.doctor import (
    architecture_trials,
    device_trials,
    digest_table,
    doctor_command,
    kernels,
    trials,
)
from benchmark.errors import CheckFailed, InputError
from benchmark.models.micro_training import micro_tokenizer
from benchmark.models.tokenizer import Tokenizer
from benchmark.settings.load import load_settings
from tests.conftest import ROOT, run_python

DOCTOR = (
    "import sys; from benchmark.cli import main; sys.argv = ['gapbench', 'doctor', *sys.argv[1:]]; main()"
)

needs_portable = pytest.mark.skipif(
    not mode.is_portable(), reason=f"portable arithmetic needs {mode.missing()}"
)


@needs_portable
def test_every_kernel_gives_the_committed_bits() -> None:
    found = {"kernels": kernels.kernel_digests()}
    assert digest_table.first_difference(digest_table.read_table()["digests"], found) is None


@needs_portable
def test_the_base_score_and_a_run_of_every_arm_give_the_committed_bits() -> None:
    settings = load_settings(ROOT / "params.yaml")
    base = trials.stored_base(settings)
    found = {"base": {"stored model": trials.base_digest(base)}, "runs": dict(trials.runs(settings, base))}
    assert set(found["runs"]) == set(settings.arms)
    assert digest_table.first_difference(digest_table.read_table()["digests"], found) is None


@needs_portable
@pytest.mark.slow
def test_small_models_of_other_architectures_give_the_committed_bits() -> None:
    found = {"architectures": dict(architecture_trials.digests(load_settings(ROOT / "params.yaml")))}
    assert len(found["architectures"]) == 2 * len(architecture_trials.MODELS)
    assert digest_table.first_difference(digest_table.read_table()["digests"], found) is None


@needs_portable
def test_a_spoiled_kernel_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    spoiled = kernels.kernels()
    sound = spoiled["fused Adam"]
    spoiled["fused Adam"] = lambda: sound() * (1 + 2**-23)
    monkeypatch.setattr(kernels, "kernels", lambda: spoiled)
    with pytest.raises(CheckFailed, match="kernels: fused Adam gives"):
        doctor_command.doctor(ROOT / "params.yaml", ["kernels"], None)


def test_the_first_name_that_differs_is_told() -> None:
    committed = {"kernels": {"a": "1", "b": "2", "c": "3"}}
    told = digest_table.first_difference(committed, {"kernels": {"a": "1", "b": "x", "c": "y"}})
    assert told == "kernels: b gives x, the table has 2"
    assert digest_table.first_difference(committed, {"runs": {"gap": "1"}}) == "runs: gap is not in the table"


def test_machines_stand_under_the_parts_that_they_gave(tmp_path: Path) -> None:
    path = tmp_path / "digests.json"

    def seen(cpu: str, part: str, digest: str) -> list[tuple[str, list[str]]]:
        digest_table.record({part: {"a": digest}}, {"cpu": cpu, "parts": [part]}, "portable", path)
        return [(machine["cpu"], machine["parts"]) for machine in digest_table.read_table(path)["seen"]]

    seen("two", "kernels", "1")
    seen("one", "kernels", "1")
    assert seen("one", "runs", "1") == [("one", ["kernels", "runs"]), ("two", ["kernels"])]
    assert seen("three", "kernels", "2") == [("one", ["runs"]), ("three", ["kernels"])]


def test_an_unknown_part_is_refused() -> None:
    with pytest.raises(InputError, match="no such part"):
        doctor_command.doctor(ROOT / "params.yaml", ["kernel"], None)


def test_the_stored_model_has_the_tokenizer_of_the_ladder(tmp_path: Path) -> None:
    """The same ids of every text; that the ladder's file also adds the bos decides none, since `encode` does so."""
    assert micro_tokenizer(tmp_path).digest == Tokenizer.from_folder(trials.STORED).digest


@needs_portable
def test_variables_that_the_user_has_set_change_no_bit_and_are_named_once() -> None:
    hostile = {"MKL_CBWR": "AVX512", "OMP_NUM_THREADS": "2", "ATEN_CPU_CAPABILITY": "default"}
    hostile |= {"ONEDNN_MAX_CPU_ISA": "SSE41"}
    done = run_python(DOCTOR, "--part", "base", "--part", "runs", **hostile)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "digests: all" in done.stdout
    assert done.stderr.count("set aside") == 1
    assert all(name in done.stderr for name in hostile)


SMALL = """
import re
from benchmark.doctor import digest_table, kernels
BIG = re.compile("768|333|255|288|432")
chosen = {name: kernel for name, kernel in kernels.kernels().items() if not BIG.search(name)}
found = {"kernels": kernels.kernel_digests(chosen)}
print(len(chosen), digest_table.first_difference(digest_table.read_table()["digests"], found))
"""


@needs_portable
@pytest.mark.slow
def test_an_emulated_cpu_of_the_other_maker_gives_the_committed_bits() -> None:
    """QEMU's user mode shows one process another CPU; large products, minutes there, are left out."""
    emulator = shutil.which("qemu-x86_64")
    if emulator is None:
        pytest.skip("no qemu-x86_64: install Debian's package qemu-user")
    other = "EPYC" if mode.cpu_facts().get("vendor_id") == "GenuineIntel" else "Haswell"
    done = subprocess.run(
        [emulator, "-cpu", other, sys.executable, "-c", SMALL],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
    )
    count, difference = done.stdout.split(maxsplit=1)
    assert int(count) >= 50, done.stderr[-2000:]
    assert difference.strip() == "None"


def test_the_device_is_tried_with_two_models_and_wrong_numbers_are_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    doctor_command.doctor(ROOT / "params.yaml", ["device"], None, ["track t: fit: m"])
    said = capsys.readouterr().out
    assert "track t: fit: m" in said and "GiB" in said
    for name in ("OPT-shaped on cpu", "Llama-shaped on cpu"):
        lines = [line for line in said.splitlines() if line.startswith(name)]
        words = ("nats", "two workers", "positions a second")
        assert all(word in line for word, line in zip(words, lines, strict=True))
    monkeypatch.setattr(device_trials, "ALLOWED", 0.0)
    with pytest.raises(CheckFailed, match=r"OPT-shaped on cpu.*trust no score"):
        doctor_command.doctor(ROOT / "params.yaml", ["device"], None)


def test_the_models_of_each_track_that_fit_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting_models, "capacity", lambda device: 32 << 30)
    lines = {line.split()[1]: line for line in fitting_models.fitting_lines(ROOT)}
    assert "(32.0 GiB): fit: opt-350m, opt-1-3b; opt-2-7b needs" in lines["paper"]
    assert "fit: micro-1, micro-2, micro-3" in lines["micro"]
