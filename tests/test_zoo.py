"""Every model of the zoo: who moves when and on what, what is counted, logged, sampled, saved; and what is refused."""

import copy
import csv
import itertools
import math
import re
import warnings

import pytest
import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.utils.data import DataLoader, TensorDataset

import zoo
from zoo.networks import count_parameters
from zoo.randomness import derive_seed, seeded
from zoo.schedules import SCHEDULES

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*does not have many workers",
    "ignore:You defined a `validation_step` but have no `val_dataloader`",
    "ignore:.*no pre-optimization state was saved",  # ModelCheckpoint, of every module that optimizes by hand
)

MODELS = [cls for cls in (getattr(zoo, name) for name in zoo.__all__) if isinstance(cls, type)]
MODELS = [cls for cls in MODELS if issubclass(cls, zoo.GAN)]
every_model = pytest.mark.parametrize("cls", MODELS, ids=lambda cls: cls.__name__)

SHAPE, SEED = (1, 4, 4), 11
MLP = {"generator_options": {"hidden": [8]}, "critic_options": {"hidden": [8]}, "latent_dim": 3}
CONV = {"network": "keras_conv", "image_shape": (1, 8, 8), "latent_dim": 3}
STILL = {"name": "sgd", "lr": 0.0}


@pytest.fixture(autouse=True)
def _seed(monkeypatch):
    monkeypatch.setenv("PL_GLOBAL_SEED", str(SEED))
    torch.manual_seed(0)


def build(cls, **kwargs):
    return cls(**{"image_shape": SHAPE} | ({} if "network" in kwargs else MLP) | kwargs)


def loader(model, steps=4, n=2, dtype=torch.float32):
    """Batches of n images for each critic update, every image another."""
    images = torch.rand(steps * n * model.critic_steps, *model.image_shape, dtype=dtype) * 2 - 1
    return DataLoader(TensorDataset(images), batch_size=n * model.critic_steps)


def trainer(tmp_path, **kwargs):
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "limit_val_batches": 0}
    quiet |= {"enable_model_summary": False, "num_sanity_val_steps": 0, "log_every_n_steps": 1}
    return Trainer(accelerator="cpu", devices=1, default_root_dir=tmp_path, **quiet | kwargs)


def fit(model, tmp_path, steps=4, data=None, val=None, **kwargs):
    player = trainer(tmp_path, max_steps=steps, **kwargs)
    player.fit(model, data or loader(model, steps), val)
    return player


def weights(network):
    return [parameter.detach().clone() for parameter in network.parameters()]


def buffers(*networks):
    return [buffer.clone() for network in networks for buffer in network.buffers()]


def same(some, others):
    return len(some) == len(others) and all(torch.equal(*pair) for pair in zip(some, others, strict=True))


def watched(cls):
    """The model, with a note of each move: who, on which images, from which latents, what changed."""

    class Watched(cls):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.moves, self.peeks, self.latents = [], [], []
            self.prior.register_forward_hook(lambda prior, args, latents: self.latents.append(latents.detach()))

        def move_critic(self, real, counted):
            self.watch("critic", super().move_critic, real, counted)

        def move_generator(self, real, counted):
            self.watch("generator", super().move_generator, real, counted)

        def peek(self, real, move):
            loss = super().peek(real, move)
            self.peeks.append((loss, self.latents.pop()))
            return loss

        def watch(self, who, move, real, counted):
            players = {"critic": self.critic, "generator": nn.ModuleList([self.generator, self.prior])}
            before = {name: weights(player) for name, player in players.items()}
            gradients = [parameter.grad for parameter in self.critic.parameters()]
            gradients = [None if gradient is None else gradient.clone() for gradient in gradients]
            step = self.global_step
            move(real, counted)
            kept = all(
                old is None or torch.equal(old, parameter.grad)
                for old, parameter in zip(gradients, self.critic.parameters(), strict=True)
            )
            self.moves.append(
                {
                    "who": who,
                    "step": step,
                    "counted": self.global_step - step,
                    "real": real.clone(),
                    "latents": self.latents.pop(),
                    "changed": [name for name, player in players.items() if not same(before[name], weights(player))],
                    "critic": weights(self.critic),
                    "critic_gradients_kept": kept,
                }
            )
            assert not self.latents  # no draw that no move used

    Watched.__name__ = cls.__name__
    return Watched


# -- the catalogue --


