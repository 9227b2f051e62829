"""Logits, a bounded number of rows at a time, in memory that is reused.

On a CPU the memory is allocated once per pass: a new block of this size for every chunk would cost page faults that
take as long as the arithmetic.
"""

import torch
from torch import Tensor

from benchmark.arithmetic.precision import in_float32
from benchmark.arithmetic.products import rows_for
from benchmark.models.networks.network_interface import Network

CACHED_BYTES = 2**19
"""On a CPU, logits of this size stay in the cache between the product and the softmax."""
FEWEST_ROWS = 128
"""With fewer rows the product becomes slower, even if more would not fit into the cache."""
ROWS = 64
"""Chunks are multiples of it: the product then needs no copy of its rows."""


def rows_at_once(network: Network, logits_bytes: int) -> int:
    """Rows whose logits and log-probabilities, both float32, fit into ``logits_bytes``; at least one."""
    vocabulary = network.vocabulary
    fitting = max(1, logits_bytes // (8 * vocabulary))
    if network.device.type != "cpu":
        return fitting
    return min(fitting, max(FEWEST_ROWS, CACHED_BYTES // (4 * vocabulary) // ROWS * ROWS))


class LogitSpace:
    """Memory for the logits of ``rows`` rows and their log-probabilities."""

    def __init__(self, network: Network, rows: int) -> None:
        self.network, self.rows = network, rows
        self.finite = torch.ones((), dtype=torch.bool, device=network.device)
        """Whether the largest logit of every row that ``most_likely`` has seen was finite."""
        self.reused: Tensor | None = None
        if network.device.type == "cpu" and network.dtype == torch.float32:
            self.reused = torch.empty(rows, network.vocabulary)

    def logits(self, output: Tensor, start: int, stop: int) -> Tensor:
        """float32 logits [stop - start, vocabulary] of these rows, valid until the next call."""
        with in_float32(self.network.device):
            # With the rows after them, if there are enough, the product needs no copy.
            taken = output[start : start + rows_for(stop - start, output)].to(self.network.dtype)
            return self.network.logits(taken)[: stop - start].float()

    def log_softmax(self, output: Tensor, start: int, stop: int) -> Tensor:
        """float32 log-probabilities [stop - start, vocabulary] of these rows, valid until the next call."""
        logits = self.logits(output, start, stop)
        if self.reused is None:
            return torch.log_softmax(logits, -1)
        return torch.log_softmax(logits, -1, out=self.reused[: stop - start])

    def most_likely(self, output: Tensor, count: int) -> Tensor:
        """Most likely next token [count] of the first rows, any number of them; ties go to the lowest id."""
        starts = range(0, count, self.rows)
        chosen = [self._chosen(self.logits(output, start, min(start + self.rows, count))) for start in starts]
        return chosen[0] if len(chosen) == 1 else torch.cat(chosen)

    def _chosen(self, logits: Tensor) -> Tensor:
        chosen = _first_largest(logits[:, : self.network.writable])
        # NaN counts as the largest, so the chosen logit of a row shows it.
        self.finite &= logits.gather(1, chosen[:, None]).isfinite().all()
        return chosen


def _first_largest(logits: Tensor) -> Tensor:
    """Place of the largest logit of each row; on a CPU numpy finds it ten times as fast as torch."""
    if logits.device.type != "cpu":
        return logits.argmax(dim=-1)
    return torch.from_numpy(logits.numpy().argmax(axis=-1))
