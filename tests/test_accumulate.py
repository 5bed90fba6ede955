"""A batch in microbatches is the batch, for every model, where no layer sees it as a whole."""

import copy
import warnings

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

import zoo
from helpers.models import MODELS, build
from helpers.runs import fit
from zoo.networks import mixes_samples

FAST = {"name": "adam", "lr": 0.02, "betas": [0.5, 0.9]}
ARGUMENTS = {
    "network": "mlp",
    "image_shape": (1, 4, 4),
    "generator_options": {"hidden": [8], "norm": "none"},
    "critic_options": {"hidden": [8]},
    "latent_dim": 16,
}
THRESHOLD = {
    "schedule": "deligan_toy",
    "reuse_critic_noise": False,
    "critic_optimizer": FAST,
    "generator_optimizer": FAST,
}

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*does not have many workers",
    "ignore:You defined a `validation_step` but have no `val_dataloader`",
)


def train(folder, model, images):
    labels = [torch.arange(len(images)) % 3] if model.reads_labels else []
    data = DataLoader(TensorDataset(images, *labels), batch_size=12 * model.critic_steps)
    trainer = fit(folder, model, steps=3, data=data, precision="64-true")
    assert trainer.global_step == 3
    return model


def arguments(cls):
    return ARGUMENTS | ({"num_classes": 3} if cls.is_conditional or cls.learns_classes else {})


def mixes(cls):
    """Whether its layers see a whole batch; of a model that has networks of its own, those."""
    try:
        return mixes_samples(cls(**arguments(cls)))
    except ValueError:
        return mixes_samples(build(cls))


#: their losses take a mean, or a spread, over the samples of a batch, which they say is then a microbatch's
COMPARE_SAMPLES = {zoo.RaGAN, zoo.DRAGAN}
CUT = [cls for cls in MODELS if cls not in COMPARE_SAMPLES and not mixes(cls)]


@pytest.mark.parametrize("cls", CUT, ids=lambda cls: cls.__name__)
@pytest.mark.parametrize("options", [{"critic_steps": 2}, THRESHOLD], ids=["alternate", "threshold"])
def test_a_batch_in_microbatches_is_the_batch(tmp_path, monkeypatch, cls, options):
    monkeypatch.setenv("PL_GLOBAL_SEED", "3")
    if "schedule" in options:
        options = options | {"critic_steps": 1}
    torch.manual_seed(0)
    whole = cls(**arguments(cls), **options).double()
    images = torch.rand(36 * whole.critic_steps, 1, 4, 4, dtype=torch.float64) * 2 - 1
    microbatches = cls(**arguments(cls), **options, accumulate=4).double()
    microbatches.load_state_dict(copy.deepcopy(whole.state_dict()))
    train(tmp_path, whole, images)
    sizes = []
    microbatches.generator.register_forward_pre_hook(lambda generator, args: sizes.append(len(args[0])))
    train(tmp_path, microbatches, images)
    assert max(sizes) == (12 if "schedule" in options else 3)  # a schedule's look takes all
    for name, value in whole.state_dict().items():
        assert torch.allclose(value, microbatches.state_dict()[name], rtol=0, atol=1e-9), name
    assert whole.observed.keys() == microbatches.observed.keys()
    for name, value in whole.observed.items():
        assert value.item() == pytest.approx(microbatches.observed[name].item(), abs=1e-9), name


def test_a_batch_that_has_no_equal_microbatches_is_refused(tmp_path):
    with pytest.raises(ValueError, match="multiple of critic_steps=1 x accumulate=5"):
        train(
            tmp_path, zoo.GAN(**ARGUMENTS, accumulate=5).double(), torch.rand(36, 1, 4, 4, dtype=torch.float64) * 2 - 1
        )


def test_the_penalty_s_microbatches_are_drawn_one_by_one(tmp_path):
    """Batch norm makes microbatches differ from the batch, and trains none the less."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        model = zoo.WGANGP(**ARGUMENTS | {"generator_options": {"hidden": [8]}}, accumulate=3, critic_steps=1)
    train(tmp_path, model.double(), torch.rand(36, 1, 4, 4, dtype=torch.float64) * 2 - 1)
    assert all(weight.isfinite().all() for weight in model.parameters())