def test_the_models_are_found():
    assert {"GAN", "WGAN", "WGANGP", "DeLiGAN"} <= {cls.__name__ for cls in MODELS}
    assert sorted(zoo.__all__) == sorted(set(zoo.__all__))


@every_model
def test_a_model_is_one_paper_and_at_most_one_class_from_gan(cls):
    assert cls is zoo.GAN or cls.__bases__ == (zoo.GAN,)
    assert re.fullmatch(r"arXiv:\d{4}\.\d{4,5}", cls.paper)
    assert cls.paper in cls.__doc__
    assert cls is zoo.GAN or "paper" in vars(cls)


def test_parameter_counts_are_those_of_the_sources():
    gan = zoo.GAN(network="mlp")
    assert (count_parameters(gan.generator), count_parameters(gan.critic)) == (1_493_520, 533_505)
    with pytest.warns(UserWarning, match="batch norm or dropout"):
        keras = zoo.WGANGP(network="keras_conv", critic_options={"norm": "batch", "dropout": 0.25})
    assert (count_parameters(keras.generator), count_parameters(keras.critic)) == (1_028_673, 100_097)


# -- who moves, on what --


@every_model
@pytest.mark.parametrize("critic_steps", [1, 2, 5])
def test_in_each_step_the_critic_moves_critic_steps_times_then_the_generator_once(tmp_path, cls, critic_steps):
    model = build(watched(cls), critic_steps=critic_steps)
    data = loader(model, steps=3)
    player = fit(model, tmp_path, steps=3, data=data)
    assert [move["who"] for move in model.moves] == [*["critic"] * critic_steps, "generator"] * 3
    assert [move["step"] for move in model.moves] == [step for step in range(3) for _ in range(critic_steps + 1)]
    assert [move["counted"] for move in model.moves] == [*[0] * critic_steps, 1] * 3
    assert all(move["changed"] == [move["who"]] for move in model.moves)
    assert all(move["critic_gradients_kept"] for move in model.moves if move["who"] == "generator")
    assert player.global_step == 3
    parts = iter(data.dataset.tensors[0].split(2))
    for move in model.moves:
        if move["who"] == "critic":
            part = next(parts)
        assert torch.equal(move["real"], part)  # the generator is shown the critic's last
    for one, other in itertools.combinations(model.moves, 2):
        assert not torch.equal(one["latents"], other["latents"])


REFERENCES = {
    zoo.GAN: lambda critic, real, fake: (
        binary_cross_entropy_with_logits(critic(real), torch.ones(len(real)).double()) / 2
        + binary_cross_entropy_with_logits(critic(fake), torch.zeros(len(fake)).double()) / 2
    ),
    zoo.WGAN: lambda critic, real, fake: critic(fake).mean() - critic(real).mean(),
    zoo.WGANGP: lambda critic, real, fake: critic(fake).mean() - critic(real).mean() + 10 * penalty(critic, real, fake),
}
REFERENCES[zoo.DeLiGAN] = REFERENCES[zoo.GAN]


def penalty(critic, real, fake):
    epsilon = torch.rand(len(real), 1, 1, 1, dtype=torch.float64)
    x_hat = (epsilon * real + (1 - epsilon) * fake).requires_grad_()
    (slopes,) = torch.autograd.grad(critic(x_hat).sum(), x_hat, create_graph=True)
    return (slopes.flatten(1).norm(dim=1) - 1).square().mean()


