"""Each page run alone: no error on any folder, figures as stored, filters that filter, links that restore."""

import functools
import json
import re
import shutil
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from html_tables import html_table, markup
from places import PAGES, RESULTS, ROOT

from benchmark.statistics import contrast
from leaderboard.display import charts, wording
from leaderboard.measure.made_track import MadeTrack
from leaderboard.parts import claim_cards, claim_rows, questions, recipe
from leaderboard.site import track_data

Open = Callable[..., Any]
CONTROLS = "Controls whose outcome is known in advance"
WITHOUT_TRACK = ("published", "submit", "method")
"""Pages that show the same whatever track is chosen."""
HELP = {
    "published": "gapbench published PATH",
    "submit": "gapbench submit corpus",
    "method": '"""The loss of a text',
}
"""How the code begins that a page shows where there are no results; the others show `make repro`."""
COMMITTED = sorted({"micro", "published", *(path.parent.name for path in RESULTS.glob("*/entries.csv"))})
CODE_SPAN = re.compile(r"(?<!`)(`+)(?!`)(.*?)(?<!`)\1(?!`)", re.DOTALL)


def texts(test: Any) -> str:
    """All words on a page."""
    kinds = (
        "title",
        "subheader",
        "markdown",
        "text",
        "caption",
        "code",
        "info",
        "warning",
        "error",
        "success",
    )
    return "\n".join(str(element.value) for kind in kinds for element in getattr(test, kind))


@functools.cache
def stored_figures(track: Path) -> set[float]:
    """Every number in the files of a track, in CSV, Parquet and JSON."""
    found: set[float] = set()
    frames = [pd.read_csv(path) for path in track.glob("*.csv")]
    if (track / "documents.parquet").is_file():
        frames.append(pd.read_parquet(track / "documents.parquet", columns=["value", "doc_id"]))
    for frame in frames:
        for column in frame.select_dtypes("number"):
            found |= set(frame[column].dropna().astype(float).unique())
    for path in track.glob("*.json"):
        found |= {float(figure) for figure in re.findall(r"-?\d+\.?\d*(?:[eE][-+]?\d+)?", path.read_text())}
    return found


def strange_figures(test: Any, stored: set[float]) -> list[tuple[str, float]]:
    """Numbers in a page's tables that stand in no file: what the page would have computed of its own."""
    return [
        (str(name), float(cell))
        for shown in test.dataframe
        for name in shown.value.select_dtypes("number")
        for cell in shown.value[name].dropna().unique()
        if float(cell) not in stored
    ]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_opens_on_made_results(opened: Open, made: Path, page: str) -> None:
    test = opened(page, made)
    assert not test.exception and not test.error
    assert not test.warning
    assert test.title


@pytest.mark.parametrize(
    ("track", "page"),
    [("micro", page) for page in WITHOUT_TRACK]
    + [(track, page) for track in COMMITTED for page in PAGES if page not in WITHOUT_TRACK],
)
def test_a_page_opens_on_the_committed_results_and_shows_their_figures(
    opened: Open, page: str, track: str
) -> None:
    test = opened(page, RESULTS, track=track)
    assert not test.exception and not test.error and not test.warning
    joined = [name for shown in test.dataframe for name in shown.value if str(name).endswith(("_x", "_y"))]
    assert joined == [], "two tables' columns of one name stand side by side"
    if page not in ("submit", "method", "reproducibility"):
        shown = "published" if page == "published" else track
        assert strange_figures(test, stored_figures(RESULTS / shown)) == []


@pytest.mark.parametrize("page", [page for page in PAGES if page not in WITHOUT_TRACK])
def test_a_page_opens_on_a_paper_track(opened: Open, made: Path, page: str) -> None:
    test = opened(page, made, track="paper")
    assert not test.exception and not test.error and not test.warning
    if page == "reproducibility":
        assert any("make repro TRACK=paper" in code.value for code in test.code)
    if page == "entry":
        assert any("--model opt-" in code.value and "--suite gap12" in code.value for code in test.code)
        assert any("facebook/opt-" in code.value for code in test.code), "the recipe names no pinned model"


