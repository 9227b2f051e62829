"""Scores, texts and metrics of the engine against the plain forward, one sequence at a time."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from small import UNTIL, SmallTask, random_model, small_suite

from benchmark.errors import InputError
from benchmark.evaluation.engine import SAMPLE_COLUMNS, batched_loss, evaluate
from benchmark.evaluation.prepare import prepare
from benchmark.models.opt import OptModel, causal_logits
from benchmark.models.tensor_names import EMBEDDING
from benchmark.models.weights import weights_sha256
from benchmark.schema.stored_columns import SAMPLES
from benchmark.tasks.suite import Document, Suite, SuiteTask

torch.set_num_threads(1)

SHAPES = {
    "pre_ln": {},
    "post_ln_projected": {"do_layer_norm_before": False, "word_embed_proj_dim": 16},
    "one_layer": {"num_hidden_layers": 1},
    "no_biases_no_final_norm": {"enable_bias": False, "remove_final_layer_norm": True},
}


@pytest.fixture(scope="module", params=SHAPES)
def model(request, tokenizer):
    return random_model(tokenizer.n_tokens, **SHAPES[request.param])


@torch.no_grad()
def plain_logprob(model, context, continuation):
    ids = torch.tensor([context + continuation])
    logprobs = causal_logits(model.params, model.config, ids[:, :-1])[0].double().log_softmax(-1)
    rows = range(len(context) - 1, ids.shape[1] - 1)
    return sum(float(logprobs[row, ids[0, row + 1]]) for row in rows)


@torch.no_grad()
def plain_text(model, tokenizer, prompt, new_tokens):
    written: list[int] = []
    for _ in range(new_tokens):
        ids = torch.tensor([prompt + written])
        token = int(causal_logits(model.params, model.config, ids)[0, -1].argmax())
        if token == tokenizer.eos_id:
            break
        written.append(token)
    return tokenizer.decode(written).split(UNTIL)[0]


def test_choices_score_as_in_the_plain_forward(model, tokenizer, suite):
    samples = evaluate(model, prepare(suite, tokenizer, max_length=120)).samples.to_pandas()
    for split in ("select", "test"):
        ours = samples[(samples.task == "choice") & (samples.split == split)]
        for document, row in zip(suite.tasks[0].documents[split], ours.itertuples(), strict=True):
            context = tokenizer.encode(document.row["context"], bos=True)
            wanted = [
                plain_logprob(model, context, tokenizer.encode(choice, bos=False))
                for choice in document.row["choices"]
            ]
            assert row.choice_logprobs == pytest.approx(wanted, rel=1e-6, abs=1e-4)
            assert row.prediction == str(int(np.argmax(wanted)))
            assert row.target == str(document.row["gold"])
            assert row.value == (row.prediction == row.target)
            expected = float(torch.tensor(wanted, dtype=torch.float64).softmax(0)[document.row["gold"]])
            assert row.probability == pytest.approx(expected, abs=1e-4)


def test_texts_are_those_of_greedy_decoding_without_a_cache(model, tokenizer, suite):
    samples = evaluate(model, prepare(suite, tokenizer, max_length=120)).samples.to_pandas()
    texts = set()
    for split in ("select", "test"):
        ours = samples[(samples.task == "talk") & (samples.split == split)]
        for document, row in zip(suite.tasks[1].documents[split], ours.itertuples(), strict=True):
            prompt = tokenizer.encode(document.row["context"], bos=True)
            assert row.prediction == plain_text(model, tokenizer, prompt, 12)
            assert row.target == document.row["target"]
            texts.add(row.prediction)
    assert len(texts) > 3


def test_dialogue_loss_is_the_token_mean_of_each_batch_weighted_by_its_documents(model, tokenizer, suite):
    evaluation = evaluate(model, prepare(suite, tokenizer, max_length=120), loss_batch_size=5)
    losses, counts = [], []
    for document in suite.tasks[1].documents["test"]:
        target = tokenizer.encode("</s>" + document.row["target"], bos=False)
        losses.append(-plain_logprob(model, tokenizer.encode(document.row["context"], bos=True), target))
        counts.append(len(target))
    batches = [slice(0, 5), slice(5, 10), slice(10, 12)]
    wanted = sum(sum(losses[b]) / sum(counts[b]) * len(losses[b]) for b in batches) / 12
    assert evaluation.metrics["test"]["talk"]["loss"] == pytest.approx(wanted, abs=1e-5)


def test_the_probability_of_a_dialogue_is_its_own_references_mean_token_loss(model, tokenizer, suite):
    """Whatever the batches of the loss: exp of minus the mean over the reference's tokens, between 0 and 1."""
    prepared = prepare(suite, tokenizer, max_length=120, splits=["test"])
    samples = evaluate(model, prepared, loss_batch_size=5).samples
    assert samples.equals(evaluate(model, prepared, loss_batch_size=1).samples)
    ours = samples.to_pandas().query("task == 'talk'")
    for document, row in zip(suite.tasks[1].documents["test"], ours.itertuples(), strict=True):
        target = tokenizer.encode("</s>" + document.row["target"], bos=False)
        logprob = plain_logprob(model, tokenizer.encode(document.row["context"], bos=True), target)
        assert row.probability == pytest.approx(math.exp(logprob / len(target)), rel=1e-5)
        assert 0 < row.probability < 1


