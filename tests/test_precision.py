"""Float32 stays float32, and an imitated bfloat16 is warned of."""

import pytest
import torch

from zoo.engine import precision


@pytest.fixture(autouse=True)
def settings_as_before():
    with precision.restore_matmul_precision():
        yield


def test_products_are_float32_whatever_the_library():
    precision.allow_onednn_float32()
    assert precision.product_error() < precision.TOLERANCE


def test_a_library_that_rounds_is_not_used(monkeypatch):
    """A tolerance that no product meets stands for a CPU that computes them in bfloat16."""
    monkeypatch.setattr(precision, "TOLERANCE", 0.0)
    assert not precision.allow_onednn_float32()
    assert torch.get_float32_matmul_precision() == "highest"


def test_a_command_leaves_the_setting_as_it_was(run, monkeypatch):
    during = []
    monkeypatch.setattr(precision, "is_imitated", lambda _: during.append(torch.get_float32_matmul_precision()))
    run("fit")
    assert torch.get_float32_matmul_precision() == "highest"
    assert during == ["medium" if precision.allow_onednn_float32() else "highest"]


def test_lightning_s_look_at_the_setting_goes_on_working():
    """Where settings of torch's two interfaces were mixed, it would be an error, on GPUs alone."""
    precision.allow_onednn_float32()
    assert torch.get_float32_matmul_precision() in ("highest", "medium")


def test_the_tolerance_tells_float32_from_bfloat16():
    left, right = torch.randn(64, 1024), torch.randn(1024, 256)
    exact = left.double() @ right.double()
    rounded = left.bfloat16().float() @ right.bfloat16().float()
    assert (rounded - exact).norm() / exact.norm() > 100 * precision.TOLERANCE


def test_the_global_random_state_is_left_alone():
    torch.manual_seed(1)
    expected = torch.rand(2)
    torch.manual_seed(1)
    precision.product_error()
    assert torch.equal(torch.rand(2), expected)


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="needs oneDNN")
@pytest.mark.parametrize(("cpu_has_it", "is_warned"), [(False, True), (True, False)])
def test_an_imitated_bfloat16_is_warned_of(cpu_has_it, is_warned, run, caplog, monkeypatch):
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: cpu_has_it, raising=False)
    assert not precision.is_imitated("32-true")
    run("fit", "--trainer.precision=bf16-mixed", "--trainer.max_steps=2")
    assert ("this CPU only imitates bfloat16" in caplog.text) == is_warned
