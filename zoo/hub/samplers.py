"""A sampler of a saved model, built without its training: no Lightning, which takes twice torch's own time."""

from typing import Any

import torch

import zoo
from zoo.engine.building import build
from zoo.engine.checkpoints.alike import check_alike_tensor
from zoo.engine.errors import CheckpointError
from zoo.engine.sampler import Sampler
from zoo.hub.config import classes_of
from zoo.hub.seeds import SeedSampler
from zoo.hub.sources import Source
from zoo.hub.tensors import AVERAGE
from zoo.networks import NETWORKS
from zoo.priors import PRIORS

#: What building refuses by, beside its own errors: a file may hold any arguments.
WRONG = (TypeError, ValueError, RuntimeError, ArithmeticError, LookupError, AttributeError)


def seed_sampler(source: Source) -> SeedSampler:
    """Return what makes images of a source by seed, by its average where it has one.

    A model of the zoo's own networks is built from them alone; any other, and one whose weights do not fit, by its
    class, whose checks say what is wrong. Raises CheckpointError.
    """
    saved = source.saved
    arguments = saved["hyper_parameters"]
    try:
        if saved["model_class"] not in zoo.__all__:
            raise CheckpointError(f"{saved['model_class']} is not of the zoo")
        sampler = checked_sampler(saved)
        return SeedSampler(sampler, arguments.get("sampling"), arguments["image_shape"])
    except WRONG:
        from zoo.hub.loading import from_saved

        model = from_saved(saved, str(source.path))
        return SeedSampler(model.averaged_sampler, model.sampling, model.image_shape)


def checked_sampler(saved: dict[str, Any]) -> Sampler:
    """Return the sampler of a saved model. Raises CheckpointError where its weights do not fit, or any of WRONG."""
    held = saved["state_dict"]
    prefix = AVERAGE if any(name.startswith(AVERAGE) for name in held) else ""
    parts = f"{prefix}generator.", f"{prefix}prior."
    weights = {name.removeprefix(prefix): value for name, value in held.items() if name.startswith(parts)}
    with torch.device("meta"):  # whatever sizes the file states
        expected = sampler_of(saved["hyper_parameters"]).state_dict()
    if weights.keys() != expected.keys():
        raise CheckpointError("its generator has other weights")
    for name, value in expected.items():
        check_alike_tensor(weights[name], value, name)
    with torch.random.fork_rng(devices=[]):  # first weights are drawn, only to be replaced
        sampler = sampler_of(saved["hyper_parameters"])
    sampler.load_state_dict(weights)
    return sampler.requires_grad_(False).eval()


def sampler_of(arguments: dict[str, Any]) -> Sampler:
    """Build the prior and the generator of a model with these hyperparameters, as `zoo.GAN` does."""
    classes, shape = classes_of(arguments), arguments["image_shape"]
    conditions = {} if classes is None else {"num_classes": classes}
    options = conditions | (arguments["generator_options"] or {})
    prior = build(PRIORS[arguments["prior"]], arguments["latent_dim"], options=arguments["prior_options"] or {})
    network = NETWORKS[arguments["network"]]
    generator = build(network.generator, arguments["latent_dim"], tuple(shape), options=options)
    experts = getattr(generator, "num_labels", None)
    if classes is not None:
        prior.take_labels(classes, in_turns=False)
    elif experts is not None and prior.num_labels != experts:
        prior.take_labels(experts, in_turns=True)
    return Sampler(prior, generator.to(memory_format=torch.channels_last))
