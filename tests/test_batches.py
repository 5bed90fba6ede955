"""The stream of index batches: a function of (seed, step), shared between ranks without overlap or gap."""

from itertools import chain, islice

import pytest
import torch

from datamodules.batches import ImageDataset, Images, batch_loader
from datamodules.samplers import OrderedBatches, ShuffledSteps
from zoo.engine.randomness import seeded


def stream(sampler, epochs=1, limit=None):
    """The next batches, as lists, of `epochs` passes of at most `limit`, each beginning where the last one ended."""
    taken = 0
    sampler.first_step = lambda: taken
    batches = []
    for _ in range(epochs):
        for batch in islice(sampler, limit):
            batches.append(batch.tolist())
            taken += 1
    return batches


def interleave(shares):
    """What one process would see if rank 0 gave image 0, 2, 4, ... of a batch and rank 1 gave image 1, 3, 5, ..."""
    return [list(chain.from_iterable(zip(*batch, strict=True))) for batch in zip(*shares, strict=True)]


@pytest.mark.parametrize(("size", "per_step"), [(12, 4), (13, 4), (15, 4), (7, 7), (5, 1)])
def test_an_epoch_visits_every_image_at_most_once_and_drops_only_the_incomplete_batch(size, per_step):
    sampler = ShuffledSteps(size, per_step, seed=3)
    batches = stream(sampler)
    seen = list(chain.from_iterable(batches))
    assert len(batches) == len(sampler) == size // per_step
    assert {len(batch) for batch in batches} == {per_step}
    assert len(set(seen)) == len(seen) == size - size % per_step
    assert set(seen) <= set(range(size))


@pytest.mark.parametrize("world", [1, 2, 3])
def test_ranks_see_every_image_exactly_once_where_that_divides(world):
    shares = [stream(ShuffledSteps(24, 4, 1, rank, world)) for rank in range(world)]
    assert sorted(chain.from_iterable(chain.from_iterable(shares))) == list(range(24))


@pytest.mark.parametrize("world", [2, 4])
@pytest.mark.parametrize("size", [64, 61])
def test_ranks_together_see_what_one_process_with_their_summed_batch_sees(world, size):
    shares = [stream(ShuffledSteps(size, 3, 7, rank, world), epochs=2) for rank in range(world)]
    assert interleave(shares) == stream(ShuffledSteps(size, 3 * world, 7), epochs=2)


@pytest.mark.parametrize("critic_steps", [1, 5])
def test_each_critic_batch_of_two_ranks_is_that_of_one_process_with_twice_the_images(critic_steps):
    """Critic batch k of a rank is its k-th chunk of B images; together they are the k-th chunk of 2B images."""
    one = next(iter(ShuffledSteps(200, 4 * critic_steps, 0))).split(4)
    two = [next(iter(ShuffledSteps(200, 2 * critic_steps, 0, rank, 2))).split(2) for rank in range(2)]
    for whole, *halves in zip(one, *two, strict=True):
        assert sorted(torch.cat(halves).tolist()) == sorted(whole.tolist())


@pytest.mark.parametrize("world", [1, 2])
def test_a_run_resumed_at_any_step_sees_what_the_run_that_was_not_killed_sees(world):
    def sampler(first):
        return ShuffledSteps(22, 3, 5, world - 1, world, first_step=lambda: first)

    whole = stream(sampler(0), epochs=4)
    for step in range(len(whole) - len(sampler(0))):
        rest = [batch.tolist() for batch in sampler(step)]
        assert rest == whole[step : step + len(rest)]
        assert len(rest) == len(sampler(0))


def test_passes_cut_short_go_on_across_epochs():
    """limit_train_batches=2 with 3 batches to an epoch: passes begin at steps 0, 2, 4, the epochs at 0, 3, 6."""
    whole = stream(ShuffledSteps(9, 3, 5), epochs=2)
    assert stream(ShuffledSteps(9, 3, 5), epochs=3, limit=2) == whole
    for epoch in (whole[:3], whole[3:]):
        assert sorted(chain.from_iterable(epoch)) == list(range(9))


def test_lightnings_epoch_number_does_not_matter():
    sampler = ShuffledSteps(30, 5, 0)
    before = stream(sampler)
    sampler.set_epoch(17)
    assert stream(sampler) == before


def test_seeds_and_epochs_shuffle_differently_and_always_alike():
    orders = [ShuffledSteps(50, 5, seed).order(epoch).tolist() for seed in range(4) for epoch in range(4)]
    assert len({tuple(order) for order in orders}) == 16
    assert ShuffledSteps(50, 5, 3).order(3).tolist() == orders[-1]
    assert list(range(50)) not in orders


def test_a_generator_is_a_function_of_its_whole_key():
    keys = [(seed, rank, step) for seed in (0, 1, 2**32 - 1) for rank in (0, 1) for step in (0, 1, 10**6)]
    draws = [torch.rand(4, generator=seeded("test", *key)).tolist() for key in keys]
    assert len({tuple(draw) for draw in draws}) == len(keys)
    assert draws[0] == torch.rand(4, generator=seeded("test", 0, 0, 0)).tolist()


def test_a_generator_differs_by_purpose_even_for_keys_that_end_in_zeros():
    draws = {tuple(torch.rand(4, generator=seeded(*key)).tolist()) for key in [("order", 0, 1), ("flip", 0, 1, 0)]}
    assert len(draws) == 2


def test_a_generator_leaves_the_global_one_alone():
    state = torch.get_rng_state()
    torch.rand(3, generator=seeded("test", 1, 2))
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("world", [1, 2, 3, 8])
@pytest.mark.parametrize("size", [0, 1, 5, 12])
def test_ordered_batches_give_every_image_once_in_order_even_to_more_ranks_than_images(size, world):
    samplers = [OrderedBatches(size, 2, rank, world) for rank in range(world)]
    shares = [[batch.tolist() for batch in sampler] for sampler in samplers]
    flat = [list(chain.from_iterable(share)) for share in shares]
    assert sorted(chain.from_iterable(flat)) == list(range(size))
    assert all(share == sorted(share) for share in flat)
    assert max(map(len, flat)) - min(map(len, flat)) <= 1
    assert all(0 < len(batch) <= 2 for batch in chain.from_iterable(shares))
    assert [len(sampler) for sampler in samplers] == [len(share) for share in shares]


@pytest.mark.parametrize("num_workers", [0, 1])
def test_the_loader_cuts_whole_batches_with_their_labels(num_workers):
    pixels = torch.arange(10, dtype=torch.uint8).view(10, 1, 1, 1).expand(10, 3, 2, 2)
    data = Images(pixels, torch.arange(10))
    batches = list(batch_loader(data, OrderedBatches(10, 4), num_workers))
    assert [len(batch.labels) for batch in batches] == [4, 4, 2]
    for batch in batches:
        assert isinstance(batch, Images)
        assert batch.images.dtype == torch.uint8
        assert batch.images.shape[1:] == (3, 2, 2)
        assert torch.equal(batch.images[:, 0, 0, 0].long(), batch.labels)


def test_a_dataset_is_as_long_as_its_images_and_takes_any_index():
    data = Images(torch.zeros(6, 1, 2, 2, dtype=torch.uint8), torch.arange(6) * 10)
    dataset = ImageDataset(data)
    assert len(dataset) == 6
    assert dataset[torch.tensor([5, 0, 5])].labels.tolist() == [50, 0, 50]
    assert data.take(data.labels > 30).labels.tolist() == [40, 50]
