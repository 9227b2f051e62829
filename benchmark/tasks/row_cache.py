"""Cache of the rows that the world's code draws, since drawing them takes seconds."""

import contextlib
import functools
import hashlib
import json
from collections.abc import Callable, Sequence

from benchmark.public_data.public_files import cache_folder
from benchmark.system.content_hash import code_digest
from benchmark.system.files import write_text
from benchmark.system.import_closure import keyed_modules
from benchmark.tasks.rows import Row


def cached_rows(name: str, draw: Callable[[], Sequence[Row]]) -> Sequence[Row]:
    """The rows of ``draw``, or what the same code of the world wrote before under ``name``.

    The file begins with the sha256 of the rest; one that does not match is written again. A cache that cannot
    be written only costs time.
    """
    path = cache_folder() / "world" / _world_code() / f"{name}.json"
    try:
        checksum, _, text = path.read_text(encoding="utf-8").partition("\n")
        if checksum == hashlib.sha256(text.encode()).hexdigest():
            rows: list[Row] = json.loads(text)
            return rows
    except (OSError, UnicodeDecodeError):
        pass
    drawn = draw()
    text = json.dumps(drawn, ensure_ascii=False)
    with contextlib.suppress(OSError):
        write_text(path, f"{hashlib.sha256(text.encode()).hexdigest()}\n{text}")
    return drawn


@functools.cache
def _world_code() -> str:
    return code_digest(keyed_modules("benchmark.world.task_documents"))
