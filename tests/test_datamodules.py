"""Data modules: what they read, what they refuse, and what every one of them promises."""

import gzip
import io
import pkgutil
import struct
import zlib
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from itertools import chain
from pathlib import Path
from threading import Thread
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import LightningModule, Trainer
from PIL import Image

import datamodules
from datamodules import (
    DataError,
    DigitsDataModule,
    FlowersDataModule,
    FolderDataModule,
    ImageDataModule,
    MNISTDataModule,
    ToyDataModule,
)
from datamodules.batches import Images
from datamodules.decode import decode
from datamodules.images import default_data_dir, held_out, to_unit_range

pytestmark = [  # Lightning's advice, on machines with more than the tests use
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:GPU available but not used"),
]

# -- tiny data --


def write_idx(path, values):
    """An idx file of unsigned bytes."""
    values = np.asarray(values, np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes([0, 0, 8, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape) + values.tobytes())


def write_mnist(data_dir, train=40, test=12):
    """The four files of MNIST, small: image i is filled with i, its label is i % 10."""
    raw = data_dir / "MNIST" / "raw"
    for part, count in (("train", train), ("t10k", test)):
        number = np.arange(count, dtype=np.uint8)
        write_idx(raw / f"{part}-images-idx3-ubyte", number[:, None, None].repeat(28, 1).repeat(28, 2))
        write_idx(raw / f"{part}-labels-idx1-ubyte", number % 10)
    return raw


def small_mnist(data_dir, **kwargs):
    return MNISTDataModule(data_dir=str(data_dir), val_size=8, check_md5=False, **kwargs)


def write_images(folder, count=10, size=(20, 12), name="image{}.png"):
    """Images of one colour each: the red of image i is 10 i."""
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(count):
        Image.new("RGB", size, (10 * i, 0, 255)).save(folder / name.format(i))
    return folder


def small_mnist_module(tmp_path):
    write_mnist(tmp_path)
    return small_mnist(tmp_path)


def folder_module(tmp_path):
    for name in ("roses", "daisy"):
        write_images(tmp_path / "flowers" / name, 20)
    return FolderDataModule("flowers", image_size=8, data_dir=str(tmp_path))


def flowers_module(tmp_path):
    for name in ("daisy", "dandelion", "roses", "sunflowers", "tulips"):
        write_images(tmp_path / "flower_photos" / name, count=4, name="image{}.jpg")
    return FlowersDataModule(data_dir=str(tmp_path), image_size=8)


FACTORIES = {
    DigitsDataModule: lambda _: DigitsDataModule(),
    FolderDataModule: folder_module,
    FlowersDataModule: flowers_module,
    MNISTDataModule: small_mnist_module,
    ToyDataModule: lambda _: ToyDataModule(points=40),
}


def all_data_modules():
    """Every subclass of ImageDataModule in the package, so that a new one is tested when it gets a factory."""
    for module in pkgutil.iter_modules(datamodules.__path__):
        import_module(f"datamodules.{module.name}")
    found, new = [], [ImageDataModule]
    while new:
        new = [child for parent in new for child in parent.__subclasses__() if child.__module__.startswith("datam")]
        found += new
    return sorted(set(found), key=lambda child: child.__name__)


@pytest.fixture(params=all_data_modules(), ids=lambda cls: cls.__name__)
def data_module(request, tmp_path):
    if request.param not in FACTORIES:
        pytest.fail(f"add a factory for {request.param.__name__}")
    return FACTORIES[request.param](tmp_path)


def one_line_error(call):
    """The DataError of `call()`, which must be one line."""
    with pytest.raises(DataError) as error:
        call()
    message = str(error.value)
    assert "\n" not in message
    return message


# -- what every data module promises --


def test_splits_have_the_promised_shape_type_and_labels(data_module):
    shape = data_module.image_shape  # known before anything is read
    assert data_module.splits == {}
    data_module.prepare_data()
    data_module.setup()
    assert set(data_module.splits) == {"train", "val", "test"}
    for images, labels in data_module.splits.values():
        assert images.dtype == (torch.float32 if isinstance(data_module, ToyDataModule) else torch.uint8)
        assert images.shape[1:] == shape
        assert labels.dtype == torch.int64
        assert labels.shape == images.shape[:1]
        assert len(labels) > 0
        assert labels.min() >= 0
        assert labels.max() < data_module.num_classes
    assert isinstance(data_module.scorer, str)


def test_setup_reads_once_whatever_the_stage(data_module):
    data_module.setup("fit")
    first = data_module.splits["train"].images
    data_module.setup("test")
    assert data_module.splits["train"].images is first


def test_splits_do_not_depend_on_the_seed(data_module, monkeypatch):
    before = data_module.load()
    torch.manual_seed(1)
    monkeypatch.setenv("PL_GLOBAL_SEED", "1234")
    after = data_module.load()
    for name, split in before.items():
        assert torch.equal(split.images, after[name].images)
        assert torch.equal(split.labels, after[name].labels)


def test_without_a_trainer_val_and_test_loaders_give_every_image_once_in_order(data_module):
    data_module.setup()
    data_module.batch_size = 3
    for name, loader in (("val", data_module.val_dataloader()), ("test", data_module.test_dataloader())):
        batches = list(loader)
        assert all(len(batch.labels) <= 3 for batch in batches)
        assert torch.equal(torch.cat([batch.images for batch in batches]), data_module.splits[name].images)
        assert torch.equal(torch.cat([batch.labels for batch in batches]), data_module.splits[name].labels)


# -- loaders, in a real Trainer --


class Recorder(LightningModule):
    """Takes `batches_per_step` batches a step, counts steps as a GAN does, keeps what it was given."""

    def __init__(self, batches_per_step=None):
        super().__init__()
        if batches_per_step:
            self.batches_per_step = batches_per_step
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.seen = []
        self.validated = []

    def training_step(self, batch, _):  # noqa: D102
        self.seen.append(batch)
        return self.weight * 0

    def validation_step(self, batch, _):  # noqa: D102
        self.validated.append(batch)

    def predict_step(self, batch, _):  # noqa: D102
        return batch

    def configure_optimizers(self):  # noqa: D102
        return torch.optim.SGD([self.weight], lr=0.1)


def trainer(**kwargs):
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    quiet |= {"enable_model_summary": False, "num_sanity_val_steps": 0, "log_every_n_steps": 1}
    return Trainer(accelerator="cpu", devices=1, **quiet | kwargs)


@pytest.mark.parametrize(("batches_per_step", "expected"), [(None, 4), (1, 4), (5, 20)])
def test_a_training_batch_holds_batch_size_images_for_each_critic_update(tmp_path, batches_per_step, expected):
    write_mnist(tmp_path)
    module = Recorder(batches_per_step)
    trainer(max_steps=3, limit_val_batches=0).fit(module, small_mnist(tmp_path, batch_size=4))
    assert len(module.seen) == 3
    for images, labels in module.seen:
        assert images.shape == (expected, 1, 28, 28)
        assert images.dtype == torch.float32
        # the picture of number i is filled with i, whose label is i % 10
        numbers = ((images[:, 0, 0, 0] + 1) * 127.5).round().long()
        assert torch.equal(numbers % 10, labels)
        assert len(set(numbers.tolist())) == expected


def test_the_seed_alone_orders_the_training_images(tmp_path, monkeypatch):
    write_mnist(tmp_path)

    def labels(seed):
        monkeypatch.setenv("PL_GLOBAL_SEED", str(seed))
        module = Recorder()
        trainer(max_steps=10, limit_val_batches=0).fit(module, small_mnist(tmp_path, batch_size=4))
        return torch.cat([images[:, 0, 0, 0] for images, _ in module.seen]).tolist()

    first = labels(1)
    assert labels(1) == first
    assert labels(2) != first


def test_validation_covers_the_whole_split_scaled(tmp_path):
    write_mnist(tmp_path)
    data, module = small_mnist(tmp_path, batch_size=3), Recorder()
    trainer().validate(module, data, verbose=False)
    images = torch.cat([images for images, _ in module.validated])
    assert torch.equal(images, to_unit_range(data.splits["val"].images))


def test_prediction_counts_the_samples_and_leaves_the_numbers_alone():
    batches = trainer().predict(Recorder(), DigitsDataModule(batch_size=4, predict_samples=10))
    assert [batch.tolist() for batch in batches] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_too_few_images_for_one_step_is_an_error_that_says_what_to_lower(tmp_path):
    write_mnist(tmp_path)
    fit = trainer(max_steps=1, limit_val_batches=0).fit
    with pytest.raises(MisconfigurationException) as error:
        fit(Recorder(5), small_mnist(tmp_path, batch_size=8))
    message = str(error.value)
    assert "\n" not in message
    assert "40 images" in message
    assert "there are 32" in message
    assert "batch_size" in message


# -- scaling and flips --


def test_scaling_ends_at_minus_one_and_one():
    scaled = to_unit_range(torch.tensor([0, 51, 204, 255], dtype=torch.uint8))
    assert scaled.dtype == torch.float32
    assert scaled.tolist() == [-1, pytest.approx(-0.6), pytest.approx(0.6), 1]
    assert to_unit_range(torch.tensor([255], dtype=torch.uint8), torch.float64).dtype == torch.float64


def stub_trainer(step=0, rank=0, training=True, dtype=torch.float32):
    return SimpleNamespace(
        training=training, global_step=step, global_rank=rank, lightning_module=SimpleNamespace(dtype=dtype)
    )


LEFT_IS_BLACK = torch.tensor([0, 255], dtype=torch.uint8).expand(400, 1, 3, 2)


def mirrored(batch=LEFT_IS_BLACK, flip=True, **kwargs):
    """Which of the images of a batch come out mirrored."""
    data = DigitsDataModule(flip=flip)
    data.trainer = stub_trainer(**kwargs)
    images, labels = data.on_after_batch_transfer(Images(batch, torch.arange(len(batch))), 0)
    assert torch.equal(labels, torch.arange(len(batch)))
    assert set(images.unique().tolist()) == {-1, 1}
    assert (images[..., 0] == -images[..., 1]).all()
    return (images[:, 0, 0, 0] == 1).tolist()


def test_about_half_of_the_training_images_are_mirrored():
    assert 150 < sum(mirrored()) < 250


def test_flips_are_a_function_of_seed_rank_and_step(monkeypatch):
    draws = []
    for seed in ("0", "1"):
        monkeypatch.setenv("PL_GLOBAL_SEED", seed)
        draws += [mirrored(step=step, rank=rank) for step in (0, 1) for rank in (0, 1)]
        torch.rand(5)
        assert mirrored(step=1, rank=1) == draws[-1]
    assert len({tuple(draw) for draw in draws}) == len(draws)


@pytest.mark.parametrize("kwargs", [{"flip": False}, {"training": False}])
def test_nothing_is_mirrored_unless_asked_for_and_in_training(kwargs):
    assert not any(mirrored(**kwargs))


def test_images_take_the_type_of_the_module():
    data = DigitsDataModule()
    data.trainer = stub_trainer(dtype=torch.float64)
    images, _ = data.on_after_batch_transfer(Images(LEFT_IS_BLACK, torch.zeros(400)), 0)
    assert images.dtype == torch.float64


# -- arguments --


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: DigitsDataModule(image_size=0), "image_size"),
        (lambda: DigitsDataModule(batch_size=0), "batch_size"),
        (lambda: DigitsDataModule(predict_samples=0), "predict_samples"),
        (lambda: DigitsDataModule(num_workers=-1), "num_workers"),
        (lambda: MNISTDataModule(image_size=0), "image_size"),
        (lambda: MNISTDataModule(val_size=0), "val_size"),
        (lambda: FolderDataModule("x", image_size=0), "image_size"),
        (lambda: FolderDataModule("x", channels=2), "channels"),
        (lambda: FolderDataModule("x", resize="squash"), "resize"),
        (lambda: FolderDataModule("x", val_share=-0.1), "val_share"),
        (lambda: FolderDataModule("x", test_share=1.0, val_share=0), "test_share"),
        (lambda: FolderDataModule("x", val_share=0.5, test_share=0.5), "val_share"),
        (lambda: FolderDataModule("x", val_share=float("nan")), "val_share"),
    ],
)
def test_bad_arguments_are_named_at_once(make, named):
    with pytest.raises(ValueError, match=named) as error:
        make()
    assert "\n" not in str(error.value)


