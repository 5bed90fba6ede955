"""The GAN of 2014, from which every other model derives. How a model is trained is in zoo/engine/loop.py."""

from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from lightning.pytorch import Callback
from lightning.pytorch.trainer.states import TrainerFn
from torch import Tensor, nn

from zoo import losses
from zoo.augmentations import AUGMENTATIONS
from zoo.engine.arguments import check_arguments, check_name, check_named, plain
from zoo.engine.average import AVERAGES
from zoo.engine.batch import Batch
from zoo.engine.checkpoints import trust
from zoo.engine.compatible import check_trainer
from zoo.engine.evaluation import check_sampling
from zoo.engine.module import AdversarialModule
from zoo.engine.optimizers import OptimizerConfig, check_optimizer
from zoo.engine.prior import Prior
from zoo.keras_oddities import KerasOddities
from zoo.networks import NETWORKS, build, build_named, mixes_samples
from zoo.priors import PRIORS
from zoo.regularisers import build_regularisers, check_names
from zoo.schedules import build_schedule, rule_of

ADAM: OptimizerConfig = {"name": "adam", "lr": 2e-4, "betas": [0.5, 0.999], "eps": 1e-7}


class GAN(KerasOddities, AdversarialModule):
    """Generative adversarial network with the non-saturating generator loss (arXiv:1406.2661).

    A paper may change the losses, what is built, and the hooks of `zoo.engine.paper`; it reads its own arguments as
    `self.hparams.x`.

    Args:
        image_shape: (C, H, W); the command line takes it from the data module.
        network: which pair of networks, a key of `zoo.networks.NETWORKS`.
        generator_options: what the generator takes beside latent_dim and image_shape.
        critic_options: what the critic takes beside image_shape.
        prior: where latents come from, a key of `zoo.priors.PRIORS`.
        prior_options: what the prior takes beside its dimension.
        latent_dim: D.
        schedule: who moves when, a key of `zoo.schedules.SCHEDULES`, or a dictionary with a name of them and what it
            takes, such as {name: alternate, generator_steps: 3}.
        critic_steps: critic updates in one step of the schedule `alternate`.
        generator_optimizer: for the generator and the prior: a dictionary with name (adam, rmsprop, sgd), lr, ...
        critic_optimizer: for the critic.
        lr_decay: two steps; both learning rates fall linearly from their full value at the first to 0 at the second.
        reuse_critic_noise: see KerasOddities, as the next two.
        fake_mode: `train` or `eval`.
        critic_update: `joint` or `separate`, for the logistic loss only.
        accumulate: into how many microbatches a batch is cut that does not fit into memory; their gradients add up to
            the batch's, unless batch norm, minibatch discrimination or a paper's loss see the whole.
        num_classes: of the data; the command line takes it from there. Models that take no classes forget it.
        augmentation: of what the critic sees in training: a dictionary with a name of `zoo.augmentations`, and what it
            takes, such as {name: diffaugment, policy: [translation, cutout]}.
        average: of the generator, for samples: {name: steps, decay, warmup} or {name: images, half_life, ramp_up}.
        sampling: how samples are made: truncation, standing_statistics (batches), labels (of numbered samples, in
            turn), and what the generator takes.
        regularisers: beside the paper's own: a list of dictionaries, each with a name of `zoo.regularisers`, and what
            it takes, such as {name: r1, gamma: 0.5, every: 16}.
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
        schedule: str | dict[str, Any] = "alternate",
        critic_steps: int = 1,
        generator_optimizer: OptimizerConfig = ADAM,
        critic_optimizer: OptimizerConfig = ADAM,
        lr_decay: list[int] | None = None,
        reuse_critic_noise: bool = False,
        fake_mode: Literal["train", "eval"] = "train",
        critic_update: Literal["joint", "separate"] = "joint",
        accumulate: int = 1,
        num_classes: int | None = None,
        augmentation: dict[str, Any] | None = None,
        average: dict[str, Any] | None = None,
        sampling: dict[str, Any] | None = None,
        regularisers: list[dict[str, Any]] | None = None,
    ) -> None:
        super().__init__()
        check_name("network", network, NETWORKS)
        check_name("prior", prior, PRIORS)
        rule = rule_of(schedule)
        check_arguments(image_shape, latent_dim, rule["name"], critic_steps, accumulate, lr_decay)
        check_named("augmentation", augmentation, AUGMENTATIONS)
        check_named("average", average, AVERAGES)
        oddities = {"fake_mode": fake_mode, "critic_update": critic_update, "reuse_critic_noise": reuse_critic_noise}
        self.settle_oddities(oddities, GAN.critic_loss, rule["name"])
        check_optimizer(generator_optimizer, "generator_optimizer")
        check_optimizer(critic_optimizer, "critic_optimizer")
        self.save_hyperparameters()  # the subclass's arguments too
        self.num_classes = num_classes if self.reads_labels else None
        self.save_hyperparameters(plain(dict(self.hparams)) | {"num_classes": self.num_classes})
        if self.reads_labels and not self.num_classes:
            raise ValueError(f"{type(self).__name__} takes the class of each image, and the data has none")
        self.image_shape, self.network, self.latent_dim = tuple(image_shape), network, latent_dim
        self.generator_options, self.critic_options = generator_options or {}, critic_options or {}
        self.prior_name, self.prior_options = prior, prior_options or {}
        self.optimizer_configs = critic_optimizer, generator_optimizer
        self.critic_steps, self.lr_decay = critic_steps, lr_decay
        self.accumulate, self.average_options, self.sampling = accumulate, average, sampling or {}
        self.schedule = build_schedule(rule, critic_steps)
        self.prior, self.generator, self.critic = self.build_prior(), self.build_generator(), self.build_critic()
        self.settle_labels()
        self.augment = build_named(AUGMENTATIONS, augmentation) if augmentation else None
        self.extras = build_regularisers(regularisers)
        for player in (self.generator, self.critic):
            player.to(memory_format=torch.channels_last)  # convolutions, and what they feed, follow their weights
        self.critic_mixes_samples = mixes_samples(self.critic)
        check_sampling(self.sampling, self)
        if average:
            self.new_average()  # refuses what is no average, before hours of training
        self.look_once()
        check_names(self.terms)

    # -- what a paper may change --

    def build_prior(self) -> Prior:
        """Build the module that latents come from."""
        return build(PRIORS[self.prior_name], self.latent_dim, options=self.prior_options)

    def build_generator(self) -> nn.Module:
        """Build what makes images [N, C, H, W] of latents [N, D], and of labels where it is conditional."""
        options = self.conditions() | self.generator_options
        return build(NETWORKS[self.network].generator, self.latent_dim, self.image_shape, options=options)

    def build_critic(self) -> nn.Module:
        """Build what makes outputs [N] of images [N, C, H, W]."""
        options = (self.conditions() if self.critic_is_told else {}) | self.critic_options
        return build(NETWORKS[self.network].critic, self.image_shape, options=options)

    def critic_loss(self, real: Batch, fake: Batch) -> Tensor:
        """Compute what the critic minimises. `fake` carries no graph."""
        return losses.logistic_critic(*self.critic_outputs(real, fake))

    def generator_loss(self, real: Batch, fake: Batch) -> Tensor:
        """Compute what the generator minimises, the prior's penalty aside."""
        return losses.logistic_generator(*self.critic_outputs(fake))

    # -- what no paper changes --

    def conditions(self) -> dict[str, Any]:
        """Return the option that makes a network take the labels of the data, where the model is conditional."""
        return {"num_classes": self.num_classes} if self.is_conditional else {}

    def settle_labels(self) -> None:
        """Give the prior the labels that are drawn: the data's classes, or the experts of a generator, in turn."""
        experts = getattr(self.generator, "num_labels", None)
        if self.is_conditional and self.num_classes is not None:
            self.prior.take_labels(self.num_classes, in_turns=False)
        elif experts is not None and self.prior.num_labels != experts:
            self.prior.take_labels(experts, in_turns=True)

    def configure_callbacks(self) -> list[Callback]:
        """Add none: Lightning asks this first, so that a Trainer that cannot train two players is refused here."""
        if self.trainer.state.fn == TrainerFn.FITTING:
            check_trainer(self.trainer)
        return []

    @classmethod
    def load_from_checkpoint(cls, checkpoint_path: Any, *args: Any, **kwargs: Any) -> "GAN":
        """Load a model in evaluation mode, else as Lightning does; `zoo.load` finds the class by itself.

        Raises CheckpointError for what is no checkpoint of this class.
        """
        hparams_file = kwargs.get("hparams_file", args[1] if len(args) > 1 else None)
        if isinstance(checkpoint_path, str | Path):
            trust.check_file(Path(checkpoint_path), cls, kwargs if hparams_file is None else None)
        model: GAN = super().load_from_checkpoint(checkpoint_path, *args, **{"weights_only": True} | kwargs)
        return model.eval()
