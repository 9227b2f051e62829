"""Kept checkpoints as model folders for the Hub: weights, the tokenizer of their base model, and a card."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from benchmark.errors import InputError
from benchmark.export.stored_checkpoints import Key, StoredCheckpoint, StoredCheckpoints, Wanted, wanted
from benchmark.models.from_hub import TOKENIZER_FILES
from benchmark.reports.entry_report import report
from benchmark.reports.formats import escape_markdown
from benchmark.reports.markdown import markdown_table
from benchmark.schema.stored_columns import NO_ARM
from benchmark.settings.model_specs import HubModel
from benchmark.store.tracks import params_name
from benchmark.system.empty_folder import check_out, writing
from benchmark.system.files import whole_folder, write_text

BESIDE = (*TOKENIZER_FILES, "chat_template.jinja", "generation_config.json")
"""Files of the base model that go with the weights."""
METRICS = {"acc": "accuracy", "acc_norm": "accuracy", "f1": "f1"}
"""The Hub's names of metrics; others keep theirs."""


def export_cards(name: str, out: Path, root: Path) -> str:
    """Write `<out>/<model>.<arm>.<corpus>/<run>/` for each kept checkpoint of an entry or a track.

    A checkpoint is that of the step by which its run is judged. What was written is said in one line.

    Raises:
        InputError: there is no such entry or track, no checkpoint of it is kept, its tokenizer or its results are not
            there, or `out` holds something.
    """
    check_out(out)
    asked = wanted(name, root)
    groups = {key: _kept(asked, key) for key in asked.keys if key[1] != NO_ARM}
    kept = tuple(key for key, folders in groups.items() if folders)
    if not kept:
        path = params_name(asked.paths.track)
        raise InputError(
            f"{name}: no checkpoint is kept: set `checkpoints: {{keep: selected}}` in {path}, then run {asked.remake}"
        )
    bases = tuple(dict.fromkeys((key[0], NO_ARM, NO_ARM) for key in kept))
    stored = list(StoredCheckpoints(replace(asked, keys=(*kept, *bases))))
    starts = {(one.model, one.draw): one for one in stored if one.is_base}
    written = 0
    with writing(out), whole_folder(out) as folder:
        for one in stored:
            weights = None if one.is_base else _weights(asked, one)
            if weights is not None:
                _write(asked, one, starts[one.model, one.draw], weights, folder / one.group / one.run)
                written += 1
        if not written:
            raise InputError(
                f"{name}: no kept checkpoint is one that its run is judged by: run {asked.remake}"
            )
    return f"{out}: {written} model folders of {asked.name}, each with a card{asked.elsewhere}"


def _kept(asked: Wanted, key: Key) -> list[Path]:
    model, arm, corpus = key
    return list((asked.paths.run_group(model, corpus) / "checkpoints" / arm).glob("*/step-*/config.json"))


def _weights(asked: Wanted, one: StoredCheckpoint) -> Path | None:
    """The folder of its weights, None if they are not kept or it is not one step that all tasks are judged by."""
    if len(one.steps) > 1:
        return None
    group = asked.paths.run_group(one.model, one.corpus) / "checkpoints" / one.arm
    folder = group / f"{one.text_id}-{one.seed}" / f"step-{one.steps[0]}"
    return folder if (folder / "config.json").is_file() else None


def _write(
    asked: Wanted, one: StoredCheckpoint, start: StoredCheckpoint, weights: Path, folder: Path
) -> None:
    base = asked.paths.draw(one.model, one.draw)
    beside = [base / file for file in BESIDE if (base / file).is_file()]
    if not beside:
        raise InputError(f"{one.group}: no tokenizer in {base}: run {asked.remake} (or `dvc pull`)")
    folder.mkdir(parents=True)
    for file in (*sorted(weights.iterdir()), *beside):
        shutil.copyfile(file, folder / file.name)
    write_text(folder / "README.md", card(asked, one, start))


