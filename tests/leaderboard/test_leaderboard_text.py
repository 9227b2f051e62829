"""Names from data are made harmless, and numbers are rounded by their uncertainty."""

import math

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaderboard.display import charts, tables, wording
from leaderboard.parts import claim_rows


@pytest.mark.parametrize(
    "name",
    [
        "<script>alert(1)</script>",
        "**bold**",
        ":material/home:",
        "$x^2$",
        "=cmd",
        "`tick` ``two``",
        " lead",
        "[a](b)",
        "--",
    ],
)
def test_a_name_becomes_one_code_span(name: str) -> None:
    shown = wording.plain(name)
    fence = shown[: len(shown) - len(shown.lstrip("`"))]
    assert fence and shown.endswith(fence)
    inside = shown[len(fence) : -len(fence)]
    assert fence not in inside.replace(fence + "`", "")
    assert inside.strip() == name.strip()


@given(st.text())
def test_no_text_ends_its_code_span_early_or_holds_a_hidden_character(name: str) -> None:
    shown = wording.plain(name)
    fence = shown[: len(shown) - len(shown.lstrip("`"))]
    body = shown[len(fence) : len(shown) - len(fence)]
    runs = "".join(c if c == "`" else " " for c in body).split()
    assert all(len(run) != len(fence) for run in runs)
    assert "\n" not in shown and "\u202e" not in shown


def test_hidden_and_direction_characters_are_written_out() -> None:
    assert wording.visible("a\u202eb\nc\x00") == "a\\u202eb↵c\\u0000"
    assert wording.visible("a\nb\tc", keep="\n\t") == "a\nb\tc"
    assert wording.visible("مرحبا 🙂") == "مرحبا 🙂"


@pytest.mark.parametrize("cell", ["=1+1", "+cmd", "@SUM(A1)", "-2+3", "\t=1", "  =1"])
def test_a_cell_that_a_spreadsheet_would_run_gets_an_apostrophe(cell: str) -> None:
    assert wording.csv_cell(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["-", "-0.5", "+1e-5", "code", "a=b", "", None, 3.5])
def test_other_cells_stay_as_they_are(cell: object) -> None:
    assert wording.csv_cell(cell) == cell


@pytest.mark.parametrize(
    ("value", "low", "high", "shown"),
    [
        (0.57123, 0.5601, 0.5823, "0.571 in 0.560 to 0.582"),
        (0.57123, 0.5682, 0.5742, "0.5712 in 0.5682 to 0.5742"),
        (-0.0123, -0.11, 0.09, "−0.01 in −0.11 to 0.09"),
    ],
)
def test_a_figure_keeps_two_digits_of_its_half_width(
    value: float, low: float, high: float, shown: str
) -> None:
    figure = wording.number(value, wording.decimals(low, high))
    assert f"{figure} in {wording.interval(low, high)}" == shown


def test_a_figure_without_interval_or_value_is_still_shown() -> None:
    assert wording.number(0.5, wording.decimals(None, math.nan)) == "0.500"
    assert wording.number(None) == "–" and wording.number(math.inf) == "not finite"
    assert wording.number(-0.0001, 2, signed=True) == "0.00"


@pytest.mark.parametrize(
    ("parameters", "shown"),
    [
        (70_144, "70k"),
        (500_000, "500k"),
        (1_534_976, "1.5M"),
        (331_196_416, "331M"),
        (1_315_758_080, "1.3B"),
        (0, "–"),
        (None, "–"),
    ],
)
def test_sizes_have_two_or_three_digits(parameters: float | None, shown: str) -> None:
    assert wording.size(parameters) == shown


def test_effective_sizes_say_where_the_ladder_ended() -> None:
    assert wording.behaves_like(5e5, 1.1e6, 8e5, 1.6e6, "") == "500k behaves like 1.1M (95 % 800k to 1.6M)"
    assert (
        wording.behaves_like(5e5, 2e6, 1e6, 2e6, "beyond the ladder")
        == "500k behaves like at least 2.0M (95 % 1.0M to ≥2.0M)"
    )
    below = wording.behaves_like(5e5, 6e5, 5e5, 7e5, "interval reaches below the ladder")
    assert below == "500k behaves like 600k (95 % ≤500k to 700k)"
    assert wording.behaves_like(5e5, None, None, None, "no ladder") == "no ladder to measure on"
    assert wording.behaves_like(5e5, None, None, None, "below the ladder") == "less than the smallest model"
    below = wording.behaves_like(5e5, None, None, 7e5, "below the ladder")
    assert below == "less than the smallest model (95 % at most 700k)"


def test_a_share_is_told_in_percent_with_its_interval() -> None:
    assert wording.share(0.314, 0.12, 0.584) == "31 % (12 % to 58 %)"
    assert wording.share(-0.2, None, None) == "−20 %"
    assert wording.share(None, 0.1, 0.2) == "–"


def test_every_verdict_and_state_has_a_word_and_a_sign() -> None:
    own = ("verdict", "outcome", "verification", "state")
    for name, words in tables.WORDS.items():
        assert all(shown[1] == " " and not shown[0].isalnum() and len(shown) > 3 for shown in words.values())
        assert name not in own or all(shown.endswith(word) for word, shown in words.items())
    assert [*wording.VERDICTS][:5] == charts.VERDICT_ORDER


def test_small_numbers_in_a_sentence_are_words() -> None:
    assert [wording.in_words(count) for count in (0, 2, 12, 13, 3840)] == [
        "no",
        "two",
        "twelve",
        "13",
        "3,840",
    ]
    outcomes = ["reproduced"] * 2 + ["not reproduced"] + ["inconclusive"] * 9
    said = claim_rows.tally(pd.DataFrame({"outcome": outcomes}))
    assert said == "Two of twelve comparisons hold, one rules the effect out, nine cannot tell."
    assert claim_rows.tally(pd.DataFrame({"outcome": []})) == "No comparison was declared."