def test_each_document_has_its_cluster_or_is_its_own(tokenizer, suite):
    task = suite.tasks[0]
    rows = [
        replace(one, row={**one.row, "cluster": f"fact {one.doc_id % 3}"}) for one in task.documents["test"]
    ]
    asked = replace(suite, tasks=(replace(task, documents={"test": tuple(rows)}), suite.tasks[1]))
    samples = evaluate(
        random_model(tokenizer.n_tokens), prepare(asked, tokenizer, max_length=120, splits=["test"])
    ).samples.to_pandas()
    named = samples.task == "choice"
    assert samples[named].cluster.tolist() == [f"fact {number % 3}" for number in samples[named].doc_id]
    assert samples[~named].cluster.tolist() == [str(number) for number in samples[~named].doc_id]


def test_a_batch_of_all_documents_has_their_token_mean_and_single_ones_the_mean_of_means():
    nll, tokens = np.array([3.0, 8.0, 2.0]), np.array([1, 4, 1])
    assert batched_loss(nll, tokens, 99) == pytest.approx(13 / 6)
    assert batched_loss(nll, tokens, 1) == pytest.approx((3 + 2 + 2) / 3)


@pytest.mark.parametrize("settings", [{"batch_tokens": 64}, {"batch_tokens": 1}, {"logits_bytes": 1}])
def test_numbers_are_the_same_for_every_batch_budget(model, tokenizer, suite, settings):
    """To float32's last digits: matrix products of other heights sum in another order."""
    first = evaluate(model, prepare(suite, tokenizer, max_length=120)).samples.to_pandas()
    other = evaluate(model, prepare(suite, tokenizer, max_length=120, **settings)).samples.to_pandas()
    columns = [name for name in SAMPLE_COLUMNS if name not in ("choice_logprobs", "probability")]
    assert first[columns].equals(other[columns])
    assert first.probability.tolist() == pytest.approx(other.probability.tolist(), rel=1e-4, abs=1e-9)
    for one, two in zip(first.choice_logprobs.dropna(), other.choice_logprobs.dropna(), strict=True):
        assert one == pytest.approx(two, rel=1e-6)


def test_two_passes_are_equal_bit_for_bit_and_leave_the_weights_alone(model, tokenizer, suite):
    prepared = prepare(suite, tokenizer, max_length=120)
    before = weights_sha256(model.params)
    assert evaluate(model, prepared).samples.equals(evaluate(model, prepared).samples)
    assert weights_sha256(model.params) == before


def test_one_preparation_serves_many_checkpoints(tokenizer, suite):
    prepared = prepare(suite, tokenizer, max_length=120)
    one, two = (random_model(tokenizer.n_tokens, seed=seed) for seed in (1, 2))
    first = evaluate(one, prepared)
    assert not evaluate(two, prepared).samples.equals(first.samples)
    assert evaluate(one, prepared).samples.equals(first.samples)


def test_long_texts_are_cut_from_the_left(tokenizer, suite):
    model = random_model(tokenizer.n_tokens)
    samples = evaluate(model, prepare(suite, tokenizer, max_length=30)).samples.to_pandas()
    ours = samples[(samples.task == "choice") & (samples.split == "test")]
    cut = 0
    for document, row in zip(suite.tasks[0].documents["test"], ours.itertuples(), strict=True):
        context = tokenizer.encode(document.row["context"], bos=True)
        wanted = []
        for choice in document.row["choices"]:
            ids = tokenizer.encode(choice, bos=False)
            cut += len(context) + len(ids) > 30
            kept = context[len(context) + len(ids) - 30 :] if len(context) + len(ids) > 30 else context
            wanted.append(plain_logprob(model, kept, ids))
        assert row.choice_logprobs == pytest.approx(wanted, rel=1e-6, abs=1e-4)
    assert cut > 5


def test_ties_go_to_the_first_choice(tokenizer):
    rows = [{"context": "the cat", "choices": [" dog", " dog"], "gold": gold} for gold in (0, 1)]
    documents = {"test": tuple(Document(number, row) for number, row in enumerate(rows))}
    task = SuiteTask("choice", "classification", "acc", 0.5, "1", SmallTask("classification"), documents)
    prepared = prepare(Suite("s", "1", (task,)), tokenizer, max_length=50)
    samples = evaluate(random_model(tokenizer.n_tokens), prepared).samples
    assert samples["prediction"].to_pylist() == ["0", "0"]
    assert samples["value"].to_pylist() == [1.0, 0.0]