def card(asked: Wanted, one: StoredCheckpoint, start: StoredCheckpoint) -> str:
    """The card of a checkpoint: front matter with `model-index`, then what it is and how it scores against `start`."""
    front = yaml.safe_dump(_front(asked, one), sort_keys=False, allow_unicode=True, width=1_000_000)
    label = one.group.replace(".", "/")
    arm = asked.settings.arms[one.arm]
    about = (
        f"`{one.model}` (pretraining draw {one.draw}) after {one.steps[0]} optimiser steps of the arm `{one.arm}` "
        f"(kind `{arm.kind}`) on text `{one.text_id}` of the corpus `{one.corpus}`, seed {one.seed}. Written by "
        f"`gapbench export hub-card` {version('gapbench')} from track `{asked.paths.track}`, suite "
        f"`{asked.settings.evaluation.suite_name}`."
    )
    parts = [
        f"---\n{front}---",
        f"# {label}, {one.run}",
        about,
        "## Scores of this checkpoint",
        _table(one, start),
        "The unmodified model is that of the same pretraining draw. One checkpoint does not show whether the arm "
        "helps: the table below is over all texts and draws.",
        "## The entry",
        report(asked.paths.results, label).strip(),
        "## Use",
        "```python\nfrom transformers import AutoModelForCausalLM, AutoTokenizer\n\n"
        'model = AutoModelForCausalLM.from_pretrained("FOLDER")\n'
        'tokenizer = AutoTokenizer.from_pretrained("FOLDER")\n```',
    ]
    return "\n\n".join(parts) + "\n"


def _front(asked: Wanted, one: StoredCheckpoint) -> dict[str, Any]:
    spec = asked.settings.models[one.model]
    front: dict[str, Any] = {
        "library_name": "transformers",
        "pipeline_tag": "text-generation",
        "tags": ["gapbench"],
    }
    if isinstance(spec, HubModel):
        front["base_model"] = spec.id
    suite = asked.settings.evaluation.suite_name
    results = [
        {
            "task": {"type": "text-generation"},
            "dataset": {
                "name": f"{task} ({len(one.scores[task])} documents)",
                "type": f"{suite}/{task}",
                "split": "test",
            },
            "metrics": [
                {
                    "type": METRICS.get(facts.metric, facts.metric),
                    "name": facts.metric,
                    "value": round(_mean(one, task), 6),
                }
            ],
        }
        for task, facts in sorted(one.tasks.items())
    ]
    return {**front, "model-index": [{"name": f"{one.group}.{one.run}", "results": results}]}


def _table(one: StoredCheckpoint, start: StoredCheckpoint) -> str:
    families: Mapping[str, Sequence[str]] = {
        family: sorted(name for name, task in one.tasks.items() if task.family == family)
        for family in dict.fromkeys(task.family for task in one.tasks.values())
    }
    rows = []
    for family, tasks in families.items():
        rows += [_row(task, one.tasks[task].metric, [task], one, start) for task in tasks]
        rows.append(_row(f"{family}, mean", "", tasks, one, start))
    if len(families) > 1:
        rows.append(_row("all tasks, mean", "", sorted(one.tasks), one, start))
    return markdown_table(
        ["task", "metric", "documents", "this checkpoint", "unmodified", "difference"], rows
    )


def _row(
    label: str, metric: str, tasks: Sequence[str], one: StoredCheckpoint, start: StoredCheckpoint
) -> list[str]:
    ours, theirs = (sum(_mean(side, task, one) for task in tasks) / len(tasks) for side in (one, start))
    count = sum(len(one.scores[task]) for task in tasks)
    return [
        escape_markdown(label), metric, str(count), f"{ours:.4f}", f"{theirs:.4f}", f"{ours - theirs:+.4f}",
    ]  # fmt: skip


def _mean(side: StoredCheckpoint, task: str, documents: StoredCheckpoint | None = None) -> float:
    """Mean over the documents of `documents`, by default its own."""
    values = [side.scores[task][number].value for number in (documents or side).scores[task]]
    return sum(values) / len(values)
