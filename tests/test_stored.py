"""Images that do not fit into memory: written once, read by index, the same as in memory."""

import pickle

import pytest
import torch
from torch.utils.data import DataLoader

from callbacks.scoring.feature_cache import FeatureFile
from datamodules.batches import ImageDataset, Images, batch_loader
from datamodules.samplers import OrderedBatches
from datamodules.splits import held_out
from datamodules.stored import StoredImages, store
from zoo.scores.scorers import load_scorer

IMAGES = torch.randint(0, 256, (50, 3, 4, 5), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


pytestmark = pytest.mark.usefixtures("small_machine")


@pytest.fixture
def images(tmp_path):
    return store(lambda: (part.numpy() for part in IMAGES.split(7)), tuple(IMAGES.shape), "x.npy", [tmp_path])


# -- what stands in the place of a tensor --


INDICES = {
    "a batch": torch.tensor([3, 49, 0, 3]),
    "nothing": torch.tensor([], dtype=torch.int64),
    "yes or no": torch.arange(50) % 3 == 0,
    "a slice": slice(5, 20, 3),
    "all": slice(None),
}


@pytest.mark.parametrize("name", INDICES)
def test_stored_images_are_read_as_a_tensor_is(images, name):
    assert torch.equal(images[INDICES[name]], IMAGES[INDICES[name]])


def test_stored_images_and_parts_of_them_are_what_a_tensor_of_them_is(images):
    assert (len(images), images.shape, images.dtype, images.nbytes) == (50, IMAGES.shape, torch.uint8, IMAGES.nbytes)
    part = torch.tensor([40, 2, 2, 17, 30, 31])
    few = images.subset(part)
    for index in (torch.tensor([5, 0]), slice(1, 4), slice(None)):
        assert torch.equal(few[index], IMAGES[part][index])
    assert few.shape == (6, 3, 4, 5)
    assert torch.equal(few.subset(torch.tensor([5, 1]))[:], IMAGES[[31, 2]])
    assert torch.equal(few.subset(torch.arange(6) > 3)[:], IMAGES[[30, 31]])
    assert [each.tolist() for each in images.split(20)] == [each.tolist() for each in IMAGES.split(20)]


def test_what_is_read_belongs_to_the_reader_and_the_file_does_not_change(images):
    before = images.path.read_bytes()
    images[torch.arange(50)].zero_()
    assert images.path.read_bytes() == before
    assert torch.equal(images[:], IMAGES)


def test_another_process_gets_the_path_not_the_images(images):
    part = images.subset(torch.arange(10))
    sent = pickle.dumps(part)
    assert len(sent) < 1500
    assert torch.equal(pickle.loads(sent)[:], IMAGES[:10])
    labels = torch.arange(50)
    loader = batch_loader(Images(images, labels), OrderedBatches(50, 8), num_workers=1)
    assert isinstance(loader, DataLoader)
    assert torch.equal(torch.cat([batch.images for batch in loader]), IMAGES)


def test_splits_are_views_and_the_same_as_in_memory(images):
    labels = torch.arange(50)
    ours, theirs = (held_out(Images(each, labels), val=10, test=5) for each in (images, IMAGES))
    for name, split in ours.items():
        assert isinstance(split.images, StoredImages)
        assert torch.equal(split.images[:], theirs[name].images)
        assert torch.equal(split.labels, theirs[name].labels)
        batch = ImageDataset(split)[torch.tensor([3, 1])]
        assert isinstance(batch.images, torch.Tensor)
        assert torch.equal(batch.images, theirs[name].images[[3, 1]])


def test_cached_features_are_the_same_wherever_the_images_are(tmp_path):
    grey = IMAGES[:, :1]
    kept = store(lambda: [grey.contiguous().numpy()], tuple(grey.shape), "grey.npy", [tmp_path])
    scorer = load_scorer("digits")
    assert FeatureFile(kept, scorer, (0,)).path == FeatureFile(grey.contiguous(), scorer, (0,)).path


def test_another_file_in_its_place_is_refused(images):
    with pytest.raises(ValueError, match="not that of uint8"):
        StoredImages(images.path, (49, 3, 4, 5))
    images.path.write_bytes(images.path.read_bytes()[:-8])
    with pytest.raises(ValueError, match="bytes, not"):
        StoredImages(images.path, tuple(IMAGES.shape))
