"""The averaged generator: what it is, when it moves, who uses it, and that checkpoints carry it."""

import pytest
import torch
from torch import nn

import zoo
from helpers.runs import digits, fit
from zoo.engine.average import HalfLifeAverage, MovingAverage
from zoo.engine.checkpoints.differences import differences, read

MLP = {"generator_options": {"hidden": [8]}, "critic_options": {"hidden": [8]}, "latent_dim": 3}
FAST = {"name": "adam", "lr": 0.02, "betas": [0.5, 0.9]}
AVERAGE = {"name": "steps", "decay": 0.9}
RATES = {"critic_optimizer": FAST, "generator_optimizer": FAST}

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*does not have many workers",
    "ignore:You defined a `validation_step` but have no `val_dataloader`",
    "ignore:You're resuming from a checkpoint that ended before the epoch ended",
)


def test_the_average_is_the_recursion_with_its_rising_decay():
    module = nn.BatchNorm1d(1)
    average = MovingAverage(module, decay=0.5)
    expected = 1.0
    for n, value in enumerate([3.0, -2.0, 5.0, 7.0, 1.0, 4.0, 9.0, -3.0, 2.0, 6.0, 8.0, 0.5]):
        nn.init.constant_(module.weight, value)
        module.running_mean.fill_(value - 1)
        module.num_batches_tracked += 2
        average.update(module)
        decay = min(0.5, n / (n + 9))
        expected = decay * expected + (1 - decay) * value
        assert average.module.weight.item() == pytest.approx(expected, rel=1e-6)
        assert average.module.running_mean.item() == pytest.approx(expected - 1, rel=1e-5)
        assert average.module.num_batches_tracked == 2 * (n + 1)


@pytest.mark.parametrize(("half_life", "ramp_up"), [(8, None), (8, 0.5), (1000, 0.25)])
def test_a_half_life_is_told_in_images(half_life, ramp_up):
    module, (images, batch) = nn.Linear(1, 1, bias=False), (0, 4)
    nn.init.constant_(module.weight, 1.0)
    average, expected = HalfLifeAverage(module, half_life, ramp_up), 1.0
    for value in (3.0, -2.0, 5.0, 7.0, 0.5, 4.0):
        nn.init.constant_(module.weight, value)
        average.update(module, batch)
        memory = half_life if ramp_up is None else min(half_life, ramp_up * images)
        kept = 0.5 ** (batch / memory) if memory else 0.0
        expected, images = kept * expected + (1 - kept) * value, images + batch
        assert average.module.weight.item() == pytest.approx(expected, rel=1e-6)
    again = HalfLifeAverage(module, half_life, ramp_up)
    again.load_state_dict(average.state_dict())
    assert (again.images, again.updates) == (24, 6)


def test_decay_zero_is_the_module_itself():
    module = nn.Linear(3, 2)
    average = MovingAverage(nn.Linear(3, 2), decay=0.0)
    average.update(module)
    assert torch.equal(average.module.weight, module.weight)
    assert not any(parameter.requires_grad for parameter in average.parameters())


@pytest.mark.parametrize("decay", [-0.1, 1.0, float("nan")])
def test_a_decay_that_is_none_is_refused(decay):
    for make in (
        lambda: MovingAverage(nn.Linear(1, 1), decay),
        lambda: zoo.GAN(image_shape=(1, 8, 8), **MLP, average={"name": "steps", "decay": decay}),
    ):
        with pytest.raises(ValueError, match=r"decay must be in \[0, 1\)"):
            make()


def test_only_updates_of_the_generator_count(tmp_path):
    model = zoo.DeLiGAN(image_shape=(1, 8, 8), **MLP, **RATES, schedule="deligan_toy", average=AVERAGE)
    fit(tmp_path, model, steps=6, data=digits(batch_size=20))
    of_the_generator = (6 * model.schedule.moves + model.schedule.balance) // 2  # balance: its moves less the critic's
    assert 0 < of_the_generator < 30
    assert model.averaged.updates == of_the_generator
    five = zoo.WGANGP(image_shape=(1, 8, 8), **MLP, critic_steps=5, average=AVERAGE)
    fit(tmp_path, five, steps=4, data=digits(batch_size=20))
    assert five.averaged.updates == 4


