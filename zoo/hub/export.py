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
from torch import Tensor

from zoo.hub.exportable import Exportable, ExportError, Inputs
from zoo.hub.tensors import from_tensors, to_tensors

#: Images of a file and of the module may differ by so much; a level of 256 is 0.008.
TOLERANCE = 1e-3
#: The batches that both make.
BATCHES = 1, 2, 5
#: Key of the description in a file, where keys can be.
ABOUT = "ganzoo"


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
    """A file format: how it is written and run, and which packages that needs."""

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
    """Give each format's name, its file, compared with the module, and the largest difference.

    Raises ExportError for a computation that the format cannot hold, and for a file that makes other images.
    """
    for name in names:
        try:
            content = FORMATS[name].write(module)
        except Exception as error:  # torch raises many kinds: for what depends on a number, for what ONNX has not
            told = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
            generator = type(module.sampler.generator).__name__
            raise ExportError(f"{name} cannot hold what {generator} computes: {told[:300]}") from error
        yield name, content, difference(content, name, module)
