"""Every metric of generated images: one line each, in the order in which scores are printed."""

from typing import TYPE_CHECKING, Literal

from zoo.scores.authenticity import Authenticity
from zoo.scores.class_accuracy import ClassAccuracy
from zoo.scores.class_diversity import ClassDiversity
from zoo.scores.class_fid import ClassFID
from zoo.scores.ct_score import CTScore
from zoo.scores.density_coverage import DensityCoverage
from zoo.scores.fid import FID
from zoo.scores.inception_score import InceptionScore
from zoo.scores.kid import KID
from zoo.scores.metric_spec import MetricSpec
from zoo.scores.mifid import MiFID
from zoo.scores.precision_recall import PrecisionRecall
from zoo.scores.sliced_wasserstein import SlicedWasserstein

# fmt: off
SPECS: dict[str, MetricSpec] = {
    "inception_score": MetricSpec(
        ("inception_score", "inception_score_std"), "logits", lambda sizes: InceptionScore(sizes.num_classes), "fakes"),
    "modified_inception_score": MetricSpec(
        ("modified_inception_score", "modified_inception_score_std", "classes_used"), "logits",
        lambda sizes: ClassDiversity(sizes.num_classes), "fakes"),
    "fid": MetricSpec(("fid",), "features", lambda sizes: FID(sizes.num_features)),
    "kid": MetricSpec(("kid", "kid_std"), "features", lambda sizes: KID(sizes.num_features)),
    "precision_recall": MetricSpec(("precision", "recall"), "features", lambda _: PrecisionRecall()),
    "density_coverage": MetricSpec(("density", "coverage"), "features", lambda _: DensityCoverage()),
    "class_accuracy": MetricSpec(
        ("class_accuracy",), "logits", lambda _: ClassAccuracy(), "fakes", labels="scorer"),
    "class_fid": MetricSpec(
        ("class_fid",), "features", lambda sizes: ClassFID(sizes.num_features, sizes.num_labels), labels="needed"),
    "sliced_wasserstein": MetricSpec(("sliced_wasserstein",), "pixels", lambda _: SlicedWasserstein()),
    "authenticity": MetricSpec(("authenticity",), "features", lambda _: Authenticity(), "training"),
    "ct_score": MetricSpec(("ct_score",), "features", lambda _: CTScore(), "training"),
    "mifid": MetricSpec(("mifid",), "features", lambda sizes: MiFID(sizes.num_features), "training"),
}
# fmt: on

#: The names of metrics: a Literal of the table's, which the command line offers.
if TYPE_CHECKING:
    MetricName = str
else:
    MetricName = Literal[tuple(SPECS)]

#: The scores that each metric gives.
METRICS: dict[MetricName, tuple[str, ...]] = {name: spec.keys for name, spec in SPECS.items()}

#: The metrics that look at the images trained on: of tests alone.
OF_TRAINING = tuple(name for name, spec in SPECS.items() if spec.of == "training")

#: The scores that need a scorer.
KEYS = tuple(key for spec in SPECS.values() if spec.needs_scorer for key in spec.keys)
