"""The Python blocks of docs/PARTS.md run as they stand there."""

import re

import pytest

from tests.conftest import ROOT, run_python

PAGE = (ROOT / "docs" / "PARTS.md").read_text(encoding="utf-8")
BLOCKS = {
    (re.findall(r"^## (.*)$", PAGE[: block.start()], flags=re.M) or ["PARTS"])[-1]: block[1]
    for block in re.finditer(r"^```python\n(.*?)^```$", PAGE, flags=re.S | re.M)
}


@pytest.mark.parametrize("title", BLOCKS)
def test_a_block_runs_as_it_is_pasted(title: str) -> None:
    code = BLOCKS[title]
    for path in re.findall(r"[\"'](data/micro[^\"']*)", code):
        if not (ROOT / path).exists():
            pytest.skip(f"no {path}: `make repro` makes it")
    done = run_python(code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_every_block_stands_under_a_title_of_its_own() -> None:
    assert len(BLOCKS) == PAGE.count("```python\n") > 1
