"""The workflow for pull requests: read-only, pinned, and its script run here on a good and a bad one."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmark.intake.submit_entry import submit_corpus, submit_model

FILE = Path(__file__).resolve().parents[2] / ".github" / "workflows" / "submission-check.yml"


@pytest.fixture(scope="module")
def workflow() -> dict[str, Any]:
    return yaml.load(FILE.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)


def test_it_may_only_read_and_has_no_secrets(workflow: dict[str, Any]) -> None:
    assert workflow["permissions"] == {"contents": "read"}
    assert list(workflow["on"]) == ["pull_request"]
    assert "secrets." not in FILE.read_text(encoding="utf-8")
    for job in workflow["jobs"].values():
        assert "permissions" not in job


def test_actions_are_pinned_and_keep_no_credentials(workflow: dict[str, Any]) -> None:
    used = [step for step in workflow["jobs"]["check"]["steps"] if "uses" in step]
    for step in used:
        assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", step["uses"])
        if step["uses"].startswith("actions/checkout"):
            assert step["with"]["persist-credentials"] == "false"


def test_no_expression_stands_inside_a_script(workflow: dict[str, Any]) -> None:
    for step in workflow["jobs"]["check"]["steps"]:
        assert "${{" not in step.get("run", "")


def test_only_code_of_the_target_branch_is_installed(workflow: dict[str, Any]) -> None:
    (install,) = (
        step["run"] for step in workflow["jobs"]["check"]["steps"] if "pip install" in step.get("run", "")
    )
    assert "submission" not in install


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "core.autocrlf=false"]
    subprocess.run(["git", *identity, "-C", str(folder), *arguments], check=True, capture_output=True)


@pytest.fixture
def pull_request(repository: Path, texts_file: Path, tmp_path: Path) -> Path:
    """A checkout with a base commit and, not committed yet, a corpus that was submitted."""
    folder = tmp_path / "workspace" / "submission"
    folder.parent.mkdir()
    shutil.copytree(repository, folder)
    git(folder, "init", "-q")
    git(folder, "add", "params.yaml")
    git(folder, "commit", "-q", "-m", "base")
    submit_corpus("mine", str(texts_file), params=folder / "params.yaml")
    return folder


def run_script(workflow: dict[str, Any], folder: Path) -> subprocess.CompletedProcess[str]:
    git(folder, "add", "params.yaml", "submissions")
    git(folder, "commit", "-q", "-m", "pull request")
    # What is not in git is not there: DVC's data are not part of a pull request.
    shutil.rmtree(folder / "submissions" / "data" / "mine", ignore_errors=True)
    git(folder, "checkout", "-q", "--", ".")
    script = workflow["jobs"]["check"]["steps"][-1]["run"]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "GITHUB_WORKSPACE": str(folder.parent)}
    return subprocess.run(
        ["bash", "-eo", "pipefail", "-c", script],
        cwd=folder.parent, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_submission_passes(workflow: dict[str, Any], pull_request: Path, model_folder: Path) -> None:
    submit_model("tuned", str(model_folder), params=pull_request / "params.yaml")
    done = run_script(workflow, pull_request)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "corpus mine" in done.stdout
    assert "model tuned" in done.stdout


def test_code_links_and_shell_in_names_are_refused(workflow: dict[str, Any], pull_request: Path) -> None:
    submissions = pull_request / "submissions"
    (submissions / "data" / "mine" / "setup.py").write_text("import os", encoding="utf-8")
    (submissions / "corpora" / "$(touch executed).yaml").write_text(
        "version: 1\nsource: {}\n", encoding="utf-8"
    )
    (submissions / "corpora" / "link.yaml").symlink_to("/etc/passwd")
    params = pull_request / "params.yaml"
    text = params.read_text(encoding="utf-8")
    params.write_text(text.replace("  seen:", '  "x; touch executed":'), encoding="utf-8")
    done = run_script(workflow, pull_request)
    assert done.returncode == 1
    told = done.stdout + done.stderr
    for fault in (
        "no file of a submission: submissions/data/mine/setup.py",
        "symbolic link",
        "not a valid name",
        "executed).yaml",
    ):
        assert fault in told
    assert not list(pull_request.parent.rglob("executed"))
