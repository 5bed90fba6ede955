"""Regularisers that any model can have: what each computes, on which images, and what is refused."""

import pytest
import torch

import zoo
from helpers.models import MARKS, MLP, SHAPE, build
from helpers.runs import fit
from zoo import penalties
from zoo.engine.batch import Batch
from zoo.engine.regulariser import CRITIC, GENERATOR
from zoo.networks import NETWORKS
from zoo.regularisers import REGULARISERS
from zoo.regularisers.of_the_critic import flipped

pytestmark = MARKS

PLAIN = {"network": "mlp", **MLP}


def model_with(cls=zoo.GAN, **options):
    return build(cls, **PLAIN, regularisers=[options])


def images(model, n=6):
    return Batch(torch.rand(n, *model.image_shape) * 2 - 1)


def term(model):
    return model.terms[-1]


def drawn_again(seed, make):
    """Return what `make` makes from the same draws as a term that was computed after `seed`."""
    torch.manual_seed(seed)
    return make()


def value(model, real, seed=3):
    torch.manual_seed(seed)
    return term(model).loss(real)


@pytest.mark.parametrize("name", ["r1", "r2"])
def test_gradient_penalties_are_of_real_images_and_of_fakes(name):
    model = model_with(name=name, gamma=3.0)
    real = images(model)
    seen = real.images if name == "r1" else drawn_again(3, lambda: model.generate(model.prior(6)).images.detach())
    expected = 1.5 * penalties.zero_centred_penalty(model.critic, seen)
    torch.testing.assert_close(value(model, real), expected)
    assert term(model).player == CRITIC


def test_consistency_compares_an_image_with_its_turned_self():
    model = model_with(name="consistency", weight=2.0, changes=["flip"])
    real = images(model, 16)
    changed = drawn_again(3, lambda: flipped(real.images))
    assert not torch.equal(changed, real.images)
    assert {tuple(map(torch.equal, (a, a), (b, b.flip(2)))) for a, b in zip(changed, real.images, strict=True)} == {
        (True, False),
        (False, True),
    }
    expected = 2 * (model.critic(changed) - model.critic(real.images)).square().mean()
    torch.testing.assert_close(value(model, real), expected)


def test_lecam_waits_then_holds_outputs_near_the_other_kind_s_average(tmp_path):
    model = model_with(name="lecam", weight=0.5, decay=0.9, start=3)
    lecam, seen, expected = model.extras[0], [], []
    forward = lecam.forward

    def noted(model, real):
        before = [float(lecam.on_real), float(lecam.on_fake)]
        loss = forward(model, real)
        outputs = [float(model.observed[f"lecam_{kind}"]) for kind in ("real", "fake")]
        seen.append((before, float(loss.detach()), *outputs))
        return loss

    lecam.forward = noted
    fit(tmp_path, model, steps=6)
    assert [loss == 0 for _, loss, *_ in seen] == [True] * 3 + [False] * 3
    for step, (_, _, *outputs) in enumerate(seen):
        mean = expected[-1] if step > 3 - 1 else [0.0, 0.0]
        decay = 0.9 if step >= 3 else 0.0
        expected.append([decay * old + (1 - decay) * new for old, new in zip(mean, outputs, strict=True)])
    for (before, *_), average in zip(seen[1:], expected, strict=False):
        assert before == pytest.approx(average)


def test_orthogonal_rows_cost_nothing():
    model = model_with(name="orthogonal", weight=1.0)
    assert term(model).player == GENERATOR
    weights = [weight for weight in model.generator.parameters() if weight.dim() > 1]
    rough = float(value(model, images(model)).detach())
    with torch.no_grad():
        for weight in weights:
            short = min(weight.shape)
            weight.zero_()[:short, :short] = torch.diag(torch.arange(1.0, short + 1))
    assert rough > 0.1
    assert float(value(model, images(model)).detach()) == 0.0


def test_feature_matching_is_the_generator_s_and_none_where_features_agree():
    model = model_with(name="feature_matching", power=2)
    real = images(model)
    fake = drawn_again(3, lambda: model.generate(model.prior(6)))
    means = [model.critic.features(each.images).mean(0) for each in (real, fake)]
    torch.testing.assert_close(value(model, real), (means[0] - means[1]).square().mean())
    assert float(value(model, fake).detach()) == pytest.approx(0.0, abs=1e-12)
    assert value(model, real).requires_grad
    assert term(model).player == GENERATOR


ALL = [{"name": name} for name in REGULARISERS]


@pytest.mark.parametrize("cls", [zoo.GAN, zoo.WGANGP, zoo.ProjectionGAN], ids=lambda cls: cls.__name__)
@pytest.mark.parametrize("every", [1, 2])
def test_all_of_them_train_any_model_and_are_logged(tmp_path, cls, every):
    extras = [each | {"every": every} for each in ALL]
    model = build(cls, regularisers=extras, augmentation={"name": "diffaugment"})
    fit(tmp_path, model, steps=3)
    assert model.observed.keys() >= REGULARISERS.keys()
    assert all(torch.isfinite(each).all() for each in model.parameters())


def test_each_regulariser_changes_the_player_it_names(tmp_path):
    for name, cls in REGULARISERS.items():
        start = {"start": 1} if name == "lecam" else {}
        ends = []
        for weight in (0.0, 100.0):
            strength = {"gamma": weight} if name in ("r1", "r2") else {"weight": weight}
            torch.manual_seed(0)
            model = model_with(name=name, **strength, **start)
            fit(tmp_path, model, steps=2 + len(start))
            ends.append([each.detach().clone() for each in model.players[cls.player].parameters()])
        assert any(not torch.equal(*pair) for pair in zip(*ends, strict=True)), name


WRONG = {
    "no list": ({"name": "r1"}, "must be a list"),
    "no name": ([{"gamma": 1.0}], "a name of r1, r2"),
    "unknown": ([{"name": "r3"}], "r3"),
    "an option it has not": ([{"name": "r1", "weight": 1.0}], "no option 'weight'"),
    "a weight below 0": ([{"name": "consistency", "weight": -1.0}], "at least 0"),
    "no number": ([{"name": "r1", "gamma": float("nan")}], "at least 0"),
    "an interval of 0": ([{"name": "r2", "every": 0}], "every at least 1"),
    "twice": ([{"name": "r1"}, {"name": "r1", "every": 4}], "r1 would be there twice"),
    "a change that is none": ([{"name": "consistency", "changes": ["turn"]}], "changes is a list"),
    "a power": ([{"name": "feature_matching", "power": 3}], "power must be 1 or 2"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_no_regulariser_is_refused_in_one_line(case):
    given, message = WRONG[case]
    with pytest.raises(ValueError, match=message) as error:
        zoo.GAN(image_shape=SHAPE, **PLAIN, regularisers=given)
    assert "\n" not in str(error.value)


def test_a_paper_s_own_name_is_taken():
    with pytest.raises(ValueError, match="r1 would be there twice"):
        build(zoo.StyleGAN2, regularisers=[{"name": "r1"}])
    assert "mlp" in NETWORKS
