"""Fork worker processes without handing them what only their parent may finalise."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def hidden_from_collection() -> Iterator[None]:
    """Hide this process's objects from the garbage collector while processes are forked from it.

    They stay hidden in the children. Otherwise a collection there finalises the parent's garbage: clients of Ray,
    whose threads a child does not have, then hang or crash it. From Python 3.12 on a collection that is due when a
    process forks runs in the child at once.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