def test_the_data_folder_is_the_argument_else_the_variable_else_data(monkeypatch):
    monkeypatch.setenv("GANZOO_DATA", "elsewhere")
    assert DigitsDataModule(data_dir="here").data_dir == Path("here")
    assert DigitsDataModule().data_dir == default_data_dir() == Path("elsewhere")
    monkeypatch.delenv("GANZOO_DATA")
    assert DigitsDataModule().data_dir == Path("data")


# -- digits, splits --


@pytest.mark.parametrize("image_size", [8, 16])
def test_digits_counts_and_range(image_size):
    splits = DigitsDataModule(image_size=image_size).load()
    assert {name: len(split.images) for name, split in splits.items()} == {"train": 1257, "val": 180, "test": 360}
    for images, labels in splits.values():
        assert (images.min(), images.max() > 250) == (0, True)
        assert set(labels.tolist()) == set(range(10))


def test_held_out_splits_are_disjoint_complete_in_order_and_random():
    splits = held_out(Images(torch.zeros(100, 1, 1, 1, dtype=torch.uint8), torch.arange(100)), val=20, test=30)
    parts = {name: split.labels.tolist() for name, split in splits.items()}
    assert {name: len(part) for name, part in parts.items()} == {"train": 50, "val": 20, "test": 30}
    assert sorted(chain.from_iterable(parts.values())) == list(range(100))
    for part in parts.values():
        assert part == sorted(part)
        assert part[-1] - part[0] > 60  # spread over the whole, not a block


