"""The compiled step is the step, up to rounding; and models that cannot have it are refused."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from functorch.compile import nop
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Callback, Trainer, seed_everything
from torch._dynamo.backends.common import aot_autograd
from torch._dynamo.backends.debugging import aot_eager
from torch._dynamo.utils import counters
from torch._inductor.exc import InductorError
from torch.testing import assert_close

import zoo
from callbacks import Compile
from helpers.models import MODELS, build, loader
from zoo import penalties
from zoo.engine import compiled
from zoo.engine.checkpoints.differences import read

ROOT = Path(__file__).resolve().parents[1]
SHAPE = (1, 8, 8)
# Adam makes steps of full length of gradients that are rounding alone, as those of biases before batch norm.
TINY = {key: {"name": "sgd", "lr": 0.05} for key in ("generator_optimizer", "critic_optimizer")}

pytestmark = pytest.mark.filterwarnings("ignore")  # of torch.compile's own deprecated calls


def train(cls, compile_, accelerator="cpu", steps=2, callbacks=(), **options):
    seed_everything(0, verbose=False)
    model = build(cls, **options)
    quiet = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
    trainer = Trainer(
        max_steps=steps, accelerator=accelerator, devices=1, callbacks=[Compile(compile_), *callbacks], **quiet
    )
    seed_everything(3, verbose=False)
    data = loader(model, steps, n=4)
    seed_everything(0, verbose=False)
    trainer.fit(model, data)
    return model


def assert_same(one, other, **tolerance):
    assert one.observed.keys() == other.observed.keys() >= {"critic_loss", "generator_loss"}
    for name, value in one.observed.items():
        assert_close(value, other.observed[name], msg=lambda message, name=name: f"{name}: {message}", **tolerance)
    for (name, value), theirs in zip(one.state_dict().items(), other.state_dict().values(), strict=True):
        assert_close(value, theirs, msg=lambda message, name=name: f"{name}: {message}", **tolerance)


@pytest.fixture
def traced(monkeypatch):
    """torch.compile with everything of it but the making of kernels, which takes a minute; counts what it compiles."""
    count = []

    def backend(module, inputs):
        count.append(module)
        return aot_eager(module, inputs)

    monkeypatch.setattr(compiled, "OPTIONS", {"backend": backend})
    return count


def seconds(cls):
    """Tracing takes seconds: fast tests do it for the first model and for those that take a gradient of the critic."""
    return [] if cls is zoo.GAN or cls.needs_second_order else [pytest.mark.slow]


@pytest.mark.parametrize("cls", [pytest.param(cls, marks=seconds(cls), id=cls.__name__) for cls in MODELS])
def test_a_compiled_run_is_the_run(cls, traced):
    plain = train(cls, False, **TINY)
    assert not traced
    graphs = train(cls, True, **TINY)
    assert len(traced) == 3  # the generator's, the critic's and the adversarial one: nothing is compiled twice
    assert graphs.compiled is None
    assert_same(plain, graphs, rtol=1e-5, atol=1e-7)


@pytest.mark.slow
def test_convolutions_too(traced):
    options = TINY | {"network": "keras_conv", "image_shape": SHAPE, "latent_dim": 4}
    plain, graphs = train(zoo.WGANGP, False, **options), train(zoo.WGANGP, True, **options)
    assert_same(plain, graphs, rtol=1e-4, atol=1e-6)


def test_two_critic_terms_are_two_graphs(traced):
    options = TINY | {"critic_update": "separate", "fake_mode": "eval"}
    plain, graphs = train(zoo.GAN, False, **options), train(zoo.GAN, True, **options)
    assert len(traced) == 4
    assert_same(plain, graphs, rtol=1e-5, atol=1e-7)


@pytest.mark.slow
@pytest.mark.parametrize("cls", [zoo.GAN, zoo.WGANGP], ids=lambda cls: cls.__name__)
def test_inductor_s_kernels_differ_by_rounding_alone(cls):
    assert_same(train(cls, False, **TINY), train(cls, True, **TINY), rtol=1e-4, atol=1e-6)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("cls", MODELS, ids=lambda cls: cls.__name__)
def test_cuda_graphs_differ_by_rounding_alone(cls, monkeypatch):
    """Torch warms up in the first step, records in the second, and replays what it recorded from the third on."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)  # products of 10 bits, and each side's own
    # Small steps: batch norm over four samples makes a difference a hundred times as large within six of TINY's.
    gentle = {key: {"name": "sgd", "lr": 1e-3} for key in TINY}
    counters["inductor"].clear()
    plain, graphs = (train(cls, each, accelerator="gpu", steps=6, **gentle) for each in (False, True))
    assert not counters["inductor"]["cudagraph_skips"]
    assert_same(plain, graphs, rtol=1e-3, atol=1e-5)


