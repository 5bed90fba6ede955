"""The zoo: every model by name.

They are imported when one is first asked for: a model is a LightningModule, and Lightning takes twice as long as torch.
"""

from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zoo.acgan import ACGAN
    from zoo.began import BEGAN
    from zoo.biggan import BigGAN
    from zoo.cgan import CGAN
    from zoo.deligan import DeLiGAN, SemiSupervisedDeLiGAN
    from zoo.dragan import DRAGAN
    from zoo.ebgan import EBGAN
    from zoo.gan import GAN
    from zoo.hinge_gan import HingeGAN
    from zoo.hub.fine_tuning import init_from
    from zoo.hub.loading import from_pretrained, load
    from zoo.infogan import InfoGAN
    from zoo.lsgan import LSGAN
    from zoo.projection_gan import ProjectionGAN
    from zoo.r3gan import R3GAN, ConditionalR3GAN
    from zoo.ragan import RSGAN, RaGAN
    from zoo.sagan import SAGAN
    from zoo.sngan import SNGAN
    from zoo.stylegan2 import ConditionalStyleGAN2, StyleGAN2
    from zoo.wgan import WGAN
    from zoo.wgan_gp import WGANGP

__all__ = [
    "ACGAN", "BEGAN", "CGAN", "DRAGAN", "EBGAN", "GAN", "LSGAN", "R3GAN", "RSGAN", "SAGAN", "SNGAN", "WGAN", "WGANGP",
    "BigGAN", "ConditionalR3GAN", "ConditionalStyleGAN2", "DeLiGAN", "HingeGAN", "InfoGAN", "ProjectionGAN", "RaGAN",
    "SemiSupervisedDeLiGAN", "StyleGAN2", "from_pretrained", "init_from", "load",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """Import every file of this folder, one paper each, when the first of the names above is asked for."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    files = [each.name for each in iter_modules(__path__, "zoo.") if not each.ispkg]
    for module in map(import_module, [*files, "zoo.hub.loading", "zoo.hub.fine_tuning"]):
        globals().update({key: value for key, value in vars(module).items() if key in __all__})
    return globals()[name]


def __dir__() -> list[str]:
    """Return all names, those that were not asked for yet too."""
    return sorted({*globals(), *__all__})
