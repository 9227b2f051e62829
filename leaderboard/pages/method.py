"""Method: every figure on the board in words, with links to the code and to the paper."""

import streamlit as st

from leaderboard.display import tables, wording
from leaderboard.display.columns import COLUMNS, Column
from leaderboard.site import page, state, track_data

LEAD = "How every figure on these pages comes about, in words, with the file that computes it."

SECTIONS: list[tuple[str, str, list[str]]] = [
    (
        "The treatment",
        """
One **run** takes a finished model and one text. Adam (learning rate 5e-5 in the original study, each track's own
in its parameters) *raises* the mean next-token loss of that text, one step at a time, up to 15 steps:
gradient ascent. A run on another text is another observation, a second seed on the same text is not, so seeds
within a text are averaged first.

A model's size may be trained from nothing several times, with other seeds: each is a **pretraining draw**. Runs are
spread over the draws, and then the draw is the unit of replication: what is told of is the size, not one model.

Three **controls** run beside it, of which the first two are placebos. `random` moves every weight as far as the
treatment did,
tensor by tensor and step by step, with signs drawn at random. `shuffled` is the treatment on the same words
in random order. `descent` is the opposite: training as usual on the same text.
""",
        ["benchmark/posttrain/objective.py", "benchmark/posttrain/arms"],
    ),
    (
        "The score",
        """
Twelve tasks: eight of multiple choice (the answer is the choice with the highest summed log-probability;
accuracy) and four of dialogue (greedy reply of at most 32 tokens; unigram F1 without case, punctuation and
articles). A task's score is the mean over its documents; **all** is the plain mean over the twelve tasks, a
**family** that over its tasks. *Chance-corrected* is (score - chance) / (1 - chance), where chance is 1 /
number of choices, and 0 for F1. The *interquartile mean* leaves out the lowest and the highest quarter of
the texts.
""",
        ["benchmark/evaluation/engine.py", "benchmark/statistics/aggregates.py"],
    ),
    (
        "Choice of step",
        """
**Held-out** (what counts here): one step for all tasks, the one with the highest mean on the `select`
documents among steps 1 and up, ties to the earliest; the score is that on the `test` documents, which share
no document with them. The untreated model is no candidate: the treatment is always applied.

**Paper**: as the original, the best step on the reported documents themselves, for multiple choice and
dialogue apart, the untreated model among the candidates.

**The best text** = the text and step that did best on `select`, reported on `test`: the quantity that the original
study's figure shows. It rests on documents alone.

**Optimism** = mean over runs of (test score at the step chosen on test) - (test score at the step chosen on
select): what choosing on the reported documents adds. **Floor gain** = what step 0 among the candidates
adds on top. Both are empty where one step was declared: then nothing is chosen.
""",
        ["benchmark/scoring/selection.py", "benchmark/posttrain/early_stopping.py"],
    ),
    (
        "A finer measure",
        """
Accuracy sees a change only where an answer flips. The **probability of the right answer** sees every change: for
multiple choice the probability of the right choice among the choices, for dialogue that of a token of the reference
reply (exp of minus its mean token loss). Both lie between 0 and 1, higher is better. Its intervals are several times
narrower beside the gaps between model sizes. It stands beside the score on the pages of an entry and of a
comparison, with tests of its own. It is never averaged over multiple choice and dialogue, and no claim is about it:
the original study's are about accuracy and F1.
""",
        ["benchmark/tasks/metrics.py"],
    ),
    (
        "Uncertainty",
        """
Three sources of variance: which documents were asked, which texts drove the runs, and which pretraining draws
there are. An entry's **gain** pairs it with its own base model, by draw and document. A **gap** between sizes is
between means over draws. Documents that ask the same fact, or use one template, count as one cluster. Documents of
one task are not replications of a run, and runs are not replications of a document, so neither is counted as the
other. Intervals are 95 %, two-sided, unadjusted.

*Holds for* says what a figure takes as given. **Other models and texts too**: both were sampled. **This pretrained
model**: there is one draw; another training of the same size could differ. **These runs only**: fewer than three
texts or draws, so the interval rests on documents alone; such an entry is never ranked and decides no claim.

A difference without any spread (the same on every document and in every run, whether zero or not) does not
show how much it would vary: it has **no interval** and no minimum detectable effect. Its p-value is that of an
exact sign test over texts and documents, the larger of the two; fewer than three texts have none.
""",
        ["benchmark/statistics/crossed.py", "benchmark/statistics/sign_test.py"],
    ),
    (
        "Verdicts",
        """
Against each baseline, in this order:

1. **▲ superior**: adjusted two-sided p < 0.05 and the difference is above 0.
2. **≈ comparable**: less than half of the gap between larger model and untreated model remains, shown by a
   non-inferiority test with adjusted p < 0.025. The test is one linear contrast, treated - base > (1 - f)
   (baseline - base) with f = 0.5, so that the gap's own error counts. Where the gap itself is not above 0
   there is nothing to close, and no `comparable`.
3. **▼ inferior**: adjusted two-sided p < 0.05 and the difference is below 0.
4. **≪ negligible**: the difference is less than a tenth of the gap to the next larger model, shown by a
   one-sided test with adjusted p < 0.025. Against the untreated model and controls only.
5. **? inconclusive**: none of these, shown with its minimum detectable effect.

A p-value above 0.05 is never taken as evidence of parity. p-values are adjusted by Holm over an entry's
tests at `all` and the two families, separately for difference, non-inferiority and negligible difference;
adding an entry never changes another's. Single tasks get q-values (Benjamini-Hochberg).

**Minimum detectable effect**: the smallest true difference that the comparison would find in 80 % of
repetitions, by itself, and at the level of Holm's first step (*adjusted*).

**Share of the gap closed**: gain / gap to the larger model, with Fieller's interval. It is empty, with the reason,
where the gap is not above 0.
""",
        [
            "benchmark/scoring/comparisons.py",
            "benchmark/statistics/multiplicity.py",
            "benchmark/statistics/fieller.py",
        ],
    ),
    (
        "Effective size",
        """
The untreated family gives score as a function of log parameters, interpolated between rungs. The
**effective size** is the number of parameters at which that curve has the treated model's score; its
interval holds every size whose score the data cannot tell from the treated model's. *0.5M behaves like 1.1M
(95 % 0.8M to 1.6M)* reads: the treated 0.5M model scores as an untreated model of 1.1M would. Above the
ladder only a bound is given; below it there is no size, only an upper end of the interval where there is one.
""",
        ["benchmark/statistics/effective_size.py"],
    ),
    (
        "Ranks",
        """
The table begins with the treatment that the claims are about, by its gain; entries that rest on
documents alone come last and have no place. Stored ranks are by score over all tasks. The
**rank interval** is [1 + number of entries significantly better, n -
number significantly worse], from paired differences between entries, Holm over pairs. Controls and untreated
models are not ranked.
""",
        ["benchmark/scoring/ranks.py"],
    ),
    (
        "Claims",
        """
- **C0** holds where the study's controls come out as declared: one that must gain, one that must lose, a
  placebo that must not gain, a size against itself that must not be told apart, and draws of a larger model, entered
  as if they were treated, that must be comparable. Where C0 fails, the other claims read *cannot tell*; where there
  is no C0, it is not shown that the study can see an effect.
- **C1**: the mean over all declared entries of treated less untreated, by family; both families must show it.
- **C2**: the mean over all declared pairs of treated less larger untreated model, over all tasks, with the margin.
- **C3**: program text less the mean of the other corpora, over all tasks.
- **C4** (the claim behind the claims): treated less placebos `random` and `shuffled`, by family; both must show it.

These estimates are declared in the settings, and they alone decide. *Reproduced*: every one shows the effect (all
must, so none needs a correction). *Not reproduced*: some one rules the effect out, after Holm. Else *inconclusive*.
*Not testable*: this track cannot ask it, with the reason. The parts by model and corpus show where it differs.
""",
        ["benchmark/claims/rule.py", "benchmark/claims/parts.py", "benchmark/claims/study_controls.py"],
    ),
    (
        "Loss on the corpus, and overlap",
        """
**Loss on the corpus** is the untreated model's mean token loss on it, in nats: high is unfamiliar. Its rank
correlation with the gain is Spearman's, with Fisher's z and Bonett and Wright's variance. **Overlap** is
the share of a corpus's n-grams that also stand in task documents.
""",
        ["benchmark/statistics/rank_correlation.py"],
    ),
    (
        "Verification",
        """
`gapbench verify` first recomputes the tables from the stored samples (they must agree to 1e-12), then
repeats runs drawn at random: they must start from the same weights, choice log-probabilities agree to 1e-3,
and an answer may flip only where its margin is below that. On success on another machine the state becomes
`reproduced`.
""",
        ["benchmark/submissions"],
    ),
    (
        "Downloads",
        """
Every table can be had as CSV and as Parquet, holding the rows and columns that the page shows at full
precision. Parquet holds every cell exactly. In CSV, a text cell that a spreadsheet would run as a formula
(it begins with =, +, - or @) has an apostrophe before it; numbers and a lone sign are left as they are. The
tables' own copy and export buttons are off, because they would skip that. A chart's toolbar saves it as
PNG.
""",
        ["leaderboard/display/tables.py", "leaderboard/display/wording.py"],
    ),
]
PAPER = "https://arxiv.org/abs/2306.07052"
ORIGINAL = "https://github.com/kaist-lklab/GAP"


