"""Each option of Lightning's Trainer and each of its callbacks works here, or is refused before training."""

import inspect

import lightning.pytorch.callbacks as lightning_callbacks
import pytest
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import EarlyStopping

from callbacks import LastCheckpoint, Scores
from helpers.command_line import error
from helpers.runs import Memory, digits, small, trainer
from zoo.engine import compatible

# Values of each option that work; the command line gives plugins and callbacks itself.
OPTIONS = {
    "accelerator": ["cpu"], "devices": ["1"], "num_nodes": ["1"], "precision": ["bf16-mixed", "64-true"],
    "strategy": ["auto", "ddp_find_unused_parameters_true"], "logger": ["false", "true"],
    "callbacks": [], "plugins": [], "default_root_dir": ["elsewhere"],
    "fast_dev_run": ["true", "2"], "max_epochs": ["1"], "min_epochs": ["1"], "max_steps": ["2"], "min_steps": ["2"],
    "max_time": ["00:00:01:00"], "limit_train_batches": ["2", "0.1"], "limit_val_batches": ["1"],
    "limit_test_batches": ["1"], "limit_predict_batches": ["1"], "val_check_interval": ["2", "00:00:00:01"],
    "check_val_every_n_epoch": ["1"], "num_sanity_val_steps": ["1"], "log_every_n_steps": ["0", "3"],
    "enable_checkpointing": ["false"], "enable_progress_bar": ["false"], "enable_model_summary": ["true"],
    "deterministic": ["true", "warn"], "benchmark": ["true"], "inference_mode": ["false"],
    "use_distributed_sampler": ["false"], "profiler": ["simple"], "detect_anomaly": ["true"],
    "reload_dataloaders_every_n_epochs": ["1"], "enable_autolog_hparams": ["false"],
}  # fmt: skip
REFUSED = {
    "accumulate_grad_batches": ["2", "--model.init_args.accumulate"],
    "gradient_clip_val": ["1.0", "lower a rate"],
    "gradient_clip_algorithm": ["norm", "lower a rate"],
    "overfit_batches": ["1", "--trainer.limit_train_batches"],
    "model_registry": ["x", "--ckpt_path"],
    "barebones": ["true", "--loggers []"],
    "sync_batchnorm": ["true", "needs GPUs"],
}
OTHER_VALUES = [
    ("strategy", "fsdp", "--trainer.devices 2"),
    ("strategy", "deepspeed", "--trainer.devices 2"),
    ("strategy", "ddp_spawn", "--trainer.devices 2"),
    ("strategy", "ddp_notebook", "--trainer.devices 2"),
    ("precision", "transformer-engine", "bf16-mixed"),
    ("max_steps", "0", "nothing would be trained"),
    ("limit_train_batches", "0", "nothing would be trained"),
    ("min_steps", "9", "above max_steps 4"),
]
# Arguments of the callbacks that work; those in compatible.CALLBACKS are refused.
CALLBACKS = {
    "BasePredictionWriter": {}, "Callback": {}, "Checkpoint": {}, "LambdaCallback": {}, "LearningRateMonitor": {},
    "ModelCheckpoint": {}, "ModelSummary": {}, "Timer": {}, "TQDMProgressBar": {}, "ProgressBar": {},
    "EarlyStopping": {"monitor": "val/sliced_wasserstein"}, "DeviceStatsMonitor": {}, "RichModelSummary": {},
    "RichProgressBar": {}, "ThroughputMonitor": None,
}  # fmt: skip
NEEDS_A_PACKAGE = {"DeviceStatsMonitor": "psutil", "RichModelSummary": "rich", "RichProgressBar": "rich"}


def test_the_table_knows_all_options_of_the_installed_lightning():
    assert {*OPTIONS, *REFUSED, "self"} == set(inspect.signature(Trainer.__init__).parameters)


def test_the_table_knows_all_callbacks_of_the_installed_lightning():
    assert {*CALLBACKS, *compatible.CALLBACKS} == set(lightning_callbacks.__all__)


def refused(capsys, tmp_path, *argv):
    status, line = error(capsys, "fit", "--config=tiny.yaml", *argv)
    assert status == 2
    assert not list(tmp_path.glob("runs/*/*")), "nothing is left"
    return line


