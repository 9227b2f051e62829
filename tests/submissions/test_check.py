"""`gapbench submit check` on settings and manifests: what DVC, a shell or YAML could misread is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmark.errors import InputError
from benchmark.intake.check import check_file
from benchmark.intake.submit_entry import submit_corpus, submit_model
from benchmark.system.strict_yaml import read_yaml
from benchmark.untrusted.manifest import data_place, manifest_text, parse_manifest

from .conftest import snapshot

SHA = "ab" * 32
LAUGHS = "a: &a [x, x]\n" + "".join(
    f"{b}: &{b} [*{a}, *{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)


def entry(line: str) -> Callable[[str], str]:
    """The settings with a line more under `corpora`."""
    return lambda text: text.replace("corpora:\n", f"corpora:\n  {line}\n")


def model(line: str) -> Callable[[str], str]:
    return lambda text: text.replace("models:\n", f"models:\n  {line}\n")


MICRO = "{kind: micro, part: seen}"
SETTINGS: dict[str, tuple[Callable[[str], str], str]] = {
    "shell in a corpus's name": (entry(f'"x; touch f": {MICRO}'), "not a valid name"),
    "shell in a model's name": (
        model('"x; touch f": {kind: micro, hidden: 8, layers: 1, heads: 1, ffn: 8, tokens: 9}'),
        "not a valid name",
    ),
    "shell in an arm's name": (lambda text: text.replace("  gap:", '  "$(touch f)":'), "not a valid name"),
    "name that climbs": (entry(f"../x: {MICRO}"), "not a valid name"),
    "name with a dot": (entry(f"a.b: {MICRO}"), "not a valid name"),
    "name that is a number": (entry(f"350: {MICRO}"), "int"),
    "name that is a boolean": (entry(f"true: {MICRO}"), "bool"),
    "name that YAML 1.1 takes for a boolean": (entry(f"no: {MICRO}"), "bool"),
    "name that is null": (entry(f"~: {MICRO}"), "NoneType"),
    "name that is a date": (entry(f"2020-01-01: {MICRO}"), "date"),
    "name twice": (entry(f"seen: {MICRO}"), "twice"),
    "cells that collide": (entry(f"far-seen: {MICRO}"), "micro-1-far-seen"),
    "shell in the track's params": (
        lambda text: text.replace("params: params.yaml", 'params: "params.yaml; touch f"'),
        "track.params",
    ),
    "shell in the track's root": (lambda text: text.replace("root: .", 'root: "$(touch f)"'), "track.root"),
    "track's name with a slash": (
        lambda text: text.replace("name: micro", "name: ../micro"),
        "not a valid name",
    ),
    "tag": (entry("x: !!python/object/apply:os.system [touch f]"), "plain YAML"),
    "anchor and alias": (entry("x: &a {kind: micro, part: seen}\n  y: *a"), "aliases"),
    "anchor bomb": (lambda text: LAUGHS + text, "aliases"),
    "merge key": (entry("x: {<<: {kind: micro}, part: seen}"), "x"),
    "nested without end": (lambda text: text + "x: " + "[" * 5_000, "plain YAML"),
    "two documents": (lambda text: text + "---\n" + text, "plain YAML"),
    "unknown kind": (entry("x: {kind: shell, command: touch f}"), "x"),
    "unknown key": (entry("x: {kind: file, path: a.txt, command: touch f}"), "command"),
    "path that climbs": (entry("x: {kind: file, path: ../../etc/passwd}"), "leaves"),
    "absolute path": (entry("x: {kind: file, path: /etc/passwd}"), "leaves"),
    "path through a link": (entry("x: {kind: file, path: link/passwd}"), "symbolic link"),
    "model path that climbs": (model("x: {kind: folder, path: data/../../x}"), "leaves"),
    "interpolation": (entry('x: {kind: file, path: "${track.name}.txt"}'), "DVC"),
    "branch in place of a commit": (model("x: {kind: hub, id: a/b, revision: main}"), "revision"),
    "Hub id with shell": (model(f'x: {{kind: hub, id: "a/b;touch f", revision: {"a" * 40}}}'), "id"),
    "submission without a manifest": (
        entry(f"x: {{kind: file, path: submissions/data/x/texts.jsonl, sha256: {SHA}}}"),
        "no manifest",
    ),
    "submission at another's data": (
        entry(f"x: {{kind: file, path: submissions/data/y/texts.jsonl, sha256: {SHA}}}"),
        "path",
    ),
    "file that is not there": (entry("x: {kind: file, path: none.txt}"), "corpora.x.path: no file or folder"),
    "GGUF file outside": (model(f"x: {{kind: gguf, path: ../x.gguf, sha256: {SHA}}}"), "leaves"),
    "kind of arm that there is not": (
        lambda text: text.replace("kind: ascent", "kind: ascnt"),
        "arms.gap.kind: no kind 'ascnt', did you mean 'ascent'?",
    ),
    "no arms": (lambda text: text.partition("arms:")[0] + "arms: {}\n", "arms: none is named"),
    "track.params of another place": (
        lambda text: text.replace("params: params.yaml", "params: tracks/x/params.yaml"),
        "track.params names 'tracks/x/params.yaml', not this file",
    ),
    "version": (lambda text: f"version: 1\n{text}", "version: unknown key"),
    "no mapping": (lambda text: "- a\n- b\n", "mapping"),
    "NUL": (lambda text: text + "\0", "plain YAML"),
}


@pytest.mark.parametrize("case", SETTINGS)
def test_settings_are_refused(repository: Path, refusal: Callable[..., str], case: str) -> None:
    params = repository / "params.yaml"
    text = params.read_text(encoding="utf-8")
    (repository / "link").symlink_to("/etc")
    if "collide" in case:
        text = text.replace("micro-2:", "micro-1-far:")
    change, said = SETTINGS[case]
    params.write_text(change(text), encoding="utf-8")
    before = snapshot(repository)
    assert said in refusal("submit", "check", str(params))
    assert snapshot(repository) == before


@pytest.mark.parametrize("content", [b"\xff\xfe", b"x: " + b"y" * 1_100_000, b"x: \xed\xa0\x80"])
def test_settings_that_are_no_short_utf8_file_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "params.yaml").write_bytes(content)
    with pytest.raises(InputError):
        check_file(tmp_path / "params.yaml")


def test_valid_settings_pass(repository: Path) -> None:
    assert "2 models, 2 corpora, 2 arms" in str(check_file(repository / "params.yaml"))


@pytest.fixture
def submitted(repository: Path, texts_file: Path, model_folder: Path) -> dict[str, Path]:
    """A corpus and a model, submitted; their manifests."""
    submit_corpus("mine", str(texts_file), params=repository / "params.yaml")
    submit_model("tuned", str(model_folder), params=repository / "params.yaml")
    folder = repository / "submissions"
    return {"corpus": folder / "corpora" / "mine.yaml", "model": folder / "models" / "tuned.yaml"}


def test_an_entry_that_differs_from_its_manifest_is_refused(
    submitted: dict[str, Path], repository: Path
) -> None:
    params = repository / "params.yaml"
    text = params.read_text(encoding="utf-8")
    params.write_text(text.replace("role: treated, path", "role: both, path"), encoding="utf-8")
    for file in (params, submitted["model"]):
        with pytest.raises(InputError, match="differs"):
            check_file(file)


@pytest.mark.parametrize(
    ("kind", "key", "value"),
    [
        ("corpus", "texts", 6),
        ("corpus", "characters", 1),
        ("corpus", "fingerprint", SHA),
        ("model", "parameters", 5),
        ("model", "tokenizer", SHA),
    ],
)
def test_a_manifest_that_tells_other_than_the_data_is_refused(
    submitted: dict[str, Path], kind: str, key: str, value: Any
) -> None:
    raw = read_yaml(submitted[kind])
    raw["found"][key] = value
    submitted[kind].write_text(yaml.safe_dump(raw), encoding="utf-8")
    with pytest.raises(InputError, match="the data give"):
        check_file(submitted[kind])


def test_data_that_were_exchanged_are_refused(submitted: dict[str, Path], repository: Path) -> None:
    data = repository / "submissions" / "data" / "mine" / "texts.jsonl"
    data.write_text(data.read_text(encoding="utf-8").replace("number 3", "number 9"), encoding="utf-8")
    with pytest.raises(InputError, match=r"md5|sha256"):
        check_file(submitted["corpus"])


def test_absent_data_are_told_not_refused(submitted: dict[str, Path], repository: Path) -> None:
    (repository / "submissions" / "data" / "mine" / "texts.jsonl").unlink()
    assert "dvc pull" in str(check_file(submitted["corpus"]))


DVC_FILES = {
    "import from elsewhere": "deps:\n- path: x\n  repo: {url: https://example.org/x}\n",
    "command": "cmd: touch f\n",
    "another path": "",
    "frozen": "frozen: true\n",
}


@pytest.mark.parametrize("case", DVC_FILES)
def test_dvc_files_of_other_kinds_are_refused(
    submitted: dict[str, Path], repository: Path, case: str
) -> None:
    file = repository / "submissions" / "data" / "mine" / "texts.jsonl.dvc"
    text = file.read_text(encoding="utf-8")
    path = "path: ../../../params.yaml" if case == "another path" else "path: texts.jsonl"
    file.write_text(DVC_FILES[case] + text.replace("path: texts.jsonl", path), encoding="utf-8")
    for checked in (file, submitted["corpus"]):
        with pytest.raises(InputError):
            check_file(checked)


def test_a_manifest_under_another_name_is_refused(submitted: dict[str, Path]) -> None:
    other = submitted["corpus"].rename(submitted["corpus"].with_name("other.yaml"))
    with pytest.raises(InputError, match="belongs in"):
        check_file(other)


def manifest_of(kind: str, local: str, file: str, found: dict[str, Any]) -> dict[str, Any]:
    """A manifest as `submit` writes it for a local file or folder."""
    place = f"submissions/data/mine/{file}"
    return {
        "version": 1,
        "kind": kind,
        "name": "mine",
        "track": "micro",
        "source": {"kind": local, "name": "brought", "column": None, "bytes": 120, "sha256": SHA},
        "data": {"path": place, "bytes": 200, "sha256": SHA},
        "entry": {"kind": local, "path": place, "sha256": SHA},
        "found": found | {"notes": []},
    }


def model_manifest() -> dict[str, Any]:
    found = {
        "architecture": "OPTForCausalLM",
        "parameters": 57000,
        "layers": 2,
        "hidden": 32,
        "positions": 512,
    }
    found |= {"vocabulary": 512, "tokenizer": SHA, "dtypes": ["F32"], "weights_bytes": 200}
    raw = manifest_of("model", "folder", "model", found | {"baselines": {"micro-2": 2.2}})
    raw["entry"]["role"] = "treated"
    return raw


def corpus_manifest() -> dict[str, Any]:
    found: dict[str, Any] = {"texts": 5, "duplicates": 0, "characters": 100, "fingerprint": SHA}
    found["tokens"] = {"model": "micro-1", "tokenizer": SHA, "tokens": 50, "shortest": 5, "longest": 15}
    found["familiarity"] = {"model": "micro-1", "loss": 2.5, "texts": 5}
    found["overlap"] = {"n": 8, "suite": "micro12", "share": 0.0, "texts": 0, "documents": {"a": [0, 10]}}
    return manifest_of("corpus", "file", "texts.jsonl", found)


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value inside plain data."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(place for key, item in inner for place in places(item, (*at, key)))]


HOSTILE_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(
        ["../x", "/etc/passwd", "x; touch f", "${track.name}", "a" * 600, "!!python/name:os.system"]
    ),
    st.lists(st.integers(), max_size=3),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=3),
)


def place_in(raw: Any, place: tuple[Any, ...], value: Any) -> Any:
    if not place:
        return value
    copy = dict(raw) if isinstance(raw, dict) else list(raw)
    copy[place[0]] = place_in(raw[place[0]], place[1:], value)
    return copy


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
@pytest.mark.parametrize("valid", [corpus_manifest, model_manifest])
def test_a_mutated_manifest_is_refused_or_read_back_as_it_is(
    data: st.DataObject, valid: Callable[[], dict[str, Any]]
) -> None:
    raw = valid()
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.sampled_from(places(raw)))
        raw = place_in(raw, place, data.draw(HOSTILE_VALUES))
        if not isinstance(raw, dict):
            break
    try:
        manifest = parse_manifest(raw, "manifest")
    except InputError as refused:
        assert len(str(refused).splitlines()) == 1
        return
    assert manifest.entry.path == data_place(manifest.kind, manifest.name)
    assert parse_manifest(yaml.safe_load(manifest_text(manifest)), "manifest") == manifest
    assert manifest_text(manifest).isascii()


@settings(max_examples=60, deadline=None)
@given(extra=st.text(min_size=1, max_size=12), data=st.data())
@pytest.mark.parametrize("valid", [corpus_manifest, model_manifest])
def test_a_manifest_with_a_key_more_or_less_is_refused(
    extra: str, data: st.DataObject, valid: Callable[[], dict[str, Any]]
) -> None:
    sections: list[tuple[str, ...]] = [(), ("source",), ("data",), ("entry",), ("found",)]
    raw = valid()
    section = data.draw(
        st.sampled_from([*sections, ("found", "tokens")] if "tokens" in raw["found"] else sections)
    )
    assert parse_manifest(raw, "manifest").name == "mine"
    target: Any = raw
    for key in section:
        target = target[key]
    if data.draw(st.booleans()) and extra not in target:
        target[extra] = 1
    else:
        required = [key for key in target if key not in {"column", "notes", "role"}]
        del target[data.draw(st.sampled_from(required))]
    with pytest.raises(InputError):
        parse_manifest(raw, "manifest")


@settings(max_examples=50, deadline=None)
@given(content=st.binary(max_size=400))
def test_no_bytes_crash_the_check(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.getbasetemp() / "bytes"
    folder.mkdir(exist_ok=True)
    for ending in (".yaml", ".txt", ".csv", ".jsonl", ".safetensors", ".dvc"):
        path = folder / f"file{ending}"
        path.write_bytes(content)
        try:
            check_file(path)
        except InputError as refused:
            assert len(str(refused).splitlines()) == 1


def test_a_line_end_of_another_alphabet_in_a_manifest_makes_no_second_line() -> None:
    with pytest.raises(InputError) as refused:
        parse_manifest(corpus_manifest() | {"kind": "\x85"}, "manifest")
    assert len(str(refused.value).splitlines()) == 1
