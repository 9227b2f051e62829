"""How much of a corpus occurs word for word in the documents of the tasks (n-gram contamination).

The unit is the n-gram of lower-cased words, as in the contamination studies of GPT-3 (Brown et al. 2020,
appendix C, n from 8 to 13); n is 8 here, because task documents are short.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmark.system.strict_json import walk
from benchmark.tasks.rows import content as content_of

if TYPE_CHECKING:
    from benchmark.tasks.suite import Suite

WORDS_PER_GRAM = 8
WORD = re.compile(r"\w+")
Gram = tuple[str, ...]


@dataclass(frozen=True)
class Overlap:
    """Overlap of a corpus with task documents.

    Attributes:
        share: share of the corpus's n-gram occurrences that some document contains; 0 if the corpus has no n-grams.
        texts: number of texts with at least one such n-gram.
        documents: by task, (documents with at least one n-gram of the corpus, documents).
    """

    n: int
    grams: int
    share: float
    texts: int
    documents: Mapping[str, tuple[int, int]]


def overlap(
    texts: Iterable[str], documents: Mapping[str, Iterable[str]], *, n: int = WORDS_PER_GRAM
) -> Overlap:
    """Overlap of `texts` with the documents of each task, by n-grams of words."""
    holders: dict[Gram, set[tuple[str, int]]] = {}
    sizes: dict[str, int] = {}
    for task, contents in documents.items():
        sizes[task] = 0
        for number, content in enumerate(contents):
            sizes[task] += 1
            for gram in grams(content, n):
                holders.setdefault(gram, set()).add((task, number))
    total = shared = touched = 0
    found: set[tuple[str, int]] = set()
    for text in texts:
        hits = 0
        for gram in grams(text, n):
            total += 1
            if gram in holders:
                hits += 1
                found |= holders[gram]
        shared += hits
        touched += hits > 0
    by_task = {task: (sum(1 for name, _ in found if name == task), size) for task, size in sizes.items()}
    return Overlap(n, total, shared / total if total else 0.0, touched, by_task)


def grams(text: str, n: int) -> Iterator[Gram]:
    """The n-grams of a text's lower-cased words; none if it has fewer than n words."""
    words = WORD.findall(text.lower())
    return zip(*(words[start:] for start in range(n)), strict=False)


def suite_documents(suite: "Suite") -> dict[str, list[str]]:
    """By task, every document of every split as text: the strings of its row, in the order of its columns."""
    return {
        task.name: [
            "\n".join(value for _, value in walk(content_of(document.row)) if isinstance(value, str))
            for split in task.documents.values()
            for document in split
        ]
        for task in suite.tasks
    }
