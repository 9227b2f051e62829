"""The page of a track in the static copy: the answer, the picture, the ranking, gains by task, the claims."""

import pandas as pd

from leaderboard.display import plain_html, wording
from leaderboard.export.html_page import Links, heading, paragraph, picture, unmarked
from leaderboard.overview import claim_summary, pair_differences, ranking_table, score_picture, task_gains
from leaderboard.parts import claim_cards, ranking, short_answer, track_choice
from leaderboard.parts.claim_rows import estimate_lines
from leaderboard.site import cite_view, task_families, track_data


def answer_of(track: str) -> str:
    """The short answer in one line; empty where the claims are not stored."""
    content, _ = track_data.document(track, "claims.json")
    claims = short_answer.readable(content)
    if not claims:
        return ""
    small = short_answer.below_original(track_data.table(track, "entries.csv").frame)
    return unmarked(short_answer.in_a_line(short_answer.short_answer(claims, small=small)[1]))


def track_body(track: str, links: Links) -> str:
    """The inside of the page."""
    entries, comparisons = track_data.table(track, "entries.csv"), track_data.table(track, "comparisons.csv")
    content, problem = track_data.document(track, "claims.json")
    claims, families = short_answer.readable(content), task_families.of_track(track)
    parts = [f"<h1>{plain_html.text(short_answer.QUESTION)}</h1>", paragraph(f"Track {track}", "note")]
    if claims:
        parts += [
            paragraph(answer_of(track), "answer"),
            paragraph(unmarked(short_answer.tested(entries.frame)), "note"),
        ]
        parts.append(plain_html.cards(claim_summary.summary(claims, families)))
    else:
        parts.append(paragraph(unmarked(problem or "No claim is stored."), "note"))
    if entries:
        parts += _figures(track, entries, comparisons, links)
    parts += [_claim(claim, place, families) for place, claim in enumerate(claims)]
    revision = cite_view.revision_of(track)
    said = f"Results of revision {revision[:12]}. " if revision else ""
    parts.append(f"<footer>{plain_html.text(said)}{_app_link(track, links)}</footer>")
    return "".join(parts)


def _app_link(track: str, links: Links) -> str:
    if not links.app:
        return ""
    return plain_html.anchor("This track in the interactive leaderboard", links.in_app("answer", track=track))


def _figures(
    track: str, entries: track_data.ResultTable, comparisons: track_data.ResultTable, links: Links
) -> list[str]:
    rows, parts = ranking.of_track(track), []
    scopes = score_picture.scopes_with_scores(rows)
    if scopes:
        chart = score_picture.score_picture(rows, comparisons, scopes[0], links, track=track)
        if chart is not None:
            words = rows.families.inside(scopes[0])
            parts += [
                picture(chart, f"Score against parameters, {words}"),
                paragraph(score_picture.CAPTION, "note"),
            ]
    parts.append(heading("Ranking", "ranking"))
    controls = rows.reference["row_kind"] == "control"
    shown = ranking.with_reference(rows.ranked, rows.reference[~controls], rows.families)
    parts += [_ranking(track, rows, shown, links), paragraph(ranking_table.LEGEND, "note")]
    if controls.any():
        table = _ranking(track, rows, rows.reference[controls], links)
        parts.append(f"<details><summary>Controls, which are not ranked</summary>{table}</details>")
    gains = task_gains.gains_by_task(entries, comparisons, track, rows.families)
    if len(gains):
        kept = list(dict.fromkeys(gains["entry"]))[: pair_differences.MOST_ENTRIES]
        chart = task_gains.heat_of_tasks(gains[gains["entry"].isin(kept)], track, links)
        parts += [heading("Gain by task", "tasks"), picture(chart, "Gains by task", follows_theme=False)]
    return [*parts, *_pairs(track, entries, rows, links)]


def _ranking(track: str, rows: ranking.RankingView, shown: pd.DataFrame, links: Links) -> str:
    """The rows as in the app, each with a link to its own page."""
    table = ranking_table.ranking_html(
        rows,
        shown,
        rows.first_view,
        open_entry=lambda row: links(
            "entry", track=track, model=row["model"], arm=row["arm"], corpus=row["corpus"]
        ),
    )
    return f'<div class="wide">{table}</div>'


def _pairs(track: str, entries: track_data.ResultTable, rows: ranking.RankingView, links: Links) -> list[str]:
    pairs = track_data.table(track, "pairs.csv")
    if not pairs.has("other_model", "delta"):
        return []
    names = list(
        track_choice.by_name(track_choice.entry_keys(entries, track, kinds=("entry",), by_rank=True))
    )
    both = pair_differences.both_ways(pairs, rows.families.scopes[0], names[: pair_differences.MOST_ENTRIES])
    if both.empty:
        return []
    chart = pair_differences.heat_of_pairs(both, names, track, links)
    return [
        heading("Every entry against every other", "pairs"),
        picture(chart, "Differences between all pairs of entries", follows_theme=False),
    ]


def _claim(claim: dict[str, object], place: int, families: task_families.TaskFamilies) -> str:
    """A claim in full: question, outcome, sentence, what decides it."""
    name, outcome = str(claim["id"]), str(claim["outcome"])
    ask, against = claim_cards.QUESTIONS.get(name, (f"{name}: {claim.get('title', '')}", ""))
    parts = [heading(ask, claim_summary.part_of_page(place))]
    parts.append(paragraph(f"{wording.OUTCOMES.get(outcome, outcome)}. {against}"))
    parts.append(paragraph(str(claim.get("sentence") or "")))
    if name == short_answer.CONTROLS:
        frame = claim_cards.controls_frame(claim, families)
        return "".join([*parts, claim_cards.controls_html(frame) if len(frame) else ""])
    lines = [f"<li>{plain_html.text(unmarked(line))}</li>" for line in estimate_lines(claim, families)]
    return "".join([*parts, f"<ul>{''.join(lines)}</ul>" if lines else ""])


def frame_of_keys(track: str) -> pd.DataFrame:
    """The rows of a track that have a page of their own."""
    frame = track_data.table(track, "entries.csv").frame
    return frame[frame["row_kind"].fillna("entry") != "rung"] if len(frame) else frame
