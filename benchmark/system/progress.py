"""Progress of long work on stderr: one line that is rewritten on a terminal, a line every few seconds elsewhere.

tqdm is not used: it starts a monitor thread, and stages fork workers while progress is shown.
"""

import sys
import time
from types import TracebackType

SECONDS_BETWEEN_LINES = 5.0


class Progress:
    """Counts finished units of `total`; use as a context manager."""

    def __init__(self, label: str, total: int) -> None:
        self.label, self.total, self.done = label, total, 0
        self.started = self.shown = time.monotonic()
        self.terminal = sys.stderr.isatty()

    def advance(self, units: int = 1, note: str = "") -> None:
        """Count finished units and show how far the work is; `note` stands at the end of the line."""
        self.done += units
        now = time.monotonic()
        if self.terminal or now - self.shown >= SECONDS_BETWEEN_LINES:
            self.shown = now
            left = (now - self.started) / max(self.done, 1) * (self.total - self.done)
            line = f"{self.label}: {self.done}/{self.total} {left:.0f} s left {note}"
            sys.stderr.write(f"\r\033[K{line}" if self.terminal else f"{line}\n")
            sys.stderr.flush()

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.terminal and self.done:
            sys.stderr.write("\n")
        if error is None:
            seconds = time.monotonic() - self.started
            print(f"{self.label}: {self.done}/{self.total} in {seconds:.1f} s", file=sys.stderr, flush=True)