# -- MNIST --


@pytest.mark.data
def test_real_mnist(real_data):
    data = MNISTDataModule(data_dir=str(real_data))
    data.setup()
    assert {name: len(split.images) for name, split in data.splits.items()} == {
        "train": 55_000,
        "val": 5_000,
        "test": 10_000,
    }
    assert data.read("train").labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert data.splits["test"].labels[:5].tolist() == [7, 2, 1, 0, 4]
    counts = [torch.cat([data.splits[name].labels for name in ("train", "val")]).eq(c).sum().item() for c in range(10)]
    assert counts == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]


@pytest.mark.data
def test_mnist_is_what_torchvision_reads(real_data):
    from torchvision.datasets import MNIST

    theirs, ours = MNIST(str(real_data), train=False), MNISTDataModule(data_dir=str(real_data)).read("t10k")
    assert torch.equal(ours.images[:, 0], theirs.data)
    assert torch.equal(ours.labels, theirs.targets)


@pytest.mark.data
def test_a_real_file_with_one_pixel_changed_is_refused(real_data, tmp_path):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name in ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"):
        (raw / name).write_bytes((real_data / "MNIST" / "raw" / name).read_bytes())
    data = MNISTDataModule(data_dir=str(tmp_path))
    assert len(data.read("t10k").labels) == 10_000
    content = bytearray((raw / "t10k-images-idx3-ubyte").read_bytes())
    content[5000] ^= 1
    (raw / "t10k-images-idx3-ubyte").write_bytes(content)
    message = one_line_error(lambda: data.read("t10k"))
    assert "t10k-images-idx3-ubyte: md5" in message


