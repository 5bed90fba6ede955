"""The scores of one evaluation: closed forms, reference implementations, few images, broken images."""

import json
import math

import pytest
import torch
from lightning.pytorch import Trainer
from torch import nn
from torch.testing import assert_close

from callbacks import Scores
from callbacks.real_answers import RealAnswers
from callbacks.score_table import write
from datamodules import DigitsDataModule, ToyDataModule
from datamodules.images import to_unit_range
from zoo import GAN
from zoo.classifier import Scored
from zoo.evaluation import METRICS, Evaluation
from zoo.feature_scores import FID, KID, InceptionScore, own_randomness
from zoo.metrics import ModifiedInceptionScore
from zoo.precision_recall import PrecisionRecall
from zoo.scorers import Scorer, load_scorer
from zoo.sliced_wasserstein import SlicedWasserstein

pytestmark = [  # Lightning's advice, on machines with more than the tests use
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:GPU available but not used"),
]

KEYS = [
    "inception_score", "inception_score_std", "modified_inception_score", "modified_inception_score_std",
    "classes_used", "fid", "kid", "precision", "recall", "sliced_wasserstein",
]  # fmt: skip


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


class Linear(nn.Module):
    """Features are the pixels, logits the first K of them; counts how often it looks."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classes, self.calls = classes, 0

    def forward(self, images):  # noqa: D102
        self.calls += 1
        pixels = images.flatten(1)
        return pixels, pixels[:, : self.classes] * 4


@pytest.fixture
def scorer():
    return Scorer("linear", Linear(3), (1, 2, 3), num_features=6, num_classes=3)


def images(n: int, seed: int = 0, shift: float = 0.0) -> torch.Tensor:
    return (draw(n, 1, 2, 3, seed=seed) * 0.3 + shift).float()


def evaluate(evaluation: Evaluation, real: torch.Tensor, fake: torch.Tensor, batch: int = 50) -> dict[str, float]:
    evaluation.reset()
    for part in real.split(batch):
        evaluation.update_real(part)
    for part in fake.split(batch):
        evaluation.update_fake(part)
    return evaluation.compute()


# -- Inception Score --


def inception_score(logits: torch.Tensor) -> torch.Tensor:
    """Salimans et al. 2016, one split."""
    p = logits.softmax(dim=1)
    return (p * (p.log() - p.mean(dim=0).log())).sum(dim=1).mean().exp()


def is_of(logits: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    metric = InceptionScore(logits.shape[1])
    for part in logits.split(70):
        metric.update(part)
    return metric.compute()


def test_inception_score_of_few_images_is_one_split():
    logits = draw(150, 5) * 3
    mean, std = is_of(logits)
    assert_close(mean, inception_score(logits))
    assert std == 0


def test_inception_score_of_many_images_has_ten_shuffled_splits():
    logits = draw(1000, 5) * 3
    mean, std = is_of(logits)
    with own_randomness():
        shuffled = logits[torch.randperm(1000)]
    parts = torch.stack([inception_score(part) for part in shuffled.split(100)])
    assert_close(mean, parts.mean())
    assert_close(std, parts.std(correction=0))
    ordered = logits[logits.argmax(dim=1).argsort()]  # sorted by class: unshuffled splits would score 1
    assert is_of(ordered)[0] > 0.9 * mean


def test_inception_score_at_its_bounds():
    sure = torch.eye(4).repeat(30, 1) * 1e4
    assert_close(is_of(sure)[0], torch.tensor(4.0, dtype=torch.float64))
    assert_close(is_of(sure[:1].expand(120, 4))[0], torch.tensor(1.0, dtype=torch.float64))  # 3 classes of weight 0
    assert is_of(sure[:1])[0] == 1
    assert all(value.isnan() for value in is_of(sure[:0]))


def test_shuffling_leaves_the_random_state_alone():
    metrics = InceptionScore(3), KID(3)
    metrics[0].update(draw(300, 3))
    for real in (True, False):
        metrics[1].update(draw(30, 3, seed=int(real)), real)
    for metric in metrics:
        torch.manual_seed(7)
        expected = torch.rand(3)
        torch.manual_seed(7)
        first = metric.compute()
        assert torch.equal(torch.rand(3), expected)
        torch.manual_seed(8)
        metric._computed = None
        assert metric.compute() == first


# -- FID, KID --


def fid_of(real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    metric = FID(real.shape[1])
    metric.update(real, real=True)
    metric.update(fake, real=False)
    return metric.compute()


def test_fid_of_gaussians_along_the_axes_is_the_formula():
    """|m1 - m2|^2 + sum (s1 - s2)^2, exactly, if mean and covariance of the samples are made exact."""
    white = draw(500, 3)
    white -= white.mean(dim=0)
    white = white @ torch.linalg.inv(torch.linalg.cholesky(white.T.cov())).T
    mean, s1, s2 = torch.tensor([[1.0, -2, 0.5], [1, 2, 3], [0.5, 2, 3]], dtype=torch.float64)
    expected = mean.square().sum() + (s1 - s2).square().sum()
    assert_close(fid_of(white * s1, white.flip(0) * s2 + mean), expected)


def test_fid_of_correlated_gaussians_is_the_formula():
    """Tr sqrt(A B), by the symmetric root: sqrtm(sqrt(A) B sqrt(A))."""
    real, fake = draw(400, 4) @ draw(4, 4, seed=1), draw(300, 4, seed=2) @ draw(4, 4, seed=3) + 0.5

    def root(matrix):
        values, vectors = torch.linalg.eigh(matrix)
        return vectors @ torch.diag(values.clamp(min=0).sqrt()) @ vectors.T

    a, b = real.T.cov(), fake.T.cov()
    gap = (real.mean(dim=0) - fake.mean(dim=0)).square().sum()
    expected = gap + a.trace() + b.trace() - 2 * root(root(a) @ b @ root(a)).trace()
    assert_close(fid_of(real, fake), expected)
    assert_close(fid_of(real, real), torch.tensor(0.0, dtype=torch.float64), atol=1e-9, rtol=0)


def kid_of(real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    metric = KID(real.shape[1])
    metric.update(real, real=True)
    metric.update(fake, real=False)
    return metric.compute()[0]


def test_kid_of_few_images_takes_all_of_them():
    real, fake = draw(40, 5), draw(40, 5, seed=1) + 1

    def kernel(a, b):
        return (a @ b.T / 5 + 1) ** 3

    off = ~torch.eye(40, dtype=torch.bool)
    expected = kernel(real, real)[off].mean() + kernel(fake, fake)[off].mean() - 2 * kernel(real, fake).mean()
    assert_close(kid_of(real, fake), expected)
    assert kid_of(real, draw(40, 5, seed=2)).abs() < expected


def test_kid_of_sets_of_different_sizes():
    assert kid_of(draw(1500, 3), draw(20, 3, seed=1)).abs() < 1
    assert kid_of(draw(1500, 3), draw(20, 3, seed=1) + 2) > 1


@pytest.mark.parametrize("score", [fid_of, kid_of])
def test_one_image_is_too_few(score):
    assert score(draw(1, 3), draw(5, 3)).isnan()
    assert score(draw(5, 3), draw(0, 3)).isnan()


# -- precision and recall --


def precision_recall(real: torch.Tensor, fake: torch.Tensor, **options: int) -> tuple[float, float]:
    metric = PrecisionRecall(**options)
    metric.update(real, real=True)
    metric.update(fake, real=False)
    precision, recall = metric.compute()
    return precision.item(), recall.item()


def column(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)[:, None]


def test_precision_and_recall_by_hand():
    """At k = 1 a region is made of intervals: the real one is 0 +- 1, 1 +- 1, 3 +- 2; that of fakes is beside them."""
    real = column(0, 1, 3)
    assert precision_recall(real, column(-1, 5, 5.1, 9), k=1) == (0.5, 1)  # -1 +- 6, ...: bounds belong to a region
    assert precision_recall(real, column(-3, -3.5, 2.9, 3.2), k=1) == (0.5, 1 / 3)  # -3 +- .5, -3.5 +- .5, ... +- .3


def test_precision_and_recall_tell_collapse_from_invention():
    real = draw(200, 4)
    assert precision_recall(real, real) == (1, 1)
    collapsed = precision_recall(real, real[:1] + draw(200, 4, seed=1) * 1e-3)
    assert collapsed[0] == 1
    assert collapsed[1] <= 0.01
    scattered = precision_recall(real, draw(200, 4, seed=2) * 8)
    assert scattered[0] < 0.1
    assert scattered[1] > 0.9
    assert precision_recall(real, draw(200, 4, seed=3) + 100) == (0, 0)


@pytest.mark.parametrize("block", [1, 7, 1000])
def test_precision_and_recall_equal_all_distances_at_once(block):
    real, fake = draw(60, 3), draw(45, 3, seed=1) * 1.2 + 0.4

    def within(points, region):
        radius = (region[:, None] - region).norm(dim=2).sort(dim=1).values[:, 3]
        return ((points[:, None] - region).norm(dim=2) <= radius).any(dim=1).double().mean().item()

    expected = pytest.approx((within(fake, real), within(real, fake)))
    assert precision_recall(real, fake, block=block) == expected
    assert precision_recall(real + 1000, fake + 1000, block=block) == expected  # far from the origin


def test_precision_and_recall_of_too_few():
    precision, recall = precision_recall(draw(3, 2), draw(5, 2))
    assert math.isnan(precision)
    assert not math.isnan(recall)
    with pytest.raises(ValueError, match="at least 1"):
        PrecisionRecall(k=0)


# -- all of them together --


def test_every_score_is_that_of_its_metric(scorer):
    real, fake = images(210), images(190, seed=1, shift=0.1)
    scores = evaluate(Evaluation(scorer), real, fake)
    assert list(scores) == KEYS
    assert all(isinstance(value, float) for value in scores.values())
    features, logits = scorer(fake)
    seen = scorer(real).features
    modified = ModifiedInceptionScore(3)
    modified.update(logits)
    sliced = SlicedWasserstein()
    sliced.update(real[:190], fake)
    expected = [
        *is_of(logits), *modified.compute(), len(logits.argmax(dim=1).unique()), fid_of(seen, features),
        kid_of(seen, features), *precision_recall(seen, features), sliced.compute(),
    ]  # fmt: skip
    assert list(scores.values()) == pytest.approx([float(value) for value in expected])


@pytest.mark.parametrize("name", METRICS)
def test_one_metric_alone_gives_the_same_scores_as_all(name, scorer):
    real, fake = images(120), images(120, seed=1, shift=0.1)
    everything = evaluate(Evaluation(scorer), real, fake)
    alone = evaluate(Evaluation(scorer, [name]), real, fake)
    assert alone == {key: everything[key] for key in METRICS[name]}


def test_metrics_without_the_scorer_never_ask_it(scorer):
    scorer.register_forward_hook(lambda *_: pytest.fail("the scorer was asked"))
    assert list(evaluate(Evaluation(scorer, ["sliced_wasserstein"]), images(9), images(9))) == ["sliced_wasserstein"]
    for wrong in ([], ["fid", "fad"]):
        with pytest.raises(ValueError, match=r"metrics must be some of inception_score, .*sliced_wasserstein; got"):
            Evaluation(scorer, wrong)


def test_batches_and_order_do_not_matter(scorer):
    real, fake = images(60), images(60, seed=1, shift=0.1)
    evaluation = Evaluation(scorer)
    expected = pytest.approx(evaluate(evaluation, real, fake, batch=60))
    assert evaluate(evaluation, real, fake, batch=7) == expected
    evaluation.reset()
    evaluation.update_fake(fake[:50])
    evaluation.update_real(real)
    evaluation.update_fake(fake[50:])
    assert evaluation.compute() == expected


def test_the_scorer_looks_once_at_each_batch_and_never_where_its_answer_is_known(scorer):
    real, evaluation = images(20), Evaluation(scorer)
    known = evaluation.update_real(real)
    evaluation.update_fake(images(20, seed=1))
    expected = evaluation.compute()
    assert scorer.network.calls == 2
    evaluation.reset()
    evaluation.update_real(real, known)
    evaluation.update_fake(images(20, seed=1))
    assert scorer.network.calls == 3
    assert evaluation.compute() == expected


def test_scores_move_as_they_should():
    """Real digits are a proxy for good fakes: they beat noise, and a single digit, where each score should see it."""
    data = DigitsDataModule()
    data.setup()
    evaluation = Evaluation(load_scorer("digits"))
    test, train = (to_unit_range(data.splits[name].images[:200]) for name in ("test", "train"))
    good = evaluate(evaluation, test, train)
    noise = evaluate(evaluation, test, torch.rand(200, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1)
    single = evaluate(evaluation, test, train[:1].expand(200, -1, -1, -1))
    assert good["classes_used"] == 10
    assert single["classes_used"] == 1
    assert good["inception_score"] > 8
    assert single["inception_score"] == pytest.approx(1)
    assert single["modified_inception_score"] == pytest.approx(1)
    assert good["precision"] > 0.8
    assert noise["precision"] < 0.2
    assert good["recall"] > 0.7
    assert single["recall"] < 0.1
    for worse in (noise, single):
        assert worse["fid"] > 10 * good["fid"]
        assert worse["kid"] > good["kid"] + 1
        assert worse["sliced_wasserstein"] > 2 * good["sliced_wasserstein"]


def test_without_a_scorer_pixels_are_compared():
    scores = evaluate(Evaluation(None), images(20), images(20, seed=1))
    assert list(scores) == ["sliced_wasserstein"]
    assert scores["sliced_wasserstein"] > 0


@pytest.mark.parametrize(("real", "fake"), [(0, 0), (0, 5), (5, 0), (1, 1), (2, 2), (5, 1)])
def test_few_images_give_numbers_or_nan(scorer, real, fake):
    scores = evaluate(Evaluation(scorer), images(real), images(fake))
    assert list(scores) == KEYS
    assert math.isnan(scores["fid"]) == math.isnan(scores["kid"]) == (min(real, fake) < 2)
    assert math.isnan(scores["precision"]) == (real < 4 or fake == 0)
    assert math.isnan(scores["recall"]) == (fake < 4 or real == 0)
    assert math.isnan(scores["inception_score"]) == math.isnan(scores["modified_inception_score"]) == (fake == 0)
    assert math.isnan(scores["sliced_wasserstein"]) == (min(real, fake) == 0)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_one_broken_image_makes_every_score_nan_and_a_reset_forgets_it(scorer, value):
    evaluation, fake = Evaluation(scorer), images(20, seed=1)
    expected = evaluate(evaluation, images(20), fake)
    broken = fake.clone()
    broken[3, 0, 1, 1] = value
    scores = evaluate(evaluation, images(20), broken)
    assert all(math.isnan(score) for key, score in scores.items() if key != "sliced_wasserstein")
    assert not math.isfinite(scores["sliced_wasserstein"])
    assert evaluate(evaluation, images(20), fake) == expected


def test_evaluation_works_across_inference_mode(scorer):
    evaluation = Evaluation(scorer)
    expected = evaluate(evaluation, images(20), images(20, seed=1))
    with torch.inference_mode():
        evaluation.reset()
        evaluation.update_real(images(20))
    evaluation.update_fake(images(20, seed=1))
    assert evaluation.compute() == expected


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_equals_cpu(scorer):
    expected = evaluate(Evaluation(scorer), images(60), images(60, seed=1))
    state = torch.cuda.get_rng_state()
    scores = evaluate(Evaluation(scorer).to(torch.device("cuda")), images(60).cuda(), images(60, seed=1).cuda())
    assert scores == pytest.approx(expected, rel=1e-4)
    assert torch.equal(torch.cuda.get_rng_state(), state)


# -- the callback that uses it --


def run(folder, callback: Scores, verb: str, data, **options) -> Trainer:
    torch.manual_seed(0)
    model = GAN(image_shape=data.image_shape, generator_options={"hidden": [8]}, critic_options={"hidden": [8]})
    trainer = Trainer(
        default_root_dir=folder, callbacks=[callback], accelerator="cpu", devices=1, logger=False, max_steps=4,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False, num_sanity_val_steps=0,
        val_check_interval=2, check_val_every_n_epoch=None, **options,
    )  # fmt: skip
    getattr(trainer, verb)(model, data)
    return trainer


def test_a_validation_logs_every_score_of_the_data_sets_own_scorer(tmp_path):
    callback = Scores()
    metrics = run(tmp_path, callback, "fit", DigitsDataModule(batch_size=90)).callback_metrics
    assert callback.scorer.name == "digits"
    assert callback.samples == 180
    assert {f"val/{key}" for key in KEYS} <= metrics.keys()
    assert all(metrics[f"val/{key}"].isfinite() for key in KEYS)


def test_real_images_are_looked_at_once_in_a_run(tmp_path):
    class Counting(Scores):
        def setup(self, trainer, pl_module, stage):
            super().setup(trainer, pl_module, stage)
            self.seen = 0
            self.scorer.register_forward_hook(lambda *_: setattr(self, "seen", self.seen + 1))

    callback = Counting()
    run(tmp_path, callback, "fit", DigitsDataModule(batch_size=90))
    assert callback.seen == 2 + 2 * 2  # two batches of real images, and two of fakes at each of two validations


@pytest.mark.parametrize(("verb", "real", "fake"), [("fit", 180, 360), ("test", 360, 720)])
def test_the_next_run_asks_the_scorer_about_generated_images_only(verb, real, fake, tmp_path):
    asked = []

    class Asked(Scores):
        def setup(self, trainer, pl_module, stage):
            super().setup(trainer, pl_module, stage)
            asked.append(0)
            self.scorer.register_forward_hook(lambda scorer, args, output: asked.append(asked.pop() + len(args[0])))

    metrics = [run(tmp_path, Asked(), verb, DigitsDataModule(batch_size=90)).callback_metrics for _ in range(2)]
    assert asked == [real + fake, fake]  # at two validations, or with training images for the test's other column
    assert metrics[0].keys() == metrics[1].keys()
    assert_close(metrics[0], metrics[1], rtol=0, atol=0, equal_nan=True)


def test_answers_are_for_these_images_this_scorer_and_these_batches_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    scorer = load_scorer("digits")
    split = torch.randint(0, 255, (4, 1, 8, 8), dtype=torch.uint8)
    answers = RealAnswers(split, scorer, (0, 1, 4, 4))
    said = Scored(torch.rand(4, 6), torch.rand(4, 3))
    answers.add(0, said)
    answers.save()
    again = RealAnswers(split.clone(), scorer, (0, 1, 4, 4))
    assert_close(tuple(again.get(0)), tuple(said), rtol=0, atol=0)
    assert again.get(1) is None
    other = split.clone()
    other[3, 0, 7, 7] ^= 1
    assert RealAnswers(other, scorer, (0, 1, 4, 4)).get(0) is None
    assert RealAnswers(split, scorer, (0, 2, 4, 4)).get(0) is None
    (file,) = tmp_path.glob("ganzoo/*.safetensors")
    file.write_bytes(file.read_bytes()[:-9])  # half a file is no file
    assert RealAnswers(split, scorer, (0, 1, 4, 4)).get(0) is None
    next(scorer.parameters()).data.add_(1)
    assert RealAnswers(split, scorer, (0, 1, 4, 4)).path != file


def test_answers_that_cannot_be_kept_do_not_fail_a_run(scorer, tmp_path, monkeypatch, caplog):
    (tmp_path / "ganzoo").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    answers = RealAnswers(torch.zeros(1, 1, 8, 8, dtype=torch.uint8), scorer, (0, 1, 1, 1))
    answers.add(0, Scored(torch.rand(1, 6), torch.rand(1, 3)))
    with caplog.at_level("INFO", logger="lightning.pytorch.ganzoo"):
        answers.save()
    assert "the next run will ask the scorer again" in caplog.text


def test_a_validation_logs_what_was_asked_for(tmp_path):
    metrics = run(tmp_path, Scores(metrics=["fid", "precision_recall"]), "fit", DigitsDataModule(batch_size=90))
    logged = {key for key in metrics.callback_metrics if key.startswith("val/") and "critic" not in key}
    assert logged == {"val/fid", "val/precision", "val/recall"}


def test_no_more_samples_than_asked_for_and_no_stale_score(tmp_path):
    callback = Scores(num_samples=100, every_n_steps=3)
    metrics = run(tmp_path, callback, "fit", DigitsDataModule(batch_size=64)).callback_metrics
    assert callback.samples == 100
    assert metrics["val/sliced_wasserstein"] > 0
    assert all(metrics[f"val/{key}"].isnan() for key in KEYS[:-1])  # validations are at 2 and 4
    for name in ("num_samples", "every_n_steps"):
        with pytest.raises(ValueError, match=f"{name} must be at least 1"):
            Scores(**{name: 0})


def test_a_test_names_its_scorer_and_data_without_one_has_pixels_only(tmp_path, capsys):
    run(tmp_path, Scores(), "test", DigitsDataModule(batch_size=120))
    result = json.loads((tmp_path / "scores.json").read_text())
    assert (result["scorer"], result["samples"]) == ("digits", 360)
    assert set(KEYS) <= result["scores"].keys()
    assert result["scores"]["fid"]["generated"] > 10 * result["scores"]["fid"]["real"]
    assert result["scores"]["inception_score"]["real"] > 9
    assert "scorer: digits" in capsys.readouterr().out
    run(tmp_path, Scores(), "test", ToyDataModule())
    result = json.loads((tmp_path / "scores.json").read_text())
    assert result["scorer"] is None
    assert not {"fid", "inception_score"} & result["scores"].keys()


def test_scores_that_are_no_numbers_are_null(tmp_path):
    write(tmp_path / "scores.json", {"scores": {"fid": {"generated": math.nan, "real": math.inf}}, "step": 1})
    assert json.loads((tmp_path / "scores.json").read_text()) == {
        "scores": {"fid": {"generated": None, "real": None}},
        "step": 1,
    }