def test_the_table_has_the_types_of_the_schema_in_the_order_of_tasks_splits_and_documents(tokenizer, suite):
    evaluation = evaluate(random_model(tokenizer.n_tokens), prepare(suite, tokenizer, max_length=120))
    assert evaluation.samples.schema.names == SAMPLE_COLUMNS
    for field in evaluation.samples.schema:
        assert field.type == SAMPLES.field(field.name).type
    keys = [evaluation.samples[name].to_pylist() for name in ("split", "task", "doc_id")]
    wanted = [
        (split, task.name, document.doc_id)
        for split in ("select", "test")
        for task in suite.tasks
        for document in task.documents[split]
    ]
    assert list(zip(*keys, strict=True)) == wanted


def test_averages_are_means_over_tasks(tokenizer, suite):
    evaluation = evaluate(random_model(tokenizer.n_tokens), prepare(suite, tokenizer, max_length=120))
    samples = evaluation.samples.to_pandas()
    for split in ("select", "test"):
        means = samples[samples.split == split].groupby("task").value.mean()
        averages = evaluation.averages[split]
        assert averages["classification"] == pytest.approx(means["choice"])
        assert averages["dialogue"] == pytest.approx(means["talk"])
        assert averages["all"] == pytest.approx(means.mean())


def test_only_the_splits_asked_for_are_scored(tokenizer, suite):
    prepared = prepare(suite, tokenizer, max_length=120)
    evaluation = evaluate(random_model(tokenizer.n_tokens), prepared, splits=["select"])
    assert set(evaluation.samples["split"].to_pylist()) == {"select"} == set(evaluation.metrics)
    with pytest.raises(InputError, match="split"):
        prepare(suite, tokenizer, max_length=120, splits=["train"])


def test_a_checkpoint_with_logits_that_are_not_finite_scores_chance_everywhere(tokenizer, suite):
    model = random_model(tokenizer.n_tokens)
    params = {name: tensor.clone() for name, tensor in model.params.items()}
    params[EMBEDDING][5] = float("nan")
    evaluation = evaluate(OptModel(model.config, params), prepare(suite, tokenizer, max_length=120))
    samples = evaluation.samples.to_pandas()
    assert not evaluation.finite
    assert set(samples[samples.task == "choice"].value) == {0.25}
    assert set(samples[samples.task == "talk"].value) == {0.0}
    assert evaluation.metrics["test"]["talk"] == {"f1": 0.0, "loss": None}
    assert samples.choice_logprobs.isna().all() and samples.prediction.isna().all()
    assert samples.probability.equals(samples.value)


def test_bfloat16_agrees_to_its_precision(tokenizer, suite):
    model = random_model(tokenizer.n_tokens)
    half = OptModel(model.config, {name: tensor.bfloat16() for name, tensor in model.params.items()})
    prepared = prepare(suite, tokenizer, max_length=120)
    exact, rough = (evaluate(one, prepared).metrics["test"]["talk"]["loss"] for one in (model, half))
    assert rough == pytest.approx(exact, rel=0.05)
    assert rough != exact


def test_texts_that_need_more_positions_than_the_model_has_are_refused(tokenizer, suite):
    short = random_model(tokenizer.n_tokens, max_position_embeddings=40)
    with pytest.raises(InputError, match="positions"):
        evaluate(short, prepare(suite, tokenizer, max_length=120))
    prepared = prepare(suite, tokenizer, max_length=120, positions=40)
    assert evaluate(short, prepared).finite


def test_a_model_with_fewer_rows_than_the_tokenizer_has_tokens_is_refused(tokenizer, suite):
    with pytest.raises(InputError, match="tokenizer"):
        evaluate(random_model(tokenizer.n_tokens - 1), prepare(suite, tokenizer, max_length=120))


def test_progress_counts_up_to_the_positions_of_the_plan(tokenizer, suite):
    prepared = prepare(suite, tokenizer, max_length=120, splits=["test"], batch_tokens=200)
    seen: list[tuple[int, int]] = []
    evaluate(
        random_model(tokenizer.n_tokens), prepared, progress=lambda done, total: seen.append((done, total))
    )
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert {total for _, total in seen} == {prepared.positions_pushed} == {seen[-1][0]}


def test_hashes_differ_where_documents_do(tokenizer, suite):
    prepared = prepare(suite, tokenizer, max_length=120)
    assert prepare(small_suite(), tokenizer, max_length=120).plan_hash == prepared.plan_hash
    assert prepare(small_suite(seed=1), tokenizer, max_length=120).plan_hash != prepared.plan_hash
    fewer = replace(suite, tasks=suite.tasks[:1])
    assert prepare(fewer, tokenizer, max_length=120).plan_hash != prepared.plan_hash