def test_the_documents_of_every_committed_run_are_committed_with_it() -> None:
    runs = pd.read_csv(RESULTS / "micro" / "runs.csv", dtype={"text_id": str})
    keys = ["model", "arm", "corpus", "text_id", "seed", "step"]
    stored = pd.read_parquet(RESULTS / "micro" / "documents.parquet", columns=[*keys, "task"])
    counts = stored.groupby(keys)["task"].nunique()
    wanted = runs.rename(columns={"selected_step": "step"})[keys].itertuples(index=False, name=None)
    assert {key: counts.get(key, 0) for key in wanted if counts.get(key, 0) != 12} == {}


@pytest.mark.parametrize("page", PAGES)
def test_a_page_helps_where_there_are_no_results(opened: Open, tmp_path: Path, page: str) -> None:
    for folder in (tmp_path, tmp_path / "absent"):
        test = opened(page, folder)
        assert not test.exception and not test.error and not test.warning
        assert any(code.value.startswith(HELP.get(page, "make repro")) for code in test.code)
        assert bool(test.info) == (page not in ("submit", "method")), "what needs no results misses none"


def listed(query: Any) -> dict[str, list[str]]:
    """Query parameters as lists, however many values they have."""
    return {key: [value] if isinstance(value, str) else list(value) for key, value in query.items()}


def spoil(track: Path, how: str) -> None:
    """Spoil the files of a track in one of several ways."""
    for path in track.iterdir():
        if how == "garbage":
            path.write_bytes(b"\x89 no table, \xff\x00 no JSON {")
        elif how == "headers" and path.suffix == ".csv":
            path.write_text(path.read_text().splitlines()[0] + "\n")
        elif how == "keys" and path.suffix == ".csv":
            frame = pd.read_csv(path)
            kept = [c for c in ("model", "arm", "corpus", "row_kind", "scope") if c in frame]
            frame[kept].to_csv(path, index=False)
        elif how == "entries" and path.name != "entries.csv":
            path.unlink()
        elif how == "bases" and path.suffix == ".json":
            path.write_text(json.dumps([1, "two", {"claims": 3}]))
        elif how == "bases" and path.name == "entries.csv":
            pd.read_csv(path).query("row_kind == 'rung'").to_csv(path, index=False)


SPOILED = {
    "garbage": [page for page in PAGES if page not in WITHOUT_TRACK],
    "headers": ["answer", "entry", "corpora"],
    "keys": ["answer", "entry", "compare"],
    "entries": ["entry", "compare", "documents", "reproducibility"],
    "bases": ["answer", "compare", "corpora", "reproducibility"],
}
"""Ways to spoil results, and the pages whose tables they concern."""


@pytest.mark.parametrize(("how", "page"), [(how, page) for how, pages in SPOILED.items() for page in pages])
def test_a_page_helps_where_results_are_partial_or_broken(
    opened: Open, made: Path, tmp_path: Path, how: str, page: str
) -> None:
    shutil.copytree(made / "micro", tmp_path / "micro")
    spoil(tmp_path / "micro", how)
    test = opened(page, tmp_path)
    assert not test.exception and not test.error
    assert test.info, "what is missing is said"
    unreadable = [warning for warning in test.warning if "cannot be read" in warning.value]
    assert unreadable == list(test.warning)
    assert bool(unreadable) == (how == "garbage")
    if page != "reproducibility":
        assert strange_figures(test, stored_figures(made / "micro")) == []


def test_the_method_shows_the_code_of_every_module_that_it_names(opened: Open, tmp_path: Path) -> None:
    test = opened("method", tmp_path, **{f"code{place}": "1" for place in range(1, 40)})
    named = [part.label.removeprefix("Code: ") for part in test.expander]
    assert len(named) > 20
    for module, code in zip(named, test.code, strict=True):
        assert Path(find_spec(module).origin).read_text().startswith(code.value[:10_000])


@pytest.mark.parametrize("page", PAGES)
def test_hostile_names_are_text(opened: Open, hostile: Path, page: str) -> None:
    test = opened(page, hostile)
    assert not test.exception and not test.warning
    for element in [*test.markdown, *test.caption, *test.title, *test.header, *test.info]:
        outside = CODE_SPAN.sub("", element.value)
        assert "<script>" not in outside and "$x^2$" not in outside and ":material/home:" not in outside
    # Titles, headers and boxes know no HTML; a caption is Markdown.
    assert not any(element.allow_html for element in [*test.markdown, *test.caption])


