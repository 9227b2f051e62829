"""Where each public file comes from that is not a task's, pinned by commit and sha256; a task's YAML pins its own."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Source:
    """A file on the net. ``sha256`` is that of the download; ``member`` names a file inside a zip archive."""

    url: str
    sha256: str
    member: str | None = None


_OPT = "https://raw.githubusercontent.com/facebookresearch/metaseq/f7ffa5fd61cf90f498a36d365c13dd7f1a912ff7"
_GAP = "https://raw.githubusercontent.com/kaist-lklab/GAP/fe89b0ad6c5c13f7f4e848ad3058a7df1fc3b5c6"

_OPT_FILES = {
    "gpt2-vocab.json": "06b4d46c8e752d410213d9548eb27a54db70fda0319b6271fb8d59dead5e1cab",
    "gpt2-merges.txt": "1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5",
}
_GAP_FILES = {
    "data/train_data/github.csv": "fbc0b60975aed0a41f3ef8ac12614ea23b88ad4966c614c97d62c06737ca9fb0",
    "data/train_data/lm_extraction.csv": "32dc0b8f6341e53ac2aaa15de5ea75fbe931c9ba20fc4b36cc93545e147acc93",
    "data/train_data/pile-cc.csv": "a900fdd3710473722070701e54c35f9ba2ae3815ffb165fba46bbc9d0ad7f81a",
    "full_results/classification.csv": "8f706748226d807a59ff48a84637a2e291e9de388962742564ae39e514d42137",
    "full_results/dialog.csv": "0e7f40136929083d7607ef430e6cb7ea18b896c2c706b16ec0ab6c41d3b70b37",
}

SOURCES: dict[str, Source] = {
    f"tokenizer/opt/{name}": Source(f"{_OPT}/projects/OPT/assets/{name}", sha256)
    for name, sha256 in _OPT_FILES.items()
} | {f"official-gap/{path}": Source(f"{_GAP}/{path}", sha256) for path, sha256 in _GAP_FILES.items()}
"""Path in the layout of docs/DATA.md -> its pinned source."""
