"""A small Hugging Face Hub on the loopback, for the real `huggingface_hub` client: repositories, commits and refs.

It answers what the client asks for when it looks up a commit, lists files and downloads them, with the status codes
and headers of the real Hub. A test may gate a repository, cut a download off, or move a branch after a look-up.
"""

import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

COMMIT = re.compile(r"[0-9a-f]{40}")
API = re.compile(r"/api/(model|dataset)s/([^/]+/[^/]+)(?:/revision/(.+))?")
FILE = re.compile(r"/(datasets/)?([^/]+/[^/]+)/resolve/([^/]+)/(.+)")


@dataclass
class Repository:
    """Folders by commit and commits by branch or tag; `gated` is the status with which its files are refused."""

    commits: dict[str, Path] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    gated: int | None = None


class FakeHub(ThreadingHTTPServer):
    """The server.

    Attributes:
        cut: names of files whose download breaks off half way, however often it is resumed.
        down: whether every question but the first look at the address is answered by status 503.
        after_lookup: called with the id after each look-up of a commit.
        sent: bytes that were sent, by file name.
        fetched: commits that files were asked for at.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.repositories: dict[tuple[str, str], Repository] = {}
        self.cut: set[str] = set()
        self.down = False
        self.after_lookup: Callable[[str], object] = lambda _: None
        self.sent: dict[str, int] = {}
        self.fetched: set[str] = set()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def add(
        self,
        folder: Path,
        name: str = "owner/name",
        *,
        kind: str = "model",
        ref: str = "main",
        commit: str = "",
    ) -> str:
        """Publish a folder as a commit that `ref` then names; returns it. It is read when it is asked for."""
        repository = self.repositories.setdefault((kind, name), Repository())
        seed = f"{kind} {name} {folder} {len(repository.commits)}"
        commit = commit or hashlib.sha1(seed.encode()).hexdigest()
        repository.commits[commit] = folder
        repository.refs[ref] = commit
        return commit

    def gate(self, status: int, name: str = "owner/name", *, kind: str = "model") -> None:
        """Refuse the files of a repository: 401 as to a stranger, 403 as to a user who has not accepted its terms."""
        self.repositories[kind, name].gated = status


class Answer(BaseHTTPRequestHandler):
    """One request."""

    server: FakeHub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = unquote(self.path.partition("?")[0])
        if self.server.down and path != "/":
            self.refuse(503, "", "The Hub is down.")
        elif asked := API.fullmatch(path):
            self.look_up(asked[1], asked[2], asked[3] or "main")
        elif asked := FILE.fullmatch(path):
            self.send_file("dataset" if asked[1] else "model", asked[2], asked[3], asked[4])
        else:
            self.refuse(404, "", "Not found.")

    def found(self, kind: str, name: str, revision: str) -> tuple[Repository, str] | None:
        """The repository and the commit; None where there is none, which is then answered."""
        repository = self.server.repositories.get((kind, name))
        if repository is None:
            # What the real one answers to whoever is not logged in: it does not tell private from missing.
            self.refuse(401, "", "Invalid username or password.")
            return None
        commit = repository.refs.get(revision, revision)
        if commit not in repository.commits:
            self.refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
            return None
        return repository, commit

    def look_up(self, kind: str, name: str, revision: str) -> None:
        found = self.found(kind, name, revision)
        if found is None:
            return
        folder = found[0].commits[found[1]]
        files = sorted(file for file in folder.rglob("*") if file.is_file())
        siblings = [
            {"rfilename": file.relative_to(folder).as_posix(), "size": file.stat().st_size} for file in files
        ]
        facts: dict[str, Any] = {"id": name, "sha": found[1], "siblings": siblings}
        self.reply(200, json.dumps(facts).encode(), {"Content-Type": "application/json"})
        self.server.after_lookup(name)

    def send_file(self, kind: str, name: str, revision: str, file: str) -> None:
        found = self.found(kind, name, revision)
        if found is None:
            return
        repository, commit = found
        self.server.fetched.add(commit)
        if repository.gated is not None:
            self.refuse(repository.gated, "GatedRepo", f"Access to {name} is restricted.")
            return
        path = repository.commits[commit] / file
        if not path.is_file():
            self.refuse(404, "EntryNotFound", "Entry not found", {"X-Repo-Commit": commit})
            return
        body = path.read_bytes()
        headers = {"ETag": f'"{hashlib.sha256(body).hexdigest()}"', "X-Repo-Commit": commit}
        self.reply(200, body, headers, file)

    def refuse(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        told = {"X-Error-Message": message} | ({"X-Error-Code": code} if code else {}) | (headers or {})
        self.reply(status, b"", told)

    def reply(self, status: int, body: bytes, headers: dict[str, str], name: str = "") -> None:
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
        if name in self.server.cut:
            self.wfile.write(body[: len(body) // 2])
            self.close_connection = True
            return
        if name:
            self.server.sent[name] = self.server.sent.get(name, 0) + len(body)
        self.wfile.write(body)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """An empty Hub in place of the real one, for this process and for those that it starts, with an empty cache."""
    from huggingface_hub import constants

    server = FakeHub()
    cache = tmp_path / "hub-cache"
    monkeypatch.setenv("HF_ENDPOINT", server.address)
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setenv("HF_HUB_CACHE", str(cache))
    # The client read its environment when it was imported.
    template = server.address + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "ENDPOINT", server.address)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_PROGRESS_BARS", True)
    # It waits a second before each of five retries.
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda _: None)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()
