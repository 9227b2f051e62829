"""Which rows, columns and stages depend on what differs between the two sides' inputs."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pandas as pd

from benchmark.diff.changed_inputs import NAMED, STAGES, Inputs
from benchmark.schema.stored_columns import NO_ARM

COLUMNS = {
    "models": ("model", "baseline", "other_model"),
    "corpora": ("corpus", "other_corpus"),
    "arms": ("arm", "baseline_arm", "other_arm"),
}
"""Columns that name an entry of a section of the settings."""

UPSTREAM = {
    "corpus": ("corpus",),
    "model": ("model",),
    "base": ("model", "base"),
    "posttrain": ("corpus", "model", "posttrain"),
    "score": STAGES,
}
"""The stages whose code affects what a stage writes, including the stage itself."""

RANKS = ("rank", "rank_low", "rank_high")
SIZES = ("effective_size", "size_multiplier")
SIZE_COLUMNS = ("effective_size_note", *(f"{name}{end}" for name in SIZES for end in ("", "_low", "_high")))
ADJUSTED = (
    *("p_adjusted", "q_value", "p_noninferior_adjusted", "p_negligible_adjusted", "mde_adjusted", "verdict"),
)

SHARED_COLUMNS: Mapping[tuple[str, str], tuple[str, ...]] = {
    **{("entries.csv", section): RANKS for section in NAMED},
    ("entries.csv", "models"): (*RANKS, *SIZE_COLUMNS),
    ("entries.csv", "arms"): (*RANKS, "prob_improve_control", "prob_improve_control_arm"),
    ("comparisons.csv", "models"): ADJUSTED,
    ("comparisons.csv", "arms"): ADJUSTED,
    **{("pairs.csv", section): ("p_adjusted",) for section in NAMED},
    **{("profile.csv", section): ("threshold", "share", "low", "high") for section in NAMED},
    ("familiarity.csv", "corpora"): ("n", "spearman", "low", "high", "p_value"),
}
"""Columns by table and section that depend on which other entries the section has.

Ranks and the correction over pairs use all entries together, and the thresholds of a profile cover them all. A
comparison is corrected over its entry's own baselines, so another corpus does not change it. A size depends on
the ladder of all models. The loss on the corpus is correlated over corpora.
"""


@dataclass(frozen=True)
class Scope:
    """What can be compared, given the inputs that differ."""

    inputs: Inputs

    def with_names(self, names: Mapping[str, frozenset[str]], how: str) -> "Scope":
        """The same scope with more names by section; `how` describes those that are not described yet."""
        known = self.inputs.named
        said = [
            f"{section}.{name} {how}" for section in NAMED for name in sorted(names[section] - known[section])
        ]
        merged = {section: known[section] | names[section] for section in NAMED}
        return Scope(replace(self.inputs, named=merged, said=(*self.inputs.said, *said)))

    @property
    def tables(self) -> bool:
        """Whether rows of tables can be compared at all: not if the code or the rules of scoring differ."""
        return not self.inputs.code and "scoring" not in self.inputs.whole

    @property
    def claims(self) -> bool:
        """Whether claims can be compared; each claim also depends on the entries that it names."""
        changed = {"claims", "posttrain", "evaluation", "checkpoints"} & self.inputs.whole
        return self.tables and not changed

    def depends(self, name: str, table: pd.DataFrame) -> "pd.Series[bool]":
        """Which rows of the table in the file `name` depend on inputs that differ."""
        runs = table["arm"] != NO_ARM if "arm" in table.columns else _all(table, False)
        whole = self.inputs.whole
        found = runs & bool({"posttrain", "checkpoints", "evaluation"} & whole)
        if "evaluation" in whole and name != "texts.parquet":
            found |= True
        for section, columns in COLUMNS.items():
            for column in columns:
                if column in table.columns:
                    found |= table[column].isin(list(self.inputs.named[section]))
        return found

    def compared_columns(self, name: str, columns: list[str]) -> list[str]:
        """The columns of a file's table that do not depend on inputs that differ."""
        left_out = {"verification"} if self.inputs.attested else set()
        for section in NAMED:
            if self.inputs.named[section]:
                left_out |= set(SHARED_COLUMNS.get((name, section), ()))
        return [column for column in columns if column not in left_out]

    def stage_depends(self, stage: str, model: str | None, corpus: str | None) -> bool:
        """Whether what a stage writes for a model, a corpus or both depends on inputs that differ."""
        named, whole = self.inputs.named, self.inputs.whole
        if self.inputs.code.keys() & set(UPSTREAM[stage]):
            return True
        if model in named["models"] or corpus in named["corpora"]:
            return True
        if stage == "posttrain":
            return bool(named["arms"] or {"posttrain", "evaluation", "checkpoints"} & whole)
        return stage == "base" and "evaluation" in whole

    def mentions(self, texts: list[str]) -> bool:
        """Whether some text is a name whose entry differs."""
        return any(set(texts) & self.inputs.named[section] for section in NAMED)


def _all(table: pd.DataFrame, value: bool) -> "pd.Series[bool]":
    return pd.Series(value, index=table.index)