@pytest.mark.parametrize("cls", REFERENCES, ids=lambda cls: cls.__name__)
def test_training_is_the_papers_algorithm_written_out(tmp_path, cls):
    model = build(cls, critic_steps=2).double()
    critic, generator, prior = copy.deepcopy((model.critic, model.generator, model.prior))
    data = loader(model, steps=4, n=6, dtype=torch.float64)
    fit(model, tmp_path, data=data, precision="64-true")

    ours = [*generator.parameters(), *prior.parameters()]
    optimizer = {
        zoo.WGAN: lambda players: torch.optim.RMSprop(players, lr=5e-5),
        zoo.WGANGP: lambda players: torch.optim.Adam(players, lr=1e-4, betas=(0.0, 0.9), eps=1e-8),
    }.get(cls, lambda players: torch.optim.Adam(players, lr=2e-4, betas=(0.5, 0.999), eps=1e-7))
    for_critic, for_generator = optimizer(critic.parameters()), optimizer(ours)
    for step, (batch,) in enumerate(data):
        torch.manual_seed(derive_seed("step", SEED, 0, step))
        for real in batch.split(6):
            with torch.no_grad():
                fake = generator(prior(6))
            for_critic.zero_grad()
            REFERENCES[cls](critic, real, fake).backward()
            for_critic.step()
            if cls is zoo.WGAN:
                for weight in critic.parameters():
                    weight.data.clamp_(-0.01, 0.01)
        on_fake = critic(generator(prior(6)))
        adversarial = binary_cross_entropy_with_logits(on_fake, torch.ones(6).double())
        for_generator.zero_grad()
        loss = -on_fake.mean() if cls in (zoo.WGAN, zoo.WGANGP) else adversarial
        if cls is zoo.DeLiGAN:
            loss = loss + 0.1 * (1 - prior.sigma).square().mean()
        loss.backward()
        for_generator.step()
    for trained, reference in ((model.critic, critic), (model.generator, generator), (model.prior, prior)):
        for key, value in reference.state_dict().items():
            assert torch.allclose(trained.state_dict()[key], value, rtol=0, atol=1e-10), key


@every_model
def test_batch_norm_sees_every_batch_that_passes_in_training_and_none_in_evaluation(tmp_path, cls):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that the gradient penalty and batch norm don't fit
        model = build(cls, **CONV, critic_steps=2, critic_options={"norm": "batch"})
    fit(model, tmp_path, steps=3)

    def batches(network):
        return {int(part.num_batches_tracked) for part in network.modules() if isinstance(part, nn.BatchNorm2d)}

    assert batches(model.generator) == {3 * (2 + 1)}
    passes = 3 if cls is zoo.WGANGP else 2  # real, fake, and those between
    assert batches(model.critic) == {3 * (2 * passes + 1)}
    before = buffers(model)
    trainer(tmp_path, limit_val_batches=1).validate(model, loader(model), verbose=False)
    model.train()
    model.sample(3)
    assert same(before, buffers(model))


@every_model
def test_critic_steps_are_not_counted_by_anyone(tmp_path, cls):
    model = build(watched(cls), critic_steps=5)
    every_second = ModelCheckpoint(tmp_path, "{step}", every_n_train_steps=2, save_top_k=-1)
    player = fit(model, tmp_path, data=loader(model, steps=9), enable_checkpointing=True, callbacks=[every_second])
    assert player.global_step == 4
    assert [move["who"] for move in model.moves].count("critic") == 20
    assert len(model.moves) == 24  # it stopped at once
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step=2.ckpt", "step=4.ckpt"]
    saved = torch.load(tmp_path / "step=2.ckpt", weights_only=True)
    assert saved["global_step"] == 2
    state = saved["optimizer_states"]
    assert {float(values["step"]) for values in state[0]["state"].values()} == {10.0}
    assert {float(values["step"]) for values in state[1]["state"].values()} == {2.0}


@every_model
def test_epochs_of_a_plain_loader_follow_each_other(tmp_path, cls):
    model = build(watched(cls))
    player = fit(model, tmp_path, steps=7, data=loader(model, steps=3))
    assert (player.global_step, model.moves[-1]["step"]) == (7, 6)
    latents = [move["latents"] for move in model.moves]
    assert not any(torch.equal(*pair) for pair in itertools.combinations(latents, 2))  # no epoch repeats another's


@every_model
def test_both_rates_fall_linearly_between_two_steps(tmp_path, cls):
    model = build(cls, lr_decay=[2, 6], critic_steps=1)
    rates = []

    class Note(Callback):
        def on_train_batch_end(self, trainer, *_):
            rates.append([optimizer.param_groups[0]["lr"] for optimizer in trainer.optimizers])

    fit(model, tmp_path, steps=8, callbacks=[Note()])
    full = [config["lr"] for config in model.optimizer_configs]
    shares = [1, 1, 1, 3 / 4, 2 / 4, 1 / 4, 0, 0]
    assert rates == [pytest.approx([share * rate for rate in full]) for share in shares]


# -- what one paper changes --


