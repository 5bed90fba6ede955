"""CGAN: Mirza and Osindero, Conditional Generative Adversarial Nets, arXiv:1411.1784."""

from typing import Any, ClassVar

from zoo.engine.optimizers import OptimizerConfig
from zoo.gan import GAN

SGD: OptimizerConfig = {"name": "sgd", "lr": 0.1, "momentum": 0.5}


class CGAN(GAN):
    """The GAN of 2014, both of whose players are told the class (arXiv:1411.1784, Equation 2).

    The critic asks whether an image is real and of its class. What the label does is the networks': in `cgan`, the
    paper's for MNIST, each has a layer for it.

    Args:
        network: one whose generator and critic take `num_classes`.
        prior: latents are uniform, in [-1, 1] here.
        generator_optimizer: SGD with the paper's first rate 0.1 and first momentum 0.5; there both move.
        critic_optimizer: the same.
        **kwargs: see GAN.
    """

    paper: ClassVar[str] = "arXiv:1411.1784"
    is_conditional = critic_is_told = True

    def __init__(
        self,
        network: str = "cgan",
        prior: str = "uniform",
        generator_optimizer: OptimizerConfig = SGD,
        critic_optimizer: OptimizerConfig = SGD,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            network=network,
            prior=prior,
            generator_optimizer=generator_optimizer,
            critic_optimizer=critic_optimizer,
            **kwargs,
        )
