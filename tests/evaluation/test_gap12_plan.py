"""The plan of the original's twelve tasks at 320 documents, and the memory of a pass over some of them."""

import pytest

from benchmark.bench.counting import needed, one_sequence_a_choice, padded_positions
from benchmark.bench.peak_memory import peak_row
from benchmark.evaluation.prepare import prepare
from benchmark.models.tokenizer import Tokenizer
from benchmark.tasks.suite import load_suite

pytestmark = pytest.mark.slow


@pytest.fixture
def tokenizer_files(data_dir, monkeypatch):
    monkeypatch.setenv("GAPBENCH_DATA", str(data_dir))
    folder = data_dir / "tokenizer" / "opt"
    return folder / "gpt2-vocab.json", folder / "gpt2-merges.txt"


def test_positions_pushed_are_at_most_a_tenth_more_than_needed(tokenizer_files):
    """Counted before with the same tokenizer: 5.34 million padded, 0.91 one sequence a choice, 0.44 needed.

    Ours of the second is lower: lm-eval pushes choices of one token together, and no last token.
    """
    suite = load_suite("gap12", protocol="paper")
    tokenizer = Tokenizer.from_files(*tokenizer_files)
    for batch_tokens in (2048, 8192):
        prepared = prepare(suite, tokenizer, max_length=512, positions=2048, batch_tokens=batch_tokens)
        assert prepared.positions_pushed <= 1.10 * prepared.positions_needed
    assert needed(prepared).positions == prepared.positions_needed
    assert prepared.positions_needed == pytest.approx(0.44e6, rel=0.05)
    assert 0.78e6 < one_sequence_a_choice(prepared).positions < 0.91e6
    assert padded_positions(prepared, 512) == pytest.approx(5.34e6, rel=0.01)


def test_a_pass_stays_within_the_memory_that_its_plan_states(tokenizer_files):
    row = peak_row("gap12", "paper", 3, 2048, *tokenizer_files)
    assert 5 < row.ours <= row.peer
