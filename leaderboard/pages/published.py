"""Published: the original study's own figures, analysed again."""

import pandas as pd
import streamlit as st

from leaderboard.display import charts, run_charts, tables, wording
from leaderboard.parts import claim_cards, short_answer, study
from leaderboard.site import page, state, task_families, track_data

TRACK = "published"
REANALYSE = "gapbench published PATH/TO/full_results --out results/published"
KNOWN = (
    "entries.csv",
    "comparisons.csv",
    "runs.csv",
    "curves.csv",
    "run_curves.csv",
    "pairs.csv",
    "scores.csv",
    "profile.csv",
    "familiarity.csv",
    "sensitivity.csv",
    "selection_simulation.csv",
)
LEAD = (
    "The study that introduced gradient ascent post-training published one best score per run: 894 runs of "
    "OPT 350M, 1.3B and 2.7B. Here those figures are analysed again, without running a model."
)
CAVEATS = """
- **A best can never be below the start.** The untreated model (epoch 0) was among the candidates, and the
  best epoch was chosen on the very documents that are reported. Some gain would appear even if nothing
  improved. An outcome that cannot fail proves nothing, so the gain over the untreated model has no p-value and
  no verdict here ("no test").
- **Two checkpoints in one claim.** The best epoch was chosen separately for each of the two families of
  tasks; "12 tasks" mixes the two.
- **No documents, no 6.7B.** Without scores by document the intervals cover the choice of text only, no test
  of "comparable" is possible, and 2.7B against 6.7B has no data.
"""


def main() -> None:
    """Draw the page."""
    page.start("published", "The original study's figures, analysed again", LEAD, track=TRACK)
    if TRACK not in track_data.tracks():
        page.nothing(
            "The re-analysis is not in this results folder.",
            "It needs the original's `full_results` folder (two CSV files, from the study's repository) "
            "and takes a minute:",
            REANALYSE,
        )
        page.finish()
        return
    show_claims()
    st.header("What to keep in mind", anchor=False)
    st.markdown(CAVEATS)
    show_choice()
    show_runs()
    show_tables()
    page.finish()


def show_claims() -> None:
    """The original's claims, judged by its own figures."""
    content, problem = track_data.document(TRACK, "claims.json")
    claims = short_answer.readable(content)
    if not claims:
        page.nothing(wording.plain(problem or "claims.json holds no claim."), "Make it again:", REANALYSE)
        return
    claim_cards.show_cards(claims, pd.DataFrame(), task_families.of_track(TRACK))