def test_wgan_keeps_the_weights_but_not_the_statistics_in_the_box(tmp_path):
    options = {"critic_options": {"norm": "batch"}, "critic_steps": 2}
    model = build(watched(zoo.WGAN), **CONV, **options, clip=0.02)
    outside = max(weight.abs().max().item() for weight in weights(model.generator))
    fit(model, tmp_path, steps=2)
    assert len(model.moves) == 6
    for move in model.moves:
        assert all(weight.abs().max() <= 0.02 for weight in move["critic"])
        assert max(weight.abs().max() for weight in move["critic"]) == pytest.approx(0.02)  # and the box is used
    variances = [buffer for name, buffer in model.critic.named_buffers() if name.endswith("running_var")]
    assert max(variance.max() for variance in variances) > 0.1
    assert max(weight.abs().max().item() for weight in weights(model.generator)) > outside / 2 > 0.02


@pytest.mark.parametrize(
    ("network", "options"),
    [
        ("keras_conv", {"norm": "batch"}),
        ("keras_conv", {"dropout": 0.25}),
        ("deligan_conv", {}),
    ],
)
def test_wgan_gp_warns_of_a_critic_that_the_penalty_does_not_fit(network, options):
    with pytest.warns(UserWarning, match=r"batch norm or dropout.*1704\.00028, Section 4"):
        zoo.WGANGP(image_shape=(1, 8, 8), network=network, critic_options=options)


@pytest.mark.parametrize(
    ("network", "options"),
    [
        ("mlp", {}),
        ("keras_conv", {}),
        *(("keras_conv", {"norm": norm}) for norm in ("instance", "none")),
        ("keras_conv", {"dropout": 0.0}),
    ],
)
def test_wgan_gp_does_not_warn_of_any_other(network, options):
    zoo.WGANGP(image_shape=(1, 8, 8), network=network, critic_options=options)  # a warning is an error here


def test_deligan_is_a_prior_and_any_model_can_have_it(tmp_path):
    assert isinstance(build(zoo.DeLiGAN).prior, zoo.priors.GaussianMixture)
    assert isinstance(build(zoo.DeLiGAN, prior="normal").prior, zoo.priors.Normal)
    options = {"prior": "gaussian_mixture", "prior_options": {"components": 4}}
    model = build(zoo.WGANGP, **options)
    start = copy.deepcopy(model.prior)
    fit(model, tmp_path)
    assert not torch.equal(model.prior.mu, start.mu)
    assert not torch.equal(model.prior.sigma, start.sigma)


# -- schedules that read the loss --

THRESHOLDS = [name for name, schedule in SCHEDULES.items() if schedule.reads_loss]
FAST = {"name": "adam", "lr": 0.02}


@every_model
@pytest.mark.parametrize("name", THRESHOLDS)
def test_a_schedule_that_chooses_counts_a_round_as_a_step_and_each_move_is_its_choice(tmp_path, cls, name):
    rates = {"critic_optimizer": FAST, "generator_optimizer": FAST}
    model = build(watched(cls), schedule=name, critic_steps=1, **rates)
    player = fit(model, tmp_path, steps=30, data=loader(model, steps=8))
    assert player.global_step == 30
    assert [move["counted"] for move in model.moves] == [0, 0, 0, 0, 1] * 30
    # the published rule, told the losses that were seen
    rule = SCHEDULES[name]()
    for i, (move, (loss, latents)) in enumerate(zip(model.moves, model.peeks, strict=True)):
        if i % (5 * 8) == 0:
            rule.begin_epoch()
        if i % 5 == 0:
            rule.begin_batch()
        who = "generator" if rule.moves_generator(loss) else "critic"
        assert move["who"] == who
        assert move["changed"] == [who]
        assert torch.equal(move["latents"], latents)  # the loss was that of these very latents
    assert rule.state_dict() == model.schedule.state_dict()
    if cls is zoo.GAN:
        assert {move["who"] for move in model.moves} == {"critic", "generator"}
    rounds = [model.moves[i : i + 5] for i in range(0, len(model.moves), 5)]
    for moves in rounds:
        pairs = itertools.pairwise(move["latents"] for move in moves)
        alike = [
            torch.equal(*pair)
            for pair, move in zip(pairs, moves, strict=False)
            if move["who"] == "critic"  # the generator's moves may change the mixture that the latents come from
        ]
        assert alike == [not rule.redraws] * len(alike)
        assert all(torch.equal(move["real"], moves[0]["real"]) for move in moves)
    for one, other in itertools.pairwise(rounds):
        assert not torch.equal(one[-1]["latents"], other[0]["latents"])