@pytest.mark.parametrize(
    ("option", "value", "instead"),
    [*((name, value, advice) for name, (value, advice) in REFUSED.items()), *OTHER_VALUES],
)
def test_an_option_that_does_not_fit_is_refused(option, value, instead, tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    line = refused(capsys, tmp_path, f"--trainer.{option}={value}")
    assert option in line
    assert instead in line


ARGUMENTS = {"StochasticWeightAveraging": ["--trainer.callbacks.swa_lrs=0.1"]}
ARGUMENTS |= {"ModelPruning": ["--trainer.callbacks.pruning_fn=l1_unstructured"]}
ARGUMENTS |= {"OnExceptionCheckpoint": ["--trainer.callbacks.dirpath=x"]}


@pytest.mark.filterwarnings("ignore")  # Lightning's own, before it asks the model
@pytest.mark.parametrize(
    "name", sorted(set(compatible.CALLBACKS) - {"GradientAccumulationScheduler", "SpikeDetection"})
)
def test_a_callback_that_does_not_fit_is_refused(name, tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    argv = [f"--trainer.callbacks+=lightning.pytorch.callbacks.{name}", *ARGUMENTS.get(name, [])]
    assert compatible.CALLBACKS[name] in refused(capsys, tmp_path, *argv)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("options", "callbacks"),
    [
        ({}, [lightning_callbacks.GradientAccumulationScheduler({0: 2})]),
        ({}, [lightning_callbacks.SpikeDetection()]),
        ({}, [lightning_callbacks.OnExceptionCheckpoint("here"), LastCheckpoint()]),
        ({"gradient_clip_val": 1.0}, []),
        ({"overfit_batches": 1}, []),
        ({"min_steps": 9}, []),
        ({"limit_train_batches": 0}, []),
        ({"steps": 0}, []),
    ],
    ids=["accumulation", "spikes", "on exception", "clipping", "overfit", "min_steps", "no batches", "no steps"],
)
def test_python_is_told_the_same(options, callbacks, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(compatible.MisconfigurationException, match=r"fit a GAN|above max_steps|nothing would"):
        trainer(tmp_path, *callbacks, **options).fit(small(), digits())


@pytest.mark.filterwarnings("ignore:When using the `ThroughputMonitor`")
def test_throughput_is_measured(tmp_path):
    memory = Memory()
    watch = lightning_callbacks.ThroughputMonitor(batch_size_fn=lambda batch: len(batch[0]), window_size=2)
    trainer(tmp_path, watch, logger=memory, steps=6, log_every_n_steps=1).fit(small(), digits())
    logged = memory.values("train|samples_per_sec") or memory.values("train/device/samples_per_sec")
    assert any("samples" in name for _, values in memory.logged for name in values), logged


@pytest.mark.slow
@pytest.mark.parametrize(("option", "value"), [(name, value) for name, values in OPTIONS.items() for value in values])
@pytest.mark.filterwarnings("ignore")
def test_an_option_that_fits_works(option, value, run):
    assert "ended at step" in (run("fit", f"--trainer.{option}={value}") / "log.txt").read_text()


@pytest.mark.parametrize("name", [name for name, arguments in CALLBACKS.items() if arguments is not None])
@pytest.mark.filterwarnings("ignore")
def test_a_callback_that_fits_works(name, run, tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    argv = [f"--trainer.callbacks+=lightning.pytorch.callbacks.{name}"]
    argv += [f"--trainer.callbacks.{key}={value}" for key, value in CALLBACKS[name].items()]
    package = NEEDS_A_PACKAGE.get(name)
    if package is not None:
        try:
            __import__(package)
        except ModuleNotFoundError:
            assert package in refused(capsys, tmp_path, *argv)
            return
    assert (run("fit", *argv) / "checkpoints" / "last.ckpt").is_file()


# -- early stopping --


@pytest.mark.parametrize(("monitor", "meant"), [("val/sliced_wassersten", "val/sliced_wasserstein"), ("val/fdi", None)])
def test_a_mistyped_monitor_is_one_line(monitor, meant, tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    argv = ["--trainer.callbacks+=lightning.pytorch.callbacks.EarlyStopping", f"--trainer.callbacks.monitor={monitor}"]
    status, line = error(capsys, "fit", "--config=tiny.yaml", *argv)
    assert status == 2
    assert monitor in line
    assert meant is None or f"did you mean {meant}?" in line


def test_a_score_that_is_not_due_neither_stops_nor_counts(tmp_path, scorer):
    """FID is due at every second validation; the others log nan for it, which EarlyStopping takes for the end."""
    stopper = EarlyStopping("val/fid", patience=50)
    scores = Scores(scorer="digits", every_n_steps=4)
    intervals = {"val_check_interval": 2, "check_val_every_n_epoch": None, "limit_val_batches": 2}
    player = trainer(tmp_path, scores, stopper, steps=8, **intervals)
    player.fit(small(), digits())
    assert player.global_step == 8
    assert torch.isfinite(stopper.best_score)


def test_a_score_that_is_nan_when_it_is_due_still_stops(tmp_path):
    class Nothing(Scores):
        """Computes nan."""

        def on_validation_epoch_end(self, trainer, pl_module):
            """Logs it."""
            pl_module.log("val/fid", torch.tensor(torch.nan))

    intervals = {"val_check_interval": 2, "check_val_every_n_epoch": None, "limit_val_batches": 1}
    player = trainer(tmp_path, Nothing(scorer=None), EarlyStopping("val/fid"), steps=8, **intervals)
    player.fit(small(), digits())
    assert player.global_step == 2
