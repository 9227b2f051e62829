"""A value of another type, size or spelling is refused; YAML is read as DVC reads it."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ruamel.yaml import YAML

from benchmark.errors import InputError
from benchmark.intake.check import check_names
from benchmark.settings.load import load_settings
from benchmark.system.strict_yaml import PlainDumper, parse_yaml
from benchmark.tasks.suite_listing import suite_listing

ROOT = Path(__file__).resolve().parents[2]
HUB = "models.m={kind: hub, id: a/b, revision:"

TYPES = {
    "posttrain.learning_rate=yes": "posttrain.learning_rate: found 'yes': write a number",
    "posttrain.learning_rate=true": "posttrain.learning_rate: found True: write a number",
    'posttrain.learning_rate="0.1"': "posttrain.learning_rate: found '0.1': write a number, without quotes",
    "posttrain.learning_rate=1,5": "with a decimal point",
    "posttrain={learning_rate: 1,5}": "posttrain.5: found 5: a key is text: write 0.5 with a decimal point",
    "posttrain.max_steps=true": "posttrain.max_steps: found True: write a whole number",
    "posttrain.max_steps=5.0": "posttrain.max_steps: found 5.0: write a whole number",
    'evaluation.documents_by_task={micro_cause: "3"}': "documents_by_task.micro_cause: found '3'",
    "evaluation.tasks=micro_cause": "evaluation.tasks: found 'micro_cause': write a list in brackets",
    "track.params=5": "track.params: found 5: write text, in quotes",
    "posttrain=5": "posttrain: found 5: write a mapping",
    "corpora.code={texts: 3}": "corpora.code: found {'texts': 3}: name its kind",
    f"{HUB} 1234567890123456789012345678901234567890}}": "models.m.revision: found 123",
    f"{HUB} 0234567890123456789012345678901234567890}}": "models.m.revision: 0234567890",
    f"{HUB} main, allow_pickle_weights: yes}}": "allow_pickle_weights: found 'yes': write true or false",
    "models.no={kind: micro}": "name 'no' is read by YAML 1.1 as a bool",
}
NOT_FINITE = {
    f"{key}={value}": f"{key}: {float(value.replace('.', ''))} is not a finite number"
    for key in ("posttrain.learning_rate", "posttrain.eps", "scoring.margin", "arms.gap.learning_rate")
    for value in (".inf", "-.inf", ".nan", "1e400")
} | {
    "posttrain.betas=[.nan, 0.9]": "posttrain.betas: nan",
    "scoring.ratio=[1.9, .inf]": "scoring.ratio: inf",
    "arms.low={kind: lora, rank: .inf}": "arms.low.rank: inf",
    "models.micro-1.matrix_rate=.inf": "models.micro-1.matrix_rate: inf",
}
SIZES = {
    "posttrain.betas=[1, 0.9]": "posttrain.betas.0",
    "evaluation.steps=[-1]": "evaluation.steps.0",
    "evaluation.steps=[0]": "evaluation.steps.0",
    "posttrain.max_steps=0": "evaluation.steps: step 5 is never taken, posttrain.max_steps is 0",
    "arms.random.seeds=[-1]": "arms.random.seeds.0",
    "arms.random.seeds=[9223372036854775808]": "arms.random.seeds.0",
    "models.micro-1.seed=-1": "models.micro-1.seed",
    "corpora.code.seed=-1": "corpora.code.seed",
    "scoring.seed=-1": "scoring.seed",
    "models.micro-1.layers=1000000": "models.micro-1.layers",
    "models.micro-1.hidden=1000000": "models.micro-1.hidden",
    "models.micro-1.heads=3": "models.micro-1: hidden 32 is not a multiple of 3 heads",
    "evaluation.documents=10000000000": "evaluation.documents",
    "execution.workers=1000000": "execution.workers",
}
TWICE = {
    "evaluation.steps=[5, 5]": "evaluation.steps: 5 is named twice: leave one out",
    "evaluation.tasks=[a, a]": "evaluation.tasks: 'a' is named twice",
    "arms.random.seeds=[0, 1, 0]": "arms.random.seeds: 0 is named twice",
    "arms.gap.models=[micro-1, micro-1]": "arms.gap.models: 'micro-1' is named twice",
    "arms.gap.corpora=[code, code]": "arms.gap.corpora: 'code' is named twice",
    "corpora.code.arms=[gap, gap]": "corpora.code.arms: 'gap' is named twice",
    "claims.corpora=[code, code]": "claims.corpora: 'code' is named twice",
    "claims.placebos=[random, random]": "claims.placebos: 'random' is named twice",
}
NAMES = {
    "claims.arm=gpa": "claims.arm: no arm 'gpa', did you mean 'gap'",
    "claims.corpora=[cod]": "claims.corpora: no corpus 'cod'",
    "claims.target_corpus=cod": "claims.target_corpus: no corpus 'cod'",
    "claims.placebos=[randm]": "claims.placebos: no arm 'randm'",
    "claims.pairs={micro-9: micro-1}": "claims.pairs: no model 'micro-9'",
    "claims.pairs={micro-1: micro-9}": "claims.pairs: no model 'micro-9'",
    "claims.pairs={micro-1: micro-1}": "claims.pairs: 'micro-1' is paired with itself: name a larger model",
    "arms.soup={kind: soup}": "of: a soup averages the runs of another arm: name it",
}


@pytest.mark.parametrize(("override", "says"), (TYPES | NOT_FINITE | SIZES | TWICE | NAMES).items())
def test_a_wrong_value_is_refused_with_its_place(override: str, says: str) -> None:
    with pytest.raises(InputError) as refused:
        load_settings(ROOT / "params.yaml", [override])
    assert says in str(refused.value) and "\n" not in str(refused.value)


def test_a_number_may_be_written_in_each_plain_way() -> None:
    for value in ("1e-4", "1E-4", "0.0001", "1.0e-4", ".0001", "+0.0001"):
        settings = load_settings(ROOT / "params.yaml", [f"posttrain.learning_rate={value}"])
        assert settings == load_settings(ROOT / "params.yaml")


CHECKED = {
    "arms.gap.kind=ascnt": "arms.gap.kind: no kind 'ascnt', did you mean 'ascent'?",
    "arms.gap.kind=interface": "arms.gap.kind: no kind 'interface'",
    "arms.low={kind: 'tricks/none.py:attempts'}": "arms.low.kind: no file or folder",
    "arms.low={kind: checkpoint, path: none, base: micro-1}": "arms.low.path: no file or folder",
    "evaluation.suite=micro13": "evaluation.suite: no suite 'micro13', did you mean 'micro12'?",
    "evaluation.tasks=[micro_caus]": "evaluation.tasks: no task 'micro_caus', did you mean 'micro_cause'?",
    "evaluation.documents_by_task={micro_caus: 3}": "evaluation.documents_by_task: no task 'micro_caus'",
    "evaluation.suite={name: own, tasks: [piqa], folder: none}": "evaluation.suite.folder: no file or folder",
    "corpora.notes={kind: file, path: none.txt}": "corpora.notes.path: no file or folder",
    "corpora.code.texts=100000": "corpora.code.texts: corpus code: 100000 texts asked for, there are",
    "models.own={kind: folder, path: none}": "models.own.path: no file or folder",
    "claims.controls.positive.scopes=[dialog]": "claims.controls.positive.scopes: no scope 'dialog'",
    "claims.controls.negative.model=micro-9": "claims.controls.negative.model: no model 'micro-9'",
    "claims.controls.placebo.arm=randm": "claims.controls.placebo.arm: no arm 'randm'",
    "claims.controls.placebo.corpus=cod": "claims.controls.placebo.corpus: no corpus 'cod'",
    "claims.controls.same=micro-9": "claims.controls.same: no model 'micro-9'",
    "claims.controls.next_rung.larger=micro-9": "claims.controls.next_rung: no model 'micro-9'",
    "claims.controls.next_rung.larger=micro-2": "claims.controls.next_rung: 'micro-2' twice",
}


@pytest.mark.parametrize(("override", "says"), CHECKED.items())
def test_what_is_named_and_not_there_is_found_before_anything_runs(override: str, says: str) -> None:
    settings = load_settings(ROOT / "params.yaml", [override])
    with pytest.raises(InputError) as refused:
        check_names(ROOT / "params.yaml", settings, ROOT)
    assert says in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize("path", sorted(ROOT.glob("tracks/*/params.yaml")), ids=lambda path: path.parent.name)
def test_everything_that_a_track_names_is_there(path: Path) -> None:
    check_names(path, load_settings(path), ROOT)


def test_a_suite_with_examples_lists_the_tasks_of_its_suite() -> None:
    assert suite_listing("gap12-5shot") == suite_listing("gap12")


SAME = """
0 -0 +5 12 1. .5 -.5 +.5 0.5 00.5 1e5 1e-5 1E5 1.5e3 1.5e-3 .5e-5 1.e5 0e0 true True TRUE tRue false null Null ~ yes no
on off y n 1:30 1:30.5 1.2.3 1e .e5 + . .. 1,5 1-1 012abc 0b12ff 0b1012 1e5x 2020-01-01 12345678901234567890123 5e400
.inf -.inf +.inf .Inf -.nan
"""
REFUSED = """
010 -010 08 00 1_000 1_0.5 1_ 5_e3 0x1F 0b101 0o17 .5e5 0123456789012345678901234567890123456789
"""


@pytest.mark.parametrize("written", SAME.split())
def test_a_scalar_is_what_dvc_reads(written: str) -> None:
    text = f"key: {written}"
    assert repr(parse_yaml(text, "test")) == repr(YAML(typ="safe").load(text))


@pytest.mark.parametrize("written", REFUSED.split())
def test_a_number_that_readers_of_yaml_do_not_agree_on_is_refused(written: str) -> None:
    with pytest.raises(InputError, match=f"learning_rate: {re.escape(written)} is another number"):
        load_settings(ROOT / "params.yaml", [f"posttrain.learning_rate={written}"])
    assert parse_yaml(f"key: '{written}'", "test") == {"key": written}


@pytest.mark.parametrize("value", [*SAME.split(), *REFUSED.split(), 5, 1e-5, 1e5, True, None])
def test_what_is_written_is_read_back(value: Any) -> None:
    assert parse_yaml(yaml.dump({"key": value}, Dumper=PlainDumper), "test") == {"key": value}
