"""Every column that a table may show: its heading, meaning and kind, and what determines its decimals."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from leaderboard.display import wording


@dataclass(frozen=True)
class Column:
    """How a column is shown: its heading, what it means, its kind, and the interval whose width sets its decimals.

    `bounds` are the columns of the interval's ends. In `COLUMNS`, those of `gain_all` are `gain_all_low` and
    `gain_all_high` unless others are given.
    """

    label: str
    help: str
    kind: str = "text"  # text, score, signed, p, count, share, size, ratio, seconds, link
    bounds: tuple[str, str] | None = None
    width: Any = None


CI, ENDS = ("ci_low", "ci_high"), ("low", "high")
_95 = "95 % interval over documents and texts, two-sided, not adjusted for multiplicity."

COLUMNS: dict[str, Column] = {
    "track": Column("Track", "A closed comparison with its own models, texts and tasks."),
    "standing": Column(
        "Standing",
        "The treatment that the claims are about first, then other treatments, each by gain; entries that "
        "rest on documents alone (fewer than three texts or draws) last, without a place.",
        "count",
    ),
    "placing": Column(
        "Rank",
        "The treatment that the claims are about first, then other treatments, each by rank; entries that rest on "
        "documents alone last, without a rank.",
        "count",
    ),
    "rank": Column("Rank", "By score over all tasks. Read it with the rank interval beside it.", "count"),
    "ranks": Column(
        "Rank",
        "Ranks by score that the data cannot tell apart: 1 + entries significantly better, to the number of "
        "entries minus those significantly worse (Holm over all pairs). Larger models score higher, treated or "
        "not: for the treatment read the gain.",
    ),
    "model": Column("Model", "The language model that was treated."),
    "arm": Column(
        "Treatment",
        "What was done to it, by the name that the track's settings give it. `descent` and placebos such as "
        "`random` are controls.",
    ),
    "corpus": Column("Texts from", "The corpus that the driving texts come from; one text drives one run."),
    "row_kind": Column(
        "Kind",
        "`entry`: ranked. `control`: a placebo, or plain training (`descent`). `rung`: an untreated model.",
    ),
    "parameters": Column("Parameters", "Each distinct tensor once, embeddings included.", "size"),
    "score_all": Column(
        "Score",
        "Mean over all tasks on the test documents (accuracy or F1, 0 to 1); 0.01 is one more right "
        "answer in a hundred.",
        "score",
    ),
    "score_interval": Column("95 % interval", f"Where the score lies: {_95}"),
    "score_bar": Column(
        "Score, 95 % interval",
        "Mean over all tasks on the test documents (accuracy or F1, 0 to 1), its 95 % interval, and both drawn.",
    ),
    "gain_line": Column(
        "Gain, 95 % interval",
        "Score minus that of the same model before treatment, on the same documents. An interval that contains 0 "
        f"shows no clear change. {_95}",
    ),
    "size_line": Column(
        "Effective size",
        "Parameters at which the untreated family reaches the same score, with its 95 % interval.",
    ),
    "verdicts": Column(
        "Verdicts",
        "Against the same model untreated, against the controls, against the next larger model, and whether "
        "somebody else has repeated it. Hover a word for the whole verdict.",
    ),
    "corrected_all": Column(
        "Chance-corrected",
        "Score where guessing counts 0 and perfection 1 (scores of written texts not corrected).",
        "score",
        ("score_all_low", "score_all_high"),
    ),
    "iqm_all": Column("Interquartile mean", "Mean over the middle half of the texts.", "score"),
    "iqm_interval": Column("Interquartile mean, 95 %", "Its 95 % interval."),
    "gain_all": Column(
        "Gain", "Score minus that of the same model before treatment, on the same documents.", "signed"
    ),
    "gain_interval": Column(
        "Gain, 95 % interval", f"An interval that contains 0 shows no clear change. {_95}"
    ),
    "against_base": Column(
        "Against itself untreated",
        "Verdict on the difference to the model before treatment, adjusted for multiplicity (Holm).",
    ),
    "against_controls": Column(
        "Against controls",
        "Verdict against each control, such as the same distance in a random direction, the same words shuffled, "
        "or training as usual.",
    ),
    "against_rungs": Column(
        "Against larger models",
        "Verdict against each larger untreated model (1.9 to 4.2 times, unless the track sets other limits). "
        "`comparable` is a non-inferiority test against the margin.",
    ),
    "share_closed": Column(
        "Share of the gap",
        "How much of the gap between the untreated model and the larger one the treatment closes: 0 none, 1 "
        "all. Only against larger models, and only where the gap is above 0.",
        "share",
    ),
    "share_closed_low": Column("Share, 95 % low", "Lower end of its 95 % interval (Fieller).", "share"),
    "share_closed_high": Column("Share, 95 % high", "Upper end of its 95 % interval (Fieller).", "share"),
    "share_closed_note": Column("Share, note", "Why there is no share, or no interval of it."),
    "gap_closed": Column(
        "Share of the gap closed",
        "How much of the gap to the next larger untreated model the treatment closes, with its 95 % "
        "interval (Fieller): 0 % none, 100 % all. Empty where the larger model is not "
        "clearly better than the untreated one.",
    ),
    "prob_improve_base": Column(
        "Texts that gain",
        "Share of texts (or pretraining draws) whose runs beat the untreated model, ties half. A share of "
        "what was run, not a p-value.",
        "share",
    ),
    "prob_improve_control": Column(
        "Texts ahead of a control",
        "Share of texts (or draws) ahead of the control that comes closest, ties half.",
        "share",
    ),
    "prob_improve_control_arm": Column("Closest control", "The control with the lowest such share."),
    "prob_improve_new": Column(
        "A new text gains",
        "Probability that one more text, not one of those that were run, gains; from how much the texts differ "
        "beyond the noise of the documents. Not a p-value.",
        "share",
    ),
    "prob_improve_new_low": Column("A new text gains, low", "Lower end of its 95 % interval.", "share"),
    "prob_improve_new_high": Column("A new text gains, high", "Upper end of its 95 % interval.", "share"),
    "best_text": Column(
        "Best text",
        "The text that did best on the `select` documents. It rests on documents alone and says "
        "nothing about another text.",
    ),
    "best_text_step": Column("Its step", "The step at which it did best on the `select` documents.", "count"),
    "best_text_gain_all": Column(
        "Best text's gain",
        "Gain on the `test` documents of the best text and step on `select`: the quantity of the original "
        "study's figure. It rests on documents alone.",
        "signed",
    ),
    "effective_size": Column(
        "Effective size",
        "Parameters at which the untreated family reaches the same score. Empty below the smallest model.",
        "size",
    ),
    "behaves_like": Column(
        "Behaves like",
        "Own size, and the size at which the untreated family reaches the same score, with its 95 % "
        "interval.",
    ),
    "size_multiplier": Column("Size multiplier", "Effective size / own size.", "ratio"),
    "optimism": Column(
        "Optimism",
        "What choosing the step on the reported documents would have added to the score. Empty where only one "
        "step was scored.",
        "signed",
    ),
    "floor_gain": Column(
        "Floor gain",
        "What allowing the untreated model among the candidates would add on top.",
        "signed",
        ("optimism_low", "optimism_high"),
    ),
    "n_texts": Column(
        "Texts",
        "Texts behind the figure: one text drives one run; seeds within a text are averaged first.",
        "count",
    ),
    "n_draws": Column(
        "Draws",
        "Pretraining draws: how many times the model was trained from nothing, each time with another seed.",
        "count",
    ),
    "n_paired": Column(
        "Paired", "Draws (or texts) of both that pair; 0 where those of the two are independent.", "count"
    ),
    "conditional": Column(
        "Holds for",
        "What interval and verdict speak of. Other models and texts too: both were sampled. This pretrained "
        "model: another training of the same size could differ. These runs only: fewer than three texts or "
        "draws, so the interval rests on documents alone; such entries are not ranked and decide no claim.",
    ),
    "measure": Column(
        "Measure",
        "`score`: accuracy or F1, what the claims are about. `probability`: of the right answer, finer.",
    ),
    "n_docs": Column("Documents", "Test documents behind the figure.", "count"),
    "share_diverged": Column("Diverged", "Share of runs whose loss or weights became non-finite.", "share"),
    "corpus_loss": Column(
        "Loss on the corpus",
        "The untreated model's mean token loss on the corpus, in nats. High: unfamiliar text; low: familiar.",
        "score3",
    ),
    "overlap": Column("Overlap", "Share of the corpus's n-grams that also occur in task documents.", "share"),
    "verification": Column(
        "Verified",
        "`self-reported` until someone else's machine repeats runs of it; then `reproduced`, or `flagged` "
        "where it did not hold.",
    ),
    "open": Column("Details", "Opens the entry in a new tab.", "link"),
    "name": Column("Compared with", "What the entry is compared with."),
    "baseline": Column("Compared with", "The model that the entry is compared with."),
    "baseline_kind": Column(
        "Kind",
        "`base`: itself untreated. `control`: a placebo or plain training. `rung`: a larger untreated model.",
    ),
    "baseline_arm": Column("Its treatment", "`none` for an untreated model."),
    "scope": Column("Tasks", "`all`, a family of tasks, or a single task."),
    "delta": Column("Difference", "Entry minus baseline, same documents.", "signed", CI),
    "ci_low": Column("95 % low", f"Lower end. {_95}", "signed", CI),
    "ci_high": Column("95 % high", f"Upper end. {_95}", "signed", CI),
    "p_value": Column("p", "Two-sided, against no difference, unadjusted.", "p"),
    "p_adjusted": Column("p, adjusted", "Holm over this entry's tests.", "p"),
    "q_value": Column("q", "Benjamini-Hochberg over this entry's single tasks.", "p"),
    "margin": Column(
        "Margin",
        f"The shortfall that still counts as comparable: {wording.MARGIN}.",
        "score",
        CI,
    ),
    "p_noninferior": Column("p, not inferior", "One-sided, against a shortfall of the margin or more.", "p"),
    "p_noninferior_adjusted": Column("p, not inferior, adjusted", "Holm over this entry's tests.", "p"),
    "p_negligible": Column(
        "p, negligible",
        "One-sided, against a difference of a tenth of the gap to the next larger model.",
        "p",
    ),
    "p_negligible_adjusted": Column("p, negligible, adjusted", "Holm over this entry's tests.", "p"),
    "verdict": Column(
        "Verdict",
        "Superior, comparable, inferior, negligible (the difference is below a tenth of the gap to the next larger "
        "model), or inconclusive; tried in this order.",
    ),
    "mde": Column(
        "Detectable",
        "Minimum detectable effect: the smallest true difference that this comparison would find in 80 % "
        "of repetitions, by itself (level 0.05).",
        "score",
        CI,
    ),
    "mde_adjusted": Column(
        "Detectable, adjusted",
        "The same at the level that Holm asks of the smallest p-value: what a verdict is sure to find.",
        "score",
        CI,
    ),
    "draw": Column("Draw", "Pretraining draw of the model: 0, 1, ... by seed.", "count"),
    "origin": Column(
        "Origin",
        "Trained here: by the pipeline. Kept scores: trained before, scores by document in git. Refused: kept, but "
        "not made of the same settings, documents or arithmetic, so not used.",
    ),
    "reason": Column("Why not used", "Why a draw, or some of its runs, is left out."),
    "weights_sha256": Column("Weights", "sha256 of the pretrained weights."),
    "control": Column("Control", "An entry whose outcome is known in advance."),
    "entry": Column("Entry", "Model / treatment / corpus."),
    "expected": Column(
        "Declared", "The outcome that is declared in the settings; docs/CONTROLS.md says how it was chosen."
    ),
    "found": Column("Found", "The outcome by group of tasks."),
    "as_expected": Column("As declared", "Whether the outcome is the declared one."),
    "size_ratio": Column("Times larger", "Parameters of the baseline / those of the entry's model.", "ratio"),
    "chance": Column("Chance", "What guessing gives.", "score3"),
    "score": Column("Score", "Accuracy or F1 on the test documents, 0 to 1.", "score", ENDS),
    "low": Column("95 % low", f"Lower end. {_95}", "score", ENDS),
    "high": Column("95 % high", f"Upper end. {_95}", "score", ENDS),
    "text_id": Column("Text", "Fingerprint of the driving text."),
    "index": Column("Index", "Row of the text in its corpus.", "count"),
    "seed": Column(
        "Seed", "Drives treatments that draw random numbers; others are the same with every seed.", "count"
    ),
    "stopped_at": Column("Steps", "Last applied step.", "count"),
    "stop_reason": Column("Ended by", "`max_steps`, `early_stop` or `diverged`."),
    "skipped_steps": Column("Skipped", "Updates that the precision scaler skipped.", "count"),
    "selected_step": Column(
        "Selected step",
        "Step with the best score on the `select` documents, which are not those reported.",
        "count",
    ),
    "test_all": Column("Test score", "At the selected step, all tasks.", "score4"),
    "best_test_all": Column(
        "Best on test",
        "Score at the step chosen on the reported documents themselves; for comparison only.",
        "score4",
    ),
    "text_loss_start": Column("Loss on text, start", "Nats per token, before treatment.", "score3"),
    "text_loss_selected": Column("Loss on text, selected", "Nats per token, at the selected step.", "score3"),
    "distance": Column("Distance", "L2 distance of the weights from the start.", "score4"),
    "doc_id": Column("Document", "Row number in the source split.", "count"),
    "task": Column("Task", "One of the suite's tasks."),
    "target": Column("Right answer", "The right answer of the task."),
}


def _with_bounds(columns: Mapping[str, Column]) -> dict[str, Column]:
    """The columns, each figure with the names of its interval's ends, and columns for these ends."""
    bounded = {
        name: replace(column, bounds=(f"{name}_low", f"{name}_high"))
        if column.kind in ("score", "signed") and column.bounds is None
        else column
        for name, column in columns.items()
    }
    ends = {
        name: Column(label, f"{end} end. {_95}", bounded[of].kind, bounds)
        for of, bounds in [(name, column.bounds) for name, column in bounded.items() if column.bounds]
        for name, label, end in zip(bounds, ("95 % low", "95 % high"), ("Lower", "Upper"), strict=True)
        if name not in bounded
    }
    return bounded | ends


