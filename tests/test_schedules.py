"""Schedules against the published loops, transcribed line by line."""

import itertools
import json
import random

import pytest

import zoo
from zoo.schedules import SCHEDULES, Alternate, MNISTThreshold, SketchesThreshold, ToyThreshold


def published_toy(gloss, epochs, batches):
    """dg_toy.py: its variables after each of 5 moves of each batch."""
    trace = []
    thres = 1.0
    count = 0
    t1 = 0.73
    for _ in range(epochs):
        if count < -1000:
            t1 = max(t1 - 0.005, 0.70)
        for _ in range(batches):
            if count > 10:
                thres = min(thres + 0.01, 1.0)
                count = 0
            if count < -150 and thres > t1:
                thres = max(thres - 0.001, t1)
                count = 0
            for _ in range(5):
                if next(gloss) > thres:
                    moved = True
                    count += 1
                else:
                    moved = False
                    count -= 1
                trace.append((moved, {"threshold": thres, "floor": t1, "balance": count}))
    return trace


def published_mnist(gloss, epochs, batches):
    """dg_mnist.py; its count2 counts the critic's moves downwards."""
    trace = []
    thres = 1.0
    count1 = 0
    count2 = 0
    t1 = 0.70
    for _ in range(epochs):
        for _ in range(batches):
            if count1 > 3:
                thres = min(thres + 0.003, 1.0)
                count1 = 0
            if count2 < -1:
                thres = max(thres - 0.003, t1)
                count2 = 0
            for _ in range(5):
                if next(gloss) > thres:
                    moved = True
                    count1 += 1
                    count2 = 0
                else:
                    moved = False
                    count2 -= 1
                    count1 = 0
                trace.append((moved, {"threshold": thres, "generator_run": count1, "critic_run": -count2}))
    return trace


def published_sketches(gloss, epochs, batches):
    """dg_sketches.py; `gloss(t, k)` is the generator's loss at batch t after k of its 5 moves, whoever computes it.

    Each move: the generator's or not, the share of the rate, and the variables after it.
    """
    trace = []
    thres = 1.0
    count1 = 0
    count2 = 0
    t1 = 0.70

    def note(moved, rate):
        trace.append((moved, rate, {"threshold": thres, "generator_run": count1, "critic_run": -count2}))

    for t in range(epochs * batches):
        genloss = gloss(t, 0)
        if count1 > 5:
            thres = min(thres + 0.003, 1.0)
            count1 = 0
            note(False, 0.5)
        if count2 < -1:
            thres = max(thres - 0.003, t1)
            count2 = 0
        for k in range(5):
            if genloss > thres:
                genloss = gloss(t, k + 1)
                count1 += 1
                count2 = 0
                note(True, 1.0)
            else:
                genloss = gloss(t, k + 1)
                count1 = 0
                count2 -= 1
                note(False, 1.0)
    return trace


def play(schedule, gloss, epochs, batches):
    trace = []
    for _ in range(epochs):
        schedule.begin_epoch()
        for _ in range(batches):
            schedule.begin_batch()
            for _ in range(schedule.moves):
                moved = schedule.moves_generator(next(gloss))
                trace.append((moved, schedule.state_dict()))
    return trace


def uniform_losses(seed, low, high):
    rng = random.Random(seed)
    while True:
        yield rng.uniform(low, high)


PUBLISHED = {ToyThreshold: published_toy, MNISTThreshold: published_mnist}
RANGES = [(0.5, 0.9), (0.6, 1.05), (0.9, 1.2), (1.1, 1.5), (0.3, 0.65)]


@pytest.mark.parametrize("schedule", PUBLISHED)
@pytest.mark.parametrize("losses", RANGES)
@pytest.mark.parametrize("seed", range(3))
def test_thresholds_are_the_published_loop(schedule, losses, seed):
    expected = PUBLISHED[schedule](uniform_losses(seed, *losses), 40, 8)
    actual = play(schedule(), uniform_losses(seed, *losses), 40, 8)
    assert actual == expected  # to the last bit


@pytest.mark.parametrize("losses", RANGES)
@pytest.mark.parametrize("seed", range(3))
def test_sketches_threshold_is_the_published_loop(losses, seed):
    """A loss that is kept is not computed again; where none is kept, the current one is."""
    table = list(itertools.islice(uniform_losses(seed, *losses), 6 * 320))

    def gloss(t, k):
        return table[6 * t + k]

    schedule, trace, computed = SketchesThreshold(), [], []
    for t in range(320):
        schedule.begin_batch()
        known, k = None, 0
        for move in range(schedule.moves):
            if known is None:
                computed.append((t, k, move))
                known = gloss(t, k)
            rate = schedule.rate
            moved = schedule.moves_generator(known)
            trace.append((moved, rate, schedule.state_dict()))
            k += rate == 1
            known = (gloss(t, k) if moved else known) if schedule.keeps_loss else None
    assert trace == published_sketches(gloss, 40, 8)
    by_critic = {(t, k) for t, k, _ in computed}
    assert {(t, 0) for t in range(320)} <= by_critic
    assert len(by_critic) == len(computed)  # each once: nothing anew after the additional move
    if losses[0] > 1:
        assert len(by_critic) == 320  # the generator goes by its own losses


