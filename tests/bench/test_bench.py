"""The benchmarks' arithmetic, and each measurement once on a subject small enough for a test."""

import json
import math
import sys
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "evaluation"))
from small import small_suite, write_tokenizer

from benchmark.bench import architectures, growth
from benchmark.bench import bench_rows as table_of
from benchmark.bench.bench_rows import Row, at_least, at_most, counted, overhead, speedup
from benchmark.bench.counting import (
    Count,
    flops,
    needed,
    one_sequence_a_choice,
    padded_positions,
    saved_in_last_layer,
    sequence_lengths,
)
from benchmark.bench.drafted import shares
from benchmark.bench.floor import floor_batches, floor_pass
from benchmark.bench.gpu import matrix_rate, shape_rows
from benchmark.bench.growth import gap_run
from benchmark.bench.speed_ratio import per_item
from benchmark.bench.stock import Stock, load_transformers, load_weights
from benchmark.bench.subjects import make_checkpoints, make_subject, subject_of
from benchmark.bench.written_report import architecture_table, bench_table
from benchmark.doctor.architecture_trials import write_drawn
from benchmark.errors import InputError
from benchmark.evaluation.prepare import prepare
from benchmark.execution.workers import run_units
from benchmark.models.causal_model import CausalModel
from benchmark.models.model_folders import load_model
from benchmark.models.opt import OptConfig, causal_logits
from benchmark.posttrain.run_loop import execute_run
from benchmark.system.marked_text import replace_between_markers

torch.set_num_threads(1)

ROOT = Path(__file__).resolve().parent.parent.parent
CONFIG = OptConfig(268, 32, 2, 4, 64, 160, 32)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    return write_tokenizer(tmp_path_factory.mktemp("tokenizer"))


@pytest.fixture(scope="module")
def subject(tokenizer):
    config = replace(CONFIG, vocab_size=tokenizer.n_tokens)
    return make_subject(
        "small", small_suite(), "held-out", tokenizer, config, max_length=120, documents=6, checkpoints=2
    )


def test_a_speedup_is_peer_over_ours_and_an_overhead_ours_over_peer():
    row = speedup([2.0, 1.0, 4.0], [10.0, 6.0, 8.0], "s", at_least(5))
    assert (row.ours, row.peer, row.ratio) == (2.0, 8.0, 5.0)
    assert row.spread == 4.0 and row.holds
    assert overhead([2.0], [1.0], "s", at_most(1.3)).ratio == 2.0
    assert not overhead([2.0], [1.0], "s", at_most(1.3)).holds


def test_a_peer_measured_fewer_times_is_compared_with_our_median():
    assert speedup([1.0, 2.0, 3.0], [10.0], "s").ratio == 5.0


def test_rows_are_written_with_their_bounds(tmp_path):
    rows = {"kept": counted(1, 2, "n", at_most(1)), "missed": Row(1, 1, 1, 0, "s", at_least(2))}
    table_of.write(rows, tmp_path)
    read = json.loads((tmp_path / "bench.json").read_text())
    figures = {"ours": 1, "peer": 2, "ratio": 0.5, "spread": 0.0, "unit": "n"}
    assert read["kept"] == figures | {"bound": "at most 1", "holds": True}
    assert not read["missed"]["holds"]
    assert "MISSED" in table_of.table(rows).splitlines()[2]


def test_the_sample_spans_the_lengths_of_a_task(tokenizer, subject):
    assert {name: len(rows) for name, rows in subject.rows.items()} == {"choice": 6, "talk": 6}
    whole = prepare(small_suite(), tokenizer, max_length=120, splits=["test"])

    def sizes(prepared, task):
        split = prepared.splits["test"]
        units = [split.workload.units[unit] for unit in split.tasks[task].units]
        return [sum(len(one.ids) for one in unit.continuations) for unit in units]

    for task in (0, 1):
        assert max(sizes(subject.prepared, task)) == max(sizes(whole, task))
        assert min(sizes(subject.prepared, task)) == min(sizes(whole, task))


def test_counts_are_those_of_the_texts(subject):
    units = subject.prepared.splits["test"].workload.units
    prefixes = sum(
        len({one.ids[:stop] for one in unit.continuations for stop in range(1, len(one.ids))})
        for unit in units
    )
    decoded = 6 * 11
    assert needed(subject.prepared).positions == prefixes + decoded == subject.prepared.positions_needed
    pushed = sum(len(ids) for unit in units for ids in {one.ids[:-1] for one in unit.continuations})
    prompts = sum(len(unit.prompt) for unit in units)
    assert one_sequence_a_choice(subject.prepared).positions == pushed + prompts + decoded
    sequences = sum(len(unit.continuations) for unit in units) + 6
    assert padded_positions(subject.prepared, 512) == sequences * 512 + decoded
    lengths = sequence_lengths(subject.prepared)
    assert sum(size for size, _ in lengths) == prefixes + decoded
    assert sum(read for _, read in lengths) == needed(subject.prepared).logits