def test_mnist_like_files_of_any_count(tmp_path):
    write_mnist(tmp_path)
    splits = small_mnist(tmp_path).load()
    assert {name: len(split.images) for name, split in splits.items()} == {"train": 32, "val": 8, "test": 12}
    numbers = torch.cat([splits[name].images[:, 0, 0, 0] for name in ("train", "val")])
    assert sorted(numbers.tolist()) == list(range(40))
    assert all(torch.equal(images[:, 0, 5, 5] % 10, labels) for images, labels in splits.values())


@pytest.mark.parametrize("size", [14, 32])
def test_mnist_is_resized_with_antialiasing(tmp_path, size):
    raw = write_mnist(tmp_path)
    stripes = np.zeros((12, 28, 28), np.uint8)
    stripes[:, :, ::2] = 255
    write_idx(raw / "t10k-images-idx3-ubyte", stripes)
    images = small_mnist(tmp_path, image_size=size).load()["test"].images
    assert images.shape == (12, 1, size, size)
    assert images.float().mean() == pytest.approx(127.5, abs=6)
    if size == 14:  # without antialiasing some columns would be black or white
        assert 80 < images.min() <= images.max() < 175


def rewrite(name, change):
    """A way to spoil one of the files: its bytes become `change(bytes)`."""
    return lambda raw: (raw / name).write_bytes(change((raw / name).read_bytes()))


def remove(name):
    return lambda raw: (raw / name).unlink()


def pack(name, change=lambda packed: packed):
    """Leaves only `name`.gz, its bytes changed."""

    def spoil(raw):
        packed = change(gzip.compress((raw / name).read_bytes()))
        (raw / name).unlink()
        (raw / f"{name}.gz").write_bytes(packed)

    return spoil


def flip_a_byte(packed):
    return packed[:40] + bytes([packed[40] ^ 255]) + packed[41:]


TRAIN, TRAIN_LABELS, TEST_LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-labels-idx1-ubyte"


@pytest.mark.parametrize(
    ("spoil", "file", "problem"),
    [
        (remove(TRAIN), TRAIN, "not found"),
        (remove(TEST_LABELS), TEST_LABELS, "not found"),
        (rewrite(TRAIN, lambda content: content[:-1]), TRAIN, "truncated"),
        (rewrite(TRAIN, lambda content: content[:9]), TRAIN, "truncated within its header"),
        (rewrite(TRAIN, lambda content: content + b"\0"), TRAIN, "over-long"),
        (rewrite(TRAIN, lambda _: b""), TRAIN, "magic"),
        (rewrite(TRAIN, lambda _: b"<!DOCTYPE html><p>404"), TRAIN, "magic"),
        (rewrite(TRAIN, lambda content: b"\0\0\x0d" + content[3:]), TRAIN, "magic"),
        (rewrite(TRAIN, lambda content: content[:4] + b"\xff" * 4 + content[8:]), TRAIN, "truncated"),
        (rewrite(TRAIN, lambda content: content[:11] + bytes([14, 0, 0, 0, 56]) + content[16:]), TRAIN, "14, 56"),
        (lambda raw: (raw / TRAIN).write_bytes((raw / TRAIN_LABELS).read_bytes()), TRAIN, "magic"),
        (lambda raw: write_idx(raw / TRAIN, np.zeros((0, 28, 28))), TRAIN, "N > 0"),
        (lambda raw: write_idx(raw / TRAIN_LABELS, np.zeros(39)), TRAIN_LABELS, "39 labels for the 40 images"),
        (lambda raw: write_idx(raw / TRAIN_LABELS, np.full(40, 10)), TRAIN_LABELS, "label 10"),
        (pack(TRAIN, lambda packed: packed[:-9]), f"{TRAIN}.gz", "cannot be read"),
        (pack(TRAIN, lambda _: b"no gzip"), f"{TRAIN}.gz", "cannot be read"),
        (pack(TRAIN, flip_a_byte), f"{TRAIN}.gz", "cannot be read"),
        (pack(TRAIN, lambda _: gzip.compress(b"other")), f"{TRAIN}.gz", "magic"),
    ],
)
def test_a_bad_mnist_file_is_named_with_what_is_wrong(tmp_path, spoil, file, problem):
    spoil(write_mnist(tmp_path))
    message = one_line_error(small_mnist(tmp_path).setup)
    assert f"{tmp_path / 'MNIST' / 'raw' / file}: " in message
    assert problem in message


def test_files_that_are_not_the_original_are_refused_by_default(tmp_path):
    write_mnist(tmp_path)
    message = one_line_error(MNISTDataModule(data_dir=str(tmp_path)).setup)
    assert "md5" in message
    assert "check_md5=false" in message


def test_compressed_files_do_as_well(tmp_path):
    raw = write_mnist(tmp_path)
    plain = small_mnist(tmp_path).load()
    for file in list(raw.iterdir()):
        pack(file.name)(raw)
    packed = small_mnist(tmp_path).load()
    assert not list(raw.glob("*-ubyte"))
    assert all(torch.equal(packed[name].images, plain[name].images) for name in plain)


