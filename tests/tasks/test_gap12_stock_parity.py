"""Stock lm-eval (HFLM, batch size 1, fp32) and our engine agree on gap12, read from the same YAML."""

import math

import pytest
import torch
from small_data import TWELVE
from test_gap12_fidelity import JOINT_DIFFERS

from benchmark.evaluation.engine import evaluate
from benchmark.evaluation.prepare import prepare
from benchmark.models.opt import load_opt
from benchmark.models.tokenizer import Tokenizer
from benchmark.tasks.suite import TASKS_FOLDER, load_suite

torch.set_num_threads(1)
pytestmark = pytest.mark.slow
DOCUMENTS, LENGTH, GENERATED = 8, 512, 32


@pytest.fixture(scope="module")
def both(golden_dir):
    """Stock samples by task, our samples by task, our suite and the tokenizer."""
    from lm_eval import simple_evaluate
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager
    from transformers import AutoTokenizer, OPTForCausalLM

    folder = golden_dir / "models" / "pre_ln"
    hf_tokenizer = AutoTokenizer.from_pretrained(folder)
    hf_model = OPTForCausalLM.from_pretrained(folder, dtype=torch.float32)
    hf_model.resize_token_embeddings(len(hf_tokenizer))
    stock = HFLM(
        pretrained=hf_model, tokenizer=hf_tokenizer, batch_size=1, max_length=LENGTH, add_bos_token=True
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GAPBENCH_DATA", str(golden_dir.parent))
        manager = TaskManager(
            include_path=str(TASKS_FOLDER / "gap12"), include_defaults=False, metadata={"protocol": "paper"}
        )
        results = simple_evaluate(
            model=stock, tasks=TWELVE, task_manager=manager, limit=DOCUMENTS, bootstrap_iters=0
        )
        suite = load_suite("gap12", tasks=TWELVE, protocol="paper", limit=DOCUMENTS)
    tokenizer = Tokenizer.from_folder(folder)
    model = load_opt(folder, vocab_rows=tokenizer.n_tokens)
    samples = evaluate(model, prepare(suite, tokenizer, max_length=LENGTH)).samples.to_pandas()
    ours = {name: table.to_dict("records") for name, table in samples.groupby("task")}
    return results["samples"], ours, suite, tokenizer


def documents(both, family):
    """Task, stock lm-eval's sample and ours, of each document of a family."""
    stock, ours, suite, _ = both
    names = [task.name for task in suite.tasks if task.family == family]
    return [(name, *pair) for name in names for pair in zip(stock[name], ours[name], strict=True)]


def test_choices_have_the_same_summed_log_probabilities_and_accuracy(both):
    """Within 1e-4, except for the documents whose joint tokenisation differs."""
    pairs = [
        (theirs, sample)
        for name, theirs, sample in documents(both, "classification")
        if sample["doc_id"] not in JOINT_DIFFERS.get(name, ())
    ]
    for theirs, sample in pairs:
        wanted = [response[0][0] for response in theirs["resps"]]
        assert list(sample["choice_logprobs"]) == pytest.approx(wanted, abs=1e-4)
        assert sample["value"] == theirs["acc"]
        right = torch.tensor(wanted, dtype=torch.float64).softmax(0)[int(theirs["target"])]
        assert sample["probability"] == pytest.approx(float(right), abs=1e-4)
    assert len(pairs) > 50


def test_dialogues_have_the_same_texts_and_f1(both):
    """But for contexts that stock lm-eval cuts to leave room for the answer within ``max_length``."""
    tokenizer = both[-1]
    pairs = [
        (theirs, sample)
        for _, theirs, sample in documents(both, "dialogue")
        if len(tokenizer.encode(theirs["arguments"][0][0], bos=True)) <= LENGTH - GENERATED
    ]
    for theirs, sample in pairs:
        assert sample["prediction"] == theirs["resps"][0][0]
        assert math.isclose(sample["value"], theirs["f1"], abs_tol=1e-9)
        tokens = len(tokenizer.encode(theirs["arguments"][1][1], bos=False))
        assert sample["probability"] == pytest.approx(math.exp(-theirs["nll"] / tokens), rel=1e-5)
    assert len(pairs) > 20
