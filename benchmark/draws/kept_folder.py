"""The folder `kept/<track>/`: scores of draws that the pipeline does not train, in git.

`kept.json` says for each draw what its numbers depend on, and `texts.parquet` has the texts. Each model's folder has
`base.parquet`, `runs.jsonl`, and a table of run samples for each corpus.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from benchmark.errors import InputError
from benchmark.posttrain.record import Averages, RunSummary, StoredRecord
from benchmark.schema.stored_columns import TEXTS
from benchmark.system.files import read_json, write_json


class KeptDraw(StoredRecord):
    """What is known of one kept draw.

    Attributes:
        recipe: `recipes.base_recipe` when it was made.
        documents: digest of the suite that the base is scored on.
        model_digest: sha256 over weights and tokenizer, joined by a hyphen.
        averages: the base's test averages by family and over all.
    """

    recipe: str
    suite_version: str
    documents: str
    arithmetic: str
    weights_sha256: str
    model_digest: str
    averages: Averages


class KeptRun(RunSummary):
    """A run record without large fields and fields stored elsewhere: only the scored steps, start and end.

    Attributes:
        recipe: `recipes.run_recipe` when it was done.
        documents: digest of the suite that it is scored on.
    """

    recipe: str
    documents: str


@dataclass(frozen=True)
class KeptFolder:
    """`kept/<track>/`."""

    path: Path

    def draws(self) -> dict[str, dict[int, KeptDraw]]:
        """Kept draws by model; empty if nothing is kept.

        Raises:
            InputError: `kept.json` is not what `gapbench draws make` writes.
        """
        path = self.path / "kept.json"
        if not path.is_file():
            return {}
        try:
            models = read_json(path)["models"]
            return {
                model: {int(draw): KeptDraw.model_validate(facts) for draw, facts in draws.items()}
                for model, draws in models.items()
            }
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(
                f"{path}: not readable ({error}): `gapbench draws make` writes it again"
            ) from None

    def write_draws(self, draws: Mapping[str, Mapping[int, KeptDraw]]) -> None:
        """Write `kept.json`."""
        models = {
            model: {str(draw): facts.stored() for draw, facts in sorted(of_model.items())}
            for model, of_model in draws.items()
        }
        write_json(self.path / "kept.json", {"models": models})

    def base(self, model: str) -> Path:
        """Scores of a model's kept draws."""
        return self.path / model / "base.parquet"

    def runs(self, model: str, corpus: str) -> Path:
        """Scores of the runs on a corpus."""
        return self.path / model / f"{corpus}.parquet"

    def records(self, model: str) -> list[KeptRun]:
        """Run records of a model, all corpora."""
        path = self.path / model / "runs.jsonl"
        return KeptRun.read_all(path) if path.is_file() else []

    def texts(self) -> pa.Table:
        """The texts of kept draws and of the draws before them."""
        path = self.path / "texts.parquet"
        return pq.read_table(path).cast(TEXTS) if path.is_file() else TEXTS.empty_table()
