"""Gated units without a separate memory."""

from recurra.cells.declaration import cell
from recurra.cells.notation import sigmoid, tanh


@cell(gates="r z n", source="Cho et al. 2014, in cuDNN's form", layer="GRU")
def gru(x, h):
    """Keeps a share z of its state; r gates what the candidate reads, after the product."""
    r, z = sigmoid(x.r + h.r), sigmoid(x.z + h.z)
    n = tanh(x.n + r * h.n)
    return (1 - z) * n + z * h


@cell(gates="r z n", source="Cho et al. 2014", layer="ResetFirstGRU")
def gru_reset_first(x, h):
    """Keeps a share z of its state; r gates what the candidate reads, before the product."""
    r, z = sigmoid(x.r + h.r), sigmoid(x.z + h.z)
    n = tanh(x.n + (r * h).n)
    return (1 - z) * n + z * h


@cell(gates="g n", source="Collins, Sohl-Dickstein & Sussillo 2017", layer="UGRNN")
def ugrnn(x, h):
    """One gate says how much of the state stays."""
    g = sigmoid(x.g + h.g)
    return g * h + (1 - g) * tanh(x.n + h.n)
