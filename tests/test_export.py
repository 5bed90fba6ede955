"""`ganzoo export`: files that compute what the module does, without it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open

import cli
import zoo
from helpers.bundles import lively, sampler_of, trained, write
from helpers.command_line import error
from helpers.models import MARKS, every_model
from helpers.runs import pixels
from zoo.engine.batch import Latents
from zoo.hub import export
from zoo.hub.exportable import ExportError, exportable

pytestmark = MARKS

ROOT = Path(__file__).resolve().parents[1]


def module_of(model):
    return exportable(sampler_of(model))


@pytest.mark.slow
@every_model
def test_every_model_is_the_same_in_every_format(cls):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    module = module_of(lively(cls))
    first, second = module(**module.inputs(2))
    assert (first - second).abs().max() > 1e-3
    made = list(export.files(module, list(export.FORMATS)))
    assert [name for name, _, _ in made] == ["onnx", "pt2", "safetensors"]
    assert all(largest <= 1e-4 for _, _, largest in made)
    assert made[2][2] == 0
    content = made[0][1]
    given = module.inputs(4)
    assert torch.allclose(export.from_onnx(content, module)(given), module(**given), atol=1e-4)


@every_model
def test_the_module_takes_noise_and_makes_what_a_seed_makes(cls):
    """`latent` is the prior's noise, before a label places it."""
    model = lively(cls)
    sampler = sampler_of(model)
    module, prior = exportable(sampler), sampler.sampler.prior
    source = torch.Generator().manual_seed(3)
    noise = prior.noise(2, source)
    label = None if prior.num_labels is None else torch.tensor([0, prior.num_labels - 1])
    with torch.no_grad():
        wanted = sampler.sampler.generate(Latents(prior.place(noise, label), label), **module.how)
        assert torch.allclose(module(noise, label), wanted, atol=1e-5)  # its weights lie otherwise in memory
    assert not {id(each) for each in module.parameters()} & {id(each) for each in model.parameters()}
    assert module.about().keys() == module.inputs(1).keys() | {"image", "made_by"}


def test_a_file_says_what_goes_in_and_comes_out():
    about = module_of(trained(zoo.DeLiGAN, prior_options={"components": 3})).about()
    assert about["latent"] == "float32 [N, 3], standard normal"
    assert about["label"] == "int64 [N], 0 .. 2"
    assert about["image"] == "float32 [N, 1, 4, 4] in [-1, 1]"
    assert "uniform" in module_of(trained(zoo.InfoGAN)).about()["latent"]
    narrow = module_of(trained(zoo.GAN, prior="normal", sampling={"truncation": 0.7})).about()
    assert narrow["latent"].endswith("standard normal, truncated to [-0.7, 0.7]")


class Noisy(torch.nn.Module):
    """A generator that draws noise of its own."""

    draws_noise = True

    def forward(self, latents, source=None, noise="random"):  # noqa: D102
        plane = {"random": torch.randn, "const": torch.ones, "none": torch.zeros}[noise]
        return (latents[:, :1] + plane(1))[..., None, None].tanh()


def test_a_generators_own_noise_is_constant():
    sampler = sampler_of(trained(zoo.GAN))
    sampler.sampler.generator = Noisy()
    with pytest.raises(ExportError, match="draws noise"):
        exportable(sampler)
    Noisy.sampling_options = ("noise",)
    module = exportable(sampler)
    given = module.inputs(2)
    assert torch.equal(module(**given).flatten(), (given["latent"][:, 0] + 1).tanh())
    sampler.sampling = {"noise": "none"}
    assert torch.equal(exportable(sampler)(**given).flatten(), given["latent"][:, 0].tanh())


class Fixed(torch.nn.Module):
    """A generator whose computation depends on how many images it makes."""

    def forward(self, latents):  # noqa: D102
        return (latents[:, :1] + sum(range(len(latents))))[..., None, None].tanh()


@pytest.mark.slow
def test_what_cannot_be_exported_is_one_line():
    sampler = sampler_of(trained(zoo.GAN))
    sampler.sampler.generator = Fixed()
    with pytest.raises(ExportError, match="pt2 cannot hold what Fixed computes: ") as found:
        list(export.files(exportable(sampler), ["pt2"]))
    assert "\n" not in str(found.value)


def test_a_file_that_computes_something_else_is_refused():
    module = module_of(trained(zoo.GAN))
    other = module_of(trained(zoo.GAN))
    with torch.no_grad():
        next(other.parameters()).add_(1)
    content = export.to_safetensors(other)
    assert export.difference(content, "safetensors", other) == 0
    with pytest.raises(ExportError, match="differ from the module's"):
        export.difference(content, "safetensors", module)


