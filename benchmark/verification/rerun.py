"""Repeats runs of an entry from the pipeline's own models and texts; never reads the run cache."""

from collections.abc import Mapping

import pyarrow as pa

from benchmark.corpora.texts import stored_texts
from benchmark.errors import InputError
from benchmark.posttrain.base_draws import load_bases
from benchmark.posttrain.run_loop import RunRequest, execute_run
from benchmark.posttrain.run_requests import base_of, request, soup_requests, texts_of_run
from benchmark.store.entry_lookup import Entry
from benchmark.tasks.suite_of_track import suite_of
from benchmark.verification.compare_runs import RunName
from benchmark.verification.run_record_check import entry_records


class PipelineRepeater:
    """A `Repeater`: loads the base model's draws and prepares the suite once."""

    def __init__(self, entry: Entry) -> None:
        settings, paths = entry.settings, entry.paths
        self.entry = entry
        self.texts = {text.text_id: text for text in stored_texts(paths.corpus(entry.corpus))}
        suite = suite_of(settings.evaluation, documents=settings.evaluation.documents, root=paths.root)
        draws = range(settings.models[entry.model].trained_draws)
        folders = [(draw, paths.draw(entry.model, draw)) for draw in draws]
        self.bases = load_bases(entry.model, folders, suite, settings.evaluation, settings.execution)

    @property
    def model_digests(self) -> Mapping[int, str]:
        """sha256 of base weights and tokenizer by draw."""
        return {base.draw: base.digest for base in self.bases}

    def samples(self, run: RunName) -> pa.Table:
        """Samples of all steps of the run."""
        if self.entry.settings.arms[self.entry.arm].kind == "soup":
            asked = self._soups().get(run.text_id)
        else:
            known = run.text_id in self.texts
            asked = self._request(self.entry.arm, run.text_id, run.seed) if known else None
        if asked is None:
            raise InputError(
                f"{self.entry}: text {run.text_id} is not in the corpus any more: run `dvc repro`"
            )
        return execute_run(asked, self.bases[asked.draw].scorer).samples

    def _request(self, arm: str, text_id: str, seed: int) -> RunRequest:
        settings, corpus, text = self.entry.settings, self.entry.corpus, self.texts[text_id]
        share = texts_of_run(settings, arm, text, list(self.texts.values()), len(self.bases))
        return request(settings, base_of(text, self.bases), corpus, text, arm, seed, share)

    def _soups(self) -> dict[str, RunRequest]:
        """The soups by their id; the records of their members say which runs and steps they average."""
        entry = self.entry
        mixed = entry.settings.arms[entry.arm].of or ""
        records = entry_records(Entry(entry.settings, entry.paths, entry.model, mixed, entry.corpus))
        by_run = {(record.text_id, record.seed): record for record in records}
        finished = [
            (self._request(mixed, text_id, seed), by_run[text_id, seed])
            for text_id in self.texts
            for seed in entry.settings.arms[mixed].seeds
            if (text_id, seed) in by_run
        ]
        soups = soup_requests(entry.settings, finished)
        return {run.text_id: run for run in soups if run.arm_name == entry.arm}