def main() -> None:
    """Draw the page."""
    page.start("method", "Method", LEAD)
    st.markdown(
        "The method under test: Yoon, Jang, Kim and Seo, *Gradient Ascent Post-training*, ACL 2023 "
        f"([paper]({PAPER}), [code]({ORIGINAL}))."
    )
    place = 0
    for heading, body, files in SECTIONS:
        st.header(heading)
        st.markdown(body)
        for name in files:
            place += 1
            show_code(name, place)
    show_columns()
    page.finish()


@st.fragment
def show_code(name: str, place: int) -> None:
    """Where it is computed: the file's text, drawn where the reader opens it."""
    path = track_data.ROOT / name
    if path.is_file():
        with state.unfold(f"Code: {name}", f"code{place}", icon=":material/code:") as part:
            if part.open:
                st.code(page.file_text(path), language="python", height=360)
    else:
        st.caption(f"Code: {wording.plain(name)}")
    state.end()


def show_columns() -> None:
    """Every column that a table may show."""
    import pandas as pd

    st.header("Every column")
    frame = pd.DataFrame(
        [
            {"heading": c.label, "column": name, "meaning": c.help.replace("`", "")}
            for name, c in COLUMNS.items()
            if c.kind != "link"
        ]
    )
    labels = {
        "heading": Column("Heading", "On the pages."),
        "column": Column("Column", "In the files."),
        "meaning": Column("Meaning", "In words.", width="large"),
    }
    tables.show(frame, "columns", labels=labels)


main()
