"""Tasks: data, network, loss and score of one shape of problem, and the model that comes out."""

from recurra.tasks.model import TASKS, Model, load, load_checkpoint
from recurra.tasks.prediction import Prediction
from recurra.tasks.tagging import Tagging
from recurra.tasks.task import Losses, Score, Task

__all__ = ["TASKS", "Losses", "Model", "Prediction", "Score", "Tagging", "Task", "load", "load_checkpoint"]
