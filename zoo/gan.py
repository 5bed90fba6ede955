"""The GAN of 2014, from which every other model derives. The loop itself is in zoo/engine/loop.py."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from lightning.pytorch import Callback
from lightning.pytorch.trainer.states import TrainerFn
from torch import Tensor, nn
from torch.nn.functional import softplus

from zoo import losses
from zoo.engine.arguments import check_arguments, check_name, plain
from zoo.engine.average import MovingAverage
from zoo.engine.checkpoints import trust
from zoo.engine.compatible import check_trainer
from zoo.engine.epochs import reopen_epoch
from zoo.engine.loop import AdversarialLoop
from zoo.engine.optimizers import OptimizerConfig, build_optimizer, check_optimizer
from zoo.networks import NETWORKS, build, mixes_samples
from zoo.priors import PRIORS, Prior
from zoo.schedules import SCHEDULES, Alternate

ADAM: OptimizerConfig = {"name": "adam", "lr": 2e-4, "betas": [0.5, 0.999], "eps": 1e-7}


class GAN(AdversarialLoop):
    """Generative adversarial network with the non-saturating generator loss (arXiv:1406.2661).

    A paper may change the losses (`critic_loss`, `generator_loss`, `constrain_critic`) and what is built
    (`build_prior`, `build_generator`, `build_critic`); nothing else.

    Args:
        image_shape: (C, H, W); the command line takes it from the data module.
        network: which pair of networks, a key of `zoo.networks.NETWORKS`.
        generator_options: what the generator takes beside latent_dim and image_shape.
        critic_options: what the critic takes beside image_shape.
        prior: where latents come from, a key of `zoo.priors.PRIORS`.
        prior_options: what the prior takes beside its dimension.
        latent_dim: D.
        schedule: who moves when, a key of `zoo.schedules.SCHEDULES`.
        critic_steps: critic updates in one step of the schedule `alternate`.
        generator_optimizer: for the generator and the prior: a dictionary with name (adam, rmsprop, sgd), lr, ...
        critic_optimizer: for the critic.
        lr_decay: two steps; both learning rates fall linearly from their full value at the first to 0 at the second.
        reuse_critic_noise: the generator moves on the latents of the critic's last move, as in the Keras WGAN-GP.
        fake_mode: the generator's mode when it makes images for the critic: `eval`, with batch norm's running
            statistics, is what the Keras GAN does.
        critic_update: `separate` takes two optimizer steps for each critic update, -log D(x), then -log(1 - D(G(z))),
            as the Keras GAN does; for the logistic loss only.
        accumulate: into how many equal portions a batch is cut that does not fit into memory; their gradients add up
            to the batch's, unless batch norm or minibatch discrimination see the whole.
    """

    paper: ClassVar[str] = "arXiv:1406.2661"

    def __init__(
        self,
        image_shape: tuple[int, int, int] = (1, 28, 28),
        network: str = "mlp",
        generator_options: dict[str, Any] | None = None,
        critic_options: dict[str, Any] | None = None,
        prior: str = "normal",
        prior_options: dict[str, Any] | None = None,
        latent_dim: int = 100,
        schedule: str = "alternate",
        critic_steps: int = 1,
        generator_optimizer: OptimizerConfig = ADAM,
        critic_optimizer: OptimizerConfig = ADAM,
        lr_decay: list[int] | None = None,
        reuse_critic_noise: bool = False,
        fake_mode: Literal["train", "eval"] = "train",
        critic_update: Literal["joint", "separate"] = "joint",
        accumulate: int = 1,
    ) -> None:
        super().__init__()
        check_name("network", network, NETWORKS)
        check_name("prior", prior, PRIORS)
        check_name("schedule", schedule, SCHEDULES)
        check_arguments(image_shape, latent_dim, schedule, critic_steps, accumulate, lr_decay)
        check_name("fake_mode", fake_mode, dict.fromkeys(("train", "eval")))
        check_name("critic_update", critic_update, dict.fromkeys(("joint", "separate")))
        if critic_update == "separate" and type(self).critic_loss is not GAN.critic_loss:
            raise ValueError(f"critic_update separate is for the logistic loss: {type(self).__name__} has its own")
        if reuse_critic_noise and schedule != "alternate":
            raise ValueError(f"reuse_critic_noise is for schedule alternate: {schedule} draws its own latents")
        check_optimizer(generator_optimizer, "generator_optimizer")
        check_optimizer(critic_optimizer, "critic_optimizer")
        self.save_hyperparameters()  # the subclass's arguments too
        self.save_hyperparameters(plain(dict(self.hparams)))
        self.image_shape, self.network, self.latent_dim = tuple(image_shape), network, latent_dim
        self.generator_options, self.critic_options = generator_options or {}, critic_options or {}
        self.prior_name, self.prior_options = prior, prior_options or {}
        self.optimizer_configs = critic_optimizer, generator_optimizer
        self.critic_steps, self.lr_decay = critic_steps, lr_decay
        self.reuse_critic_noise, self.fake_mode, self.critic_update = reuse_critic_noise, fake_mode, critic_update
        self.accumulate = accumulate
        self.schedule = Alternate(critic_steps) if schedule == "alternate" else SCHEDULES[schedule]()
        self.prior, self.generator, self.critic = self.build_prior(), self.build_generator(), self.build_critic()
        if accumulate > 1 and self.sampler.places > 1:
            raise ValueError(f"accumulate must be 1 for {network}: its generator's experts are places in the batch")
        for player in (self.generator, self.critic):
            player.to(memory_format=torch.channels_last)  # convolutions, and what they feed, follow their weights
        self.critic_mixes_samples = mixes_samples(self.critic)

    # -- what a paper may change --

    def build_prior(self) -> Prior:
        """The module that latents come from."""
        return build(PRIORS[self.prior_name], self.latent_dim, options=self.prior_options)

    def build_generator(self) -> nn.Module:
        """Latents [N, D] to images [N, C, H, W]."""
        pair = NETWORKS[self.network]
        return build(pair.generator, self.latent_dim, self.image_shape, options=self.generator_options)

    def build_critic(self) -> nn.Module:
        """Images [N, C, H, W] to outputs [N]."""
        return build(NETWORKS[self.network].critic, self.image_shape, options=self.critic_options)

    def critic_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        """What the critic minimises. `fake` carries no graph."""
        return losses.logistic_critic(*self.judge(real, fake))

    @property
    def critic_terms(self) -> list[Callable[[Tensor, Tensor], Tensor]]:
        """See `critic_update`."""
        if self.critic_update == "joint":
            return [self.critic_loss]
        on_real = lambda real, fake: losses.mean(softplus(-self.critic(real)))  # noqa: E731
        on_fake = lambda real, fake: losses.mean(softplus(self.critic(fake)))  # noqa: E731
        return [on_real, on_fake]

    def generator_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        """What the generator minimises, the prior's penalty aside."""
        return losses.logistic_generator(self.critic(fake))

    # -- what no paper changes --

    def judge(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """The critic's outputs on both, in one pass where its samples don't see each other."""
        if self.critic_mixes_samples:
            return self.critic(real), self.critic(fake)
        on_real, on_fake = self.critic(torch.cat([real, fake.to(real.dtype)])).split([len(real), len(fake)])
        return on_real, on_fake

    def configure_callbacks(self) -> list[Callback]:
        """Add none: Lightning asks this first, so that a Trainer that cannot train two players is refused here."""
        if self.trainer.state.fn == TrainerFn.FITTING:
            check_trainer(self.trainer)
        return []

    def on_fit_start(self) -> None:
        """Look at the first batch of every fit; leave the evaluation mode in which a model is loaded."""
        self.is_first_batch = True
        if not self.training:  # Lightning would train it so
            self.train()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the model's name, so that no other is built from it, who moves next, and what the data is."""
        checkpoint["model_class"] = type(self).__name__
        checkpoint["schedule"] = self.schedule.state_dict()
        trainer = self._trainer
        if trainer is not None:
            reopen_epoch(checkpoint, trainer.num_training_batches)
            if self.is_scaled:
                checkpoint["data"] = trainer.datamodule.fingerprint()  # type: ignore[attr-defined]

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Check all that a checkpoint holds, then take over how long the weights were trained and who moves next."""
        trainer = self._trainer
        to_train = trainer is not None and trainer.state.fn == TrainerFn.FITTING
        trust.check(checkpoint, self, "the checkpoint", to_train)
        if trainer is not None:
            trust.take_only_what_is_trusted(checkpoint, self, trainer)
        if to_train:
            trust.check_data(checkpoint, getattr(trainer, "datamodule", None))
        self.trained_steps = checkpoint["global_step"]
        self.schedule.load_state_dict(checkpoint["schedule"])
        if any(key.startswith("averaged.") for key in checkpoint["state_dict"]):
            self.averaged = MovingAverage(self.sampler).to(self.device)

    @classmethod
    def load_from_checkpoint(cls, checkpoint_path: Any, *args: Any, **kwargs: Any) -> "GAN":
        """Lightning's, which gives a model in evaluation mode here; `zoo.load` finds the class by itself.

        Raises CheckpointError for what is no checkpoint of this class.
        """
        hparams_file = kwargs.get("hparams_file", args[1] if len(args) > 1 else None)
        if isinstance(checkpoint_path, str | Path):
            trust.check_file(Path(checkpoint_path), cls, kwargs if hparams_file is None else None)
        model = super().load_from_checkpoint(checkpoint_path, *args, **{"weights_only": True} | kwargs)
        assert isinstance(model, GAN)
        return model.eval()

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """The critic's, then the generator's, which also trains the prior."""
        players = self.critic, nn.ModuleList([self.generator, self.prior])
        configs = zip(self.optimizer_configs, players, strict=True)
        return [build_optimizer(config, player.parameters()) for config, player in configs]
