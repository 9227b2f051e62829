"""Dialogue tasks: the prompt with its speaker labels, the normalised turns, and the metric of the written answer.

A row holds ``turns``, a list of two or more utterances; the last is the reference answer, the others are the
context. Each document makes two requests: greedy text for F1, and the log-likelihood of the reference for the
loss. The forms are those of the original study (kaist-lklab/GAP at fe89b0a).
"""

from collections.abc import Callable, Mapping, Sequence
from statistics import fmean
from typing import Any

from lm_eval.api.instance import Instance
from lm_eval.api.task import ConfigurableTask

from benchmark.tasks.metrics import TEXT_METRICS

TARGET_PREFIX = "</s>"
"""The reference is tokenised with OPT's leading token, which is then part of what the loss is taken over."""

SPEAKERS = ("User 1:", "User 2:")

_BLANK_BEFORE = ((" .", "."), (" ,", ","), (" ?", "?"), (" !", "!"), (" ' ", "'"))
_FIRST_PERSON = frozenset({"i", "i'm", "i've", "i'll", "i'd"})
_SENTENCE_ENDS = frozenset(".?!")
_TURN_ENDS = tuple("!.?)\"'")


def normalise_turn(text: str) -> str:
    """The turn in lower case with sentence starts and "i" capitalised, punctuation joined, and a final mark.

    Marks are first separated by blanks: a sentence starts at the word after ".", "?" or "!".
    """
    spaced = text.lower()
    for joined_from, mark in _BLANK_BEFORE:
        spaced = spaced.replace(mark, joined_from).replace("  ", " ")
    words = spaced.split(" ")
    for position, word in enumerate(words):
        starts = position == 0 or words[position - 1] in _SENTENCE_ENDS
        if starts or word in _FIRST_PERSON:
            words[position] = word[:1].upper() + word[1:]
    joined = f" {' '.join(words)} "
    for joined_from, mark in _BLANK_BEFORE:
        joined = joined.replace(joined_from, mark)
    joined = joined.strip().replace("  ", " ")
    if joined and not joined.endswith(_TURN_ENDS):
        joined += "."
    return joined


def prompt_of(turns: Sequence[str], normalise: Callable[[str], str] = normalise_turn) -> str:
    """The context turns, one per line after alternating labels, and the label of the speaker who answers."""
    lines = [f"{SPEAKERS[i % 2]} {normalise(turn)}" for i, turn in enumerate(turns[:-1])]
    return "\n".join([*lines, SPEAKERS[(len(turns) - 1) % 2]])


def without_class(config: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a YAML that names its class, as lm-eval's own class takes them."""
    return {key: value for key, value in config.items() if key != "class"}


# lm-eval has no types, so mypy takes its classes for Any.
class DialogueTask(ConfigurableTask):  # type: ignore[misc]
    """An lm-eval task over rows of ``turns``: one generation and one log-likelihood request per document.

    The YAML gives the dataset, ``generation_kwargs`` and metadata; prompt, target and scores are the class's.
    Per document: the metric that ``metadata.metric`` names, ``f1`` by default, in [0, 1]; and ``nll``, minus the
    log-likelihood of the reference in nats.
    """

    @staticmethod
    def normalise(turn: str) -> str:
        return normalise_turn(turn)

    def __init__(self, config: Mapping[str, Any], **_ignored: Any) -> None:
        self.metric: str = (config.get("metadata") or {}).get("metric", "f1")
        super().__init__(config=without_class(config))

    def doc_to_text(self, doc: Mapping[str, Any], doc_to_text: object = None) -> str:
        return prompt_of(doc["turns"], self.normalise)

    def doc_to_target(self, doc: Mapping[str, Any], doc_to_target: object = None) -> str:
        return self.normalise(doc["turns"][-1])

    def construct_requests(self, doc: dict[str, Any], ctx: str, **kwargs: Any) -> list[Instance]:
        """The generation request (idx 0) and the log-likelihood request of the reference (idx 1)."""
        kwargs.pop("apply_chat_template", None)
        kwargs.pop("chat_template", None)
        generation = (ctx, dict(self.config.generation_kwargs))
        reference = (ctx, TARGET_PREFIX + self.doc_to_target(doc))
        return [
            Instance(request_type="generate_until", doc=doc, arguments=generation, idx=0, **kwargs),
            Instance(request_type="loglikelihood", doc=doc, arguments=reference, idx=1, **kwargs),
        ]

    def process_results(self, doc: dict[str, Any], results: Sequence[Any]) -> dict[str, float]:
        """``results``: the generated text and (log-likelihood, whether greedy) of the reference."""
        text, (logprob, _greedy) = results
        return {self.metric: TEXT_METRICS[self.metric](text, self.doc_to_target(doc)), "nll": -float(logprob)}

    def aggregation(self) -> dict[str, Callable[[Sequence[float]], float]]:
        return {self.metric: fmean, "nll": fmean}

    def higher_is_better(self) -> dict[str, bool]:
        return {self.metric: True, "nll": False}