def test_a_schedule_hears_of_every_epoch_once(tmp_path):
    model, epochs = build(zoo.GAN, schedule="deligan_toy"), []
    model.schedule.begin_epoch = lambda: epochs.append(model.global_step)
    fit(model, tmp_path, steps=7, data=loader(model, steps=3))
    assert epochs == [0, 3, 6]


def test_the_loss_that_a_schedule_reads_is_taken_in_evaluation_mode_and_changes_nothing(tmp_path):
    model = build(zoo.GAN, **CONV, schedule="deligan_mnist", critic_options={"norm": "batch", "dropout": 0.5})
    seen = []

    class Peek(Callback):
        def on_train_batch_start(self, trainer, model, batch, batch_idx):
            model.generator.body[5].eval()  # a part that its user has frozen
            modes, state = [part.training for part in model.modules()], copy.deepcopy(model.state_dict())
            loss = model.peek(batch[0], 3)
            assert modes == [part.training for part in model.modules()]
            assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())
            latents = model.prior(len(batch[0]))
            double = copy.deepcopy(model).eval()
            on_fake = double.critic(double.generator(latents))
            seen.append((loss, binary_cross_entropy_with_logits(on_fake, torch.ones(len(latents))).item()))
            assert model.peek(batch[0], 3) == loss
            assert model.peek(batch[0], 4) != loss

    fit(model, tmp_path, steps=2, callbacks=[Peek()])
    assert len(seen) == 2
    for loss, expected in seen:
        assert loss == pytest.approx(expected, rel=1e-6)


# -- what is logged --


def rows(tmp_path):
    path = next(tmp_path.rglob("metrics.csv"))
    with path.open(newline="") as file:
        table = list(csv.DictReader(file))
    return [{key: float(value) for key, value in row.items() if value} for row in table]


class Observer(Callback):
    """What the model observed in each step."""

    def __init__(self):
        self.observed = {}

    def on_train_batch_end(self, trainer, model, *_):
        """Copies it."""
        self.observed[trainer.global_step] = {f"train/{name}": float(x) for name, x in model.observed.items()}


LOSSES = {"train/critic_loss", "train/generator_loss"}
OBSERVED = {
    zoo.GAN: LOSSES,
    zoo.WGAN: LOSSES | {"train/wasserstein"},
    zoo.WGANGP: LOSSES | {"train/wasserstein", "train/gradient_penalty", "train/gradient_norm"},
    zoo.DeLiGAN: LOSSES | {"train/sigma_min", "train/sigma_mean", "train/sigma_max"},
}


@every_model
def test_every_kth_step_logs_once_what_it_observed_at_x_equal_to_global_step(tmp_path, cls):
    model, observer = build(cls), Observer()
    logger = CSVLogger(tmp_path)
    player = fit(
        model, tmp_path, 7, data=loader(model, steps=3), logger=logger, log_every_n_steps=2, callbacks=[observer]
    )
    table = rows(tmp_path)
    assert [row.pop("step") for row in table] == [2, 4, 6, 7], "every second step and the last"
    for step, row in zip((2, 4, 6, 7), table, strict=True):
        assert OBSERVED.get(cls, LOSSES) <= set(row)
        assert row == pytest.approx(observer.observed[step])
    assert len({row["train/critic_loss"] for row in table}) == 4
    assert {key: float(value) for key, value in player.callback_metrics.items()} == pytest.approx(table[-1])


def test_a_loss_of_a_player_that_did_not_move_is_not_logged(tmp_path):
    """Rounds in which the generator, the critic, the generator alone moves."""

    class Told(zoo.GAN):
        def peek(self, real, move):
            return 0.0 if self.global_step == 1 else 9.0

    model = build(Told, schedule="deligan_mnist")
    fit(model, tmp_path, 3, logger=CSVLogger(tmp_path))
    kinds = [set(row) - {"step"} for row in rows(tmp_path)]
    assert kinds == [{"train/generator_loss"}, {"train/critic_loss"}, {"train/generator_loss"}]


@pytest.mark.parametrize("options", [{"log_every_n_steps": 0}, {"barebones": True}])
def test_logging_can_be_switched_off(tmp_path, options):
    switched_off = ("logger", "enable_checkpointing", "enable_model_summary", "enable_progress_bar")
    options = dict.fromkeys(switched_off, False) | {"num_sanity_val_steps": 0, "limit_val_batches": 0} | options
    model = build(zoo.GAN)
    player = Trainer(accelerator="cpu", devices=1, default_root_dir=tmp_path, max_steps=2, **options)
    player.fit(model, loader(model))
    assert player.global_step == 2
    assert not player.callback_metrics


