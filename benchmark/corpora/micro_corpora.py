"""The micro track's corpora: pages the models were trained on, pages they were not, program text, and lessons."""

import random
from itertools import islice
from pathlib import Path

from benchmark.corpora.lesson_texts import lesson_texts
from benchmark.corpora.text_files import read_texts
from benchmark.corpora.texts import CorpusText, text_id
from benchmark.errors import InputError
from benchmark.settings.corpus_specs import MicroPart
from benchmark.world.pretraining_text import pages, pretraining_pages

CODE = Path(__file__).with_name("code_texts.jsonl")


def micro_corpus(part: MicroPart, texts: int, seed: int = 0) -> tuple[CorpusText, ...]:
    """``texts`` texts of a part, the same for the same ``seed``.

    ``seen``: pages of the pretraining text, word for word, from its beginning (``seed`` 0) or further on.
    ``unseen``: pages about the same world, made of passages that no pretraining text contains.
    ``lessons``: questions in the form of the tasks with their right answers; none of them is a task's document.
    ``code``: small programs in several languages; a ``seed`` other than 0 changes their order.
    Raises InputError if the part has fewer texts.
    """
    if texts < 1 or seed < 0:
        raise InputError(f"corpus {part}: texts is {texts}, seed is {seed}: give at least 1 and 0")
    if part == "seen":
        return _texts(islice(pretraining_pages(), seed * texts, (seed + 1) * texts))
    if part == "unseen":
        return _texts(islice(pages(seed, reserved=True), texts))
    if part == "lessons":
        return _texts(islice(lesson_texts(seed), texts))
    programs = read_texts(CODE)
    if texts > len(programs):
        raise InputError(f"corpus code: {texts} texts asked for, there are {len(programs)}: take fewer")
    if seed == 0:
        return programs[:texts]
    shuffled = [program.text for program in programs]
    random.Random(seed).shuffle(shuffled)
    return _texts(shuffled[:texts])


def _texts(found: "islice[str] | list[str]") -> tuple[CorpusText, ...]:
    return tuple(CorpusText(index, text_id(text), text) for index, text in enumerate(found))
