"""What is assumed of two OPT models' scores by document, of which none are published."""

from collections.abc import Mapping

DISAGREEMENT = 0.20
DISAGREEMENTS = {("opt-350m", "opt-1-3b"): 0.25}
"""Share of choices on which one of two rungs is right and the other is not, by (smaller, larger) where it is set."""

F1_SD = 0.13
"""Standard deviation over documents of the difference of two rungs' F1."""


def gap_variances(model: str, rung: str, counts: Mapping[str, tuple[bool, int]]) -> dict[str, float]:
    """By task, what it adds to the documents' variance of the gap over the mean of these tasks.

    `counts` say of each task whether its score is the F1 of a written text, and its documents. The parts sum to the
    variance of `rung` minus `model` over another sample of documents, taken as independent.
    """
    choices = DISAGREEMENTS.get((model, rung), DISAGREEMENT)
    return {
        task: (F1_SD**2 if written else choices) / documents / len(counts) ** 2
        for task, (written, documents) in counts.items()
    }


def words() -> str:
    """The assumptions in words."""
    apart = ", ".join(f"{share:.0%} for {a} and {b}" for (a, b), share in DISAGREEMENTS.items())
    return (
        f"two rungs disagree on {DISAGREEMENT:.0%} of choices ({apart}); s.d. of the difference of F1 {F1_SD}"
    )
