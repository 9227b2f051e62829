"""What a command says at its beginning where numbers are native to the machine."""

import platform

import pytest

from benchmark.arithmetic import mode
from benchmark.settings import arithmetic_choice
from benchmark.settings.run_options import Execution


@pytest.mark.parametrize(
    ("machine", "flags", "needs"),
    [
        ("aarch64", "", "Linux on x86-64 (this is Linux on aarch64)"),
        ("x86_64", "sse4_2 avx", "a CPU with AVX2 and FMA"),
        ("x86_64", "avx avx2", "a CPU with FMA"),
    ],
)
def test_a_machine_that_cannot_be_portable_is_told_why(
    machine: str, flags: str, needs: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr(mode, "cpu_facts", lambda: {"flags": flags})
    monkeypatch.setattr(mode, "use", lambda wanted: None)
    monkeypatch.setenv(arithmetic_choice.SAID, "restored after the test")
    monkeypatch.delenv(arithmetic_choice.SAID)
    arithmetic_choice.begin(Execution())
    arithmetic_choice.begin(Execution())
    expected = f"numbers are native to this machine, since portable arithmetic needs {needs}: "
    assert capfd.readouterr().err == f"gapbench: {expected}claims are compared, not bytes\n"
