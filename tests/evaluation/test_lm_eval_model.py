"""The engine as an lm-eval model gives what stock lm-eval's own model gives for the same requests."""

import pytest
import torch
from small import UNIT_SHAPE, random_model, small_suite

from benchmark.bench.stock import load_transformers
from benchmark.bench.stock import write_tokenizer as write_for_transformers
from benchmark.errors import InputError
from benchmark.evaluation.engine import evaluate
from benchmark.evaluation.lm_eval_model import EngineLM
from benchmark.evaluation.prepare import prepare
from benchmark.models.opt import save_opt

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def model(tokenizer):
    return random_model(tokenizer.n_tokens)


@pytest.fixture(scope="module")
def requests():
    suite = small_suite(documents=5)
    made = [request for task in suite.tasks for d in task.documents["test"] for request in task.requests(d)]
    return {
        kind: [request for request in made if request.request_type == kind]
        for kind in ("loglikelihood", "generate_until")
    }


@pytest.fixture(scope="module")
def stock(tokenizer, model, tmp_path_factory):
    """lm-eval's ``HFLM``, batch size 1, on the same weights."""
    from lm_eval.models.huggingface import HFLM
    from transformers import AutoTokenizer

    folder = tmp_path_factory.mktemp("stock")
    write_for_transformers(tokenizer, folder)
    save_opt(model, folder)
    network = load_transformers(folder, torch.device("cpu"), torch.float32)
    return HFLM(
        pretrained=network,
        tokenizer=AutoTokenizer.from_pretrained(folder),
        batch_size=1,
        add_bos_token=True,
        max_length=UNIT_SHAPE["max_position_embeddings"],
    )


def test_log_likelihoods_and_greedy_flags_are_those_of_stock(stock, model, tokenizer, requests):
    ours = EngineLM(model, tokenizer, tokenisation="joint").loglikelihood(requests["loglikelihood"])
    theirs = stock.loglikelihood(requests["loglikelihood"], disable_tqdm=True)
    assert [one for one, _ in ours] == pytest.approx([one for one, _ in theirs], rel=1e-6, abs=1e-4)
    assert [flag for _, flag in ours] == [flag for _, flag in theirs]


def test_texts_are_those_of_stock(stock, model, tokenizer, requests):
    ours = EngineLM(model, tokenizer).generate_until(requests["generate_until"])
    assert ours == stock.generate_until(requests["generate_until"], disable_tqdm=True)
    assert len(set(ours)) > 1


def test_apart_gives_what_the_suite_evaluation_gives(model, tokenizer):
    suite = small_suite(documents=5)
    samples = evaluate(model, prepare(suite, tokenizer, max_length=120, splits=["test"])).samples.to_pylist()
    task = suite.tasks[0]
    made = [request for document in task.documents["test"] for request in task.requests(document)]
    ours = EngineLM(model, tokenizer, max_length=120).loglikelihood(made)
    wanted = [value for row in samples if row["task"] == "choice" for value in row["choice_logprobs"]]
    assert [one for one, _ in ours] == pytest.approx(wanted, rel=1e-6)


def test_another_checkpoint_reuses_what_was_planned(model, tokenizer, requests):
    lm = EngineLM(model, tokenizer)
    first = lm.loglikelihood(requests["loglikelihood"])
    lm.model = random_model(tokenizer.n_tokens, seed=1)
    assert lm.loglikelihood(requests["loglikelihood"]) != first
    lm.model = model
    assert lm.loglikelihood(requests["loglikelihood"]) == first


def test_what_it_cannot_do_is_refused(model, tokenizer, requests):
    lm = EngineLM(model, tokenizer)
    with pytest.raises(InputError, match="perplexity"):
        lm.loglikelihood_rolling([])
    request = requests["generate_until"][0]
    sampled = type(request)("generate_until", {}, (request.args[0], {"do_sample": True}), 0)
    with pytest.raises(InputError, match="greedily"):
        lm.generate_until([sampled])
    with pytest.raises(InputError, match="no room"):
        EngineLM(model, tokenizer, max_length=10).generate_until([request])
    assert lm.loglikelihood([]) == []
