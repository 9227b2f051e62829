"""A task of lm-eval's as the suites hold one: its few-shot examples, its filter, its metric of one document."""

import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from lm_eval.api.instance import Instance
from lm_eval.api.samplers import FirstNSampler
from lm_eval.utils import env

from benchmark.errors import InputError
from benchmark.tasks.rows import Row
from benchmark.tasks.suite import Document, SuiteTask

if not hasattr(env.from_string, "cache_info"):
    # lm-eval compiles a template anew each time that it fills it in, which takes most of the time of making prompts.
    env.from_string = functools.lru_cache(maxsize=4096)(env.from_string)


@dataclass(frozen=True)
class ListedDocument(Document):
    """A document, what others that ask the same share with it, and the examples that its prompt shows."""

    asks: str = ""
    shown: Sequence[Row] = field(default=(), repr=False)

    @property
    def cluster(self) -> str:
        return self.asks or str(self.doc_id)


@dataclass(frozen=True)
class ListedTask(SuiteTask):
    """A task of lm-eval's. ``filter``: of written texts, the pipeline that the metric reads.

    ``origin``: where its rows came from. ``code``: digest of the settings and code that decide its scores.
    """

    filter: str | None = None
    origin: str = ""
    code: str = ""
    split_rule: str = ""

    @property
    def recipe(self) -> str:
        return hashlib.sha256(f"{self.code} {self.filter}".encode()).hexdigest()

    def facts(self) -> dict[str, object]:
        more = {"filter": self.filter} if self.filter else {}
        return {**super().facts(), **more, "data": self.origin, "splits": self.split_rule}

    def requests(self, document: Document) -> list[Instance]:
        """lm-eval's requests for one document, in the order of ``idx``."""
        shown = document.shown if isinstance(document, ListedDocument) else ()
        self.task.sampler = FirstNSampler(list(shown))
        context = self.task.fewshot_context(
            document.row, num_fewshot=len(shown), gen_prefix=self.task.doc_to_prefix(document.row)
        )
        made = self.task.construct_requests(
            doc=document.row, ctx=context, metadata=(self.name, document.doc_id, 1)
        )
        return made if isinstance(made, list) else [made]

    def lengths(self, document: Document) -> list[float] | None:
        """Characters of each choice for `acc_norm`, as lm-eval counts them."""
        if self.metric != "acc_norm":
            return None
        lengths = [float(len(choice)) for choice in self.task.doc_to_choice(document.row)]
        if not all(lengths):
            raise InputError(
                f"task {self.name} document {document.doc_id} has an empty choice: take the metric acc"
            )
        return lengths

    def graded(self, document: Document, text: str) -> float:
        """The metric of a written text behind its filter.

        Raises:
            InputError: it is no number in [0, 1].
        """
        request = Instance("generate_until", document.row, ("", {}), 0, resps=[text])
        for pipeline in self.task._filters:
            if pipeline.name == self.filter:
                pipeline.apply([request])
        found = self.task.process_results(document.row, [request.filtered_resps[self.filter]]).get(
            self.metric
        )
        try:
            value = float(found)
        except (TypeError, ValueError):
            value = float("nan")
        if not 0 <= value <= 1:
            raise InputError(
                f"task {self.name} document {document.doc_id}: {self.metric} is {found!r:.80}, no number in [0, 1], "
                "so it cannot be averaged: take another metric"
            )
        return value
