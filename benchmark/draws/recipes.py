"""Digests of the settings that a kept draw's numbers depend on; code and machine are not included."""

from benchmark.settings.track_settings import Settings
from benchmark.system.content_hash import digest


def base_recipe(settings: Settings, model: str, draw: int) -> str:
    """Digest of the settings that make one draw of a model and choose the documents that it is scored on."""
    spec = settings.models[model].drawn(draw).model_dump(mode="json", exclude={"role", "draws", "trained"})
    evaluation = settings.evaluation.model_dump(mode="json")
    if evaluation["precision"] == "fp32":  # older recipes have no precision and were computed in this one
        del evaluation["precision"]
    if not evaluation["documents_by_task"]:
        del evaluation["documents_by_task"]
    return digest(["base", model, draw, spec, evaluation])


def run_recipe(settings: Settings, model: str, draw: int, corpus: str, arm: str) -> str:
    """Digest of the settings that make the run of an arm on the text of one draw, except text and seed."""
    source = settings.corpora[corpus].model_dump(mode="json", exclude={"texts", "arms"})
    treatment = {key: value for key, value in settings.arms[arm].recipe.items() if key != "role"}
    steps = settings.posttrain.model_dump(mode="json") | {"learning_rate": settings.learning_rate(arm)}
    return digest(["run", base_recipe(settings, model, draw), corpus, source, arm, treatment, steps])
