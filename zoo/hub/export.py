"""A generator as a file that needs no ganzoo: `latent` (and `label`) in, `image` out, batches of any size.

| format | holds | is read by |
| --- | --- | --- |
| `onnx` | the computation, opset 18 or newer | onnxruntime and others |
| `pt2` | the computation, of torch.export | torch.export.load |
| `safetensors` | the weights of generator and prior alone | safetensors; the network is yours to build |

`latent` is the prior's noise, float32 [N, D]; the prior's own part, as a mixture's means, is in the file.
`label` is int64 [N]: class, component, code or expert. `image` is float32 [N, C, H, W] in [-1, 1]. Each file says so.
"""

import io
import json
import warnings
from collections.abc import Callable, Iterator
from copy import deepcopy
from importlib.util import find_spec
from typing import Any, NamedTuple

import torch
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor, nn

from zoo.engine.batch import Latents
from zoo.engine.evaluation import of_each
from zoo.engine.randomness import seeded
from zoo.engine.sampler import Sampler
from zoo.hub.config import own_version
from zoo.hub.seeds import SeedSampler
from zoo.hub.tensors import from_tensors, to_tensors

#: Images of a file and of the module may differ by so much; a level of 256 is 0.008.
TOLERANCE = 1e-3
#: The batches that both make.
BATCHES = 1, 2, 5
#: Key of the description in a file, where keys can be.
ABOUT = "ganzoo"

Inputs = dict[str, Tensor]


class ExportError(ValueError):
    """A generator that cannot be exported as was asked. The message is one line."""


