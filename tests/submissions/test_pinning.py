"""`gapbench track pin`: branches and tags become commits in the settings file, all or none, and nothing runs before."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmark.errors import InputError
from benchmark.intake.pin_track import pin_track
from benchmark.intake.pinned_text import pinned_text
from benchmark.pipeline import stages
from benchmark.settings.load import load_settings
from benchmark.settings.pins import hub_references
from tests.fake_hub import FakeHub

COMMIT = "a1" * 20
MODELS = """\
  small: {kind: hub, id: owner/small}  # at its main branch
  pinned: {kind: hub, id: owner/name, revision: COMMIT}
  large:  # of two draws
    kind: hub
    id: owner/large  # the first
    role: baseline
    draws:
      - {id: owner/large-seed1, revision: step143000, }
      - {revision: refs/pr/1, id: "owner/large-seed2"}
""".replace("COMMIT", COMMIT)
NAMES = ("owner/small", "owner/large", "owner/large-seed1", "owner/large-seed2")


@pytest.fixture
def params(repository: Path) -> Path:
    """Settings of which five revisions are not pinned, one model in lines of its own."""
    path = repository / "params.yaml"
    text = path.read_text(encoding="utf-8")
    text = text.replace(
        "\ncorpora:\n", MODELS + "\ncorpora:\n  notes: {kind: hub, id: owner/texts, revision: v1.0}\n"
    )
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def published(hub: FakeHub, model_folder: Path, tmp_path: Path) -> dict[str, str]:
    """What those revisions name on the fake Hub: commits by place."""
    refs = dict(zip(NAMES, ("main", "main", "step143000", "refs/pr/1"), strict=True))
    found = {name: hub.add(model_folder, name, ref=ref) for name, ref in refs.items()}
    texts = tmp_path / "texts"
    texts.mkdir()
    (texts / "train.csv").write_text("text\none text\nanother text\n", encoding="utf-8")
    return found | {"owner/texts": hub.add(texts, "owner/texts", kind="dataset", ref="v1.0")}


def test_commits_are_shown_and_written_in_place(
    params: Path, published: dict[str, str], gapbench: Callable[..., tuple[int, str, str]]
) -> None:
    before = params.read_text(encoding="utf-8")
    mode = params.stat().st_mode
    status, told, said = gapbench("track", "pin", "--params", str(params))
    assert (status, said) == (0, "")
    lines = told.splitlines()
    assert f"pinned models.small: owner/small@main is commit {published['owner/small']}" in lines
    seed = f"pinned models.large.draws.0: owner/large-seed1@step143000 is commit {published['owner/large-seed1']}"
    assert seed in lines
    assert lines[-1] == f"wrote {params}" and len(lines) == 6
    after = before
    for old, new in (
        ("id: owner/small}", f"id: owner/small, revision: {published['owner/small']}}}"),
        ("id: owner/large ", f"id: owner/large\n    revision: {published['owner/large']} "),
        ("revision: step143000, }", f"revision: {published['owner/large-seed1']}, }}"),
        ("revision: refs/pr/1", f"revision: {published['owner/large-seed2']}"),
        ("revision: v1.0", f"revision: {published['owner/texts']}"),
    ):
        assert old in after
        after = after.replace(old, new)
    assert params.read_text(encoding="utf-8") == after
    assert params.stat().st_mode == mode
    assert all(reference.is_pinned for reference in hub_references(load_settings(params)))
    assert gapbench("track", "pin", "--params", str(params)) == (0, "", "")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda hub, _: hub.repositories.pop(("model", "owner/large-seed2")),
        lambda hub, _: hub.repositories["model", "owner/large-seed1"].refs.clear(),
        lambda hub, _: setattr(hub, "down", True),
        lambda hub, folder: (folder / "model.safetensors").rename(folder / "pytorch_model.bin"),
    ],
    ids=["no repository", "no branch", "down", "pickles only"],
)
def test_all_are_pinned_or_none(
    params: Path,
    published: dict[str, str],
    hub: FakeHub,
    model_folder: Path,
    refusal: Callable[..., str],
    spoil,
) -> None:
    spoil(hub, model_folder)
    before = params.read_bytes()
    assert "owner/" in refusal("track", "pin", "--params", str(params))
    assert params.read_bytes() == before
    assert not (params.parent / ".gapbench").exists()


def test_without_a_network_it_stops_with_one_line(params: Path, refusal: Callable[..., str]) -> None:
    before = params.read_bytes()
    said = refusal("track", "pin", "--params", str(params))
    assert "owner/small@main (the commit to pin) is not cached and the Hub is out of reach" in said
    assert params.read_bytes() == before


def test_no_stage_runs_before_and_the_line_names_the_command(
    params: Path, refusal: Callable[..., str]
) -> None:
    wanted = (
        "models.small.revision: owner/small@main is not pinned to a commit: "
        f"run `gapbench track pin --params {params}` first"
    )
    for stage in (
        lambda: stages.corpus(params, "notes"),
        lambda: stages.model(params, "small"),
        lambda: stages.base(params, "pinned"),
        lambda: stages.posttrain(params, "small", "seen"),
        lambda: stages.score(params),
    ):
        with pytest.raises(InputError) as refused:
            stage()
        assert str(refused.value) == f"{params}: {wanted}"
    assert wanted in refusal("submit", "check", str(params))
    assert not (params.parent / "data").exists()


def test_a_pinned_track_takes_the_commit_after_the_branch_has_moved(
    params: Path, published: dict[str, str], hub: FakeHub, model_folder: Path, tmp_path: Path
) -> None:
    pin_track(params)
    other = tmp_path / "other"
    shutil.copytree(model_folder, other)
    (other / "config.json").write_text("{}", encoding="utf-8")
    hub.add(other, "owner/small", commit="f" * 40)
    stages.model(params, "small")
    stages.corpus(params, "notes")
    assert hub.fetched == {published["owner/small"], published["owner/texts"]}


@pytest.mark.parametrize("commit", ["1" * 40, f"1e{'2' * 38}"])
def test_line_ends_and_quotes_stay(commit: str) -> None:
    text = "models:\r\n  a: {kind: hub, id: 'x/y'}\r\n  b:\r\n    id: x/z\r\n    kind: hub\r\n"
    new = pinned_text(text, {("models", "a"): commit, ("models", "b"): COMMIT}, "params.yaml")
    assert new == text.replace("'x/y'", f"'x/y', revision: '{commit}'").replace(
        "x/z\r\n", f"x/z\r\n    revision: {COMMIT}\r\n"
    )


def test_a_comment_behind_the_last_field_stays() -> None:
    text = "models:\n  a: {id: x/y  # one\n    }\n  b: {id: x/z}\n"
    new = pinned_text(text, {("models", "a"): COMMIT}, "params.yaml")
    assert new == text.replace("x/y", f"x/y, revision: {COMMIT}")


@pytest.mark.parametrize("entry", ["    id: |-\n      x/y\n", "    ? id\n    : x/y\n"])
def test_an_entry_to_which_nothing_can_be_added_says_what_to_write(entry: str) -> None:
    with pytest.raises(InputError, match="write out `revision: main` in each entry"):
        pinned_text(f"models:\n  a:\n{entry}  b: {{id: x/z}}\n", {("models", "a"): COMMIT}, "params.yaml")