def test_flops_are_two_a_weight_and_four_a_channel_and_pair():
    layer = 4 * 32 * 32 + 2 * 32 * 64
    assert flops(Count(10, 3, 55), CONFIG) == 2 * (2 * layer * 10 + 4 * 32 * 55) + 2 * 268 * 32 * 3


def test_the_engine_spends_less_than_every_layer_everywhere(subject):
    saved = saved_in_last_layer(subject.prepared, CONFIG)
    assert 0 < saved < flops(needed(subject.prepared), CONFIG) / 2


def test_the_floor_pushes_the_needed_positions_and_reads_finite_numbers(subject):
    model = subject.checkpoints[0]
    batches = floor_batches(subject.prepared, model, batch_tokens=200)
    assert sum(len(batch.read) for batch in batches) == needed(subject.prepared).logits
    pushed = sum(batch.ids.numel() for batch in batches)
    assert needed(subject.prepared).positions <= pushed <= 1.5 * needed(subject.prepared).positions
    total = floor_pass(model, batches)
    with torch.no_grad():
        wanted = sum(
            causal_logits(model.params, model.config, batch.ids)
            .flatten(0, 1)[batch.read]
            .log_softmax(-1)[:, 0]
            .sum()
            for batch in batches
        )
    assert total == pytest.approx(float(wanted), rel=1e-5)


def test_checkpoints_are_neighbours():
    one, two = make_checkpoints(CONFIG, 1)
    far = math.sqrt(sum(float((one.params[n] - two.params[n]).pow(2).sum()) for n in one.params))
    size = math.sqrt(sum(float(one.params[n].pow(2).sum()) for n in one.params))
    assert 0.001 * size < far < 0.01 * size


def test_cost_an_item_is_that_at_the_largest_size_over_that_at_the_smallest():
    assert per_item(lambda size: 3.0 * size, (1, 2, 4), "s", at_most(1.15)).ratio == 1.0
    assert not per_item(lambda size: size**2, (1, 2, 4), "s", at_most(1.15)).holds


def test_a_run_scores_the_steps_asked_for(subject):
    record = execute_run(*gap_run(subject, steps=(1, 3))).record
    assert [step.step for step in record.steps if step.metrics] == [0, 1, 3]
    assert record.stopped_at == 3


def test_two_workers_do_the_same_runs_as_one(tokenizer, monkeypatch):
    config = replace(CONFIG, vocab_size=tokenizer.n_tokens)
    done = {1: [], 2: []}

    def noted(function, context, units, settings):
        results = sorted(run_units(function, context, units, settings), key=lambda pair: pair[0])
        done[settings.workers].append([(unit, result.record) for unit, result in results])
        return results

    monkeypatch.setattr(growth, "run_units", noted)
    monkeypatch.setattr(growth, "worker_count", lambda *_: 2)  # on a machine with one core too
    monkeypatch.setattr(growth, "REPETITIONS", 1)
    rows = growth.workers_row(small_suite(), tokenizer, config, max_length=120, runs=2)
    assert done[1] == done[2] != []
    assert all([unit for unit, _ in runs] == [0, 1] for runs in done[1])
    assert rows["workers"].ratio == pytest.approx(rows["workers"].peer / rows["workers"].ours)


def test_workers_are_not_compared_where_there_is_one_core(tokenizer, monkeypatch):
    monkeypatch.setattr(growth, "worker_count", lambda *_: 1)
    assert growth.workers_row(small_suite(), tokenizer, CONFIG, max_length=120) == {}


def test_the_table_of_an_accelerator_is_made_on_any_device(tokenizer):
    """On a CPU here: the same code, with a shape that fits a test."""
    config = replace(CONFIG, vocab_size=tokenizer.n_tokens, max_position_embeddings=600)
    device = torch.device("cpu")
    rate = matrix_rate(device, torch.float32, size=128)
    rows = shape_rows(
        "small", config, small_suite(), tokenizer, device, rate, documents=2, dtype=torch.float32
    )
    assert set(rows) == {"gpu/small/pass", "gpu/small/share_of_matrix_rate"}
    subject = make_subject(
        "small", small_suite(), "paper", tokenizer, config, max_length=512, documents=2, checkpoints=1
    )
    work = flops(needed(subject.prepared), config) - saved_in_last_layer(subject.prepared, config)
    share = rows["gpu/small/share_of_matrix_rate"]
    assert share.ours == pytest.approx(work / rows["gpu/small/pass"].ours / 1e12)
    assert share.peer == pytest.approx(rate / 1e12)
    assert 0 < share.ratio < 1


def test_a_page_holds_the_tables_of_its_files():
    page = "a\n<!-- bench -->\nold\n<!-- /bench -->\nb\n"
    row = speedup([1.0], [2.0], "s", at_least(3)).to_json()
    filled = replace_between_markers(page, {"bench": bench_table({"x": row})})
    assert "| x | 1 | 2 | 2 | 0 | s | at least 3, **missed** |" in filled
    assert filled.startswith("a\n<!-- bench -->\n") and filled.endswith("<!-- /bench -->\nb\n")
    assert "old" not in filled
    with pytest.raises(InputError, match="stages"):
        replace_between_markers(page, {"stages": ""})