def test_the_ranking_shows_the_stored_figures(opened: Open, made: Path) -> None:
    figures = ("score_all", "gain_all", "optimism", "n_texts", "n_draws")
    shown = _ranking(opened("answer", made, cols=["model", "arm", "corpus", *figures, "against_rungs"]))
    stored = pd.read_csv(made / "micro" / "entries.csv").query("row_kind == 'entry'").sort_values("rank")
    for column in figures:
        assert list(shown[column]) == list(stored[column]), column
    assert list(shown["model"]) == list(stored["model"])
    comparisons = pd.read_csv(made / "micro" / "comparisons.csv").query(
        "scope == 'all' and baseline_kind == 'rung' and measure == 'score'"
    )
    for row in shown.itertuples():
        own = comparisons.query("model == @row.model and arm == @row.arm and corpus == @row.corpus")
        assert len(own) and all(
            f"{v}: {b}" in row.against_rungs for v, b in zip(own["verdict"], own["baseline"], strict=True)
        )


def test_what_the_claims_are_about_stands_first_and_too_few_texts_last(
    opened: Open, made: Path, tmp_path: Path
) -> None:
    shutil.copytree(made / "micro", tmp_path / "micro")
    entries = pd.read_csv(tmp_path / "micro" / "entries.csv")
    own = entries["row_kind"] == "entry"
    soup = entries[own].assign(
        arm="soup", n_texts=2, conditional="texts and draws", gain_all=0.9, score_all=0.99, rank=1
    )
    other = entries[own].assign(arm="gap-fast", gain_all=0.8, rank=1)
    pd.concat([soup, other, entries]).to_csv(tmp_path / "micro" / "entries.csv", index=False)
    shown = _ranking(opened("answer", tmp_path))
    count = int(own.sum())
    assert list(shown["arm"]) == ["gap"] * count + ["gap-fast"] * count + ["soup"] * count
    assert list(shown["score_all"][:count]) == list(entries[own].sort_values("rank")["score_all"])
    by_gain = _ranking(opened("answer", tmp_path, sort="standing"))
    assert list(by_gain["gain_all"][:count]) == sorted(entries.loc[own, "gain_all"], reverse=True)
    assert set(shown["ranks"][-count:]) == {"2 texts, 6 draws: no rank"}
    assert not shown["ranks"][:-count].str.contains("no rank").any()
    assert wording.DOCUMENTS_ALONE == contrast.GIVEN_ALL
    for page in ("entry", "documents"):
        first = next(w for w in opened(page, tmp_path).selectbox if w.key == f"{page}.arm")
        assert first.value == "gap", page


def test_the_answer_says_at_what_scale_it_holds(opened: Open, made: Path, tmp_path: Path) -> None:
    small = texts(opened("answer", made))
    assert ", at this scale.**" in small and "nothing here says what happens at that size" in small
    shutil.copytree(made / "micro", tmp_path / "micro")
    entries = pd.read_csv(tmp_path / "micro" / "entries.csv")
    entries.assign(parameters=entries["parameters"] * 10_000).to_csv(
        tmp_path / "micro" / "entries.csv", index=False
    )
    large = texts(opened("answer", tmp_path))
    assert "at this scale" not in large and "nothing here says" not in large


def test_an_undecided_claim_says_what_it_could_have_missed() -> None:
    key = {"model": "m", "arm": "gap", "corpus": "c", "baseline": "m", "baseline_arm": "none"}
    parts = pd.DataFrame([key | {"scope": "all"}, key | {"scope": "dialogue"}])
    stored = pd.DataFrame(
        [
            key | {"scope": scope, "mde": mde}
            for scope, mde in (("all", 0.002), ("dialogue", 0.011), ("x", 9.0))
        ]
    )
    assert "smaller than 0.002 to 0.011" in claim_rows.detectable(parts, stored)
    assert claim_rows.detectable(parts, stored.assign(arm="other")) == ""


def test_a_margin_is_drawn_only_where_there_is_a_gap_to_close() -> None:
    frame = pd.DataFrame({"margin": [0.02, -0.01, 0.02, None], "p_noninferior": [0.1, 0.1, None, 0.1]})
    assert list(charts.with_margin(frame).index) == [0]
    assert charts.with_margin(frame.drop(columns="margin")).empty