def test_sketches_threshold_gives_the_critic_a_move_at_half_the_rate_when_it_rises():
    schedule = SketchesThreshold()
    schedule.threshold, schedule.generator_run = 0.9, 5
    schedule.begin_batch()
    assert (schedule.moves, schedule.rate, schedule.threshold) == (5, 1.0, 0.9)  # more than 5, not 5
    schedule.generator_run = 6
    schedule.begin_batch()
    assert (schedule.moves, schedule.rate, schedule.generator_run) == (6, 0.5, 0)
    assert schedule.threshold == pytest.approx(0.903)
    assert not schedule.moves_generator(5.0)
    assert (schedule.rate, schedule.generator_run, schedule.critic_run, schedule.keeps_loss) == (1.0, 0, 0, True)
    assert schedule.moves_generator(5.0)
    schedule.begin_batch()
    assert schedule.moves == 5


@pytest.mark.parametrize("schedule", PUBLISHED)
def test_the_threshold_follows_a_strong_player_down_and_up(schedule):
    weak_then_strong_critic = itertools.chain([0.0] * 2000, uniform_losses(0, 1.1, 1.5))
    trace = play(schedule(), weak_then_strong_critic, 20, 40)
    thresholds = [state["threshold"] for _, state in trace]
    assert {moved for moved, _ in trace[:2000]} == {False}
    assert {moved for moved, _ in trace[2000:]} == {True}
    assert thresholds[1999] < 1 == thresholds[-1]


def test_toy_with_a_hopeless_critic_ends_at_its_lowest_floor():
    """With the critic always chosen, the floor 0.73 first drops at epoch 1072 and ends at 0.70."""
    trace = play(ToyThreshold(), itertools.repeat(0.0), 1400, 8)
    floors = [trace[40 * epoch][1]["floor"] for epoch in range(1400)]
    assert floors[1071] == 0.73
    assert floors[1072] == pytest.approx(0.725)
    assert trace[-1][1]["floor"] == trace[-1][1]["threshold"] == 0.70


def test_equal_to_the_threshold_is_the_critic_s_move():
    for schedule in (ToyThreshold(), MNISTThreshold(), SketchesThreshold()):
        assert not schedule.moves_generator(1.0)
        assert schedule.moves_generator(1.0 + 1e-9)


def test_mnist_runs_are_looked_at_between_batches_only():
    schedule = MNISTThreshold()
    for _ in range(9):
        schedule.moves_generator(0.0)
    assert schedule.threshold == 1.0
    schedule.begin_batch()
    assert schedule.threshold == pytest.approx(0.997)
    assert schedule.critic_run == 0


@pytest.mark.parametrize("critic_steps", [1, 2, 5])
@pytest.mark.parametrize("generator_steps", [1, 3])
def test_alternate_is_critic_steps_then_generator_steps(critic_steps, generator_steps):
    trace = [moved for moved, _ in play(Alternate(critic_steps, generator_steps), itertools.repeat(0.0), 1, 3)]
    assert trace == ([False] * critic_steps + [True] * generator_steps) * 3


def test_alternate_needs_a_step_of_each():
    with pytest.raises(ValueError, match="critic_steps must be at least 1, got 0"):
        Alternate(0)
    with pytest.raises(ValueError, match="generator_steps must be at least 1, got 0"):
        Alternate(1, 0)


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("made", [1, 7, 33, 250])
def test_a_restored_schedule_goes_on_as_if_never_stopped(name, made):
    losses, begun, unbroken = uniform_losses(made, 0.6, 1.05), SCHEDULES[name](), SCHEDULES[name]()
    for number in range(made):
        loss = next(losses)
        if number % 5 == 0:
            begun.begin_batch()
            unbroken.begin_batch()
        assert begun.moves_generator(loss) == unbroken.moves_generator(loss)
    state = json.loads(json.dumps(begun.state_dict()))  # plain numbers survive any format
    assert all(type(value) in (int, float) for value in state.values())
    restored = SCHEDULES[name]()
    restored.load_state_dict(state)
    rest = [next(losses) for _ in range(500)]
    assert play(restored, iter(rest), 10, 2) == play(unbroken, iter(rest), 10, 2)


def test_a_state_is_a_copy():
    schedule = ToyThreshold()
    state = schedule.state_dict()
    schedule.moves_generator(0.0)
    assert state["balance"] == 0


@pytest.mark.parametrize("name", SCHEDULES)
def test_another_schedule_s_state_is_refused(name):
    schedule = SCHEDULES[name]()
    with pytest.raises(ValueError, match=f"{type(schedule).__name__} has state .*, not wrong"):
        schedule.load_state_dict({"wrong": 1})


def test_a_schedule_has_options_of_its_own_in_a_dictionary():
    options = {"network": "mlp", "generator_options": {"hidden": [4]}, "critic_options": {"hidden": [4]}}
    model = zoo.GAN(**options, schedule={"name": "alternate", "generator_steps": 3}, critic_steps=2)
    assert [model.schedule.moves_generator(0.0) for _ in range(5)] == [False] * 2 + [True] * 3
    alike = zoo.GAN(**options, schedule={"name": "deligan_toy"})
    assert type(alike.schedule) is type(zoo.GAN(**options, schedule="deligan_toy").schedule)
    for wrong, message in [
        ({"generator_steps": 3}, "schedule must be a dictionary with a name of"),
        ({"name": "in_turns"}, "a name of alternate"),
        ({"name": "alternate", "critic_steps": 3}, "no option 'critic_steps'; it takes: generator_steps"),
        ({"name": "deligan_toy", "floor": 0.5}, "no option 'floor'; it takes: none"),
        ({"name": "alternate", "generator_steps": 0}, "generator_steps must be at least 1"),
    ]:
        with pytest.raises(ValueError, match=message):
            zoo.GAN(**options, schedule=wrong)
