"""Hub submissions against a server of this test: pinned files only, headers only, and a broken download."""

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from benchmark.errors import CheckFailed, InputError
from benchmark.intake.check import check_file
from benchmark.intake.submit_entry import submit_corpus, submit_model
from benchmark.settings.load import load_settings
from tests.tiny_model import Params, change_weights

from .conftest import snapshot

COMMIT = "c" * 40


class Hub(ThreadingHTTPServer):
    """Serves the files of one repository; `cut` names one whose download breaks off half way."""

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.folder = folder
        self.cut = ""
        self.sent: dict[str, int] = {}


class Answer(BaseHTTPRequestHandler):
    """The few addresses of the Hub that a submission asks for."""

    server: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path.startswith("/api/"):
            names = sorted(file.name for file in self.server.folder.iterdir())
            siblings = [
                {"rfilename": name, "size": (self.server.folder / name).stat().st_size} for name in names
            ]
            found = COMMIT in path
            body = json.dumps({"id": "owner/name", "sha": COMMIT, "siblings": siblings}).encode()
            self.reply(200 if found else 404, body, {"Content-Type": "application/json"}, "")
            return
        name = path.rpartition("/")[2]
        file = self.server.folder / name
        if COMMIT not in path or not file.is_file():
            self.reply(404, b"", {"X-Error-Code": "EntryNotFound"}, "")
            return
        body = file.read_bytes()
        headers = {"ETag": f'"{hashlib.sha256(body).hexdigest()}"', "X-Repo-Commit": COMMIT}
        self.reply(200, body, headers, name)

    def reply(self, status: int, body: bytes, headers: dict[str, str], name: str) -> None:
        asked = self.headers.get("Range", "")
        if asked.startswith("bytes=") and status == 200:
            first, _, last = asked.removeprefix("bytes=").partition("-")
            start, end = int(first), min(int(last or len(body)), len(body) - 1)
            headers = headers | {"Content-Range": f"bytes {start}-{end}/{len(body)}"}
            status, body = 206, body[start : end + 1]
        self.send_response(status)
        for key, value in (headers | {"Content-Length": str(len(body))}).items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        if name and name == self.server.cut:
            self.wfile.write(body[: len(body) // 2])
            self.close_connection = True
            return
        self.server.sent[name] = self.server.sent.get(name, 0) + len(body)
        self.wfile.write(body)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A Hub with one empty repository, owner/name, in place of the real one."""
    from huggingface_hub import constants

    folder = tmp_path / "hub"
    folder.mkdir()
    server = Hub(folder)
    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(constants, "ENDPOINT", address)
    monkeypatch.setattr(
        constants, "HUGGINGFACE_CO_URL_TEMPLATE", address + "/{repo_id}/resolve/{revision}/{filename}"
    )
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_PROGRESS_BARS", True)
    # Its client waits a second before each of five retries.
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda _: None)
    monkeypatch.delenv("GAPBENCH_DATA", raising=False)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join()


def moved(model_folder: Path, hub: Hub) -> None:
    for file in model_folder.iterdir():
        file.rename(hub.folder / file.name)


def test_a_model_of_the_hub_is_checked_by_its_header(hub: Hub, repository: Path, model_folder: Path) -> None:
    config = json.loads((model_folder / "config.json").read_text(encoding="utf-8"))
    moved(model_folder, hub)
    submit_model("mine", f"owner/name@{COMMIT}", params=repository / "params.yaml")
    spec = load_settings(repository / "params.yaml").models["mine"]
    assert (spec.kind, spec.revision, spec.role) == ("hub", COMMIT, "treated")
    facts = check_file(repository / "submissions" / "models" / "mine.yaml").lines
    assert any(f"layers of {config['hidden_size']}" in line for line in facts)


def test_a_data_set_of_the_hub_is_taken_at_its_commit(hub: Hub, repository: Path) -> None:
    (hub.folder / "train.csv").write_text("body\none text\nanother text\n", encoding="utf-8")
    report = submit_corpus("mine", f"hf://owner/name@{COMMIT}:body", params=repository / "params.yaml")
    spec = load_settings(repository / "params.yaml").corpora["mine"]
    assert (spec.kind, spec.revision, spec.column) == ("hub", COMMIT, "body")
    assert "2 texts" in report.lines[0]


@pytest.mark.parametrize("cut", ["tokenizer.json", "model.safetensors", "train.csv"])
def test_a_download_that_breaks_off_leaves_nothing(
    hub: Hub, repository: Path, model_folder: Path, cut: str
) -> None:
    moved(model_folder, hub)
    (hub.folder / "train.csv").write_text("text\n" + "one text\nanother text\n" * 50, encoding="utf-8")
    hub.cut = cut
    before = snapshot(repository)
    submit = submit_corpus if cut == "train.csv" else submit_model
    with pytest.raises((InputError, CheckFailed)) as refused:
        submit("mine", f"hf://owner/name@{COMMIT}", params=repository / "params.yaml")
    assert len(str(refused.value).splitlines()) == 1
    assert snapshot(repository) == before
    assert not (repository / ".gapbench").exists()


def test_a_hub_model_of_pickles_is_refused_unread(hub: Hub, repository: Path, model_folder: Path) -> None:
    moved(model_folder, hub)
    (hub.folder / "model.safetensors").rename(hub.folder / "pytorch_model.bin")
    with pytest.raises(InputError, match=r"no model\.safetensors"):
        submit_model("mine", f"owner/name@{COMMIT}", params=repository / "params.yaml")
    assert "pytorch_model.bin" not in hub.sent


@pytest.mark.parametrize("same", [True, False])
def test_a_stored_head_of_the_hub_is_compared_with_the_embedding(
    hub: Hub, repository: Path, model_folder: Path, refused: Callable[..., str], same: bool
) -> None:
    def add_head(params: Params) -> None:
        params["lm_head.weight"] = params["model.decoder.embed_tokens.weight"] + (0 if same else 1)

    change_weights(model_folder, add_head)
    moved(model_folder, hub)
    if same:
        submit_model("mine", f"owner/name@{COMMIT}", params=repository / "params.yaml")
        return
    said = refused("model", f"owner/name@{COMMIT}")
    assert f"gapbench: owner/name@{COMMIT}: model.safetensors: lm_head.weight differs" in said