def test_record_logs_any_number_at_once_to_loggers_and_monitors(tmp_path):
    class Recorder(Callback):
        def on_train_batch_end(self, trainer, model, *_):
            model.record({"score": 0.5 * trainer.global_step, "tensor": torch.tensor(3.0)})

    player = fit(build(zoo.GAN), tmp_path, 2, logger=CSVLogger(tmp_path), callbacks=[Recorder()])
    # rows of one x are one row
    assert [(row["step"], row["score"], row["tensor"]) for row in rows(tmp_path) if "score" in row] == [
        (1, 0.5, 3),
        (2, 1, 3),
    ]
    assert player.callback_metrics["score"] == 1
    assert player.callback_metrics["tensor"] == 3


def test_validation_is_logged_at_the_step_after_which_it_ran_and_names_no_later_checkpoint(tmp_path):
    model = build(zoo.GAN)
    every_second = ModelCheckpoint(tmp_path / "saved", "{step}", every_n_train_steps=2, save_top_k=-1)
    options = {"val_check_interval": 3, "limit_val_batches": 2, "check_val_every_n_epoch": None}
    logging = {"logger": CSVLogger(tmp_path / "log"), "enable_checkpointing": True, "callbacks": [every_second]}
    fit(model, tmp_path, 8, data=loader(model, 5), val=loader(model), **options, **logging)
    assert [row["step"] for row in rows(tmp_path) if "val/critic_gap" in row] == [3, 6]
    assert sorted(path.stem for path in (tmp_path / "saved").iterdir()) == [f"step={step}" for step in (2, 4, 6, 8)]


def test_x_of_a_late_validation_is_exact(tmp_path):
    """A mean over batches in float32 would round it."""

    class Old(zoo.GAN):
        def training_step(self, batch, batch_idx):
            super().training_step(batch, batch_idx)
            self.trained_steps = 1_000_003

    model = build(Old)
    validation = {"val": loader(model, steps=9, n=3), "limit_val_batches": 9, "val_check_interval": 1}
    fit(model, tmp_path, 1, logger=CSVLogger(tmp_path), **validation)
    assert [row["step"] for row in rows(tmp_path) if "val/critic_gap" in row] == [1_000_003]


# -- evaluation and sampling --


@every_model
def test_every_validation_draws_the_same_latents(tmp_path, cls):
    model = build(cls, generator_optimizer=STILL)
    drawn, validations = [], []
    model.prior.register_forward_hook(lambda prior, args, latents: drawn.append(latents))

    class Note(Callback):
        def on_validation_start(self, *_):
            drawn.clear()

        def on_validation_end(self, *_):
            validations.append(list(drawn))

    options = {"limit_val_batches": 2, "val_check_interval": 1, "callbacks": [Note()]}
    fit(model, tmp_path, 3, val=loader(model, n=5), **options)
    assert [len(latents) for latents in validations] == [2, 2, 2]
    assert same(validations[0], validations[1])
    assert same(validations[0], validations[2])
    assert not torch.equal(*validations[0])
    with torch.no_grad():
        again = [model.prior(5 * model.critic_steps, seeded("sample", SEED, 0, batch)) for batch in range(2)]
    assert same(validations[0], again)


def test_images_need_no_tuple_around_them(tmp_path):
    """Also one-channel images, whose first image would pass for a batch."""
    model, images = build(zoo.GAN), torch.rand(6, *SHAPE) * 2 - 1
    gaps = []
    for data in (DataLoader(images, batch_size=6), DataLoader(TensorDataset(images), batch_size=6)):
        player = trainer(tmp_path, limit_val_batches=1)
        gaps.append(player.validate(model, data, verbose=False)[0]["val/critic_gap"])
        assert fit(build(zoo.GAN), tmp_path, 1, data=data).global_step == 1
    assert gaps[0] == gaps[1]
    model.eval()
    with torch.no_grad():
        fake = model.sample(6, seeded("sample", SEED, 0, 0))
        assert gaps[0] == pytest.approx((model.critic(images).mean() - model.critic(fake).mean()).item())


