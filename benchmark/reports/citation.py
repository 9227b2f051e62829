"""How the benchmark asks to be cited, from `CITATION.cff`."""

from dataclasses import dataclass
from pathlib import Path

import yaml

from benchmark.errors import InputError

FILE = "CITATION.cff"
PACKAGE = "gapbench"


@dataclass(frozen=True)
class Citation:
    """Authors in order, and what else a reference needs; empty where the file does not say."""

    authors: tuple[str, ...]
    title: str
    version: str = ""
    year: str = ""
    url: str = ""

    @property
    def text(self) -> str:
        """Authors, year, title, version and address in one line."""
        head = ", ".join(self.authors) + (f" ({self.year})" if self.year else "")
        version = f", version {self.version}" if self.version else ""
        return ". ".join(part for part in (head, f"{self.title}{version}", self.url) if part)

    @property
    def bibtex(self) -> str:
        """A BibTeX entry."""
        fields = {
            "author": " and ".join(self.authors),
            "title": f"{{{self.title}}}",
            "version": self.version,
            "year": self.year,
            "url": self.url,
        }
        lines = [f"  {name} = {{{value}}}" for name, value in fields.items() if value]
        return f"@software{{{PACKAGE},\n" + ",\n".join(lines) + "\n}"


def read_citation(near: Path) -> Citation:
    """The citation in the `CITATION.cff` at or above `near`, or beside the package; without one, the package's name.

    Raises InputError for a file that does not parse or has no title.
    """
    roots = [near.resolve(), *near.resolve().parents, Path(__file__).resolve().parents[2]]
    path = next((root / FILE for root in roots if (root / FILE).is_file()), None)
    if path is None:
        return Citation((), PACKAGE)
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not YAML ({str(error).splitlines()[0]}); fix it") from error
    if not isinstance(content, dict) or not content.get("title"):
        raise InputError(f"{path} has no title; give it one")
    names = (
        author.get("name") or f"{author.get('given-names', '')} {author.get('family-names', '')}".strip()
        for author in content.get("authors") or ()
    )
    return Citation(
        authors=tuple(filter(None, names)),
        title=str(content["title"]),
        version=str(content.get("version") or ""),
        year=str(content.get("date-released") or "")[:4],
        url=str(content.get("repository-code") or content.get("url") or ""),
    )