def test_the_documentation_shows_what_was_measured():
    page, measured = ROOT / "docs" / "PERFORMANCE.md", ROOT / "docs" / "bench.json"
    models = ROOT / "docs" / "architectures.json"
    if models.is_file():
        assert architecture_table(json.loads(models.read_text())) in page.read_text()
    if not measured.is_file():
        pytest.skip("no docs/bench.json: run `gapbench bench --out docs`")
    assert bench_table(json.loads(measured.read_text())) in page.read_text()


def test_the_share_of_texts_that_repeat_the_base_is_counted_by_arm_and_step(tmp_path):
    def write(cell, arm, step, predictions):
        names = {
            "task": "talk",
            "split": "test",
            "family": "dialogue",
            "metric": "f1",
            "model": "m",
            "arm": arm,
            "step": step,
        }
        rows = [names | {"doc_id": number, "prediction": text} for number, text in enumerate(predictions)]
        rows.append(
            rows[0] | {"family": "classification", "metric": "acc", "task": "choice", "prediction": "0"}
        )
        folder = tmp_path / "runs" / "m" / cell
        folder.mkdir(parents=True)
        pq.write_table(pa.Table.from_pylist(rows), folder / "samples.parquet")

    write("none", "none", 0, ["a", "b", "c", "d"])
    write("code", "gap", 5, ["a", "b", "c", "x"])
    table = shares(tmp_path)
    assert table.loc[("gap", 5), "m"] == 0.75
    with pytest.raises(InputError, match="make repro"):
        shares(tmp_path / "nothing")


@pytest.fixture(scope="module")
def other(tokenizer, tmp_path_factory):
    """Two models over transformers, and what of their work is timed."""
    folder = tmp_path_factory.mktemp("llama")
    shape = architectures.SHAPES["llama"] | {
        "hidden_size": 48,
        "num_hidden_layers": 2,
        "intermediate_size": 96,
    }
    write_drawn(shape | {"vocab_size": tokenizer.n_tokens}, folder, scale=0.1)
    base = load_model(folder, vocab_rows=tokenizer.n_rows)
    models = (base, CausalModel(base.config, {name: tensor * 1.001 for name, tensor in base.params.items()}))
    return subject_of("llama", small_suite(), "held-out", tokenizer, models, max_length=120, documents=4)


def test_the_bare_pass_of_another_architecture_reads_its_logits(other):
    model = other.checkpoints[0]
    batches = floor_batches(other.prepared, model, batch_tokens=200)
    with torch.no_grad():
        wanted = sum(
            model.config.logits(model.params, batch.ids).flatten(0, 1)[batch.read].log_softmax(-1)[:, 0].sum()
            for batch in batches
        )
    assert architectures.bare_pass(model, batches) == pytest.approx(float(wanted), rel=1e-5)


def test_flops_of_another_architecture_are_those_of_its_layers(other):
    module = other.checkpoints[0].config.module
    layer = 48 * 48 * 2 + 2 * 48 * 16 + 3 * 48 * 96  # heads of 8, two groups of them for keys and values
    rows = module.config.vocab_size
    counted = architectures.flops_of(Count(10, 3, 55), module)
    assert counted == 2 * (2 * layer * 10 + 4 * 48 * 55) + 2 * rows * 48 * 3


def test_stock_lm_eval_gets_any_checkpoint(other, tmp_path):
    model = other.checkpoints[0]
    assert Stock.of(other, tmp_path).sizes() == [4, 16, 64]
    loaded = load_transformers(tmp_path, model.device, model.dtype)
    load_weights(loaded, model)
    ids = torch.arange(20)[None]
    with torch.no_grad():
        torch.testing.assert_close(loaded(ids).logits, model.config.logits(model.params, ids))


def test_figures_of_other_models_stay_where_the_cpu_is_the_same(tmp_path, monkeypatch):
    path = tmp_path / "architectures.json"
    row = counted(1, 2, "n")
    monkeypatch.setattr(architectures, "cpu_name", lambda: "one")
    architectures.keep({"llama/positions": row}, "llama", path)
    architectures.keep({"gpt_neox/positions": row}, "gpt_neox", path)
    architectures.keep({"llama/floor": row}, "llama", path)
    assert set(json.loads(path.read_text())["rows"]) == {"gpt_neox/positions", "llama/floor"}
    monkeypatch.setattr(architectures, "cpu_name", lambda: "two")
    architectures.keep({"llama/positions": row}, "llama", path)
    assert json.loads(path.read_text())["cpu"] == "two"
    assert set(json.loads(path.read_text())["rows"]) == {"llama/positions"}
    assert "One thread of: two." in architecture_table(json.loads(path.read_text()))