@every_model
def test_the_gap_is_real_minus_fake_in_validation_and_in_test(tmp_path, cls):
    model = build(cls)
    nn.init.zeros_(model.critic.body[-1].weight)
    with torch.no_grad():
        model.critic.body[-1].bias.fill_(2.0)
    (scores,) = trainer(tmp_path, limit_test_batches=2).test(model, loader(model), verbose=False)
    assert scores["test/critic_gap"] == 0.0


@every_model
def test_sampling_is_in_inference_mode_and_leaves_no_trace(cls):
    model = build(cls, image_shape=(3, 4, 5)).train()
    frozen = next(part for part in model.generator.modules() if isinstance(part, nn.BatchNorm1d)).eval()
    modes, state, statistics = [part.training for part in model.modules()], torch.get_rng_state(), buffers(model)
    images = model.sample(7, torch.Generator().manual_seed(1))
    assert images.shape == (7, 3, 4, 5)
    assert images.dtype == torch.float32
    assert not images.requires_grad
    assert images.abs().max() <= 1
    assert images.unique().numel() > 100
    assert [part.training for part in model.modules()] == modes
    assert not frozen.training
    assert same(statistics, buffers(model))
    assert torch.equal(state, torch.get_rng_state())
    # inference: an image is the same in whatever company
    torch.manual_seed(99)
    assert torch.equal(model.sample(7, torch.Generator().manual_seed(1)), images)
    assert torch.equal(model.eval().sample(7, torch.Generator().manual_seed(1)), images)
    assert not torch.equal(model.sample(7, torch.Generator().manual_seed(2)), images)
    torch.manual_seed(5)
    first, second = model.sample(7), model.sample(7)
    torch.manual_seed(5)
    assert torch.equal(model.sample(7), first)
    assert not torch.equal(first, second)


def test_one_sample_needs_no_batch():
    assert build(zoo.GAN, **CONV).train().sample(1).shape == (1, 1, 8, 8)


@every_model
def test_prediction_makes_one_image_for_each_number(tmp_path, cls):
    model = build(cls)
    batches = trainer(tmp_path).predict(model, DataLoader(torch.arange(5), batch_size=2))
    assert [len(batch) for batch in batches] == [2, 2, 1]
    assert len(torch.cat(batches).unique(dim=0)) == 5


# -- saving --


def is_plain(value):
    if isinstance(value, dict):
        return all(type(key) is str and is_plain(item) for key, item in value.items())
    if type(value) is list:
        return all(map(is_plain, value))
    return value is None or type(value) in (str, int, float, bool)


@every_model
def test_a_checkpoint_needs_no_config_and_no_pickle(tmp_path, cls):
    optimizer = {"name": "rmsprop", "lr": 1e-3}
    model = build(cls, image_shape=(2, 4, 6), critic_steps=3, critic_optimizer=optimizer)
    fit(model, tmp_path).save_checkpoint(tmp_path / "model.ckpt")
    checkpoint = torch.load(tmp_path / "model.ckpt", weights_only=True)
    assert checkpoint["model_class"] == cls.__name__
    assert is_plain(dict(checkpoint["hyper_parameters"]))
    loaded = cls.load_from_checkpoint(tmp_path / "model.ckpt", map_location="cpu")
    assert loaded.hparams == model.hparams
    assert (loaded.critic_steps, loaded.image_shape, loaded.trained_steps) == (3, (2, 4, 6), 4)
    assert loaded.optimizer_configs[0] == optimizer
    assert same(list(loaded.state_dict().values()), list(model.state_dict().values()))
    first, second = (one.sample(5, torch.Generator().manual_seed(3)) for one in (model, loaded))
    assert torch.equal(first, second)


@every_model
def test_every_argument_is_a_plain_hyperparameter(cls):
    model = build(cls)
    own = {name for name in cls.__init__.__annotations__ if name not in ("return", "kwargs")}
    assert own | {"image_shape", "network", "latent_dim", "critic_steps", "schedule"} <= set(model.hparams)
    assert "kwargs" not in model.hparams
    assert is_plain(dict(model.hparams))


# -- shapes and precisions --


@pytest.mark.parametrize("network", ["mlp", "keras_conv", "deligan_conv", "toy"])
@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 16, 16), (2, 8, 12)], ids=str)
def test_images_of_any_shape_train(tmp_path, network, shape):
    model = zoo.GAN(image_shape=shape, network=network, latent_dim=3)
    fit(model, tmp_path, 2)
    assert model.sample(3).shape == (3, *shape)
    assert all(weight.isfinite().all() for weight in model.parameters())


