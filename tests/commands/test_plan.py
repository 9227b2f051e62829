"""`gapbench plan`: its counts follow from the settings, its power from the rule by which scoring decides."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmark.commands.plan import chosen_rates, plan
from benchmark.commands.planned_cost import Work, cost, work_of
from benchmark.commands.planned_power import (
    FLIPS,
    SHARED,
    TEXT_SD,
    ClaimPair,
    assumed_variances,
    claim_pairs,
    configured_counts,
    detectable_gain,
    gain_of_documents,
    measured_pair,
    pair_lines,
    print_power,
    published_gap,
    scenarios_of,
    variances_of,
)
from benchmark.commands.planned_track import model_shape
from benchmark.errors import InputError
from benchmark.settings.load import load_settings
from benchmark.settings.model_specs import HubModel
from benchmark.statistics.crossed import crossed
from benchmark.store.track_paths import TrackPaths
from tests.scoring.synthetic import base_of, entry_of, layout_of

ROOT = Path(__file__).resolve().parents[2]
FEW = ["evaluation.documents=2", "evaluation.select_documents=2", "evaluation.base_documents=2"]


def test_the_runs_of_the_micro_track_are_counted_with_soups_and_filters(tmp_path: Path) -> None:
    settings = load_settings(ROOT / "params.yaml", ["arms.soup={kind: soup, of: gap, group: 2}"])
    layout, most = TrackPaths(tmp_path, "micro"), settings.posttrain.max_steps
    texts = {spec.texts for spec in settings.corpora.values()}
    assert len(texts) == 1
    number = texts.pop() or 0
    plain, scored = 3 * number * 4, len(settings.evaluation.steps or ())
    soups = 3 * (number // 2)
    assert work_of(settings, layout, "micro-2") == Work((plain + 2 * soups) * most, plain * scored + soups)
    # micro-1 alone has the controls: the rate that harms, on `code`, and `lessons`, whose runs have one pass.
    assert work_of(settings, layout, "micro-1") == Work(
        steps=(plain + number + 2 * soups) * most,
        passes=(plain + number) * scored + soups + number,
        lesson_tokens=number * settings.arms["lessons"].updates * 512,
    )


THREE = [
    "corpora={seen: {kind: micro, part: seen, texts: 5}, unseen: {kind: micro, part: unseen, texts: 5}, "
    "code: {kind: micro, part: code, texts: 5}}",
    "claims={}",
    "posttrain.max_steps=15",
    "evaluation.steps=[5, 15]",
]


def test_every_seed_of_a_random_arm_counts_and_every_step_under_the_papers_protocol(tmp_path: Path) -> None:
    arms = "arms={r: {kind: random, seeds: [0, 1]}}"
    settings = load_settings(ROOT / "params.yaml", [*THREE, arms, "evaluation.protocol=paper"])
    assert work_of(settings, TrackPaths(tmp_path, "micro"), "micro-1") == Work(steps=30 * 15, passes=30 * 15)


def test_filters_and_the_updates_of_lessons_are_counted(tmp_path: Path) -> None:
    taught = "{kind: lessons, updates: 7, models: [micro-1], corpora: [seen]}"
    arms = f"{{gap: {{kind: ascent, corpora: [code]}}, taught: {taught}}}"
    settings = load_settings(ROOT / "params.yaml", [*THREE, f"arms={arms}"])
    layout = TrackPaths(tmp_path, "micro")
    assert work_of(settings, layout, "micro-1") == Work(5 * 15, 5 * 2 + 5, lesson_tokens=5 * 7 * 512)
    assert work_of(settings, layout, "micro-2") == Work(5 * 15, 5 * 2)


def test_a_corpus_without_a_number_of_texts_counts_by_its_file(tmp_path: Path) -> None:
    (tmp_path / "notes.jsonl").write_text('{"text": "one"}\n{"text": "two"}\n{"text": "three"}\n')
    settings = load_settings(
        ROOT / "params.yaml",
        [*THREE, "corpora={notes: {kind: file, path: notes.jsonl}}", "arms={a: {kind: ascent}}"],
    )
    assert work_of(settings, TrackPaths(tmp_path, "micro"), "micro-1").steps == 3 * 15


NEOX = {
    "model_type": "gpt_neox",
    "vocab_size": 50304,
    "max_position_embeddings": 2048,
    "tie_word_embeddings": False,
}
LLAMA = {
    "model_type": "llama",
    "vocab_size": 49152,
    "max_position_embeddings": 8192,
    "tie_word_embeddings": True,
}


@pytest.mark.parametrize(
    ("name", "config"),
    [
        (
            "EleutherAI/pythia-14m",
            NEOX | {"hidden_size": 128, "intermediate_size": 512, "num_hidden_layers": 6},
        ),
        (
            "EleutherAI/pythia-410m",
            NEOX | {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24},
        ),
        (
            "HuggingFaceTB/SmolLM2-360M",
            LLAMA
            | {"hidden_size": 960, "intermediate_size": 2560, "num_hidden_layers": 32}
            | {"num_attention_heads": 15, "num_key_value_heads": 5},
        ),
    ],
)
def test_known_shapes_are_those_of_the_models(name: str, config: dict[str, object], tmp_path: Path) -> None:
    """Before a model is fetched its shape comes from the table, afterwards from its `config.json`: the same."""
    heads = {"num_attention_heads": 4} | config
    spec = HubModel(kind="hub", id=name, revision="main")
    known = model_shape("m", spec, TrackPaths(tmp_path, "t"))
    folder = TrackPaths(tmp_path, "t").draw("m", 0)
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(heads), encoding="utf-8")
    assert model_shape("m", spec, TrackPaths(tmp_path, "t")) == known
    assert known.parameters == known.body + known.head + known.looked_up


def test_hub_tracks_are_planned_before_anything_is_fetched(
    tmp_path: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GAPBENCH_DATA", str(data_dir))
    few = [*FEW, "evaluation.suite=gap12", "evaluation.tasks=[copa]"]
    plan(ROOT, "pythia", 1e12, few)
    said = capsys.readouterr().out
    assert "not used by their role: pythia-160m, pythia-410m" in said
    assert [line.split()[:2] for line in said.splitlines() if line.startswith("pythia-")] == [
        ["pythia-14m", "14,067,712"],
        ["pythia-31m", "30,494,720"],
        ["pythia-70m", "70,426,624"],
    ]
    whole = [
        "models.pythia-70m.role=both",
        "models.pythia-160m.role=both",
        "models.pythia-410m.role=baseline",
    ]
    plan(ROOT, "pythia", 1e12, [*few, *whole])
    said = capsys.readouterr().out
    assert "not used" not in said and "pythia-410m" in said and "pythia-160m against pythia-410m" in said
    plan(ROOT, "smollm2", 1e12, few)
    said = capsys.readouterr().out
    assert "smollm2-360m against smollm2-1-7b" in said


def test_the_training_of_a_rung_is_part_of_its_cost() -> None:
    settings = load_settings(ROOT / "params.yaml", FEW)
    spec, layout = settings.models["micro-1"], TrackPaths(ROOT, "micro")
    found = cost("micro-1", spec, settings, layout)
    # 58,304 parameters less 258 x 32 positions, which are looked up; 6 FLOPs each and token.
    work = work_of(settings, layout, "micro-1")
    assert found.training == spec.trained_draws * 6 * (58_304 - 258 * 32) * 1_750_000
    assert found.posttraining == 6 * (58_304 - 258 * 32) * (256 * work.steps + work.lesson_tokens)
    assert found.flops == found.training + found.posttraining + found.evaluation + found.logits
    assert cost("micro-3", settings.models["micro-3"], settings, layout).posttraining == 0


@pytest.mark.parametrize("texts", [3, 5, 20])
def test_the_detectable_gain_is_found_in_four_fifths_of_data_with_the_planning_values(texts: int) -> None:
    rng = np.random.default_rng(0)
    tasks, documents, datasets = 4, 100, 1200
    layout = layout_of(*[documents] * tasks)
    shared, effect, found = FLIPS * SHARED, detectable_gain(texts, documents, tasks), 0.0
    for _ in range(4):
        size = (datasets // 4, texts, layout.size)
        values = rng.normal(effect, shared**0.5, (datasets // 4, 1, layout.size))
        values = values + rng.normal(0, (FLIPS - shared) ** 0.5, size)
        values += rng.normal(0, TEXT_SD, (datasets // 4, texts, 1))
        found += (crossed([values], None, layout).p_two_sided()[:, 0] < 0.05).sum()
    assert found / datasets == pytest.approx(0.8, abs=0.035)  # three standard errors


def test_a_task_with_few_documents_costs_more_than_its_share() -> None:
    assert gain_of_documents(20, [320] * 12) == pytest.approx(detectable_gain(20, 320, 12))
    few = gain_of_documents(20, [320] * 11 + [47])
    assert detectable_gain(20, 320, 12) < few < detectable_gain(20, 200, 12)
    # Twelve tasks weigh alike, so the documents' variance is a mean of 1 / n over tasks.
    same = 12 / (11 / 320 + 1 / 47)
    assert few == pytest.approx(detectable_gain(20, round(same), 12), rel=0.02)


def test_rates_of_a_gpu_are_its_published_peaks_by_precision() -> None:
    paper = load_settings(ROOT / "tracks" / "paper" / "params.yaml")
    rates, said = chosen_rates(paper, None, "h100")
    assert (rates.evaluation, rates.logits, rates.steps) == pytest.approx(
        (0.4 * 989.4e12, 0.4 * 67e12, 0.4 * 67e12)
    )
    assert "not measured" in said
    for rate, gpu in ((2e14, "h100"), (None, "h999"), (0.0, None), (np.nan, None), (np.inf, None)):
        with pytest.raises(InputError):
            chosen_rates(paper, rate, gpu)


def test_the_paper_track_takes_ten_hours_at_most(monkeypatch: pytest.MonkeyPatch, data_dir: Path) -> None:
    monkeypatch.setenv("GAPBENCH_DATA", str(data_dir))
    path = ROOT / "tracks" / "paper" / "params.yaml"
    settings, layout = load_settings(path), TrackPaths(ROOT, "paper")
    rates, _ = chosen_rates(settings, None, "h100")
    largest = cost("opt-2-7b", settings.models["opt-2-7b"], settings, layout)
    # Passes over the same documents cost in proportion to the parameters of the layers, and opt-6-7b has only one.
    others = 1 + 1.3 / 2.7 + 0.35 / 2.7 + 6.7 / 2.7 / 60
    assert others * largest.hours(rates) < 10
    full = load_settings(ROOT / "tracks" / "paper-full" / "params.yaml")
    assert {spec.texts for spec in full.corpora.values()} == {100}
    assert full.evaluation.steps is None and not full.evaluation.documents_by_task


@pytest.mark.parametrize(
    ("tasks", "tests"),
    [(["micro_cause", "micro_story"], 2), (["micro_cause", "micro_people"], 6)],
    ids=["one family", "two families"],
)
def test_power_is_told_for_the_tasks_that_are_in_use(
    tasks: list[str], tests: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = load_settings(ROOT / "params.yaml", [f"evaluation.tasks={tasks}"])
    sizes = {"micro-1": 100, "micro-2": 210, "micro-3": 440}
    print_power(settings, TrackPaths(tmp_path, "micro"), sizes, 5)
    said = capsys.readouterr().out
    assert "2 tasks" in said
    assert f"{detectable_gain(5, 320, 2):.4f}" in said
    assert f"{detectable_gain(5, 320, 2, 0.05 / tests):.4f}" in said and f"5 % / {tests}, Holm" in said
    assert "micro-1 against micro-2: no gap is known" in said


def test_power_of_one_document_per_task_is_refused(tmp_path: Path) -> None:
    few = ["evaluation.documents=1", "evaluation.tasks=[micro_cause, micro_story]"]
    with pytest.raises(InputError, match=r"evaluation\.documents: one document per task shows no variance"):
        print_power(load_settings(ROOT / "params.yaml", few), TrackPaths(tmp_path, "micro"), {}, 5)


def test_what_is_not_there_is_refused_before_anything_is_counted() -> None:
    for override, says in (
        ("arms.gap.kind=ascnt", "arms.gap.kind: no kind 'ascnt'"),
        ("corpora.code={kind: file, path: none.txt}", "corpora.code.path: no file or folder"),
        ('arms.low={kind: lora, rank: "4"}', "arms.low.rank: '4'"),
        ("claims.controls.same=micro-9", "claims.controls.same: no model 'micro-9'"),
    ):
        with pytest.raises(InputError, match=says):
            plan(ROOT, "micro", 1e12, [override])


REVIEWED = {
    ("opt-350m", "opt-1-3b"): (0.0379, [4.1]),
    ("opt-1-3b", "opt-2-7b"): (0.0084, [1.0, 1.6, 2.0, 2.1]),
}
"""Gap at `all`, and the gap in standard errors: as configured, all validation documents, `whole`, COPA with 500."""


def test_the_paper_track_is_planned_as_it_was_reviewed(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GAPBENCH_DATA", str(data_dir))
    settings = load_settings(ROOT / "tracks" / "paper-full" / "params.yaml")
    counts = configured_counts(settings)
    scenarios = scenarios_of(settings, counts)
    for (model, rung), (gap, steps) in REVIEWED.items():
        pair = ClaimPair(model, rung, 1)
        known = published_gap(ROOT, pair, counts)
        assert known is not None and known.value == pytest.approx(gap, abs=5e-5)
        for scenario, z in zip(scenarios.values(), steps, strict=False):
            variances, _ = assumed_variances(pair, scenario)
            assert known.value / variances.gap_documents**0.5 == pytest.approx(z, abs=0.05)
    _, shares = assumed_variances(ClaimPair("opt-1-3b", "opt-2-7b", 1), counts)
    assert shares["copa"] == pytest.approx(0.44, abs=0.01)
    lines = pair_lines(
        settings, TrackPaths(ROOT, "paper"), [ClaimPair("opt-1-3b", "opt-2-7b", 1)], counts, 100
    )
    said = "\n".join(lines)
    assert said.count("not decidable at any number of texts; with ") == 4
    assert "opt-2-7b against opt-6-7b: no gap is known" in "\n".join(
        pair_lines(settings, TrackPaths(ROOT, "paper"), [ClaimPair("opt-2-7b", "opt-6-7b", 1)], counts, 100)
    )


FOURTH = (
    "models.micro-4={kind: micro, role: baseline, hidden: 120, layers: 3, heads: 4, ffn: 480, tokens: 1000}"
)


def test_pairs_are_those_of_the_claims_with_the_rungs_that_verdicts_have() -> None:
    sizes = {"micro-1": 100, "micro-2": 200, "micro-3": 400, "micro-4": 410}
    settings = load_settings(ROOT / "params.yaml", ["scoring.ratio=[1.9, 4.2]", FOURTH])
    assert claim_pairs(settings, sizes) == [
        ClaimPair("micro-1", "micro-2", 3),
        ClaimPair("micro-2", "micro-3", 2),
    ]
    free = settings.model_copy(update={"claims": settings.claims.model_copy(update={"pairs": {}})})
    assert [pair.rung for pair in claim_pairs(free, sizes)] == [
        "micro-2",
        "micro-3",
        "micro-4",
        "micro-3",
        "micro-4",
    ]


def test_variances_of_the_results_are_those_that_made_them() -> None:
    rng, layout, total = np.random.default_rng(3), layout_of(400, 100), []
    for _ in range(200):
        gap = rng.normal(0.1, 0.5, 500)
        gains = rng.normal(0.02, 0.2, 500) + 0.1 * (gap - 0.1)
        values = gains + rng.normal(0, 0.3, (5, 500)) + rng.normal(0, 0.05, (5, 1))
        base, rung = base_of("m", np.zeros(500)), base_of("l", gap)
        variances = variances_of(entry_of("m", values, by="text"), base, rung, layout)
        total.append([getattr(variances, name) for name in PARTS])
        assert variances.gain_draws == variances.base_draws == variances.rung_draws == 0
    weight = (1 / 400 + 1 / 100) / 4
    expected = [0.25 * weight, (0.04 + 0.0025) * weight, 0.09 * weight, 0.0025, 0.025 * weight]
    np.testing.assert_allclose(np.mean(total, axis=0), expected, rtol=0.15)


PARTS = ("gap_documents", "gain_documents", "interaction", "texts", "covariance")


def test_the_micro_track_is_planned_with_its_committed_results() -> None:
    settings = load_settings(ROOT / "params.yaml")
    (model, rung), *_ = settings.claims.pairs.items()
    found = measured_pair(settings, TrackPaths(ROOT, "micro"), ClaimPair(model, rung, 1))
    assert found is not None
    variances, gap, draws = found
    spec = settings.models[model]
    assert draws == spec.n_draws and 0 < gap < 0.2
    assert 0 <= variances.gain_documents < variances.gap_documents < 1e-3
    assert 0 <= variances.gain_draws < min(variances.base_draws, variances.rung_draws) < 1e-3
    assert variances.interaction > 0 and variances.documents_df > 10
    assert measured_pair(settings, TrackPaths(ROOT, "nowhere"), ClaimPair(model, rung, 1)) is None
