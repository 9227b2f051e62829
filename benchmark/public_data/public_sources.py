"""Where each public file comes from (`public_sources.yaml`), pinned by sha256; those of tasks stand in their YAML."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmark.system.strict_yaml import read_yaml


@dataclass(frozen=True)
class PublicSource:
    """A public file. ``sha256`` is that of the download; ``member`` names a file inside a zip archive."""

    url: str
    sha256: str
    member: str | None = None


def _pinned() -> Iterator[tuple[str, PublicSource]]:
    for group in read_yaml(Path(__file__).with_name("public_sources.yaml")):
        for path, (file, sha256) in group["files"].items():
            yield path, PublicSource(f"{group['below']}/{file}", sha256)


SOURCES = dict(_pinned())
"""Path in the layout of docs/DATA.md -> its pinned source."""