def show_choice() -> None:
    """How much the choice of the best step explains by itself."""
    st.header("How much of the gain is the choice of the best step?", anchor=False)
    simulated, (facts, _) = (
        track_data.table(TRACK, "selection_simulation.csv"),
        track_data.document(TRACK, "published.json"),
    )
    families = task_families.of_track(TRACK)
    said = study.sentences(facts, families)
    if said:
        st.markdown("\n".join(f"- {line}" for line in said))
    frame = simulated.frame
    if not {"family", "pattern", "changed", "mean_gain", "gain_low", "gain_high", "published_gain"} <= set(
        frame.columns
    ):
        page.explain(simulated)
        return
    st.markdown(
        "Simulated: answers change at random from step to step, so that nothing improves on average; then "
        "the best step is chosen as the study did. Solid: the gain that the choice alone gives, with the "
        "range of 95 % of runs. Dashed: the published mean gain."
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        family = state.pick_segment(
            "Tasks", list(dict.fromkeys(frame["family"])), "family", words=families.label
        )
        pattern = state.pick_segment(
            "Changes",
            list(dict.fromkeys(frame["pattern"])),
            "pattern",
            help="Independent: each step draws again. Cumulative: changes stay.",
        )
    shown = frame[(frame["family"] == family) & (frame["pattern"] == pattern)]
    charts.show(
        run_charts.chosen_by_chance(shown, shown.drop_duplicates("model")),
        "Simulated gain from choosing the best step when nothing improves",
        name="selection",
    )
    tables.offer(shown, "selection-simulation", note="The points of the chart.")


def show_runs() -> None:
    """The study's figure of all runs, with its lines."""
    st.header("Every published run", anchor=False)
    st.markdown(
        "One dot per run, at its best epoch. Dashed: the untreated model. Solid: the next larger untreated "
        "model, where it was published."
    )
    runs, entries = track_data.table(TRACK, "runs.csv"), track_data.table(TRACK, "entries.csv")
    page.explain(runs, entries)
    if not runs:
        page.nothing("`runs.csv` holds no rows.", "Make it again:", REANALYSE)
        return
    frame, rungs = runs.frame, entries.where(row_kind="rung").sort_values("parameters", kind="stable")
    families = task_families.of_track(TRACK)
    scopes = [s for s in (*families.names, "all") if frame[f"test_{s}"].notna().any()]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        sized = list(rungs["model"]) + sorted(set(frame["model"]) - set(rungs["model"]))
        model = state.pick_one("Model", [m for m in sized if m in set(frame["model"])], "model", width=200)
        scope = state.pick_segment("Score", scopes, "scope", words=families.label)
    dots = frame[frame["model"] == model].rename(columns={f"test_{scope}": "score"})
    if dots["selected_step"].isna().all():
        dots["selected_step"] = dots.get(f"paper_step_{scope}")
    names = list(rungs["model"])
    larger = names[names.index(model) + 1 : names.index(model) + 2] if model in names else []
    lines = [
        {
            "what": f"{name} untreated",
            "score": rungs.loc[rungs["model"] == name, f"score_{scope}"].iloc[0],
            "dashed": name == model,
        }
        for name in [model, *larger]
        if name in names
    ]
    lines_frame = pd.DataFrame(lines, columns=["what", "score", "dashed"]).dropna(subset=["score"])
    charts.show(
        run_charts.texts(dots.dropna(subset=["score"]), lines_frame),
        f"Published score of each run of a model over {scope}",
        name="published-runs",
    )
    if not larger:
        st.caption("The next larger model has no published figures.")


def show_tables() -> None:
    """Entries, comparisons, and whatever else the re-analysis wrote."""
    st.header("The tables", anchor=False)
    figures = study.figures(track_data.document(TRACK, "published.json")[0])
    if len(figures):
        tables.show(
            figures, "published-figures", labels=study.LABELS, note="As published, by model and family."
        )
    entries, comparisons = track_data.table(TRACK, "entries.csv"), track_data.table(TRACK, "comparisons.csv")
    families = task_families.of_track(TRACK)
    columns = [
        "row_kind",
        "model",
        "corpus",
        "parameters",
        "n_texts",
        *(name for name in entries.data.column_names if name.startswith(("score_", "corrected_"))),
    ]
    if entries:
        tables.show(
            tables.ordered(entries.frame.dropna(axis=1, how="all"), columns),
            "published-entries",
            labels=families.columns(),
            note="Means of the best epoch; 95 % intervals over texts only.",
        )
    if comparisons:
        frame = comparisons.frame
        with st.container(horizontal=True, vertical_alignment="bottom"):
            scope = state.pick_one(
                "Tasks",
                families.in_order(frame["scope"]),
                "tasks",
                words=families.label,
                width=240,
            )
        shown = (
            frame[frame["scope"] == scope]
            .dropna(axis=1, how="all")
            .drop(columns=["track", "suite_version", "arm", "measure", "scope"], errors="ignore")
        )
        tables.show(
            shown,
            "published-comparisons",
            note="Differences from the untreated model and from the next larger one; no documents, so no "
            "test of comparable.",
        )
    for name in track_data.other_tables(TRACK, KNOWN):
        table = track_data.table(TRACK, name)
        with st.expander(
            name.removesuffix(".csv").replace("_", " ").capitalize().replace("`", "'"),
            icon=":material/table:",
        ):
            page.explain(table)
            if table:
                tables.show(
                    table.frame.drop(columns=["track", "suite_version"], errors="ignore"),
                    f"published-{name.removesuffix('.csv')}",
                )


main()
