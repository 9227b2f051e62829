"""A few handwritten rows for every task of gap12, in the layout of docs/DATA.md."""

import json
from pathlib import Path
from typing import Any

THINGS = ["rope", "lamp", "spoon", "kettle", "ladder", "basket", "mirror", "hammer", "candle", "blanket"]
CHOICE = ["piqa", "hellaswag", "arc_easy", "arc_challenge", "copa", "winogrande", "math_qa", "pubmed_qa"]
DIALOGUES = ["blended_skill_talk", "empathetic_dialogues", "wizard_of_internet", "wizard_of_wikipedia"]
TWELVE = CHOICE + DIALOGUES
"""The tasks of the original study, in its order."""


def write_small_data(folder: Path) -> Path:
    """Ten rows a split (more in the ARC sets, whose fourth row has five choices)."""
    write_jsonl(folder / "tasks/piqa/valid.jsonl", [_piqa(thing) for thing in THINGS])
    (folder / "tasks/piqa/valid-labels.lst").write_text("".join(f"{i % 2}\n" for i in range(10)))
    write_jsonl(folder / "tasks/hellaswag/validation.jsonl", [_hellaswag(i, t) for i, t in enumerate(THINGS)])
    for name in ("arc_easy", "arc_challenge"):
        write_jsonl(folder / f"tasks/{name}/validation.jsonl", [_arc(i, t) for i, t in enumerate(THINGS)])
    write_jsonl(folder / "tasks/copa/validation.jsonl", [_copa(i, t) for i, t in enumerate(THINGS)])
    for split in ("dev", "train_s"):
        rows = [_winogrande(i, f"{split} {t}") for i, t in enumerate(THINGS)]
        write_jsonl(folder / f"tasks/winogrande/{split}.jsonl", rows)
    _json(folder / "tasks/math_qa/dev.json", [_math_qa(i) for i in range(10)])
    pubmed = folder / "official-gap/data/validation_data/pubmed_qa.csv"
    pubmed.parent.mkdir(parents=True)
    answers = ["yes", "no", "maybe"]
    lines = [f'"Does a {t} help?","A study, of the {t}.",{answers[i % 3]}' for i, t in enumerate(THINGS)]
    pubmed.write_text("\n".join(["question,abstract,final_decision", *lines]) + "\n")
    for name in DIALOGUES:
        for split in ("validation", "test"):
            turns = {str(i): _turns(split, thing) for i, thing in enumerate(THINGS)}
            turns["3"] = turns["3"][:1]
            _json(folder / f"official-gap/data/{split}_data/{name}.json", {"text": turns})
    return folder


def _piqa(thing: str) -> dict[str, Any]:
    return {"goal": f"mend a {thing}", "sol1": f"glue the {thing}", "sol2": f"eat the {thing}"}


def _hellaswag(number: int, thing: str) -> dict[str, Any]:
    endings = [f"{verb} the {thing}." for verb in ("lifts", "paints", "melts", "sings to")]
    return {"ctx": f"A man takes a {thing}. He", "endings": endings, "label": str(number % 4)}


def _arc(number: int, thing: str) -> dict[str, Any]:
    labels = list("ABCDE" if number == 3 else "1234" if number % 2 else "ABCD")
    texts = [f"{word} {thing}" for word in ("a red", "a blue", "an old", "a new", "a lost")]
    choices = {"text": texts[: len(labels)], "label": labels}
    return {"question": f"Which {thing} is hot?", "choices": choices, "answerKey": labels[number % 4]}


def _copa(number: int, thing: str) -> dict[str, Any]:
    return {
        "premise": f"The {thing} fell.",
        "choice1": "It broke.",
        "choice2": "It sang.",
        "label": number % 2,
    }


def _winogrande(number: int, thing: str) -> dict[str, Any]:
    sentence = f"Ann gave Eve the {thing} because _ had no {thing}."
    return {"sentence": sentence, "option1": "Eve", "option2": "Ann", "answer": str(1 + number % 2)}


def _math_qa(number: int) -> dict[str, Any]:
    options = " , ".join(f"{letter} ) {number + i}" for i, letter in enumerate("abcde"))
    return {"Problem": f"what is {number} + 1 ?", "options": options, "correct": "b"}


def _turns(split: str, thing: str) -> list[str]:
    return [f"i like my {thing} in the {split} room", "Oh , why ?", f"it is a fine {thing} . i use it"]


def write_jsonl(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def _json(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")
