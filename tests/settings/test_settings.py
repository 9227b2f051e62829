"""Settings are strict: what DVC, a shell or a typing error could turn into something else is refused."""

from pathlib import Path
from typing import Any

import pytest

from benchmark.errors import InputError
from benchmark.settings.load import load_settings, validate
from benchmark.settings.scoring_settings import ScoringSettings
from benchmark.settings.track_settings import Settings, arms_of
from benchmark.system.strict_yaml import parse_yaml

ROOT = Path(__file__).resolve().parents[2]
MINIMAL: dict[str, Any] = {"track": {"name": "t"}, "models": {}, "corpora": {}, "arms": {}}


@pytest.mark.parametrize("path", ["params.yaml", "tracks/paper/params.yaml"])
def test_the_settings_of_every_track_are_valid(path: str) -> None:
    assert load_settings(ROOT / path).track.params == path


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("posttrain.learning_rat=1", "did you mean 'learning_rate'"),
        ("posttran.max_steps=1", "did you mean 'posttrain'"),
        ("posttrain.max_steps=many", "posttrain.max_steps"),
        ("posttrain.max_steps=-1", "greater than or equal to 0"),
        ("scoring.margin=1.5", "scoring.margin"),
        ("scoring.ratio=[4, 2]", "ratio is [low, high]"),
        ("evaluation.tasks=[]", "evaluation.tasks"),
        ("evaluation.protocol=best", "held-out"),
        ("posttrain.max_steps", "expected key=value"),
        ("corpora.seen.txts=3", "did you mean 'texts'"),
        ("arms.soup={kind: soup, of: gep}", "did you mean 'gap'"),
        ("arms.soup={kind: soup, of: gap, learning_rate: 1.0e-3}", "set it on 'gap'"),
        ("arms.shuffled={kind: shuffled, of: gap}", "'shuffled' does not build on other runs"),
        ("arms.gap={kind: ascent, of: gap}", "'ascent' does not build on other runs"),
        ("arms.random={kind: random, of: gap, learning_rate: 1.0e-3}", "set it on 'gap'"),
        ("arms.gap.learning_rat=1", "arms.gap.learning_rat: unknown key, did you mean 'learning_rate'"),
        ("arms.low={kind: lora, rnk: 3}", "arms.low.rnk: unknown key, did you mean 'rank'"),
        ("arms.mine={kind: '/etc/a.py:attempts'}", "name a file from the settings file's folder on"),
        ("arms.mine={kind: 'submissions/data/a/a.py:attempts'}", "code of a submission is never run"),
        ("arms.mine={kind: '../x/submissions/a.py:attempts'}", "code of a submission is never run"),
        ("arms.mine={kind: checkpoint, path: x}", "a checkpoint has `path`"),
        ("arms.mine={kind: checkpoint, path: x, base: micro-9}", "arms.mine.base: no model 'micro-9'"),
        ("arms.mine={kind: checkpoint, path: a/b@main, base: micro-1}", "<40 hex digits of a commit>"),
        ("arms.gap.path=x", "arms.gap.path: unknown key"),
        ("models.micro-1=!!python/object:os.system {}", "not plain YAML"),
        (
            "evaluation.suite={name: a, task: [piqa]}",
            "evaluation.suite.task: unknown key, did you mean 'tasks'",
        ),
        ("evaluation.suite={name: a, tasks: []}", "evaluation.suite.tasks"),
        ("evaluation.suite={name: a, tasks: [x, x]}", "'x' is named twice"),
        ("evaluation.suite={name: a, tasks: [x], families: {all: [x]}}", "'all' already names a scope"),
        ("evaluation.suite={name: a, tasks: [x, y], families: {b: [x]}}", "'y' is in none"),
        ("evaluation.suite={name: a, tasks: [piqa], families: {b: [pica]}}", "did you mean 'piqa'"),
        ("evaluation.suite={name: a-5shot, tasks: [x]}", "few-shot variant"),
        ("evaluation.suite={name: a, tasks: [x], folder: submissions/data/b}", "never run"),
        ("evaluation.suite={name: a, tasks: [x], data: {x: {files_off: gap12}}}", "did you mean 'files_of'"),
        ("evaluation.suite={name: a, tasks: [x], data: {x: {revision: main}}}", "revision"),
        ("evaluation.suite=7", "evaluation.suite"),
    ],
)
def test_a_wrong_override_is_refused_with_where_and_what(override: str, says: str) -> None:
    with pytest.raises(InputError) as refused:
        load_settings(ROOT / "params.yaml", [override])
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


NO_NAMES = (
    "x; touch f", "../up", "a/b", "a b", "opt-1.3b", "Ümlaut", "UPPER", "-x", "x-", "a--b", "$(id)", "", "none",
    350, True, 1.5, None,
)  # fmt: skip


@pytest.mark.parametrize("name", NO_NAMES)
@pytest.mark.parametrize("section", ["models", "corpora", "arms"])
def test_a_name_that_is_not_valid_is_refused(section: str, name: Any) -> None:
    with pytest.raises(InputError):
        validate({**MINIMAL, section: {name: {"kind": "ascent"}}}, "test")


