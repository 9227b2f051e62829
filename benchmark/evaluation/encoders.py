"""From lm-eval's requests to token ids: as the original study encoded them, and as lm-eval does."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from lm_eval.api.instance import Instance

from benchmark.errors import InputError
from benchmark.evaluation.batch_plan import Ending
from benchmark.evaluation.batched_requests import Unit
from benchmark.evaluation.trees import Continuation, cut_left
from benchmark.models.tokenizer import Tokenizer
from benchmark.tasks.dialogue import TARGET_PREFIX


class Encoder(ABC):
    """Requests to units of work."""

    tokenizer: Tokenizer

    @abstractmethod
    def units(self, requests: Sequence[Sequence[Instance]]) -> list[Unit]:
        """One unit a document, from the requests of each document."""


@dataclass(frozen=True)
class ApartEncoder(Encoder):
    """Context and continuation are encoded apart."""

    tokenizer: Tokenizer
    max_length: int
    positions: int | None

    def units(self, requests: Sequence[Sequence[Instance]]) -> list[Unit]:
        """One unit a document. Contexts carry the leading token, continuations do not."""
        flat = [request for document in requests for request in document]
        texts = list(dict.fromkeys(request.args[0] for request in flat))
        contexts = dict(zip(texts, self.tokenizer.encode_batch(texts, bos=True), strict=True))
        texts = list(dict.fromkeys(r.args[1] for r in flat if r.request_type == "loglikelihood"))
        continuations = dict(zip(texts, self._continuations(texts), strict=True))
        return [self._unit(document, contexts, continuations) for document in requests]

    def _continuations(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of what is scored; a reference carries what the tokenizer puts in front of a text."""
        encode = self.tokenizer.encode_batch
        plain = encode([text.removeprefix(TARGET_PREFIX) for text in texts], bos=False)
        front = [self.tokenizer.leading if text.startswith(TARGET_PREFIX) else () for text in texts]
        return [[*before, *ids] for before, ids in zip(front, plain, strict=True)]

    def _unit(
        self,
        requests: Sequence[Instance],
        contexts: Mapping[str, list[int]],
        continuations: Mapping[str, list[int]],
    ) -> Unit:
        scored = []
        prompt: tuple[int, ...] = ()
        ending = None
        for request in requests:
            context = contexts[request.args[0]]
            if request.request_type == "loglikelihood":
                scored.append(cut_left(context, continuations[request.args[1]], self.max_length))
            elif request.request_type == "generate_until":
                ending = ending_of(request.args[1])
                prompt = tuple(self.tokenizer.cut_left(context, self.longest_prompt(ending)))
            else:
                raise InputError(
                    f"request type {request.request_type!r} of {request.task_name} is not supported"
                )
        return Unit(tuple(scored), prompt, ending)

    def longest_prompt(self, ending: Ending) -> int:
        """Tokens of a prompt that leave room for what is generated."""
        if self.positions is None:
            return self.max_length
        room = self.positions - ending.new_tokens + 1
        if room < 1:
            raise InputError(
                f"{ending.new_tokens} new tokens do not fit into the model's {self.positions} positions"
            )
        return min(self.max_length, room)


Text = tuple[str, bool]
"""A text, and whether what the tokenizer puts in front of texts goes in front of it."""


