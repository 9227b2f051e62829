"""The first page at first sight: small cards, the picture, the ranking as HTML, gains by task, all pairs, citations."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from html_tables import html_table, markup
from places import RESULTS, ROOT

from leaderboard.display import plain_html, tables, wording
from leaderboard.measure.made_track import wide_track
from leaderboard.overview import claim_summary, pair_differences, ranking_table, score_picture, task_gains
from leaderboard.parts import ranking, short_answer
from leaderboard.site import cite_view, task_families, track_data

Open = Callable[..., Any]
RANKING = "Ranking of treated models"


@pytest.fixture
def shown_from(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    return lambda folder: monkeypatch.setenv("GAPBENCH_RESULTS", str(folder))


def test_each_claim_has_a_small_card_with_its_verdict_a_figure_and_a_link(opened: Open, made: Path) -> None:
    html = markup(opened("answer", made, folded=True))
    claims = json.loads((made / "micro" / "claims.json").read_text())["claims"]
    assert html.count('class="gb-card"') == len(claims) == 5
    for place, claim in enumerate(claims):
        assert f'href="#claim-{place + 1}"' in html and f'id="claim-{place + 1}"' in html
        figures = [wording.interval(row["ci_low"], row["ci_high"], signed=True) for row in claim["estimates"]]
        assert any(figure in html for figure in figures), claim["id"]


def test_the_card_of_the_controls_says_which_one_its_figure_is_of() -> None:
    families = task_families.of_track("micro")
    row = {"delta": 0.05, "ci_low": 0.04, "ci_high": 0.06, "as_expected": True}
    said = {
        "positive": "All two checks came out as expected. A run that must help gained +0.050",
        "negative": "All two checks came out as expected. A run that must harm changed the score by +0.050",
    }
    for control, words in said.items():
        claim = {"id": "C0", "estimates": [{"control": control, **row}, {"control": "placebo", **row}]}
        assert claim_summary.deciding(claim, families)[0].startswith(words)
    failed = {"id": "C0", "estimates": [{"control": "positive", "as_expected": False}]}
    assert claim_summary.deciding(failed, families) == ("The one check did not come out as expected.", "")


def test_the_answer_and_what_was_tested_are_one_line_each(opened: Open) -> None:
    test = opened("answer", RESULTS, folded=True)
    heading = next(m.value for m in test.markdown if m.value.startswith("## "))
    assert len(heading) < 130 and "\n" not in heading
    tested = next(c.value for c in test.caption if c.value.startswith("Tested:"))
    assert "3,840 test questions" in tested and ", each pretrained ten times" in tested
    one = pd.read_csv(RESULTS / "smollm2-q4" / "entries.csv")
    assert short_answer.tested(one).startswith(
        "Tested: 1 model of 135M parameters, pretrained once; post-trained with `gap` on 6 texts"
    )
    many = pd.concat([one.assign(arm=f"arm-{number}") for number in range(7)])
    assert "post-trained with 7 treatments on" in short_answer.tested(many)
    assert short_answer.in_a_line("**No.** One. Two.") == "**No.** One."


def test_the_picture_has_the_stored_scores_and_zones(made: Path, shown_from: Any) -> None:
    shown_from(made)
    rows, comparisons = ranking.of_track("micro"), track_data.table("micro", "comparisons.csv")
    chart = score_picture.score_picture(rows, comparisons, "all", track="micro")
    held = chart.to_dict()["datasets"].values()
    entries = pd.read_csv(made / "micro" / "entries.csv")
    treated = next(rows for rows in held if rows and "far" in rows[0])
    own = entries.query("row_kind == 'entry'")
    assert sorted(row["score"] for row in treated) == sorted(own["score_all"])
    stored = comparisons.where(scope="all", baseline_kind="rung")
    zones = next(rows for rows in held if rows and "floor" in rows[0])
    for zone in zones:
        top = entries.query("row_kind == 'rung' and model == @zone['baseline']")["score_all"].iloc[0]
        margins = stored.loc[stored["baseline"] == zone["baseline"], "margin"]
        assert zone["top"] == top and any(abs(top - zone["floor"] - margin) < 1e-12 for margin in margins)
    for row in treated:  # the bar is the interval of the distance to the larger model, at that model's score
        other = stored[(stored["model"] == row["model"]) & (stored["corpus"] == row["corpus"])]
        other = other[other["arm"] == row["arm"]].sort_values("size_ratio").iloc[0]
        assert row["near"] == pytest.approx(row["score"] - other["delta"] + other["ci_low"], abs=1e-12)


def test_the_ranking_shows_rank_bar_and_four_verdicts(opened: Open, made: Path) -> None:
    shown = html_table(markup(opened("answer", made, folded=True)), RANKING)
    stored = pd.read_csv(made / "micro" / "entries.csv").query("row_kind == 'entry'").sort_values("rank")
    assert shown.shape[1] <= 10 and list(shown["Model"]) == list(stored["model"])
    for said, row in zip(shown["Score, 95 % interval"], stored.itertuples(), strict=True):
        low, high = row.score_all_low, row.score_all_high
        assert said.startswith(wording.number(row.score_all, wording.decimals(low, high)))
    for word in ("own base", "controls", "larger model"):
        assert shown["Verdicts"].str.contains(word).all()
    last = {"reproduced": "✔ verified", "flagged": "⚑ flagged", "self-reported": "○ not verified"}
    for said, state in zip(shown["Verdicts"], stored["verification"], strict=True):
        assert said.endswith(last[state])
    assert [rank.split()[0] for rank in shown["Rank"]] == [f"{rank:.0f}" for rank in stored["rank"]]


def test_of_several_controls_the_weakest_verdict_counts() -> None:
    row = {"_base": ("negligible",), "_control": ("superior", "inconclusive", "superior"), "_nearest": ()}
    row |= {"against_base": "b", "against_controls": "c", "against_rungs": "–", "verification": "reproduced"}
    words = ranking_table.verdict_marks(row)
    assert [word for word, _, _ in words] == ["≪ own base", "? controls", "– larger model", "✔ verified"]
    assert [tone for _, tone, _ in words] == ["none", "none", "none", "good"]
    last = [ranking_table.verdict_marks(row | {"verification": state})[-1] for state in ("", "flagged")]
    assert [word for word, _, _ in last] == ["○ not verified", "⚑ flagged"]


def test_rungs_and_controls_stand_in_the_same_table_greyed(opened: Open, made: Path) -> None:
    html = markup(opened("answer", made, folded=True, reference="1"))
    stored = pd.read_csv(made / "micro" / "entries.csv")
    shown = html_table(html, RANKING)
    assert (
        len(shown) == len(stored) and html.count('class="gb-grey"') == (stored["row_kind"] != "entry").sum()
    )
    assert (shown["Treatment"] == "untreated").sum() == (stored["row_kind"] == "rung").sum()
    one = html_table(markup(opened("answer", made, folded=True, reference="1", model="micro-70k")), RANKING)
    assert set(one["Model"]) == {"micro-70k"} and "untreated" in set(one["Treatment"])


def test_a_heading_sorts_by_its_column_and_keeps_the_filters(opened: Open, made: Path) -> None:
    html = markup(opened("answer", made, folded=True, corpus=["code", "seen"], sort="gain_line", desc="1"))
    assert "corpus=code&amp;corpus=seen" in html and "sort=gain_line&amp;desc=0#ranking" in html
    gains = [said.split()[0] for said in html_table(html, RANKING)["Gain, 95 % interval"]]
    values = [float(gain.replace("−", "-")) for gain in gains]
    assert values == sorted(values, reverse=True) and len(set(values)) > 1


def test_names_are_text_in_cards_and_tables(opened: Open, hostile: Path) -> None:
    html = markup(opened("answer", hostile, folded=True, reference="1", track="micro"))
    assert "<script>" not in html.lower() and "<img" not in html.lower() and "\u202e" not in html
    assert "&lt;script&gt;document.title" in html and 'href="javascript' not in html
    assert plain_html.anchor("x", "javascript:alert(1)") == "x"


def test_gains_by_task_are_the_stored_ones_and_open_their_documents(made: Path, shown_from: Any) -> None:
    shown_from(made)
    entries, comparisons = (
        track_data.table("micro", "entries.csv"),
        track_data.table("micro", "comparisons.csv"),
    )
    families = task_families.of_track("micro")
    gains = task_gains.gains_by_task(entries, comparisons, "micro", families)
    stored = pd.read_csv(made / "micro" / "comparisons.csv").query(
        "baseline_kind == 'base' and measure == 'score' and arm == 'gap'"
    )
    stored = stored[~stored["scope"].isin(["all", "classification", "dialogue"])]
    assert sorted(gains["delta"]) == sorted(stored["delta"]) and len(gains)
    chart = task_gains.heat_of_tasks(gains, "micro")
    cells = max(chart.to_dict()["datasets"].values(), key=len)
    assert sum(cell["told"] for cell in cells) == (stored["q_value"] < 0.05).sum()
    assert all(f"task={cell['task']}" in cell["open"] and "documents?" in cell["open"] for cell in cells)


def test_every_pair_is_seen_from_both_sides_and_opens(made: Path, shown_from: Any) -> None:
    shown_from(made)
    pairs = track_data.table("micro", "pairs.csv")
    stored = pairs.where(scope="all")
    names = [f"{m} / gap / {c}" for m in ("micro-70k", "micro-200k") for c in ("code", "seen", "unseen")]
    both = pair_differences.both_ways(pairs, "all", names)
    assert len(both) == 2 * len(stored) == len(names) * (len(names) - 1)
    turned = both.set_index(["entry", "other"])
    for (one, other), row in turned.iterrows():
        back = turned.loc[(other, one)]
        assert (row["delta"], row["ci_low"]) == (-back["delta"], -back["ci_high"])
    cells = max(pair_differences.heat_of_pairs(both, names, "micro").to_dict()["datasets"].values(), key=len)
    assert sum(cell["told"] for cell in cells) == 2 * (stored["p_adjusted"] < 0.05).sum()
    assert all(cell["open"].count("entry=") == 2 for cell in cells)
    fewer = pair_differences.both_ways(pairs, "all", names[:2])
    assert len(fewer) == 2


def test_a_track_of_any_width_has_its_picture_and_heat_tables(made_once: Any, shown_from: Any) -> None:
    shown_from(made_once("wide", wide_track()))
    rows, comparisons = ranking.of_track("wide"), track_data.table("wide", "comparisons.csv")
    assert len(rows.first_view) <= 10
    for scope in score_picture.scopes_with_scores(rows):
        assert score_picture.score_picture(rows, comparisons, scope, track="wide") is not None
    entries = track_data.table("wide", "entries.csv")
    gains = task_gains.gains_by_task(entries, comparisons, "wide", rows.families)
    assert gains["task"].nunique() == 57 and gains["entry"].nunique() == len(rows.ranked)


def test_a_table_is_offered_for_papers(made: Path) -> None:
    frame = pd.DataFrame({"model": ["a_b|c", "<x>"], "gain": [0.1234567, None], "n": [1, 20000]})
    latex, markdown = tables.latex_bytes(frame).decode(), tables.markdown_bytes(frame).decode()
    assert r"\begin{tabular}{lrr}" in latex and r"a\_b|c & 0.12346 & 1 \\" in latex
    assert r"\textless{}x\textgreater{} &  & 20000 \\" in latex
    assert markdown.splitlines()[0] == "| model | gain | n |" and r"| a\_b\|c | 0.12346 | 1 |" in markdown


def test_a_view_is_cited_with_the_revision_of_its_results(opened: Open, made: Path) -> None:
    test = opened("compare", made, rows="families")
    cited = next(code.value for code in test.code if "@software" in code.value)
    assert "rows=families" in cited and "track=micro" in cited and f"revision={'0' * 12}" in cited
    assert "results of revision 000000000000" in cited
    same = opened("compare", made, revision="0" * 12)
    assert not same.warning
    other = opened("compare", made, revision="abc123")
    assert any("revision" in warning.value and "abc123" in warning.value for warning in other.warning)
    assert cite_view.REVISION == "revision"


def test_a_track_without_results_names_the_command(opened: Open) -> None:
    test = opened("answer", RESULTS, track="paper")
    assert not test.exception and not test.warning
    if not (RESULTS / "paper").is_dir():
        assert any(code.value.startswith("make repro TRACK=paper") for code in test.code)
    settings = {path.parent.name for path in ROOT.glob("tracks/*/params.yaml")}
    offered = next(w for w in test.selectbox if w.key == "answer.track").options
    assert len(offered) >= len(settings | {"micro", "published"})


def test_other_results_do_not_offer_this_repository_s_tracks(
    made: Path, shown_from: Any, tmp_path: Path
) -> None:
    shown_from(made)
    assert track_data.tracks_without_results() == []
    shutil.copytree(made, tmp_path / "results")
    shown_from(tmp_path / "results")
    assert track_data.tracks_without_results() == []
