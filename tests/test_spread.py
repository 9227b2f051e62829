"""The order and the groups in which the tests run name files that are there."""

import pytest

from tests.conftest import ROOT
from tests.spread import LONGEST, SINGLE, TOGETHER, group_of, turn_of


def test_every_file_that_is_named_exists() -> None:
    groups = set(TOGETHER.values())
    assert [name for name in {*TOGETHER, *LONGEST, *SINGLE} - groups if not (ROOT / name).is_file()] == []
    assert not SINGLE & {*TOGETHER, *LONGEST}


@pytest.mark.parametrize("file", sorted(TOGETHER))
def test_files_that_share_a_fixture_run_in_one_process(file: str) -> None:
    assert group_of(f"{file}::test_one") == TOGETHER[file]


def test_the_longest_start_first_those_with_ray_are_late_and_single_tests_last() -> None:
    single = f"{min(SINGLE)}::test_one[a::b]"
    turns = [
        turn_of(name) for name in (*LONGEST, "tests/settings/test_settings.py::test_one", *TOGETHER, single)
    ]
    assert turns == sorted(turns) and len(set(turns)) == len(LONGEST) + 3
    assert group_of(single) == single