def test_two_run_groups_that_dvc_would_take_for_one_are_refused() -> None:
    folder = {"kind": "folder", "path": "x"}
    file = {"kind": "file", "path": "x"}
    raw = {**MINIMAL, "models": {"a": folder, "a-b": folder}, "corpora": {"b-c": file, "c": file}}
    with pytest.raises(InputError, match="'a-b-c'"):
        validate(raw, "test")


def test_a_suite_is_a_name_or_a_list_of_tasks() -> None:
    listed = load_settings(
        ROOT / "params.yaml",
        ["evaluation.suite={name: qa, tasks: [piqa]}", "evaluation.select_documents=null"],
    ).evaluation
    assert listed.suite_name == "qa"
    assert load_settings(ROOT / "params.yaml").evaluation.model_dump(mode="json")["suite"] == "micro12"
    for override, says in (("protocol=paper", "leave protocol"), ("num_fewshot=5", "inside suite")):
        with pytest.raises(InputError, match=says):
            load_settings(
                ROOT / "params.yaml", ["evaluation.suite={name: qa, tasks: [piqa]}", f"evaluation.{override}"]
            )


def test_an_override_takes_yaml_values_at_any_depth() -> None:
    changed = load_settings(ROOT / "params.yaml", ["evaluation.tasks=[a, b]", "corpora.seen.texts=7"])
    assert changed.evaluation.tasks == ("a", "b")
    assert changed.corpora["seen"].texts == 7


@pytest.mark.parametrize(
    "text", ["a: &x [1]\nb: *x", "a: !!python/name:os.system", "a: 1\na: 2", "a: [1", "\0"]
)
def test_yaml_with_tags_aliases_or_doubled_keys_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="not plain YAML"):
        parse_yaml(text, "test")


FAST = "arms.gap-lr1e-3={kind: ascent, learning_rate: 1.0e-3}"
SOUP = "arms.soup={kind: soup, of: gap}"


def controls_of(settings: Settings, arm: str) -> tuple[str, ...]:
    return ScoringSettings.of_track(settings).controls_of(arm, tuple(settings.arms))


def test_a_treatment_is_compared_with_the_controls_at_its_own_learning_rate() -> None:
    settings = load_settings(
        ROOT / "params.yaml", [FAST, SOUP, "arms.random-lr1e-3={kind: random, learning_rate: 1.0e-3}"]
    )
    assert controls_of(settings, "gap") == ("descent", "random", "shuffled")
    assert controls_of(settings, "gap-lr1e-3") == ("random-lr1e-3",)
    assert controls_of(settings, "soup") == ()
    assert controls_of(load_settings(ROOT / "params.yaml", [FAST]), "gap-lr1e-3") == ()


def test_an_arm_that_names_the_rate_of_the_track_shares_its_controls() -> None:
    settings = load_settings(ROOT / "params.yaml", ["arms.gap.learning_rate=0.0001", SOUP])
    assert controls_of(settings, "gap") == ("descent", "random", "shuffled")
    assert settings.learning_rate("soup") == settings.learning_rate("gap") == 1e-4


@pytest.mark.parametrize("kind", ["ascent", "descent"])
def test_seeds_that_would_repeat_one_run_are_refused(kind: str) -> None:
    with pytest.raises(InputError, match=r"arms\.a.*every seed would give the same run"):
        validate({**MINIMAL, "arms": {"a": {"kind": kind, "seeds": [0, 1]}}}, "test")


def test_seeds_count_where_they_draw() -> None:
    arms = {"random": {"kind": "random", "seeds": [0, 1]}, "own": {"kind": "own-kind", "seeds": [3, 4]}}
    assert validate({**MINIMAL, "arms": arms}, "test").arms["own"].seeds == (3, 4)


def test_a_soup_of_a_soup_is_refused() -> None:
    arms = {"one": {"kind": "soup", "of": "one"}}
    with pytest.raises(InputError, match="'one' is a soup itself"):
        validate({**MINIMAL, "arms": arms}, "test")


def test_lessons_are_unranked_and_no_treatments_control() -> None:
    arms = [
        "arms.taught={kind: lessons}",
        "arms.taught-too={kind: lessons, learning_rate: 5.0e-3, updates: 900}",
    ]
    settings = load_settings(ROOT / "params.yaml", arms)
    assert settings.arms["taught"].is_control
    assert settings.learning_rate("taught") == settings.learning_rate("gap")
    assert controls_of(settings, "gap") == ("descent", "random", "shuffled")
    assert [settings.arms[name].updates for name in ("taught", "taught-too")] == [600, 900]


def test_updates_are_those_of_lessons_alone() -> None:
    with pytest.raises(InputError, match=r"arms\.a.*'ascent' takes posttrain\.max_steps steps"):
        validate({**MINIMAL, "arms": {"a": {"kind": "ascent", "updates": 5}}}, "test")