def test_a_missing_file_is_asked_for_with_its_address(tmp_path):
    message = one_line_error(MNISTDataModule(data_dir=str(tmp_path)).setup)
    assert "download=true" in message
    assert "https://ossci-datasets.s3.amazonaws.com/mnist/train-images-idx3-ubyte.gz" in message


def test_as_many_validation_images_as_there_are_leave_none_to_train(tmp_path):
    write_mnist(tmp_path, train=8)
    assert "val_size" in one_line_error(small_mnist(tmp_path).setup)


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves files without a word."""

    def log_message(self, *args):  # noqa: D102
        pass


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """A folder of small packed files that torchvision downloads from, over HTTP, and its address."""
    from torchvision.datasets import MNIST
    from torchvision.datasets.utils import calculate_md5

    folder = tmp_path / "mirror"
    for file in list(write_mnist(folder).iterdir()):
        (folder / f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes()))
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(folder))) as server:
        url = f"http://127.0.0.1:{server.server_port}/"
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        monkeypatch.setattr(MNIST, "mirrors", [url])
        files = sorted(folder.glob("*.gz"), reverse=True)  # in torchvision's order: train, then test
        monkeypatch.setattr(MNIST, "resources", [(file.name, calculate_md5(file)) for file in files])
        Thread(target=server.serve_forever, daemon=True).start()
        yield SimpleNamespace(folder=folder, url=url, server=server)
        server.shutdown()


@pytest.mark.parametrize("left", [None, b"", b"\x1f\x8b half a download"])
def test_a_download_lands_where_it_is_read(tmp_path, mirror, left):
    if left is not None:
        (tmp_path / "data" / "MNIST" / "raw").mkdir(parents=True)
        (tmp_path / "data" / "MNIST" / "raw" / f"{TRAIN}.gz").write_bytes(left)
    data = small_mnist(tmp_path / "data", download=True)
    data.prepare_data()
    data.setup()
    assert len(data.splits["train"].images) == 32


@pytest.mark.parametrize("network", ["up", "down"])
def test_a_failed_download_says_what_to_fetch_and_where_to_put_it(tmp_path, mirror, network):
    if network == "up":
        (mirror.folder / f"{TRAIN}.gz").write_bytes(b"not what it was")
    else:
        mirror.server.shutdown()
        mirror.server.server_close()
    data = small_mnist(tmp_path / "data", download=True)
    message = one_line_error(data.prepare_data)
    assert f"{TRAIN}: cannot be downloaded" in message
    assert f"fetch {mirror.url}{TRAIN}.gz by hand" in message
    assert str(tmp_path / "data" / "MNIST" / "raw") in message


@pytest.mark.parametrize("download", [False, True])
def test_nothing_is_downloaded_unless_asked_for_and_missing(tmp_path, mirror, download):
    if download:
        pack(TRAIN)(write_mnist(tmp_path / "data"))  # the compressed file is as good as the file
    before = sorted(tmp_path.rglob("*"))
    small_mnist(tmp_path / "data", download=download).prepare_data()
    assert sorted(tmp_path.rglob("*")) == before


# -- a folder of images: classes and splits --


def test_class_folders_are_numbered_by_name(tmp_path):
    for name, count in (("roses", 4), ("daisy", 3), ("tulips", 5)):
        write_images(tmp_path / name, count)
    data = FolderDataModule(str(tmp_path), image_size=4, val_share=0, test_share=0)
    assert (data.num_classes, data.classes) == (3, ["daisy", "roses", "tulips"])
    data.setup()
    images, labels = data.splits["train"]
    assert labels.tolist() == [0] * 3 + [1] * 4 + [2] * 5
    assert images[:, 0, 0, 0].tolist() == [0, 10, 20, 0, 10, 20, 30, 0, 10, 20, 30, 40]
    assert len(data.splits["val"].images) == len(data.splits["test"].images) == 0


def test_a_folder_of_images_alone_is_one_class(tmp_path):
    data = FolderDataModule(str(write_images(tmp_path / "faces", 20)), image_size=4)
    data.setup()
    assert (data.num_classes, data.classes) == (1, ["faces"])
    assert {name: len(split.images) for name, split in data.splits.items()} == {"train": 16, "val": 2, "test": 2}
    assert all((split.labels == 0).all() for split in data.splits.values())
    reds = torch.cat([split.images[:, 0, 0, 0] for split in data.splits.values()])
    assert sorted(reds.tolist()) == list(range(0, 200, 10))


def test_small_shares_hold_out_one_image_at_least(tmp_path):
    splits = FolderDataModule(str(write_images(tmp_path, 4)), image_size=4).load()
    assert {name: len(split.images) for name, split in splits.items()} == {"train": 2, "val": 1, "test": 1}


def test_other_files_and_hidden_ones_are_ignored(tmp_path):
    write_images(tmp_path / "a", 3, name="IMAGE{}.PNG")
    for name in ("LICENSE.txt", "a/notes.md", "a/.hidden.png", "a/Thumbs.db", ".cache.png"):
        (tmp_path / name).write_text("no image")
    (tmp_path / ".git").mkdir()
    data = FolderDataModule(str(tmp_path), image_size=4, val_share=0, test_share=0)
    assert len(data.load()["train"].images) == 3
    assert data.classes == ["a"]


def test_a_relative_folder_is_looked_for_here_then_in_the_data_folder(tmp_path, monkeypatch):
    for name, count in (("here", 3), ("data", 4)):
        write_images(tmp_path / name / "pictures", count)
    monkeypatch.chdir(tmp_path / "here")
    data = {"folder": "pictures", "data_dir": str(tmp_path / "data")}
    assert len(FolderDataModule(**data).listing.files) == 3
    monkeypatch.chdir(tmp_path)
    assert len(FolderDataModule(**data).listing.files) == 4


def bad_folders():
    """What to make in a folder, the path to be named, and what to say."""

    def mixed(path):
        write_images(path, 2)
        write_images(path / "a", 2)

    def deep(path):
        write_images(path / "a", 2)
        write_images(path / "a" / "b", 2)

    def empty_class(path):
        write_images(path / "a", 2)
        (path / "b").mkdir()
        (path / "b" / "LICENSE.txt").write_text("not an image")

    yield pytest.param(lambda path: path.rmdir(), ".", "folder", id="missing")
    yield pytest.param(lambda path: (path.rmdir(), path.write_text("")), ".", "Not a directory", id="a file")
    yield pytest.param(lambda path: None, ".", "no images", id="empty")
    yield pytest.param(lambda path: (path / "x.txt").write_text(""), ".", "no images", id="no images")
    yield pytest.param(empty_class, "b", "without images", id="empty class")
    yield pytest.param(lambda path: write_images(path / "a" / "b"), "a", "one level too high", id="too high")
    yield pytest.param(mixed, ".", "beside folders", id="images beside classes")
    yield pytest.param(deep, "a", "move it away", id="folders beside images")
    yield pytest.param(lambda path: write_images(path, 2), ".", "too few", id="nothing left to train")


@pytest.mark.parametrize(("make", "named", "problem"), [*bad_folders()])
def test_a_bad_folder_is_named_with_what_to_do(tmp_path, make, named, problem):
    folder = tmp_path / "pictures"
    folder.mkdir()
    make(folder)
    message = one_line_error(FolderDataModule(str(folder)).setup)
    assert f"{folder / named}: " in message
    assert problem in message


# -- a folder of images: decoding --


def encoded(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def noise(width, height):
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8))


def bomb():
    """A PNG whose header promises 20,000 x 20,000 pixels."""
    content = bytearray(encoded(Image.new("1", (2, 2)), "PNG"))
    content[16:24] = struct.pack(">II", 20_000, 20_000)
    return with_crc(content)


def near_bomb():
    """100 million pixels: what PIL only warns of."""
    content = bytearray(encoded(Image.new("1", (2, 2)), "PNG"))
    content[16:24] = struct.pack(">II", 10_000, 10_000)
    return with_crc(content)


def with_crc(content):
    """A PNG with the right checksum of its header."""
    content[29:33] = struct.pack(">I", zlib.crc32(bytes(content[12:29])))
    return bytes(content)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param("bad.jpg", b"", id="no bytes"),
        pytest.param("bad.jpg", b"this is text\n" * 50, id="text"),
        pytest.param("bad.png", bytes(range(256)) * 8, id="garbage"),
        pytest.param("bad.jpg", encoded(noise(64, 64), "JPEG")[:-500], id="truncated jpeg"),
        pytest.param("bad.png", encoded(noise(64, 64), "PNG")[:-500], id="truncated png"),
        pytest.param("bad.gif", encoded(noise(64, 64), "GIF")[:-500], id="truncated gif"),
        pytest.param("bad.webp", encoded(noise(64, 64), "WEBP")[:-500], id="truncated webp"),
        pytest.param("bad.bmp", encoded(noise(64, 64), "BMP")[:-500], id="truncated bmp"),
        pytest.param("bad.png", encoded(noise(9, 9), "PNG")[:-30] + b"x" * 30, id="damaged png"),
        pytest.param("bad.png", bomb(), id="decompression bomb"),
        pytest.param("bad.png", near_bomb(), id="large enough for a warning"),
        pytest.param("bad.tif", encoded(Image.new("F", (4, 4), 0.5), "TIFF"), id="floating point"),
        pytest.param("bad.tif", encoded(Image.new("I", (4, 4), 10**6), "TIFF"), id="more than 16 bits"),
        pytest.param("bad.tif", encoded(Image.new("I", (4, 4), -1), "TIFF"), id="negative"),
    ],
)
def test_a_bad_image_is_named_and_the_others_counted(tmp_path, name, content):
    write_images(tmp_path, 4)
    (tmp_path / name).write_bytes(content)
    data = FolderDataModule(str(tmp_path), image_size=4)
    message = one_line_error(data.setup)
    assert message.startswith(f"{tmp_path / name}: ")
    assert "more" not in message.split(")")[-1]

    (tmp_path / "zz.png").write_bytes(b"bad as well")
    message = one_line_error(FolderDataModule(str(tmp_path), image_size=4).setup)
    assert message.startswith(f"{tmp_path / name}: ")
    assert "and 1 more" in message


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_what_pil_only_warns_of_is_refused_whatever_the_warning_filters(tmp_path):
    (write_images(tmp_path, 4) / "bad.png").write_bytes(near_bomb())
    assert "DecompressionBombWarning" in one_line_error(FolderDataModule(str(tmp_path)).setup)


def test_a_folder_named_like_an_image_is_a_class(tmp_path):
    write_images(tmp_path / "a.png", 3)
    assert FolderDataModule(str(tmp_path)).classes == ["a.png"]


def saved(tmp_path, image, name="image.png", **options):
    image.save(tmp_path / name, **options)
    return tmp_path / name


WIDE = np.array([[0, 10, 20, 30], [40, 50, 60, 70]], np.uint8)  # 2 rows of 4


def test_stretch_and_crop_against_pixels_worked_out_by_hand(tmp_path):
    """At size 2, crop of 4x2 keeps columns 1 and 2; stretch weights the columns of 2:1 reduction by 3, 3, 1 of 7."""
    wide = saved(tmp_path, Image.fromarray(WIDE))
    assert decode(wide, 1, 2, "crop").tolist() == [[[10, 20], [50, 60]]]
    # triangle of half-width 2 about 1.0: columns at .5, 1.5, 2.5 have weights 3/4, 3/4, 1/4
    left, right = round((0 * 3 + 10 * 3 + 20) / 7), round((10 + 20 * 3 + 30 * 3) / 7)
    assert decode(wide, 1, 2, "stretch").tolist() == [[[left, right], [left + 40, right + 40]]]
    tall = saved(tmp_path, Image.fromarray(WIDE.T.copy()))
    assert decode(tall, 1, 2, "crop").tolist() == [[[10, 50], [20, 60]]]


def test_a_crop_of_odd_lengths_is_centred(tmp_path):
    """5 columns to 2 of a 2-row image: the middle 2 lie from 1.5 to 3.5, half-way between columns."""
    image = saved(tmp_path, Image.fromarray(np.array([[0, 100, 200, 100, 0]] * 2, np.uint8)))
    assert decode(image, 1, 2, "crop").tolist() == [[[150, 150], [150, 150]]]


def test_a_square_of_the_right_size_is_left_as_it_is(tmp_path):
    pixels = np.asarray(noise(9, 9))
    for resize in ("stretch", "crop"):
        got = decode(saved(tmp_path, Image.fromarray(pixels)), 3, 9, resize)
        assert np.array_equal(got, pixels.transpose(2, 0, 1))


def test_resizing_is_antialiased(tmp_path):
    board = (np.indices((64, 64)).sum(0) % 2 * 255).astype(np.uint8)
    got = decode(saved(tmp_path, Image.fromarray(board)), 1, 8, "stretch")
    assert np.abs(got.astype(int) - 127.5).max() < 8


def first_pixel(path, channels=3):
    return decode(path, channels, 2, "stretch")[:, 0, 0].tolist()


def half_clear(mode, colour):
    """A 2x2 image of `colour`, an RGBA with alpha, in `mode`."""
    return Image.new("RGBA", (2, 2), colour).convert(mode)


def palette(transparency=None):
    image = Image.new("P", (2, 2), 1)
    image.putpalette([0, 0, 0, 200, 100, 0])
    if transparency is not None:
        image.info["transparency"] = transparency
    return image


def sixteen(value):
    return Image.fromarray(np.full((2, 2), value, np.uint16))


@pytest.mark.parametrize(
    ("image", "name", "expected"),
    [
        pytest.param(Image.new("RGB", (2, 2), (1, 2, 3)), "x.png", [1, 2, 3], id="RGB"),
        pytest.param(Image.new("L", (2, 2), 77), "x.png", [77] * 3, id="grey"),
        pytest.param(Image.new("1", (2, 2), 1), "x.png", [255] * 3, id="1 bit"),
        pytest.param(palette(), "x.png", [200, 100, 0], id="palette"),
        pytest.param(palette(), "x.gif", [200, 100, 0], id="gif"),
        pytest.param(palette(transparency=1), "x.png", [255] * 3, id="palette, clear colour"),
        pytest.param(palette(transparency=b"\xff\x80"), "x.png", [227, 177, 127], id="palette, half clear"),
        pytest.param(palette(transparency=1), "x.gif", [255] * 3, id="gif, clear colour"),
        pytest.param(half_clear("RGBA", (200, 100, 0, 0)), "x.png", [255] * 3, id="clear"),
        pytest.param(half_clear("RGBA", (200, 100, 0, 128)), "x.png", [227, 177, 127], id="half clear"),
        pytest.param(half_clear("LA", (100, 100, 100, 128)), "x.png", [177] * 3, id="grey, half clear"),
        pytest.param(Image.new("CMYK", (2, 2), (0, 255, 255, 0)), "x.jpg", [254, 0, 0], id="CMYK jpeg"),
        pytest.param(Image.new("CMYK", (2, 2), (0, 255, 255, 0)), "x.tif", [255, 0, 0], id="CMYK tiff"),
        pytest.param(sixteen(65535), "x.png", [255] * 3, id="16 bits, white"),
        pytest.param(sixteen(257 * 90), "x.png", [90] * 3, id="16 bits"),
        pytest.param(sixteen(128), "x.png", [0] * 3, id="16 bits, rounded down"),
        pytest.param(sixteen(129), "x.png", [1] * 3, id="16 bits, rounded up"),
        pytest.param(sixteen(257 * 90), "x.tif", [90] * 3, id="16 bits tiff"),
        pytest.param(Image.new("I", (2, 2), 257 * 90), "x.tif", [90] * 3, id="32 bits within 16"),
    ],
)
def test_images_of_every_mode_become_rgb(tmp_path, image, name, expected):
    assert first_pixel(saved(tmp_path, image, name)) == pytest.approx(expected, abs=1)


def test_rgb_becomes_grey_by_luminance(tmp_path):
    image = saved(tmp_path, Image.new("RGB", (2, 2), (255, 0, 100)))
    assert first_pixel(image, channels=1) == [round(0.299 * 255 + 0.114 * 100)]


def test_sixteen_bit_grey_with_each_level_keeps_its_order(tmp_path):
    ramp = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)
    got = decode(saved(tmp_path, Image.fromarray(ramp)), 1, 8, "stretch")
    assert np.abs(got[0] - ramp / 257).max() <= 0.5


def test_clear_pixels_have_no_colour_that_bleeds(tmp_path):
    """A clear red beside an opaque white: nothing red may come out of the resizing."""
    image = Image.new("RGBA", (8, 8), (255, 0, 0, 0))
    image.paste((255, 255, 255, 255), (4, 0, 8, 8))
    assert (decode(saved(tmp_path, image), 3, 4, "stretch") == 255).all()


@pytest.mark.parametrize(
    ("orientation", "expected"),
    [(1, [[0, 1], [2, 3]]), (2, [[1, 0], [3, 2]]), (3, [[3, 2], [1, 0]]), (6, [[2, 0], [3, 1]]), (8, [[1, 3], [0, 2]])],
)
def test_images_are_turned_as_their_exif_says(tmp_path, orientation, expected):
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(np.array([[0, 1], [2, 3]], np.uint8) * 60)
    got = decode(saved(tmp_path, image, exif=exif), 1, 2, "stretch")
    assert (got[0] // 60).tolist() == expected


@pytest.mark.parametrize("name", ["x.gif", "x.png", "x.webp", "x.tif"])
def test_animated_images_give_their_first_frame(tmp_path, name):
    frames = [Image.new("RGB", (4, 4), colour) for colour in ((250, 0, 0), (0, 250, 0))]
    options = {"lossless": True} if name.endswith("webp") else {}
    path = saved(tmp_path, frames[0], name, save_all=True, append_images=frames[1:], **options)
    assert first_pixel(path) == pytest.approx([250, 0, 0], abs=2)


@pytest.mark.parametrize("resize", ["stretch", "crop"])
def test_the_fast_way_to_large_jpegs_gives_the_same_picture(tmp_path, resize):
    rough = Image.fromarray(np.random.default_rng(1).integers(0, 256, (24, 32, 3), np.uint8))
    large = rough.resize((1200, 900), Image.Resampling.BICUBIC)
    fast = decode(saved(tmp_path, large, "x.jpg", quality=95), 3, 64, resize).astype(int)
    full = decode(saved(tmp_path, large, "x.png"), 3, 64, resize).astype(int)
    assert np.abs(fast - full).mean() < 1
    assert np.abs(fast - full).max() < 8


@pytest.mark.data
def test_real_photographs(real_data):
    if not (real_data / "flower_photos").is_dir():
        pytest.skip("flower_photos is not under $GANZOO_DATA")
    data = FolderDataModule("flower_photos", data_dir=str(real_data), image_size=16)
    data.setup()
    labels = torch.cat([split.labels for split in data.splits.values()])
    assert labels.bincount().tolist() == [764, 1052, 784, 733, 984]
    assert data.classes == ["daisy", "dandelion", "roses", "sunflowers", "tulips"]
    assert 60 < data.splits["train"].images.float().mean() < 180


@pytest.mark.data
def test_the_parent_of_real_photographs_is_one_level_too_high(real_data):
    if not (real_data / "flower_photos").is_dir():
        pytest.skip("flower_photos is not under $GANZOO_DATA")
    message = one_line_error(lambda: FolderDataModule(str(real_data)).num_classes)
    assert "one level too high" in message


def test_mnist_per_class_trains_on_the_last_of_each_class_in_the_file_and_on_nothing_of_validation(tmp_path):
    write_mnist(tmp_path, train=120)  # image n is all n, its label n % 10
    data = MNISTDataModule(data_dir=str(tmp_path), per_class=2, val_size=30, check_md5=False)
    data.setup()
    train, val = data.splits["train"], data.splits["val"]
    assert train.images[:, 0, 0, 0].tolist() == list(range(100, 120))
    assert train.labels.tolist() == [*range(10), *range(10)]
    assert len(val.images) == 30
    assert val.images.max() < 100
