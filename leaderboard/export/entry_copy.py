"""The page of an entry in the static copy: its figures, comparisons, steps, tasks, texts, and how to repeat it."""

import pandas as pd

from leaderboard.display import charts, frame_html, plain_html, run_charts, wording
from leaderboard.export.html_page import Links, code, heading, paragraph, picture
from leaderboard.parts import evidence, order, recipe
from leaderboard.site import task_families, track_data
from leaderboard.site.copy_address import Key

MOST_TEXT = 6_000
"""Characters of a text that are shown."""


def entry_body(track: str, key: Key, links: Links) -> str:
    """The inside of the page."""
    row = track_data.table(track, "entries.csv").of(key).iloc[0]
    parts = [f"<h1>{plain_html.text(' / '.join(key))}</h1>", paragraph(_about(track, row), "note")]
    parts.append(_figures(row))
    parts += _comparisons(track, key)
    parts += _steps(track, key)
    parts += _tasks(track, key)
    parts += _texts(track, key)
    parts += [heading("Repeat it"), code(recipe.verify_command(track, key))]
    given = {"track": track, "model": key[0], "arm": key[1], "corpus": key[2]}
    if links.app:
        for label, page in (
            ("This entry in the interactive leaderboard", "entry"),
            ("Its documents", "documents"),
        ):
            parts.append(f"<p>{plain_html.anchor(label, links.in_app(page, **given))}</p>")
    return "".join(parts)


def _about(track: str, row: pd.Series) -> str:
    kind = "a control, not ranked" if row["row_kind"] == "control" else order.unranked(row)
    kind = kind or f"rank {wording.rank_range(row['rank_low'], row['rank_high'])} by score"
    texts = wording.counted(wording.whole(row["n_texts"]), "text")
    return (
        f"Track {track}: {kind}; {texts}, {wording.counted(wording.whole(row['n_docs']), 'test question')}."
    )


def _figures(row: pd.Series) -> str:
    """Score, gain and effective size with their intervals."""
    shown = [
        ("Score", row["score_all"], row["score_all_low"], row["score_all_high"], False),
        ("Gain", row["gain_all"], row["gain_all_low"], row["gain_all_high"], True),
    ]
    cells = []
    for label, at, low, high, signed in shown:
        figure = wording.number(at, wording.decimals(low, high), signed=signed)
        cells.append(
            [
                plain_html.plain(label),
                plain_html.two_lines(figure, wording.interval(low, high, signed=signed)),
            ]
        )
    size = (
        "parameters",
        "effective_size",
        "effective_size_low",
        "effective_size_high",
        "effective_size_note",
    )
    cells.append(
        [
            plain_html.plain("Behaves like"),
            plain_html.plain(wording.behaves_like(*(row[n] for n in size)), figure=True),
        ]
    )
    headings = [plain_html.Heading("Figure"), plain_html.Heading("with its 95 % interval", figure=True)]
    return plain_html.table(headings, cells, name="Figures of the entry")


def _comparisons(track: str, key: Key) -> list[str]:
    families = task_families.of_track(track)
    rows = track_data.table(track, "comparisons.csv").of(key)
    scopes = families.in_order(rows["scope"]) if len(rows) else []
    if not scopes:
        return []
    chosen = evidence.by_baseline(rows[rows["scope"] == scopes[0]])
    title = "Difference in score, with 95 % interval"
    chart = charts.forest(chosen, "name", "verdict", margin="margin", title=title)
    names = ["name", "verdict", "delta", "ci_low", "ci_high", "p_adjusted", "conditional"]
    table = frame_html.frame_html(evidence.kept_columns(chosen, names), name="Comparisons")
    about = f"Differences of the entry from its baselines over {families.inside(scopes[0])}"
    return [heading("Compared with what?"), picture(chart, about), f'<div class="wide">{table}</div>']


def _steps(track: str, key: Key) -> list[str]:
    families = task_families.of_track(track)
    scope = families.scopes[0]
    paths, curves = track_data.table(track, "run_curves.csv"), track_data.table(track, "curves.csv")
    lines = paths.of(key, scope=scope, split="test") if paths.has("step", "score") else pd.DataFrame()
    mean = curves.of(key, scope=scope) if curves else pd.DataFrame()
    if lines.empty and mean.empty:
        return []
    chart = run_charts.steps(lines, mean, pd.DataFrame())
    return [heading("Step by step"), picture(chart, "Score by step, every run and their mean")]


def _tasks(track: str, key: Key) -> list[str]:
    scores, comparisons = track_data.table(track, "scores.csv"), track_data.table(track, "comparisons.csv")
    frame = evidence.by_task(scores, comparisons, key, task_families.of_track(track))
    if frame.empty:
        return []
    kept = [
        "task",
        "score",
        "low",
        "high",
        "chance",
        "delta",
        "ci_low",
        "ci_high",
        "q_value",
        "verdict",
    ]
    table = frame_html.frame_html(
        frame[[name for name in kept if name in frame]], name="Tasks", labels=evidence.TASK_LABELS
    )
    return [heading("Task by task"), f'<div class="wide">{table}</div>']


def _texts(track: str, key: Key) -> list[str]:
    """The texts of the best and of the worst run."""
    runs, texts = track_data.table(track, "runs.csv"), track_data.table(track, "texts.parquet")
    if not texts.has("text_id", "text") or recipe.kind_of(track, key) in recipe.WITHOUT_TEXT:
        return []
    scored = runs.of(key).sort_values("test_all", ascending=False, kind="stable").dropna(subset=["test_all"])
    ends = [("Text of the best run", scored.head(1)), ("Text of the worst run", scored.iloc[1:].tail(1))]
    parts = []
    for label, run in ends:
        for one in run.itertuples():
            found = texts.where(corpus=one.corpus, text_id=one.text_id)
            if len(found):
                said = f"{label}: score {wording.number(one.test_all, 4)}, text {one.text_id}"
                parts += [paragraph(said), code(str(found["text"].iloc[0])[:MOST_TEXT])]
    return [heading("Best and worst texts"), *parts] if parts else []
