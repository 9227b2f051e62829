"""What scores the checkpoints of one base model."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmark.evaluation.engine import DraftTexts, Evaluation, drafts_from, evaluate
from benchmark.evaluation.prepare import Prepared
from benchmark.models.causal_model import CausalModel
from benchmark.settings.run_options import EvaluationOptions
from benchmark.tasks.suite import Suite


@dataclass(frozen=True)
class Scorer:
    """What scores the checkpoints of one base model: the documents, prepared once, and how to read them.

    Attributes:
        suite: the documents and their names.
        prepared: their token ids and batch plan for the model's tokenizer.
        start: the scores of the unmodified model on the same documents.
        drafts: the texts that the unmodified model wrote for them.
    """

    suite: Suite
    prepared: Prepared
    settings: EvaluationOptions
    start: Evaluation
    drafts: DraftTexts | None = None

    @classmethod
    def of(
        cls, model: CausalModel, suite: Suite, prepared: Prepared, settings: EvaluationOptions
    ) -> "Scorer":
        """Score the unmodified `model`; its texts become drafts, since most checkpoints write them again."""
        start = evaluate(
            model, prepared, loss_batch_size=settings.loss_batch_size, precision=settings.precision
        )
        return cls(suite, prepared, settings, start, drafts_from(start, prepared))

    def score(self, model: CausalModel, splits: Sequence[str] | None = None) -> Evaluation:
        """All documents under `model`, or those of some splits."""
        return evaluate(
            model,
            self.prepared,
            loss_batch_size=self.settings.loss_batch_size,
            splits=splits,
            drafts=self.drafts,
            precision=self.settings.precision,
        )
