"""The short answer to all claims in plain words, and what it is based on."""

from typing import Any

import pandas as pd

from benchmark.settings.scoring_settings import FEWEST_UNITS
from leaderboard.display import wording

QUESTION = "Does post-training make a small model as good as a larger one?"
CONTROLS = "C0"
"""The claim that the study can see an effect: its estimates are controls."""
UNSEEN = (
    "It is not shown that this study can see an effect: it has no controls whose outcome is known in advance."
)
_BLIND = (
    "**Cannot tell.** The controls of this study did not come out as they should, so it is not shown that it would see "
    "an effect."
)
_MATCHED = {
    True: "**Yes.** The post-trained models match models 2 to 3 times larger, and placebos do not.",
    False: "**Yes.** The post-trained models match models 2 to 3 times larger, but it is not shown that the treatment "
    "does more than a placebo.",
}
_NOT_MATCHED = {
    "reproduced": "**No, only in part.** The post-trained models get better, but not as good as a model 2 to 3 times "
    "larger.",
    "not reproduced": "**No.** The post-trained models do not become as good as a model 2 to 3 times larger. They do "
    "not reliably get better either.",
    "": "**No.** The post-trained models do not become as good as a model 2 to 3 times larger. Whether they get better "
    "at all cannot be decided from these data.",
}
_UNDECIDED = {
    "reproduced": "**Not settled.** The post-trained models get better; whether as good as a model 2 to 3 times "
    "larger, these data cannot decide.",
    "not reproduced": "**Doubtful.** The post-trained models do not reliably get better; the comparison with larger "
    "models is not settled.",
    "": "**Not settled.** These data cannot tell whether the post-trained models get better or match larger ones.",
}
"""The sentence by outcome of C1, if C2 is not reproduced and if it is undecided."""


def readable(content: Any) -> list[dict[str, Any]]:
    """The claims of a `claims.json` that have an id and an outcome; broken ones are left out."""
    claims = content.get("claims") if isinstance(content, dict) else None
    if not isinstance(claims, list):
        return []
    return [c for c in claims if isinstance(c, dict) and c.get("id") and c.get("outcome")]


FIRM = ("**Yes", "**No.", "**No,")
"""Beginnings of the answers that say something; only these hold at one scale and not at another."""
MOST_LISTED = 6
"""More models than this are counted, not listed."""
ORIGINAL_SMALLEST = 300e6
"""Parameters: fewer than the original study's smallest model (OPT-350M) has."""


def below_original(entries: pd.DataFrame) -> bool:
    """Whether every treated model is smaller than any that the original study treated."""
    treated = (
        entries.loc[entries["row_kind"] == "entry", "parameters"].dropna() if len(entries) else pd.Series()
    )
    return len(treated) > 0 and bool(treated.max() < ORIGINAL_SMALLEST)


def short_answer(claims: list[dict[str, Any]], *, small: bool = False) -> tuple[str, str]:
    """The outcome of the main question and a sentence that answers it; `small` says at what scale it holds."""
    outcome, sentence = _answer({str(c["id"]): str(c["outcome"]) for c in claims})
    scaled = small and sentence.startswith(FIRM)
    return outcome, sentence.replace(".**", ", at this scale.**", 1) if scaled else sentence


def in_a_line(sentence: str) -> str:
    """The short answer without what is said after its first sentence."""
    word, _, rest = sentence.partition(".** ")
    return f"{word}.** {rest.split('. ')[0].rstrip('.')}." if rest else sentence


def _answer(outcome: dict[str, str]) -> tuple[str, str]:
    """From the outcomes of C0, C1, C2 and C4."""
    larger, better = outcome.get("C2"), outcome.get("C1", "")
    if outcome.get(CONTROLS) == "not reproduced":
        return "cannot tell", _BLIND
    if larger is None:
        return "inconclusive", "**Not measured.** These results hold no comparison with larger models."
    if larger == "reproduced":
        return larger, _MATCHED[outcome.get("C4") == "reproduced"]
    said = _NOT_MATCHED if larger == "not reproduced" else _UNDECIDED
    return larger, said.get(better, said[""])