def test_compare_begins_with_the_treatment_and_the_placebos_of_the_claims(opened: Open, made: Path) -> None:
    test = opened("compare", made)
    chosen = next(w for w in test.multiselect if w.key == "compare.entry").value
    model, arm, corpus = chosen[0].split(" / ")
    assert arm == "gap" and len(chosen) > 1
    assert all(name.split(" / ")[0::2] == [model, corpus] for name in chosen)
    placebos = [name.split(" / ")[1] for name in chosen[1:]]
    assert sorted(placebos) == ["random", "shuffled"]
    direct = next(shown.value for shown in test.dataframe if "other" in shown.value)
    stored = pd.read_csv(made / "micro" / "comparisons.csv").query(
        "baseline_kind == 'control' and scope == 'all' and model == @model and corpus == @corpus and arm == 'gap'"
        " and baseline_arm in @placebos"
    )
    shown = direct[direct["scope"] == "All tasks"].set_index("other")["delta"].to_dict()
    assert shown == {f"{model} / {r.baseline_arm} / {corpus}": r.delta for r in stored.itertuples()}


def test_a_soup_says_that_it_has_no_text_and_nothing_to_choose(
    opened: Open, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    MadeTrack(texts=3, documents=8, steps=1, arms=("gap", "soup", "random")).write(tmp_path)
    monkeypatch.setattr(recipe, "settings", lambda track: {"arms": {"soup": {"kind": "soup", "of": "gap"}}})
    test = opened("entry", tmp_path, arm="soup")
    optimism = next(card for card in test.metric if card.label == "Optimism")
    assert optimism.value == "–" and "only one step was scored" in texts(test)
    assert "No single text drove it" in texts(test) and "not stored" not in texts(test)
    shown = opened("answer", tmp_path, cols=["model", "score_all", "optimism"])
    assert _ranking(shown)["optimism"].isna().all()
    of_several = opened("answer", made, cols=["model", "score_all", "optimism"])
    assert _ranking(of_several)["optimism"].notna().all()


@pytest.fixture(scope="session")
def studies(made_once: Callable[..., Path]) -> Callable[..., Path]:
    """Made results of a study with other draws or controls, made once each."""

    def make(**given: Any) -> Path:
        name = "-".join(f"{name}{value}" for name, value in given.items())
        return made_once(name, MadeTrack(texts=4, documents=8, arms=("gap", "random", "shuffled"), **given))

    return make


def test_c0_stands_first_with_its_controls(opened: Open, made: Path) -> None:
    test = opened("answer", made)
    headings = [m.value for m in test.markdown if m.value.startswith("### ")]
    assert headings[0] == f"### {claim_cards.QUESTIONS['C0'][0]}" and len(headings) == 5
    shown = html_table(markup(test), CONTROLS)
    claim = json.loads((made / "micro" / "claims.json").read_text())["claims"][0]
    for said, row in zip(shown["Difference"], claim["estimates"], strict=True):
        places = wording.decimals(row["ci_low"], row["ci_high"])
        span = wording.interval(row["ci_low"], row["ci_high"], signed=True)
        assert said == f"{wording.number(row['delta'], places, signed=True)} {span}"
    assert set(shown["As declared"]) == {"✔ yes"}
    assert not shown["Found"].str.contains("classification").any(), "families have words"
    assert "not shown that this study can see" not in texts(test)


def test_where_c0_fails_nothing_can_be_told(opened: Open, studies: Callable[..., Path]) -> None:
    test = opened("answer", studies(controls_hold=False))
    words = texts(test)
    assert "**Cannot tell.**" in words and "not all as declared" in words
    assert words.count("cannot tell]") == 3 and "Not testable here]" in words
    assert list(html_table(markup(test), CONTROLS)["As declared"]).count("✘ no") == 1


def test_a_study_without_controls_says_that_it_may_not_see(
    opened: Open, studies: Callable[..., Path]
) -> None:
    words = texts(opened("answer", studies(controls_hold=None)))
    assert "It is not shown that this study can see an effect" in words
    assert claim_cards.QUESTIONS["C0"][0] not in words


def test_what_decides_a_claim_stands_on_its_card(opened: Open, made: Path) -> None:
    words = texts(opened("answer", made))
    for claim in json.loads((made / "micro" / "claims.json").read_text())["claims"][1:]:
        for row in claim["estimates"]:
            assert wording.interval(row["ci_low"], row["ci_high"], signed=True) in words
            if row["share_closed"] is not None:
                closed = (row["share_closed"], row["share_closed_low"], row["share_closed_high"])
                assert f"{wording.share(*closed)} of the gap to the larger model" in words
    assert "Not testable here]" in words


@pytest.mark.parametrize(
    ("draws", "word", "caption"),
    [
        (3, "other models and texts too", ""),
        (1, "this pretrained model", "one pretrained model"),
        (2, "these runs only", "documents alone"),
    ],
)
def test_what_a_figure_takes_as_given_is_said(
    opened: Open, studies: Callable[..., Path], draws: int, word: str, caption: str
) -> None:
    folder = studies(draws=draws)
    shown = _ranking(
        opened("answer", folder, cols=["model", "score_all", "conditional", "ranks", "against_base"])
    )
    assert shown["conditional"].str.contains(word).all()
    assert (draws == 2) == shown["ranks"].str.contains("no rank").all()
    assert (draws == 2) == shown["against_base"].str.contains("documents alone").all()
    test = opened("entry", folder)
    given = [one.value for one in test.caption if "These figures" in one.value]
    assert len(given) == (draws != 3) and all(caption in one for one in given)
    assert all(
        f.value["conditional"].str.contains(word).all() for f in test.dataframe if "conditional" in f.value
    )
    basis = texts(opened("answer", folder))
    assert ("answer is about the size" in basis) == (draws == 3)


def test_the_finer_measure_stands_apart(opened: Open, made: Path) -> None:
    key = {"model": "micro-200k", "arm": "gap", "corpus": "seen"}
    test = opened("entry", made, **key)
    stored = pd.read_csv(made / "micro" / "comparisons.csv").query(
        "model == 'micro-200k' and arm == 'gap' and corpus == 'seen'"
    )
    finer = next(f.value for f in test.dataframe if list(f.value)[:2] == ["task", "name"])
    of_measure = stored.query("measure == 'probability' and scope in ('classification', 'dialogue')")
    assert sorted(finer["delta"]) == sorted(of_measure["delta"]) and len(finer)
    others = [f.value for f in test.dataframe if "delta" in f.value and list(f.value) != list(finer)]
    wanted = set(stored.query("measure == 'score'")["delta"])
    assert len(others) >= 2 and all(set(frame["delta"].dropna()) <= wanted for frame in others)


def test_compare_switches_to_the_finer_measure(opened: Open, made: Path) -> None:
    stored = pd.read_csv(made / "micro" / "comparisons.csv")
    for measure in ("score", "probability"):
        test = opened("compare", made, measure=measure)
        shown = next(f.value for f in test.dataframe if "verdict" in f.value)
        assert set(shown["delta"]) <= set(stored.loc[stored["measure"] == measure, "delta"])
        assert ("All tasks" in set(shown["scope"])) == (measure == "score")


def test_negligible_can_be_filtered_and_is_shown(opened: Open, made: Path) -> None:
    test = opened("answer", made)
    options = next(w for w in test.multiselect if w.key == "answer.verdict").options
    assert [word.split()[-1] for word in options[:5]] == charts.VERDICT_ORDER
    assert "≪ negligible" in options


def test_the_share_of_the_gap_is_that_of_the_next_larger_model(opened: Open, made: Path) -> None:
    given = opened("answer", made, cols=["model", "corpus", "score_all", "gap_closed"])
    shown = _ranking(given).set_index(["model", "corpus"])
    stored = pd.read_csv(made / "micro" / "comparisons.csv").query(
        "baseline_kind == 'rung' and scope == 'all' and measure == 'score' and arm == 'gap'"
    )
    nearest = stored.sort_values("size_ratio").drop_duplicates(["model", "corpus"])
    assert len(nearest)
    for row in nearest.itertuples():
        said = wording.share(row.share_closed, row.share_closed_low, row.share_closed_high)
        assert shown.loc[(row.model, row.corpus), "gap_closed"] == said


def test_draws_are_counted_by_origin(opened: Open, made: Path, tmp_path: Path) -> None:
    test = opened("reproducibility", made)
    counted = next(f.value for f in test.dataframe if "trained" in f.value)
    stored = pd.read_csv(made / "micro" / "draws.csv")
    for row in counted.itertuples():
        own = stored.loc[stored["model"] == row.model, "origin"].value_counts()
        assert {"trained": row.trained, "kept": row.kept, "refused": row.refused} == own.to_dict()
    words = texts(test)
    assert "Trained again" in words and "271828" in words and "✔ it agrees" in words
    assert stored["reason"].dropna().iloc[0] in " ".join(
        cell for f in test.dataframe if "reason" in f.value for cell in f.value["reason"]
    )
    assert "were kept from earlier training" in texts(opened("answer", made))
    assert "were kept from earlier training" in texts(opened("entry", made))
    shutil.copytree(made / "micro", tmp_path / "micro")
    (tmp_path / "micro" / "draws.csv").unlink()
    for page in ("reproducibility", "answer", "entry"):
        without = opened(page, tmp_path)
        assert not without.exception and "kept from earlier" not in texts(without)
        assert not any("trained" in f.value for f in without.dataframe)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_opens_on_results_of_an_older_version(
    opened: Open, made: Path, tmp_path: Path, page: str
) -> None:
    """Without the columns and files that came with draws, and with the names that columns had."""
    shutil.copytree(made / "micro", tmp_path / "micro")
    former = {new: old for old, new in track_data.FORMER.items()}
    newer = ("n_draws", "draw", "conditional", "optimism_note", "mde_adjusted")
    for path in (tmp_path / "micro").glob("*.csv"):
        frame = pd.read_csv(path)
        if "measure" in frame:
            frame = frame[frame["measure"] == "score"].drop(columns="measure")
        lost = [
            c
            for c in frame
            if c in newer or c.startswith(("share_closed", "best_text", "probability_", "p_negl"))
        ]
        frame.drop(columns=lost).rename(columns=former).to_csv(path, index=False)
    (tmp_path / "micro" / "draws.csv").unlink()
    claims = json.loads((tmp_path / "micro" / "claims.json").read_text())
    claims["claims"] = [{k: v for k, v in c.items() if k != "estimates"} for c in claims["claims"][1:]]
    (tmp_path / "micro" / "claims.json").write_text(json.dumps(claims))
    documents = tmp_path / "micro" / "documents.parquet"
    kept = pd.read_parquet(documents).query("draw == 0").drop(columns=["draw", "cluster", "probability"])
    kept.to_parquet(documents, index=False)
    test = opened(page, tmp_path)
    assert not test.exception and not test.error and not test.warning
    assert page != "answer" or _ranking(test)["n_texts"].eq(6).all()


def test_the_figures_behind_a_claim_are_drawn_when_they_are_opened(opened: Open, made: Path) -> None:
    closed, wide = opened("answer", made, folded=True), opened("answer", made, folded=True, figures2="1")
    assert not any("baseline_arm" in shown.value for shown in closed.dataframe)
    assert sum("baseline_arm" in shown.value for shown in wide.dataframe) == 1


def test_a_closed_choice_of_columns_still_rules(opened: Open, made: Path) -> None:
    test = opened(
        "answer", made, folded=True, grid="1", cols=["model", "score_all"], sort="score_all", desc="1"
    )
    shown = _ranking(test)
    assert list(shown.columns) == ["model", "score_all"]
    assert list(shown["score_all"]) == sorted(shown["score_all"], reverse=True)


def test_claims_are_shown_as_decided(opened: Open, made: Path) -> None:
    decided = json.loads((made / "micro" / "claims.json").read_text())["claims"]
    words = texts(opened("answer", made))
    shown = {"not testable": claim_cards.ANSWERS["not testable"]}
    assert all(claim["sentence"] in words for claim in decided)
    assert all(shown.get(claim["outcome"], claim["outcome"]) in words for claim in decided)


def test_an_entry_of_another_track_is_repeated_with_that_track_s_settings(opened: Open) -> None:
    of_lora = opened("entry", RESULTS, track="tricks", model="micro-1", arm="lora", corpus="code")
    (run,) = [code.value for code in of_lora.code if code.value.startswith("gapbench run")]
    assert "--arm lora --track tricks" in run or "--arm lora --draw 2 --track tricks" in run
    of_soup = opened("entry", RESULTS, track="tricks", model="micro-1", arm="soup", corpus="code")
    assert not any(code.value.startswith("gapbench run") for code in of_soup.code)
    assert "it averages the weights of runs on several texts" in texts(of_soup)


def test_the_entry_page_shows_the_stored_figures(opened: Open, made: Path) -> None:
    key = {"model": "micro-200k", "arm": "gap", "corpus": "seen"}
    test = opened("entry", made, **key)
    frames = [element.value for element in test.dataframe]
    stored = pd.read_csv(made / "micro" / "comparisons.csv").query(
        "model == 'micro-200k' and arm == 'gap' and corpus == 'seen' and scope == 'all' and measure == 'score'"
    )
    shown = next(frame for frame in frames if "p_noninferior_adjusted" in frame)
    assert sorted(shown["delta"]) == sorted(stored["delta"]) and sorted(shown["mde"]) == sorted(stored["mde"])
    runs = next(frame for frame in frames if "stop_reason" in frame)
    kept = pd.read_csv(made / "micro" / "runs.csv").query(
        "model == 'micro-200k' and arm == 'gap' and corpus == 'seen'"
    )
    assert sorted(runs["test_all"]) == sorted(kept["test_all"])
    best = kept.sort_values("test_all").iloc[-1]
    assert f"{best['test_all']:.4f}" in texts(test) and best["text_id"] in texts(test)
    assert any(
        code.value.startswith("gapbench run --model micro-200k --corpus seen --index") for code in test.code
    )


FILTERS = [
    ("model", ["micro-70k"], lambda f: f["model"].eq("micro-70k")),
    ("corpus", ["code", "seen"], lambda f: f["corpus"].isin(["code", "seen"])),
    ("arm", ["gap"], lambda f: f["arm"].eq("gap")),
    ("state", ["flagged"], lambda f: f["verification"].str.contains("flagged")),
    ("verdict", ["comparable"], lambda f: f["against_rungs"].str.contains("comparable")),
    ("q", "70K unseen", lambda f: f["model"].eq("micro-70k") & f["corpus"].eq("unseen")),
]


@pytest.mark.parametrize(("key", "value", "fits"), FILTERS, ids=[f[0] for f in FILTERS])
def test_a_filter_leaves_what_it_says_and_its_link_restores_it(
    opened: Open, made: Path, key: str, value: Any, fits: Any
) -> None:
    test = opened("answer", made)
    everything = _ranking(test)
    widget = next(w for w in [*test.multiselect, *test.text_input] if w.key == f"answer.{key}")
    widget.set_value(value).run()
    shown = _ranking(test)
    expected = everything[fits(everything)]
    pd.testing.assert_frame_equal(shown.reset_index(drop=True), expected.reset_index(drop=True))
    assert listed(test.query_params)[key] == ([value] if isinstance(value, str) else value)
    again = opened("answer", made, **test.query_params)
    pd.testing.assert_frame_equal(_ranking(again), shown)
    widget.set_value([] if isinstance(value, list) else "").run()
    assert len(_ranking(test)) == len(everything) and key not in test.query_params


def test_columns_and_order_are_in_the_link(opened: Open, made: Path) -> None:
    test = opened("answer", made, cols=["model", "score_all", "size_multiplier"], sort="score_all", desc="1")
    shown = _ranking(test)
    assert list(shown.columns) == ["model", "score_all", "size_multiplier"]
    assert list(shown["score_all"]) == sorted(shown["score_all"], reverse=True)


@pytest.mark.parametrize(
    ("page", "query"),
    [
        (
            "entry",
            {
                "model": "micro-70k",
                "arm": "shuffled",
                "corpus": "unseen",
                "scope": "cause",
                "curve": "dialogue",
                "split": "select",
                "rule": "both",
                "dots": "classification",
            },
        ),
        (
            "compare",
            {
                "entry": ["micro-70k / gap / code", "micro-200k / gap / seen"],
                "against": "itself untreated",
                "rows": "families",
                "task": "persona",
                "text": "code-0002",
                "text2": "seen-0003",
            },
        ),
        (
            "documents",
            {
                "model": "micro-200k",
                "arm": "random",
                "corpus": "seen",
                "text": "seen-0001",
                "task": "passage",
                "baseline": "micro-1500k untreated",
                "q": "another",
                "changed": "1",
            },
        ),
        ("corpora", {"model": ["micro-70k"], "corpus": "unseen", "text": "unseen-0002"}),
        ("submit", {"kind": "model", "name": "mine", "source": "owner/name@" + "0" * 40}),
    ],
)
def test_a_link_restores_every_choice(opened: Open, made: Path, page: str, query: dict[str, Any]) -> None:
    query = {"track": "micro", **query}
    test = opened(page, made, **query)
    assert not test.exception and not test.warning
    widgets = [*test.selectbox, *test.multiselect, *test.text_input, *test.segmented_control, *test.toggle]
    held = {str(w.key).removeprefix(f"{page}."): w.value for w in widgets if w.key}
    for key, value in query.items():
        if key == "track" and page == "submit":
            continue
        assert held[key] == ({"1": True}.get(value, value) if key == "changed" else value), key
    if page == "submit":
        del query["track"]
    assert listed(query).items() <= listed(test.query_params).items()


def test_a_link_to_something_unknown_says_so(opened: Open, made: Path) -> None:
    test = opened("entry", made, model="gone")
    assert not test.exception and any("link names" in w.value for w in test.warning) and "gone" in texts(test)


def test_documents_show_their_question_and_the_words_of_their_choices(opened: Open) -> None:
    test = opened("documents", RESULTS, task="micro_cause")
    shown = test.dataframe[0].value
    stored = pd.read_parquet(RESULTS / "micro" / "documents.parquet", filters=[("task", "==", "micro_cause")])
    targets = stored.drop_duplicates("doc_id").set_index("doc_id")["target"]
    assert shown["question"].str.len().min() > 10
    for row in shown.itertuples():
        place, _, words = row.target.partition(": ")
        assert place == targets[row.doc_id] and len(words) > 3
    first = test.code[0].value
    assert first.startswith(shown["question"].iloc[0]) and "\n0: " in first and "\n1: " in first
    words = shown["question"].iloc[3].split()[-2]
    next(w for w in test.text_input if w.key == "documents.q").set_value(words).run()
    assert test.dataframe[0].value["question"].str.contains(words).any()


def test_questions_are_not_shown_beside_answers_to_others(
    opened: Open, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GAPBENCH_DATA", raising=False)
    assert "no task 'physical'" in texts(opened("documents", made, task="physical"))
    assert "GAPBENCH_DATA" in texts(opened("documents", made, track="paper"))
    targets = pd.Series(dict.fromkeys(range(240, 260), "1"))
    assert questions.of_task("micro", "micro_cause", targets).problem == questions.OTHER_DOCUMENTS
    shutil.copytree(RESULTS / "micro", tmp_path / "micro")
    stored = pd.read_parquet(tmp_path / "micro" / "documents.parquet")
    stored.assign(doc_id=stored["doc_id"] + 1).to_parquet(tmp_path / "micro" / "documents.parquet")
    test = opened("documents", tmp_path, task="micro_people")
    assert questions.OTHER_DOCUMENTS in texts(test) and "question" not in test.dataframe[0].value


def test_documents_are_paged_and_searched(opened: Open, made: Path) -> None:
    test = opened("documents", made)
    assert len(test.dataframe[0].value) == 25 and "40 of 40 documents" in texts(test)
    test.pagination[0].set_value(2).run()
    assert len(test.dataframe[0].value) == 15 and listed(test.query_params)["page"] == ["2"]
    next(w for w in test.text_input if w.key == "documents.q").set_value("<SCRIPT>").run()
    shown = test.dataframe[0].value
    answers = shown[[c for c in shown if c.endswith("answer")]].agg(" ".join, axis=1).str.lower()
    assert len(shown) and answers.str.contains("<script>", regex=False).all()


def test_the_check_of_a_file_is_the_commands(opened: Open, tmp_path: Path) -> None:
    test = opened("submit", tmp_path)
    test.text_area[0].set_value("track: {name: x}\nunknown: 1\n")
    test.button[0].set_value(True).run()
    assert not test.exception and "Refused" in test.error[0].value
    assert any("params.yaml" in code.value and "/tmp" not in code.value for code in test.code)
    test = opened("submit", tmp_path)
    test.text_area[0].set_value((ROOT / "params.yaml").read_text())
    test.button[0].set_value(True).run()
    assert "Accepted" in test.success[0].value


def _ranking(test: Any) -> pd.DataFrame:
    return next(
        f.value
        for f in test.dataframe
        if {"model", "score_all"} <= set(f.value.columns) and "row_kind" not in f.value
    )
