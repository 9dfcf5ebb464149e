"""Recurrent networks on PyTorch: any cell from its equations, in any task.

    layer = recurra.LSTM(64, 128)                       # what torch.nn.LSTM takes and gives
    layer = recurra.Recurrent("ugrnn", 64, 128)         # any other cell, a function of your own too
    model = recurra.train("slots", cell="gru", seed=1)

Importing this imports neither torch nor a kernel: a name brings its module along when it is first used. Besides the names in
`__all__`, every cell with a layer of its own has it here, `recurra.Jordan`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from recurra.cells import Cell as Cell
    from recurra.cells import blocks as blocks
    from recurra.cells import cell as cell
    from recurra.cells import diagonal as diagonal
    from recurra.cells import learned as learned
    from recurra.cells import octaves as octaves
    from recurra.cells import triangular as triangular
    from recurra.cells.notation import cos as cos
    from recurra.cells.notation import exp as exp
    from recurra.cells.notation import identity as identity
    from recurra.cells.notation import largest as largest
    from recurra.cells.notation import log as log
    from recurra.cells.notation import log_sigmoid as log_sigmoid
    from recurra.cells.notation import maximum as maximum
    from recurra.cells.notation import mean as mean
    from recurra.cells.notation import minimum as minimum
    from recurra.cells.notation import norm as norm
    from recurra.cells.notation import relu as relu
    from recurra.cells.notation import sigmoid as sigmoid
    from recurra.cells.notation import sin as sin
    from recurra.cells.notation import softmax as softmax
    from recurra.cells.notation import softplus as softplus
    from recurra.cells.notation import sqrt as sqrt
    from recurra.cells.notation import stop as stop
    from recurra.cells.notation import tanh as tanh
    from recurra.cells.notation import total as total
    from recurra.cells.notation import where as where
    from recurra.engine import launches as launches
    from recurra.errors import ArgumentTypeError as ArgumentTypeError
    from recurra.errors import BackendError as BackendError
    from recurra.errors import CellError as CellError
    from recurra.errors import ConfigurationError as ConfigurationError
    from recurra.errors import DataError as DataError
    from recurra.errors import DivergedError as DivergedError
    from recurra.errors import FileError as FileError
    from recurra.errors import ModelFileError as ModelFileError
    from recurra.errors import RecurraError as RecurraError
    from recurra.errors import ShapeError as ShapeError
    from recurra.layers import GRU as GRU
    from recurra.layers import LSTM as LSTM
    from recurra.layers import RNN as RNN
    from recurra.layers import GRUCell as GRUCell
    from recurra.layers import LSTMCell as LSTMCell
    from recurra.layers import Recurrent as Recurrent
    from recurra.layers import RNNCell as RNNCell
    from recurra.layers import State as State
    from recurra.layers import explain as explain
    from recurra.tasks import Model as Model
    from recurra.tasks import load as load
    from recurra.training import train as train

__version__ = "0.1.0"

_NAMES = {
    "recurra.cells": "Cell blocks cell diagonal learned octaves triangular",
    "recurra.cells.notation": "cos exp identity largest log log_sigmoid maximum mean minimum norm relu sigmoid sin softmax softplus sqrt "
    "stop tanh total where",
    "recurra.errors": "ArgumentTypeError BackendError CellError ConfigurationError DataError DivergedError FileError ModelFileError "
    "RecurraError ShapeError",
    "recurra.engine": "launches",
    "recurra.layers": "GRU GRUCell LSTM LSTMCell RNN RNNCell Recurrent State explain",
    "recurra.tasks": "Model load",
    "recurra.training": "train",
}
_HOME = {name: module for module, names in _NAMES.items() for name in names.split()}

__all__ = sorted(_HOME)


def _layers() -> set[str]:
    """The named classes, one for each registered cell that has one."""
    return {found.layer for found in import_module("recurra.cells").registry.values() if found.layer}


def __getattr__(name: str) -> Any:
    """Bring a public name from the module where it lives, and keep it."""
    module = _HOME.get(name)
    if module is None and not name.startswith("_") and name in _layers():
        module = "recurra.layers"
    if module is None:
        raise AttributeError(f"module 'recurra' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(module), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_layers()})