def test_it_is_an_option_of_the_command(run, traced):
    whole = read(run("fit") / "checkpoints" / "last.ckpt")
    assert not traced
    graphs = read(run("fit", "--compile.losses=true") / "checkpoints" / "last.ckpt")
    assert len(traced) == 3
    for name, value in whole["state_dict"].items():
        assert_close(value, graphs["state_dict"][name], rtol=1e-5, atol=1e-7, msg=name)


# -- what cannot be --


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (TINY | {"accumulate": 2}, "accumulate must be 1"),
        ({"network": "keras_conv", "critic_options": {"norm": "batch"}}, "the penalty through batch norm"),
        ({"network": "keras_conv", "critic_options": {"dropout": 0.25}}, "a gradient penalty through dropout"),
    ],
)
def test_what_cannot_be_compiled_is_told_before_the_first_step(options, message):
    with pytest.raises(MisconfigurationException, match=message):
        train(zoo.WGANGP, True, **options)


def test_what_torch_refuses_is_one_line(run, capsys, monkeypatch):
    def refuses(module, inputs):
        raise RuntimeError("no kernel for this\nand a page of advice")

    monkeypatch.setattr(compiled, "OPTIONS", {"backend": refuses})
    with pytest.raises(SystemExit) as end:
        run("fit", "--compile.losses=true")
    assert end.value.code == 2
    (line,) = (line for line in capsys.readouterr().err.splitlines() if line.startswith("ganzoo: error:"))
    assert "torch.compile cannot do this model: no kernel for this" in line


def test_what_torch_refuses_in_the_backward_pass_is_one_line(run, capsys, monkeypatch):
    def refuses(module, inputs):
        raise InductorError(RuntimeError("no kernel for gradients"), "stack")

    monkeypatch.setattr(compiled, "OPTIONS", {"backend": aot_autograd(fw_compiler=nop, bw_compiler=refuses)})
    with pytest.raises(SystemExit) as end:
        run("fit", "--compile.losses=true")
    assert end.value.code == 2
    assert "torch.compile cannot do this model: " in capsys.readouterr().err


def test_a_run_that_failed_leaves_the_model_as_it_was(traced):
    class Fails(Callback):
        def on_train_batch_end(self, *_):
            raise KeyError("a callback's own")

    models = []

    class Seen(zoo.GAN):
        def on_fit_start(self):
            models.append(self)

    with pytest.raises(KeyError):
        train(Seen, True, callbacks=[Fails()], **TINY)
    assert models[0].compiled is None


@pytest.mark.slow
def test_a_sweep_over_sizes_compiles_each(traced):
    for width in range(4, 14):
        train(zoo.GAN, True, **TINY | {"generator_options": {"hidden": [width]}})
    assert len(traced) == 10 * 3


def test_no_gradient_is_left_where_a_graph_would_write(traced):
    seen = []

    class Look(Callback):
        def on_train_batch_end(self, trainer, module, *_):
            seen.append([weight.grad for weight in module.parameters()])

    train(zoo.GAN, True, callbacks=[Look()], **TINY)
    assert seen
    assert all(grad is None for grads in seen for grad in grads)


@pytest.mark.slow
@pytest.mark.ddp
def test_several_devices_are_refused(tiny):
    argv = ["fit", "--config", str(tiny), "--trainer.devices=2", "--compile.losses=true"]
    command = [sys.executable, "-m", "cli", *argv, "--trainer.default_root_dir", str(tiny.parent)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert result.returncode == 2
    assert "ganzoo: error: compile.losses is for one device" in result.stderr


@pytest.mark.parametrize("penalty", [penalties.zero_centred_penalty, penalties.dragan_penalty])
def test_a_penalty_is_the_same_under_compile(penalty):
    torch.manual_seed(0)
    critic = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 3), torch.nn.Tanh(), torch.nn.Linear(3, 1))
    images = torch.randn(3, 1, 2, 2)
    draws = (
        {}
        if penalty is penalties.zero_centred_penalty
        else {"alpha": torch.rand(3, 1, 1, 1), "noise": torch.rand(3, 1, 2, 2)}
    )

    def loss(images):
        return penalty(lambda x: critic(x).squeeze(1), images, **draws)

    compiled = torch.compile(loss, backend="aot_eager", fullgraph=True)
    eager = torch.autograd.grad(loss(images), critic[1].weight)
    torch.testing.assert_close(torch.autograd.grad(compiled(images), critic[1].weight), eager)
