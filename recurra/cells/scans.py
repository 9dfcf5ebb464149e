"""Cells without a recurrent product: their gates see the input alone, so time can be scanned in parallel."""

from recurra.cells.declaration import cell
from recurra.cells.notation import log_sigmoid, sigmoid


@cell(gates="z n", source="Feng et al. 2024", layer="MinGRU")
def min_gru(x, h):
    """A GRU whose gate and candidate do not see the state."""
    z = sigmoid(x.z)
    return (1 - z) * h + z * x.n


@cell(gates="f i n", source="Feng et al. 2024", layer="MinLSTM")
def min_lstm(x, h):
    """An LSTM whose gates do not see the state and share out one: f / (f + i) stays, i / (f + i) is new."""
    # f / (f + i) through logarithms, which do not underflow where both gates close.
    f = sigmoid(log_sigmoid(x.f) - log_sigmoid(x.i))
    return f * h + (1 - f) * x.n