@dataclass(frozen=True)
class JointEncoder(Encoder):
    """Context and continuation are encoded together and cut at the length of the context: lm-eval's ``HFLM``."""

    tokenizer: Tokenizer
    max_length: int

    def units(self, requests: Sequence[Sequence[Instance]]) -> list[Unit]:
        """One unit a document."""
        texts: list[Text] = []
        for request in (request for document in requests for request in document):
            if request.request_type == "loglikelihood":
                texts += _parts(str(request.args[0]), str(request.args[1]))
            elif request.request_type == "generate_until":
                texts.append((request.args[0], True))
            else:
                raise InputError(
                    f"request type {request.request_type!r} of {request.task_name} is not supported"
                )
        encoded = self.encoded(texts)
        return [self._unit(document, encoded) for document in requests]

    def encoded(self, texts: Iterable[Text]) -> dict[Text, list[int]]:
        """Ids of texts; one that begins with the token of the beginning gets no second."""
        distinct = list(dict.fromkeys(texts))
        begin = self.tokenizer.text_of(self.tokenizer.bos_id)
        ids = self.tokenizer.encode_batch([text for text, _ in distinct], bos=False)
        return {
            (text, in_front): [*self.tokenizer.leading, *found]
            if in_front and not (begin and text.startswith(begin))
            else found
            for (text, in_front), found in zip(distinct, ids, strict=True)
        }

    def pairs(self, pairs: Sequence[tuple[str, str]]) -> list[Continuation]:
        """Pairs of context and continuation."""
        encoded = self.encoded(text for pair in pairs for text in _parts(*pair))
        return [self._continuation(context, text, encoded) for context, text in pairs]

    def prompt(self, ids: Sequence[int], ending: Ending) -> tuple[int, ...]:
        """The end of a prompt, with room behind it for what is written."""
        room = self.max_length - ending.new_tokens
        if room < 1:
            raise InputError(f"{ending.new_tokens} new tokens leave no room in {self.max_length}")
        return tuple(ids[-room:]) or (self.tokenizer.bos_id,)

    def _continuation(
        self, context: str, continuation: str, encoded: Mapping[Text, list[int]]
    ) -> Continuation:
        """A pair. It may have one token more than ``max_length``, as in ``HFLM``: the last is never pushed."""
        ids = [encoded[text] for text in _parts(context, continuation)]
        if context:
            before, after = ids[0], ids[1][len(ids[0]) :]
        else:
            before, after = [self.tokenizer.bos_id], ids[0]
            if after[:1] == before:
                after = after[1:]
        if not after:
            raise InputError(
                f"the text {continuation!r:.60} adds no token to its context {context[-40:]!r}: it cannot be scored"
            )
        return cut_left(before or [self.tokenizer.bos_id], after, self.max_length + 1)

    def _unit(self, requests: Sequence[Instance], encoded: Mapping[Text, list[int]]) -> Unit:
        scored: list[Continuation] = []
        prompt: tuple[int, ...] = ()
        ending = None
        for request in requests:
            if request.request_type == "loglikelihood":
                context, continuation = request.args
                scored.append(self._continuation(context, continuation, encoded))
            else:
                ending = ending_of(request.args[1])
                prompt = self.prompt(encoded[request.args[0], True], ending)
        return Unit(tuple(scored), prompt, ending)


def _parts(context: str, continuation: str) -> tuple[Text, ...]:
    """What is encoded of a pair: the context without its last blanks, and both together."""
    if not context:
        return ((continuation, False),)
    return (context.rstrip(), True), (context + continuation, True)


MOST_NEW = ("max_gen_toks", "max_new_tokens", "max_tokens", "max_completion_tokens")
"""Names of one setting of lm-eval; the first that is given counts."""


def ending_of(settings: Mapping[str, object]) -> Ending:
    """An ending from lm-eval's ``generation_kwargs``; only greedy decoding is known."""
    samples = settings.get("do_sample", bool(settings.get("temperature")))
    if samples or settings.get("num_beams", 1) != 1:
        raise InputError("generation_kwargs ask for sampling or beams: this engine decodes greedily only")
    until = settings.get("until") or []
    stops = (until,) if isinstance(until, str) else tuple(str(stop) for stop in until)  # type: ignore[attr-defined]
    new_tokens = next((settings[name] for name in MOST_NEW if settings.get(name) is not None), 256)
    if not isinstance(new_tokens, int) or new_tokens < 1 or not all(stops):
        raise InputError(
            f"generation_kwargs {dict(settings)!r}: give max_gen_toks from 1 up, and no empty stop"
        )
    return Ending(new_tokens, stops)