def test_an_arm_runs_where_its_filters_and_the_corpuss_let_it() -> None:
    settings = load_settings(
        ROOT / "params.yaml",
        [
            "corpora.taught={kind: micro, part: lessons, texts: 1, arms: [taught]}",
            "arms.taught={kind: lessons, corpora: [taught], models: [micro-1]}",
            "arms.gap-lr1e-3={kind: ascent, learning_rate: 1.0e-3, corpora: [code]}",
            SOUP,
        ],
    )
    assert list(arms_of(settings, "micro-1", "taught")) == ["taught"]
    assert list(arms_of(settings, "micro-2", "taught")) == []
    everywhere = ["gap", "descent", "random", "shuffled", "soup"]
    assert list(arms_of(settings, "micro-1", "seen")) == everywhere
    assert set(arms_of(settings, "micro-2", "code")) == {*everywhere, "gap-lr1e-3"}


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("arms.gap.corpora=[sen]", r"arms\.gap\.corpora: no corpus 'sen', did you mean 'seen'\?"),
        ("arms.gap.models=[micro-9]", r"arms\.gap\.models: no model 'micro-9', did you mean 'micro-"),
        ("corpora.code.arms=[gapp]", r"corpora\.code\.arms: no arm 'gapp', did you mean 'gap'\?"),
    ],
)
def test_a_filter_names_what_there_is(override: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        load_settings(ROOT / "params.yaml", [override])


def test_roles_decide_which_models_and_pairs_are_used() -> None:
    """The whole ladder of `pythia` is a matter of three roles."""
    path = ROOT / "tracks" / "pythia" / "params.yaml"
    few = load_settings(path)
    assert list(few.models) == [f"pythia-{size}m" for size in (14, 31, 70, 160, 410)]
    assert list(few.used_models) == ["pythia-14m", "pythia-31m", "pythia-70m"]
    pairs = {"pythia-14m": "pythia-31m", "pythia-31m": "pythia-70m"}
    assert ScoringSettings.of_track(few).claims.pairs == pairs
    roles = {"70m": "both", "160m": "both", "410m": "baseline"}
    whole = load_settings(path, [f"models.pythia-{size}.role={role}" for size, role in roles.items()])
    assert whole.used_models == whole.models
    assert ScoringSettings.of_track(whole).claims.pairs == few.claims.pairs
    assert {spec.n_draws for spec in whole.models.values()} == {10}


def test_a_checkpoint_stands_once_and_has_placebos_of_its_own_distance_and_no_other_control() -> None:
    settings = load_settings(
        ROOT / "params.yaml",
        ["arms.mine={kind: checkpoint, path: x, base: micro-1}", "corpora.seen.arms=[gap]"],
    )
    assert (settings.arms["mine-random"].of, settings.arms["mine-noise"].kind) == ("mine", "noise")
    for name in ("mine", "mine-random", "mine-noise"):
        places = [
            (model, corpus)
            for model in settings.models
            for corpus in settings.corpora
            if name in arms_of(settings, model, corpus)
        ]
        assert places == [("micro-1", "unseen")]
    assert controls_of(settings, "mine") == ("mine-noise", "mine-random")
    assert controls_of(settings, "gap") == ("descent", "random", "shuffled")


def test_a_declared_placebo_of_a_checkpoint_takes_the_place_of_the_one_that_would_be_added() -> None:
    settings = load_settings(
        ROOT / "params.yaml",
        ["arms.mine={kind: checkpoint, path: x, base: micro-1}", "arms.far={kind: random, of: mine}"],
    )
    assert {name for name, arm in settings.arms.items() if arm.of == "mine"} == {"far", "mine-noise"}


def test_claims_about_a_checkpoint_are_about_its_base_and_its_own_placebos() -> None:
    mine = ["arms.mine={kind: checkpoint, path: x, base: micro-1}", "claims.arm=mine"]
    claims = ScoringSettings.of_track(load_settings(ROOT / "params.yaml", mine)).claims
    assert (claims.pairs, claims.corpora) == ({"micro-1": "micro-2"}, ("seen",))
    assert claims.placebos == ("mine-random", "mine-noise")
    assert "program text" in claims.not_testable["C3"]  # what the settings say themselves stays
    bare = load_settings(
        ROOT / "params.yaml", [*mine, "claims.not_testable={}", "claims.placebos=[mine-noise]"]
    )
    claims = ScoringSettings.of_track(bare).claims
    assert claims.placebos == ("mine-noise",)
    assert claims.not_testable == {"C3": "a checkpoint is trained already and uses no text"}


def test_settings_of_rare_arms_do_not_change_the_recipes_of_others() -> None:
    gap = load_settings(ROOT / "params.yaml").arms["gap"]
    assert gap.recipe == {"kind": "ascent", "role": None, "learning_rate": None, "of": None, "group": 2}
    mine = load_settings(ROOT / "params.yaml", ["arms.mine={kind: 'a.py:attempts', texts: 2, x: 1}"]).arms[
        "mine"
    ]
    assert mine.recipe == gap.recipe | {"kind": "a.py:attempts", "texts": 2, "x": 1}
    assert mine.options == {"x": 1}
