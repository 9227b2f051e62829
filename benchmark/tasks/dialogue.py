"""Dialogue tasks: the prompt with its speaker labels, the normalised turns, and the unigram F1 of the answer.

A row holds ``turns``, a list of two or more utterances; the last is the reference answer, the others are the
context. Each document makes two requests: greedy text for F1, and the log-likelihood of the reference for the
loss. The forms are those of the original study (kaist-lklab/GAP at fe89b0a).
"""

import re
import string
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lm_eval.api.instance import Instance
from lm_eval.api.task import ConfigurableTask

TARGET_PREFIX = "</s>"
"""The reference is tokenised with OPT's leading token, which is then part of what the loss is taken over."""

SPEAKERS = ("User 1:", "User 2:")

_BLANK_BEFORE = ((" .", "."), (" ,", ","), (" ?", "?"), (" !", "!"), (" ' ", "'"))
_FIRST_PERSON = frozenset({"i", "i'm", "i've", "i'll", "i'd"})
_SENTENCE_ENDS = frozenset(".?!")
_TURN_ENDS = tuple("!.?)\"'")
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLES = re.compile(r"\b(?:a|an|the)\b")


def normalise_turn(text: str) -> str:
    """The turn in lower case with sentence starts and "i" capitalised, punctuation joined, and a final mark.

    Marks are set apart by blanks first: a sentence starts at the word after ".", "?" or "!".
    """
    apart = text.lower()
    for joined_from, mark in _BLANK_BEFORE:
        apart = apart.replace(mark, joined_from).replace("  ", " ")
    words = apart.split(" ")
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


def prompt_of(turns: Sequence[str]) -> str:
    """The context turns, one a line behind alternating labels, and the label of the speaker who answers."""
    lines = [f"{SPEAKERS[i % 2]} {normalise_turn(turn)}" for i, turn in enumerate(turns[:-1])]
    return "\n".join([*lines, SPEAKERS[(len(turns) - 1) % 2]])


def unigram_f1(prediction: str, reference: str) -> float:
    """Harmonic mean of the precision and recall of words, counted with repeats; 0 where nothing is shared."""
    predicted, wanted = _words(prediction), _words(reference)
    shared = sum((Counter(predicted) & Counter(wanted)).values())
    if not shared:
        return 0.0
    precision, recall = shared / len(predicted), shared / len(wanted)
    return 2 * precision * recall / (precision + recall)


def _words(text: str) -> list[str]:
    return _ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split()


# lm-eval has no types, so mypy takes its classes for Any.
class DialogueTask(ConfigurableTask):  # type: ignore[misc]
    """An lm-eval task over rows of ``turns``: one generation and one log-likelihood request a document.

    The YAML gives the dataset, ``generation_kwargs`` and metadata; prompt, target and scores are the class's.
    Per document: ``f1`` in [0, 1], and ``nll``, minus the log-likelihood of the reference in nats.
    """

    def __init__(self, config: Mapping[str, Any], **_ignored: Any) -> None:
        settings = {key: value for key, value in config.items() if key != "class"}
        super().__init__(config=settings)

    def doc_to_text(self, doc: Mapping[str, Any], doc_to_text: object = None) -> str:
        return prompt_of(doc["turns"])

    def doc_to_target(self, doc: Mapping[str, Any], doc_to_target: object = None) -> str:
        return normalise_turn(doc["turns"][-1])

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
        return {"f1": unigram_f1(text, self.doc_to_target(doc)), "nll": -float(logprob)}

    def aggregation(self) -> dict[str, Callable[[Sequence[float]], float]]:
        return {"f1": _mean, "nll": _mean}

    def higher_is_better(self) -> dict[str, bool]:
        return {"f1": True, "nll": False}


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