def tested(entries: pd.DataFrame) -> str:
    """What was tested on what, in one line, counted from the rows of `entries.csv`; empty where nothing is ranked."""
    ranked = entries[entries["row_kind"] == "entry"] if "row_kind" in entries else entries
    if ranked.empty:
        return ""
    sizes = sorted(ranked.drop_duplicates("model")["parameters"].dropna())
    span = wording.listed([wording.size(size) for size in dict.fromkeys((*sizes[:1], *sizes[-1:]))])
    if len(sizes) > 2:
        span = span.replace(" and ", " to ")
    models = ranked["model"].nunique()
    said = f"Tested: {wording.counted(models, 'model')}"
    said += f" of {span} parameters" if span else ""
    draws, texts, questions = (ranked[name].max() for name in ("n_draws", "n_texts", "n_docs"))
    if not wording.missing(draws):
        times = wording.whole(draws)
        said += f", {'each ' if models > 1 else ''}pretrained "
        said += "once" if times == 1 else f"{wording.in_words(times)} times"
    if not wording.missing(texts):
        corpora = ranked["corpus"].nunique()
        arms = sorted({wording.plain(arm) for arm in ranked["arm"]})
        treatments = wording.listed(arms) if len(arms) <= MOST_LISTED else f"{len(arms)} treatments"
        said += f"; post-trained with {treatments} on {wording.counted(wording.whole(texts), 'text')} from "
        said += f"{'each of ' if corpora > 1 else ''}{wording.in_words(corpora)} source{'' if corpora == 1 else 's'}"
        said += ", one text per run"
    if not wording.missing(questions):
        said += f"; {wording.counted(wording.whole(questions), 'test question')}"
    return f"{said}."


def basis(entries: pd.DataFrame) -> str:
    """What the answer rests on, counted from the rows of `entries.csv`; empty where nothing is ranked."""
    ranked = entries[entries["row_kind"] == "entry"] if "row_kind" in entries else entries
    if ranked.empty:
        return ""
    sizes = ranked.drop_duplicates("model").sort_values("parameters", kind="stable")
    models = wording.listed(
        [
            f"{wording.plain(row.model)} ({wording.size(row.parameters)}{' parameters' if place == 0 else ''})"
            for place, row in enumerate(sizes.itertuples())
        ]
    )
    rungs = entries[(entries["row_kind"] == "rung") & ~entries["model"].isin(sizes["model"])]
    rungs = rungs.sort_values("parameters", kind="stable")
    sized = [f"{wording.plain(row.model)} ({wording.size(row.parameters)})" for row in rungs.itertuples()]
    larger = wording.listed(sized)
    if len(sized) > MOST_LISTED:
        larger = f"{len(sized)} models from {sized[0]} to {sized[-1]}"
    said = f"**Treated:** {models}."
    said += f" **Larger models of the same family, untreated:** {larger}." if larger else ""
    texts, draws, questions = (ranked[name].max() for name in ("n_texts", "n_draws", "n_docs"))
    if not wording.missing(texts) and not wording.missing(questions):
        said += (
            f" Each run used one text (up to {wording.whole(texts)} from each of "
            f"{wording.counted(ranked['corpus'].nunique(), 'source')}) and was then tested on "
            f"{wording.counted(wording.whole(questions), 'question')}."
        )
    if not wording.missing(draws):
        number = wording.whole(draws)
        said += (
            f" Each treated size was trained from scratch {number} times (pretraining draws), so the answer is about "
            "the size, not about one model."
            if number >= FEWEST_UNITS
            else f" There {'is' if number == 1 else 'are'} only **{wording.counted(number, 'pretrained model')} of "
            "each treated size**: another training of the same size could differ."
        )
    if below_original(entries):
        said += (
            " The original study treated OPT models of 350M to 2.7B: **nothing here says what happens at that "
            "size.**"
        )
    return said
