"""Layers: torch modules that run any cell over sequences. `RNN`, `LSTM` and `GRU` take torch's place."""

from recurra.layers.explanation import explain
from recurra.layers.layer import Layer
from recurra.layers.recurrent import Recurrent, StateLayer, named_layers
from recurra.layers.single import GRUCell, LSTMCell, RNNCell
from recurra.layers.state import State
from recurra.layers.torch_like import GRU, LSTM, RNN

__all__ = ["GRU", "LSTM", "RNN", "GRUCell", "LSTMCell", "Layer", "RNNCell", "Recurrent", "State", "explain", "named_layers", *named_layers]


def __getattr__(name: str) -> type[StateLayer]:
    """A registered cell's class: `from recurra.layers import Jordan`."""
    if name in named_layers:
        return named_layers[name]
    raise AttributeError(f"module 'recurra.layers' has no attribute {name!r}")
