"""The engine as an lm-eval model, so that stock ``simple_evaluate`` can drive it."""

import hashlib
import json
from collections.abc import Sequence
from typing import Literal

import numpy as np
from lm_eval.api.instance import Instance
from lm_eval.api.model import LM

from benchmark.errors import InputError
from benchmark.evaluation.batch_plan import Ending
from benchmark.evaluation.batched_requests import Unit, Workload, make_workload
from benchmark.evaluation.batched_scoring import LOGITS_BYTES, Outcome, run_workload
from benchmark.evaluation.encoders import JointEncoder, ending_of
from benchmark.evaluation.stops import cut_at_stops
from benchmark.evaluation.trees import Continuation, cut_left
from benchmark.models.causal_model import CausalModel
from benchmark.models.tokenizer import Tokenizer


class EngineLM(LM):  # type: ignore[misc] # lm-eval is not typed
    """``model`` may be replaced between calls; plans for the same requests are kept.

    ``tokenisation``: ``apart`` encodes context and continuation separately, as the original study does;
    ``joint`` encodes them together and cuts at the length of the context, as lm-eval does.
    """

    def __init__(
        self,
        model: CausalModel,
        tokenizer: Tokenizer,
        *,
        max_length: int | None = None,
        batch_tokens: int = 8192,
        logits_bytes: int = LOGITS_BYTES,
        tokenisation: Literal["apart", "joint"] = "apart",
    ) -> None:
        super().__init__()
        self.model = model
        self.tokenizer = tokenizer
        self.max_length = max_length or model.config.max_position_embeddings
        self.batch_tokens = batch_tokens
        self.logits_bytes = logits_bytes
        self.tokenisation = tokenisation
        self._kept: dict[str, Workload] = {}

    @property
    def tokenizer_name(self) -> str:
        """Digest of the tokenizer: lm-eval records it."""
        return self.tokenizer.digest

    def loglikelihood(
        self, requests: Sequence[Instance], disable_tqdm: bool = False
    ) -> list[tuple[float, bool]]:
        """(summed log-probability of the continuation, whether greedy decoding would give it) for each request."""
        places, work = self._scoring([(str(request.args[0]), str(request.args[1])) for request in requests])
        outcome = self._run(work, want_greedy=True)
        sums = work.sums(outcome.logprobs).tolist()
        assert outcome.greedy is not None
        greedy = np.logical_and.reduceat(outcome.greedy, work.first_slot[:-1]).tolist() if sums else []
        answers: list[tuple[float, bool]] = [(0.0, False)] * len(requests)
        for place, logprob, is_greedy in zip(places, sums, greedy, strict=True):
            answers[place] = (logprob, is_greedy)
        return answers

    def loglikelihood_rolling(self, requests: Sequence[Instance], disable_tqdm: bool = False) -> list[float]:
        """Not offered: no task of the suites asks for it."""
        raise InputError("this engine only scores continuations and generates: leave perplexity tasks out")

    def generate_until(self, requests: Sequence[Instance], disable_tqdm: bool = False) -> list[str]:
        """Greedy text up to the first stop string of each request."""
        endings = [ending_of(request.args[1]) for request in requests]
        work = self._generating([str(request.args[0]) for request in requests], endings)
        tokens = self._run(work).tokens
        texts = []
        for number, ending in enumerate(endings):
            texts.append(cut_at_stops(self.tokenizer.decode(tokens[number]), ending.stops))
        return texts

    def _run(self, work: Workload, *, want_greedy: bool = False) -> Outcome:
        return run_workload(
            self.model.config.network(self.model.params),
            work,
            eos_id=self.tokenizer.eos_id,
            logits_bytes=self.logits_bytes,
            want_greedy=want_greedy,
        )

    def _scoring(self, pairs: list[tuple[str, str]]) -> tuple[list[int], Workload]:
        """Requests with the same context share a tree; the places say which request each continuation belongs to."""
        by_context: dict[str, list[int]] = {}
        for place, (context, _) in enumerate(pairs):
            by_context.setdefault(context, []).append(place)
        places = [place for members in by_context.values() for place in members]
        key = _key(["score", pairs])
        if key not in self._kept:
            ordered = self._continuations([pairs[place] for place in places])
            found = dict(zip(places, ordered, strict=True))
            units = [Unit(tuple(found[place] for place in members)) for members in by_context.values()]
            self._kept[key] = make_workload(units, self.tokenizer, batch_tokens=self.batch_tokens)
        return places, self._kept[key]

    def _continuations(self, pairs: list[tuple[str, str]]) -> list[Continuation]:
        if self.tokenisation == "joint":
            return JointEncoder(self.tokenizer, self.max_length).pairs(pairs)
        encode = self.tokenizer.encode
        return [
            cut_left(encode(context, bos=True), encode(continuation, bos=False), self.max_length)
            for context, continuation in pairs
        ]

    def _generating(self, contexts: list[str], endings: list[Ending]) -> Workload:
        key = _key(["generate", contexts, [[ending.new_tokens, ending.stops] for ending in endings]])
        if key not in self._kept:
            encoder = JointEncoder(self.tokenizer, self.max_length)
            ids = encoder.encoded((context, True) for context in contexts)
            units = [
                Unit((), encoder.prompt(ids[context, True], ending), ending)
                for context, ending in zip(contexts, endings, strict=True)
            ]
            self._kept[key] = make_workload(units, self.tokenizer, batch_tokens=self.batch_tokens)
        return self._kept[key]


def _key(content: object) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()
