"""Callbacks that watch a run: pictures, speed, checkpoints, progress, dashboards."""

from callbacks.checkpoints.best_checkpoint import BestCheckpoint
from callbacks.checkpoints.last_checkpoint import LastCheckpoint
from callbacks.compile import Compile
from callbacks.pictures.image_grid import ImageGrid, LabelGrid
from callbacks.pictures.sample_writer import SampleWriter
from callbacks.pictures.scatter import Scatter
from callbacks.scoring.floors import Floors
from callbacks.scoring.guard import Guard
from callbacks.scoring.score_lines import ScoreLines
from callbacks.scoring.scores import Scores
from callbacks.speed import Speed
from callbacks.step_bar import StepBar
from callbacks.step_trainer import step_trainer
from callbacks.validations import Validations
from callbacks.weights_and_biases import WeightsAndBiases

__all__ = [
    "BestCheckpoint",
    "Compile",
    "Floors",
    "Guard",
    "ImageGrid",
    "LabelGrid",
    "LastCheckpoint",
    "SampleWriter",
    "Scatter",
    "ScoreLines",
    "Scores",
    "Speed",
    "StepBar",
    "Validations",
    "WeightsAndBiases",
    "step_trainer",
]