@pytest.mark.parametrize("shape", [(1, 1, 1), (5, 3, 7), [1, 4, 4], torch.Size((1, 4, 4))], ids=str)
def test_the_mlp_takes_any_shape_in_any_sequence(tmp_path, shape):
    model = build(zoo.WGANGP, image_shape=shape)
    fit(model, tmp_path, 1)
    assert model.sample(2).shape == (2, *shape)
    assert is_plain(dict(model.hparams))


@every_model
def test_float64_is_float64_throughout(tmp_path, cls):
    model = build(watched(cls))
    fit(model, tmp_path, 2, precision="64-true")
    assert {weight.dtype for weight in model.parameters()} == {torch.float64}
    assert {tensor.dtype for move in model.moves for tensor in (move["real"], move["latents"])} == {torch.float64}
    assert {value.dtype for value in model.observed.values()} == {torch.float64}
    assert model.sample(2).dtype == torch.float32


@every_model
@pytest.mark.parametrize("network", ["mlp", "keras_conv"])
def test_bfloat16_autocast_trains_float32_weights(tmp_path, cls, network):
    model = build(cls, **(CONV if network == "keras_conv" else {}))
    start = weights(model)
    fit(model, tmp_path, 3, precision="bf16-mixed")
    assert {weight.dtype for weight in model.parameters()} == {torch.float32}
    assert all(weight.isfinite().all() for weight in model.parameters())
    assert all(value.isfinite() for value in model.observed.values())
    assert not same(start, weights(model))


# -- errors --


def one_line(make):
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the callers match the text
        make()
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"critic_steps": 0}, ["critic_steps", "at least 1", "0"]),
        ({"latent_dim": 0}, ["latent_dim", "at least 1", "0"]),
        ({"network": "resnet"}, ["network", "mlp", "keras_conv", "'resnet'"]),
        ({"prior": "cauchy"}, ["prior", "normal", "gaussian_mixture", "'cauchy'"]),
        ({"schedule": "random"}, ["schedule", "alternate", "deligan_toy", "'random'"]),
        ({"schedule": "deligan_toy", "critic_steps": 5}, ["deligan_toy", "critic_steps must be 1"]),
        ({"generator_options": {"width": 3}}, ["MLPGenerator", "'width'", "hidden"]),
        ({"critic_options": {"norm": "batch"}}, ["MLPCritic", "'norm'", "hidden"]),
        ({"prior": "uniform", "prior_options": {"low": 0}}, ["Uniform", "'low'", "none"]),
        *(({"lr_decay": value}, ["lr_decay", str(value)]) for value in ([5], [5, 5], [-1, 4], [1, 2, 3])),
        ({"critic_optimizer": {"name": "adan", "lr": 1}}, ["critic_optimizer", "adam, rmsprop, sgd"]),
        ({"generator_optimizer": {"name": "adam", "lr": -1.0}}, ["generator_optimizer", "lr", "-1.0"]),
    ],
)
@every_model
def test_an_argument_that_cannot_be_is_named(cls, arguments, told):
    message = one_line(lambda: build(cls, **arguments))
    assert all(text in message for text in told), message


@pytest.mark.parametrize(
    ("cls", "name", "value"),
    [
        *((zoo.WGAN, "clip", value) for value in (0.0, -0.01, math.inf, math.nan)),
        *((zoo.WGANGP, "gp_weight", value) for value in (-1.0, math.inf, math.nan)),
        *((zoo.WGANGP, "gp_eps", value) for value in (-1.0, math.inf, math.nan)),
    ],
)
def test_a_constant_of_a_paper_that_cannot_be_is_named(cls, name, value):
    message = one_line(lambda: build(cls, **{name: value}))
    assert name in message
    assert str(value) in message


@pytest.mark.parametrize(
    "images",
    [torch.rand(5, *SHAPE), torch.zeros(4, *SHAPE, dtype=torch.uint8)],
    ids=["five images for two critic updates", "uint8"],
)
def test_a_batch_that_no_step_can_use_is_an_error_that_says_so(tmp_path, images):
    data = DataLoader(TensorDataset(images), batch_size=len(images))
    model = build(zoo.GAN, critic_steps=2)
    message = one_line(lambda: fit(model, tmp_path, 1, data=data))
    assert all(text in message for text in ("critic_steps=2", str(len(images)), str(images.dtype)))