def test_the_command_writes_compared_files(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    model = trained(zoo.ACGAN)
    write(model, tmp_path / "own")
    cli.main(["export", "own", "--to", "safetensors", "--out", "out"])
    told = capsys.readouterr().out.splitlines()
    assert told[-1] == "out/model.safetensors"
    assert "safetensors 0" in told[-2]
    with safe_open("out/model.safetensors", "pt") as file:
        assert file.metadata()["label"] == "int64 [N], 0 .. 2"
        names = {name.partition(".")[0] for name in file.keys()}  # noqa: SIM118  # it is no dictionary
    assert names == {"generator"}


def test_what_is_wrong_is_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code, line = error(capsys, "export", "acgan_mnist", "--to", "pt2,torchscript", "--out", "out")
    assert (code, "'torchscript'" in line, "onnx, pt2, safetensors" in line) == (2, True, True)
    monkeypatch.setattr(export, "find_spec", lambda name: None)
    code, line = error(capsys, "export", "acgan_mnist", "--out", "out")
    assert (code, "pip install 'ganzoo-lightning[export]'" in line) == (2, True)
    assert not Path("out").exists()


ELSEWHERE = """
import json, sys
import numpy as np, onnxruntime
session = onnxruntime.InferenceSession("out/model.onnx")
latent, label = np.load("latent.npy"), np.load("label.npy")
images = [session.run(["image"], {"latent": latent[:n], "label": label[:n]})[0] for n in (1, len(latent))]
np.save("image.npy", images[1])
assert images[0].shape == (1, 1, 8, 8)
print(json.dumps([sorted(sys.modules), session.get_modelmeta().custom_metadata_map, session.get_inputs()[0].shape]))
"""


@pytest.mark.slow
def test_a_process_without_ganzoo_makes_the_same_images(tmp_path, monkeypatch):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    monkeypatch.chdir(tmp_path)
    sampler = sampler_of(trained(zoo.ACGAN))
    write(model := trained(zoo.ACGAN), tmp_path / "own")
    cli.main(["export", "own", "--to", "onnx,pt2", "--out", "out"])
    module = module_of(model)
    given = module.inputs(5)
    for name, value in given.items():
        np.save(f"{name}.npy", value.numpy())
    done = subprocess.run([sys.executable, "-I", "-c", ELSEWHERE], capture_output=True, text=True, check=True)
    modules, about, shape = json.loads(done.stdout)
    assert not {"torch", "zoo", "cli", "commands"} & set(modules)
    assert about["latent"] == f"float32 [N, {sampler.sampler.prior.dim}], standard normal"
    assert shape == ["batch", sampler.sampler.prior.dim]
    assert torch.allclose(torch.from_numpy(np.load("image.npy")), module(**given), atol=1e-4)
    code = "import sys, torch; run = torch.export.load('out/model.pt2').module(); import numpy as np\n"
    code += "given = {k: torch.from_numpy(np.load(k + '.npy')) for k in ('latent', 'label')}\n"
    code += "np.save('image2.npy', run(**given).numpy()); assert 'zoo' not in sys.modules"
    subprocess.run([sys.executable, "-I", "-c", code], check=True)
    assert torch.allclose(torch.from_numpy(np.load("image2.npy")), module(**given), atol=1e-5)


@pytest.mark.slow
def test_the_example_in_the_docs_runs_as_it_stands(tmp_path, monkeypatch):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    monkeypatch.chdir(tmp_path)
    cli.main(["export", "acgan_mnist", "--to", "onnx", "--out", "exported"])
    (code,) = re.findall(r"^```python\n(.*?)^```", (ROOT / "docs" / "use.md").read_text(), re.MULTILINE | re.DOTALL)
    assert len([line for line in code.splitlines() if line]) == 10
    code += "import sys; assert not {'torch', 'zoo'} & set(sys.modules)"
    subprocess.run([sys.executable, "-I", "-c", code], check=True, capture_output=True)
    sampler = sampler_of(zoo.from_pretrained("acgan_mnist"))
    latent = np.random.default_rng(0).standard_normal((10, 64), np.float32)
    with torch.no_grad():
        images = sampler.sampler.generate(Latents(torch.from_numpy(latent), torch.arange(10)))
    shown = pixels(Path("digits.png"))
    assert np.abs(shown / 127.5 - 1 - np.hstack(images[:, 0].numpy())).max() <= 1 / 255 + 1e-3
