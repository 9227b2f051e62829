"""Overlap of a corpus with task documents, by n-grams of words."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmark.corpora.overlap import grams, overlap, suite_documents
from benchmark.intake.submit_entry import submit_corpus

DOCUMENT = "Anna gave Ben three red apples and two green pears on Monday"


def test_a_document_in_a_text_is_found_whatever_its_case_and_punctuation() -> None:
    found = overlap(
        [f"Before. {DOCUMENT.upper().replace(' ', ', ')}!"], {"task": [DOCUMENT, "other words"]}, n=8
    )
    # The document's 12 words hold 5 8-grams; the text's 13 words hold 6.
    assert (found.grams, found.share, found.texts) == (6, pytest.approx(5 / 6), 1)
    assert found.documents == {"task": (1, 2)}


def test_seven_words_in_a_row_are_no_overlap() -> None:
    shared = " ".join(DOCUMENT.split()[:7])
    found = overlap([f"{shared} quite another end of the sentence"], {"task": [DOCUMENT]}, n=8)
    assert (found.share, found.texts, found.documents) == (0.0, 0, {"task": (0, 1)})


def test_a_text_shorter_than_the_window_has_no_grams() -> None:
    assert list(grams("two words", 8)) == []
    assert overlap(["two words"], {"task": [DOCUMENT]}).share == 0.0


def test_every_string_of_every_split_of_a_document_counts() -> None:
    row = {"doc_id": 3, "question": "who", "choices": {"text": ["a b", "c"], "label": ["A", "B"]}, "gold": 1}
    document = SimpleNamespace(row=row)
    task = SimpleNamespace(name="task", documents={"select": (document,), "test": (document, document)})
    assert suite_documents(SimpleNamespace(tasks=(task,))) == {"task": ["who\na b\nc\nA\nB"] * 3}


def test_the_manifest_tells_of_task_documents_in_a_corpus(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = SimpleNamespace(row={"context": DOCUMENT})
    task = SimpleNamespace(name="task", documents={"test": (document,)})
    suite = SimpleNamespace(name="made-up", tasks=(task,))
    monkeypatch.setattr("benchmark.tasks.suite_of_track.suite_of", lambda *_, **__: suite)
    path = tmp_path / "leaked.txt"
    path.write_text(f"{DOCUMENT}\nsomething else entirely\nand a third text\n", encoding="utf-8")
    report = submit_corpus("leaked", str(path), params=repository / "params.yaml")
    assert any(
        "overlap with made-up: 100.00 %" in line and "1 task documents" in line for line in report.lines
    )


def test_the_studys_own_validation_data_overlaps_with_itself(data_dir: Path) -> None:
    """COPA's premises are shorter than the window; MathQA's problems are not."""
    import json

    rows = json.loads((data_dir / "tasks" / "math_qa" / "dev.json").read_text(encoding="utf-8"))[:50]
    problems = [row["Problem"] for row in rows]
    assert overlap(problems, {"math_qa": problems}).share == 1.0
