"""What watches a run: pictures, speed, checkpoints, progress, dashboards."""

from callbacks.best_checkpoint import BestCheckpoint
from callbacks.compile import Compile
from callbacks.generator_ema import GeneratorEMA
from callbacks.guard import Guard
from callbacks.image_grid import ComponentGrid, ImageGrid
from callbacks.last_checkpoint import LastCheckpoint
from callbacks.sample_writer import SampleWriter
from callbacks.scatter import Scatter
from callbacks.scores import Scores
from callbacks.speed import Speed
from callbacks.step_bar import StepBar
from callbacks.weights_and_biases import WeightsAndBiases

__all__ = [
    "BestCheckpoint",
    "Compile",
    "ComponentGrid",
    "GeneratorEMA",
    "Guard",
    "ImageGrid",
    "LastCheckpoint",
    "SampleWriter",
    "Scatter",
    "Scores",
    "Speed",
    "StepBar",
    "WeightsAndBiases",
]
