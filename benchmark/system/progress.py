"""Progress of long work on stderr: a bar on a terminal, plain lines a few seconds apart elsewhere."""

import sys
import time
from types import TracebackType

WIDTH = 30
SECONDS_BETWEEN_LINES = 5.0


class Progress:
    """Counts finished units of `total`; use as a context manager."""

    def __init__(self, label: str, total: int) -> None:
        self.label, self.total, self.done = label, total, 0
        self.started = time.monotonic()
        self.last_line = self.started
        self.terminal = sys.stderr.isatty()

    def advance(self, units: int = 1, note: str = "") -> None:
        """Take in finished units and show where the work stands."""
        self.done += units
        now = time.monotonic()
        if self.terminal:
            filled = WIDTH * self.done // max(self.total, 1)
            bar = "#" * filled + "." * (WIDTH - filled)
            sys.stderr.write(
                f"\r\033[K{self.label} [{bar}] {self.done}/{self.total} {self._left(now)} {note}"
            )
            sys.stderr.flush()
        elif now - self.last_line >= SECONDS_BETWEEN_LINES:
            self.last_line = now
            print(
                f"{self.label}: {self.done}/{self.total} {self._left(now)} {note}",
                file=sys.stderr,
                flush=True,
            )

    def _left(self, now: float) -> str:
        if not self.done or self.done >= self.total:
            return f"{now - self.started:.0f} s"
        left = (now - self.started) / self.done * (self.total - self.done)
        return f"{left:.0f} s left"

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