def _of_scope(scope: str, about: str) -> dict[str, Column]:
    """The columns of single families of tasks; `about` stands behind their headings."""
    return {
        f"probability_{scope}": Column(
            f"Probability{about}",
            "Mean probability of the right answer, finer than the score: of the right choice, or of a token of the "
            "reference text (geometric mean over tokens).",
            "score",
        ),
        f"paper_step_{scope}": Column(
            f"Original's step{about}",
            "Step that the original's rule takes for these tasks: the best on the reported documents.",
            "count",
        ),
        f"{scope}_loss": Column(
            f"Loss{about}", "Nats per token of the reference texts on test at the selected step.", "score3"
        ),
    }


def family_columns(families: Mapping[str, tuple[str, str]]) -> dict[str, Column]:
    """The columns that tables have for each family of tasks, by its label and what its score is."""
    columns: dict[str, Column] = {}
    for name, (label, score) in families.items():
        columns |= {
            f"score_{name}": Column(label, f"Mean {score} over the tasks of this family.", "score"),
            f"bar_{name}": Column(f"{label}, 95 % interval", f"Mean {score} over the tasks of this family."),
            f"{name}_interval": Column(f"{label}, 95 %", "Its 95 % interval."),
            f"corrected_{name}": Column(
                f"{label}, corrected",
                "Score where guessing counts 0 and perfection 1.",
                "score",
                (f"score_{name}_low", f"score_{name}_high"),
            ),
            f"test_{name}": Column(label, f"Test {score} at the selected step.", "score4"),
        }
        columns |= _of_scope(name, f", {label[:1].lower() + label[1:]}")
    return _with_bounds(columns)


COLUMNS = _with_bounds(COLUMNS | _of_scope("all", ""))