def test_samples_come_from_the_average_of_prior_and_generator(tmp_path):
    model = zoo.DeLiGAN(image_shape=(1, 8, 8), **MLP, average=AVERAGE)
    fit(tmp_path, model, steps=4, data=digits(batch_size=20))
    assert not torch.equal(model.averaged.module.prior.mu, model.prior.mu)
    ours = model.sample(3, torch.Generator().manual_seed(0))
    with torch.no_grad():
        theirs = model.averaged.module.eval()(3, torch.Generator().manual_seed(0))
    assert torch.equal(ours, theirs)
    model.averaged = None
    assert not torch.equal(model.sample(3, torch.Generator().manual_seed(0)), ours)


def test_averaging_leaves_training_alone(tmp_path):
    models = [zoo.WGANGP(image_shape=(1, 8, 8), **MLP, average=average) for average in (None, AVERAGE)]
    models[1].load_state_dict(models[0].state_dict())
    fit(tmp_path, models[0], steps=4, data=digits(batch_size=20))
    fit(tmp_path, models[1], steps=4, data=digits(batch_size=20))
    trained = models[1].state_dict()
    assert all(torch.equal(value, trained[name]) for name, value in models[0].state_dict().items())


def test_a_checkpoint_carries_the_average(tmp_path):
    whole = zoo.DeLiGAN(image_shape=(1, 8, 8), **MLP, average=AVERAGE)
    trainer = fit(tmp_path, whole, steps=4, data=digits(batch_size=20))
    trainer.save_checkpoint(tmp_path / "4.ckpt")
    loaded = zoo.DeLiGAN.load_from_checkpoint(tmp_path / "4.ckpt", weights_only=True)
    assert (loaded.averaged.updates, loaded.averaged.decay) == (4, 0.9)
    same = [model.sample(2, torch.Generator().manual_seed(0)) for model in (whole, loaded)]
    assert torch.equal(*same)


def test_a_resumed_average_is_the_average_that_never_stopped(tmp_path):
    torch.manual_seed(0)
    whole, half, rest = (zoo.WGANGP(image_shape=(1, 8, 8), **MLP, average=AVERAGE) for _ in range(3))
    half.load_state_dict(whole.state_dict())
    fit(tmp_path, whole, steps=6, data=digits(batch_size=20))
    fit(tmp_path, half, steps=3, data=digits(batch_size=20)).save_checkpoint(tmp_path / "3.ckpt")
    fit(tmp_path, rest, steps=6, data=digits(batch_size=20), ckpt_path=tmp_path / "3.ckpt")
    assert rest.averaged.updates == whole.averaged.updates == 6
    ends = rest.state_dict()
    for name, value in whole.state_dict().items():
        assert torch.equal(value, ends[name]) if isinstance(value, torch.Tensor) else value == ends[name], name


def test_a_checkpoint_of_the_time_when_a_callback_averaged_says_what_the_model_says_now(tmp_path):
    model = zoo.WGANGP(image_shape=(1, 8, 8), **MLP, average=AVERAGE)
    fit(tmp_path, model, steps=3, data=digits(batch_size=20)).save_checkpoint(tmp_path / "3.ckpt")
    saved = read(tmp_path / "3.ckpt")
    assert not differences(saved, model, to_train=True)
    saved["hyper_parameters"]["average"] = None
    assert not differences(saved, model, to_train=True)
    other = zoo.WGANGP(image_shape=(1, 8, 8), **MLP, average={"name": "steps", "decay": 0.5})
    assert ["average is" in each for each in differences(saved, other, to_train=True)] == [True]


class Vectors(torch.nn.Module):
    """A weight, a vector as spectral norm has, constants, a count, and batch norm."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(2))
        self.register_buffer("u", torch.tensor([1.0, 0.0]))
        self.register_buffer("kernel", torch.tensor([0.1, 0.3]))
        self.register_buffer("count", torch.tensor(0))
        self.norm = torch.nn.BatchNorm1d(2)


def test_weights_and_running_statistics_are_averaged_and_other_buffers_copied():
    module = Vectors()
    average = MovingAverage(module, 0.5)
    average.updates = 100  # past its beginning
    for _ in range(50):
        average.update(module)
    assert torch.equal(average.module.kernel, module.kernel), "constants do not drift"
    with torch.no_grad():
        module.weight.fill_(1)
        module.norm.running_mean.fill_(1)
        module.u.copy_(torch.tensor([0.0, 1.0]))
        module.count.fill_(7)
    average.update(module)
    assert average.module.weight.tolist() == [0.5, 0.5]
    assert average.module.norm.running_mean.tolist() == [0.5, 0.5]
    assert average.module.u.tolist() == [0.0, 1.0], "the mean of two unit vectors is none"
    assert (int(average.module.count), int(average.module.norm.num_batches_tracked)) == (7, 0)
