"""What a tokenizer has no token for is counted, told and, above a share, refused."""

import pytest
import tokenizers
from tokenizers import normalizers, pre_tokenizers
from tokenizers.models import BPE, WordLevel

from benchmark.errors import InputError
from benchmark.models.tokenizer import Tokenizer

ALPHABET = pre_tokenizers.ByteLevel.alphabet()
FORMS = (normalizers.NFC, normalizers.NFD, normalizers.NFKC, normalizers.NFKD)


def of(backend: tokenizers.Tokenizer) -> Tokenizer:
    return Tokenizer(backend, 0, 0, 0, "", backend.get_vocab_size(), ())


def by_bytes(missing: str = "") -> Tokenizer:
    """One token for each byte but some, and no unknown token."""
    known = sorted(set(ALPHABET) - set(missing))
    backend = tokenizers.Tokenizer(BPE({byte: number for number, byte in enumerate(known)}, []))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return of(backend)


def by_words() -> Tokenizer:
    backend = tokenizers.Tokenizer(WordLevel({"[UNK]": 0, "the": 1, "cat": 2}, unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    return of(backend)


@pytest.mark.parametrize(
    ("tokenizer", "text", "share"),
    [
        (by_bytes(), "naïve \x04 text", 0.0),
        (by_bytes("Ä"), "ab\x04\x04 cd", 0.0),
        (by_bytes("Ą"), "ab\x04\x04 cd", 2 / 6),
        (by_words(), "the cat", 0.0),
        (by_words(), "the bird", 4 / 7),
        (by_words(), "", 0.0),
    ],
)
def test_the_share_of_characters_without_a_token(tokenizer: Tokenizer, text: str, share: float) -> None:
    assert tokenizer.lost_share([text]) == pytest.approx(share)


def altered(
    *first: pre_tokenizers.PreTokenizer, normalizer: normalizers.Normalizer | None = None, **model: str
) -> Tokenizer:
    """A token for each byte and one for `ct`, behind steps that alter or delete."""
    vocabulary = {byte: number for number, byte in enumerate([*sorted(ALPHABET), "ct"])}
    backend = tokenizers.Tokenizer(BPE(vocabulary, [] if model else [("c", "t")], **model))
    by_byte = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.pre_tokenizer = pre_tokenizers.Sequence([*first, by_byte])
    if normalizer is not None:
        backend.normalizer = normalizer
    return of(backend)


def without(letters: str) -> normalizers.Normalizer:
    return normalizers.Replace(tokenizers.Regex(letters), "")


@pytest.mark.parametrize(
    ("tokenizer", "text", "share"),
    [
        (altered(normalizer=without("a")), "cat banana", 4 / 9),
        (altered(normalizer=without("cat")), "cat\ncat dog", 6 / 9),
        (altered(normalizer=normalizers.Sequence([without("a"), normalizers.ByteLevel()])), "cat é", 1 / 4),
        (altered(normalizer=normalizers.Replace("a", " ")), "cat", 1 / 3),
        (altered(pre_tokenizers.Split("a", "removed")), "cat banana", 4 / 9),
        (altered(pre_tokenizers.CharDelimiterSplit("a")), "cat banana", 4 / 9),
        (altered(continuing_subword_prefix="##"), "dog", 2 / 3),
        (altered(normalizer=normalizers.Lowercase()), "CAT Ä", 0.0),
        (altered(normalizer=normalizers.BertNormalizer()), "CAT naïve Ä", 0.0),
        *((altered(normalizer=form()), "naïve ﬁ ½ Å …", 0.0) for form in FORMS),
        (altered(normalizer=normalizers.Strip()), " cat ", 0.0),
        (altered(normalizer=normalizers.Replace(" ", "_")), "cat ct", 0.0),
    ],
)
def test_what_is_deleted_is_lost_and_what_is_altered_is_not(
    tokenizer: Tokenizer, text: str, share: float
) -> None:
    assert tokenizer.lost_share([text]) == pytest.approx(share)


def test_a_small_share_is_told_and_a_large_one_refused(capsys: pytest.CaptureFixture[str]) -> None:
    tokenizer = by_bytes("Ą")
    tokenizer.check_texts(["plain text"], "corpus code, text 3")
    assert capsys.readouterr().err == ""
    tokenizer.check_texts(["a" * 199 + "\x04"], "corpus code, text 3")
    said = "corpus code, text 3: the tokenizer has no token for 0.50% of the characters\n"
    assert capsys.readouterr().err == said
    with pytest.raises(InputError, match=r"^corpus code, text 3: .* for 2\.0% of the characters, at most 1%"):
        tokenizer.check_texts(["a" * 98 + "\x04\x04"], "corpus code, text 3")
