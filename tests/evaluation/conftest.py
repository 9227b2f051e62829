"""A small suite and its tokenizer, made once for all tests of the engine."""

import pytest
from small import small_suite, write_tokenizer

from benchmark.models.tokenizer import Tokenizer
from benchmark.tasks.suite import Suite


@pytest.fixture(scope="session")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    return write_tokenizer(tmp_path_factory.mktemp("tokenizer"))


@pytest.fixture(scope="session")
def suite() -> Suite:
    return small_suite()