class Exportable(nn.Module):
    """A sampler as a function of latents and labels.

    Args:
        sampler: a prior and a generator; a copy is made.
        how: options of the generator, as `Sampler.generate` takes them.
        image_shape: (C, H, W).
    """

    def __init__(self, sampler: Sampler, how: dict[str, Any], image_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.sampler = deepcopy(sampler).to(memory_format=torch.contiguous_format).requires_grad_(False).eval()
        self.how, self.image_shape = how, image_shape

    def forward(self, latent: Tensor, label: Tensor | None = None) -> Tensor:
        """Map latents [N, D] and labels [N] to images [N, C, H, W] in [-1, 1]."""
        return self.sampler.generate(Latents(self.sampler.prior.place(latent, label), label), **self.how)

    def inputs(self, n: int) -> Inputs:
        """Draw n latents, and labels where there are any; a function of n."""
        prior, source = self.sampler.prior, seeded("export", n)
        drawn = {"latent": prior.noise(n, source)}
        if prior.num_labels is not None:
            drawn["label"] = torch.randint(prior.num_labels, (n,), generator=source)
        return drawn

    def about(self) -> dict[str, str]:
        """Return what a file says of itself."""
        prior, truncation = self.sampler.prior, self.how.get("truncation")
        kind = {"normal": "standard normal", "uniform": "uniform in [-1, 1)"}.get(prior.distribution or "", "own noise")
        if truncation is not None and "truncation" not in self.sampler.of_generator:
            kind += f", truncated to [-{truncation}, {truncation}]"
        shapes = {"latent": f"float32 [N, {prior.dim}], {kind}"}
        if prior.num_labels is not None:
            shapes["label"] = f"int64 [N], 0 .. {prior.num_labels - 1}"
        sides = ", ".join(map(str, self.image_shape))
        return shapes | {"image": f"float32 [N, {sides}] in [-1, 1]", "made_by": f"ganzoo {own_version()}"}


def exportable(sampler: SeedSampler) -> Exportable:
    """Return what can be exported of a sampler; noise of the generator's own is the same in every image.

    Raises ExportError for a generator that draws noise and has no constant one.
    """
    made, how = sampler.sampler, of_each(sampler.sampling)
    if getattr(made.generator, "draws_noise", False):
        if "noise" not in made.of_generator:
            raise ExportError(f"{type(made.generator).__name__} draws noise for each image: a file cannot")
        how["noise"] = how["noise"] if how.get("noise") in ("const", "none") else "const"
    return Exportable(made, how, sampler.image_shape)


@torch.no_grad()
def program(module: Exportable) -> torch.export.ExportedProgram:
    """Return the computation, for any size of batch."""
    given = module.inputs(3)
    batch = torch.export.Dim("batch", min=1)
    sizes: dict[str, Any] = {name: {0: batch} for name in given}
    return torch.export.export(module, (), kwargs=given, dynamic_shapes=sizes, strict=False)


def to_pt2(module: Exportable) -> bytes:
    """Return the file of torch.export."""
    torch.export.save(program(module), buffer := io.BytesIO(), extra_files={ABOUT: json.dumps(module.about())})
    return buffer.getvalue()


def to_onnx(module: Exportable) -> bytes:
    """Return the ONNX file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the packages' own deprecations
        options: dict[str, Any] = {"dynamo": True, "verbose": False, "external_data": False}
        made = torch.onnx.export(program(module), output_names=["image"], **options)
    assert made is not None
    model = made.model_proto
    del model.graph.value_info[:]
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    for key, text in module.about().items():
        model.metadata_props.add(key=key, value=text)
    content: bytes = model.SerializeToString()
    return content


def to_safetensors(module: Exportable) -> bytes:
    """Return the weights of generator and prior."""
    weights = to_tensors(module.sampler.state_dict(), "trained", "float32")
    return save_tensors(weights, metadata={"format": "pt"} | module.about())


def from_pt2(content: bytes, module: Exportable) -> Callable[[Inputs], Tensor]:
    """Return what a file of torch.export computes."""
    loaded = torch.export.load(io.BytesIO(content)).module()
    return lambda inputs: loaded(**inputs)


def from_onnx(content: bytes, module: Exportable) -> Callable[[Inputs], Tensor]:
    """Return what onnxruntime computes of an ONNX file."""
    from onnxruntime import InferenceSession

    session = InferenceSession(content, providers=["CPUExecutionProvider"])
    return lambda inputs: torch.from_numpy(
        session.run(["image"], {name: value.numpy() for name, value in inputs.items()})[0]
    )


def from_safetensors(content: bytes, module: Exportable) -> Callable[[Inputs], Tensor]:
    """Return what a network whose weights are all of the file computes."""
    loaded = deepcopy(module)
    for weight in loaded.parameters():
        weight.fill_(float("nan"))
    loaded.sampler.load_state_dict(from_tensors(load_tensors(content), "model.safetensors"))
    return lambda inputs: loaded(**inputs)


class Format(NamedTuple):
    """How a generator becomes a file, how the file is run, and which packages that needs."""

    write: Callable[[Exportable], bytes]
    read: Callable[[bytes, Exportable], Callable[[Inputs], Tensor]]
    needs: tuple[str, ...] = ()


FORMATS = {
    "onnx": Format(to_onnx, from_onnx, ("onnx", "onnxscript", "onnxruntime")),
    "pt2": Format(to_pt2, from_pt2),
    "safetensors": Format(to_safetensors, from_safetensors),
}


def check(names: list[str]) -> None:
    """Raise ExportError for a format that is none, or whose packages are not installed."""
    for name in names:
        if name not in FORMATS:
            raise ExportError(f"no format is called {name!r}: give one or more of {', '.join(FORMATS)}")
        if missing := [package for package in FORMATS[name].needs if find_spec(package) is None]:
            raise ExportError(f"{name} needs {', '.join(missing)}: pip install 'ganzoo-lightning[export]'")


@torch.no_grad()
def difference(content: bytes, name: str, module: Exportable) -> float:
    """Return the largest difference of a pixel between the images of a file and of the module, on fresh latents.

    Raises ExportError where it is above TOLERANCE, or no number.
    """
    run = FORMATS[name].read(content, module)
    gaps = torch.stack([(run(inputs) - module(**inputs)).abs().max() for inputs in map(module.inputs, BATCHES)])
    largest = float(gaps.max())
    if not largest <= TOLERANCE:
        raise ExportError(f"{name}: images of the file differ from the module's by {largest:.2g}: nothing was written")
    return largest


def files(module: Exportable, names: list[str]) -> Iterator[tuple[str, bytes, float]]:
    """Give each format's name, its file, compared with the module, and the largest difference."""
    for name in names:
        content = FORMATS[name].write(module)
        yield name, content, difference(content, name, module)
