"""Worker processes on GPUs read a model's weights from its folder, and give what this process gives."""

import pickle
import shutil
from pathlib import Path

import pytest
import torch

from benchmark.corpora.texts import CorpusText
from benchmark.doctor import trials
from benchmark.errors import InputError
from benchmark.execution import workers
from benchmark.execution.sent_by_value import packed
from benchmark.models import model_folders
from benchmark.posttrain.base_model import load_base, read_model
from benchmark.posttrain.run_cache import RunCache
from benchmark.posttrain.run_group import complete_runs
from benchmark.posttrain.run_requests import request
from benchmark.settings.load import load_settings
from benchmark.settings.run_options import Execution
from benchmark.tasks.suite_of_track import suite_of
from tests.conftest import ROOT


def test_a_model_is_sent_without_its_weights_and_read_from_its_folder(tmp_path: Path) -> None:
    folder = shutil.copytree(trials.STORED, tmp_path / "model")
    model, _, _ = read_model(folder)
    sent = packed([model, model])
    assert len(sent) < 2000 < sum(tensor.nbytes for tensor in model.params.values())
    one, other = pickle.loads(sent)
    assert one is other
    assert all(torch.equal(one.params[name], tensor) for name, tensor in model.params.items())
    model_folders._read_again.cache_clear()
    (folder / "model.safetensors").rename(tmp_path / "away")
    shutil.move(folder, tmp_path / "elsewhere")
    with pytest.raises(InputError, match="weights are not sent"):
        pickle.loads(sent)
    shutil.copytree(ROOT / "benchmark" / "doctor" / "model", folder)
    changed = {name: tensor + 1 for name, tensor in model.params.items()}
    model.config.save(changed, folder)
    with pytest.raises(InputError, match="other weights there"):
        pickle.loads(sent)
    model_folders._read_again.cache_clear()


def test_runs_on_two_made_up_gpus_give_what_one_process_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = trials.trial_settings(load_settings(ROOT / "params.yaml"))
    settings = settings.model_copy(update={"execution": Execution(device="auto")})
    suite = suite_of(settings.evaluation, documents=2)
    base = load_base("doctor", trials.STORED, suite, settings.evaluation, Execution())
    text = CorpusText(0, "doctor-0", trials.TEXTS[0])
    runs = [request(settings, base, "doctor", text, arm, 0) for arm in ("gap", "random")]
    found = []
    for devices in ((), ("0", "1")):
        monkeypatch.setattr(workers, "gpus", lambda settings, devices=devices: devices)
        found.append(
            complete_runs(settings, {0: base.scorer}, runs, RunCache(tmp_path / str(len(devices))), "x")
        )
    alone, spread = found
    assert [one.record for one in alone] == [one.record for one in spread]
    assert all(one.samples.equals(other.samples) for one, other in zip(alone, spread, strict=True))
