"""Long short-term memory: a memory that is added to, and its relatives."""

from recurra.cells.declaration import blocks, cell, diagonal
from recurra.cells.notation import exp, log_sigmoid, maximum, norm, sigmoid, tanh, where


@cell(gates="i f g o", source="Gers, Schmidhuber & Cummins 2000", layer="LSTM")
def lstm(x, h, c):
    """Adds to a memory through gates, instead of overwriting it."""
    i, f, o = sigmoid(x.i + h.i), sigmoid(x.f + h.f), sigmoid(x.o + h.o)
    c = f * c + i * tanh(x.g + h.g)
    h = o * tanh(c)
    return h, c


@cell(gates="i g o", source="Hochreiter & Schmidhuber 1997", layer="LSTM1997")
def lstm_1997(x, h, c):
    """The first LSTM: no forget gate, the memory only grows."""
    i, o = sigmoid(x.i + h.i), sigmoid(x.o + h.o)
    c = c + i * tanh(x.g + h.g)
    return o * tanh(c), c


@cell(gates="i f g o", weight_ch=diagonal, source="Gers & Schmidhuber 2000; Graves 2013", layer="PeepholeLSTM")
def lstm_peephole(x, h, c):
    """The gates see the memory, each unit its own."""
    i, f = sigmoid(x.i + h.i + c.i), sigmoid(x.f + h.f + c.f)
    c = f * c + i * tanh(x.g + h.g)
    # The output gate sees the renewed memory.
    o = sigmoid(x.o + h.o + c.o)
    return o * tanh(c), c


@cell(gates="i f g o", bias="ih hh", source="Graves 2013, eqs. 7-11, with full matrices", layer="FullPeepholeLSTM")
def lstm_peephole_full(x, h, c):
    """The gates see input, output and memory together, through full matrices."""
    i, f = sigmoid(x.i + h.i + c.i), sigmoid(x.f + h.f + c.f)
    c = f * c + i * tanh(x.g + h.g)
    o = sigmoid(x.o + h.o + c.o)
    return o * tanh(c), c


@cell(gates="f g o", source="Greff et al. 2017", layer="CoupledLSTM")
def lstm_coupled(x, h, c):
    """Forgets as much as it writes."""
    f, o = sigmoid(x.f + h.f), sigmoid(x.o + h.o)
    c = f * c + (1 - f) * tanh(x.g + h.g)
    return o * tanh(c), c


@cell(gates="i f g o", source="one norm a gate, as in Ba, Kiros & Hinton 2016 and TensorFlow's cell", layer="LayerNormLSTM")
def lstm_layernorm(x, h, c):
    """Every gate and the memory are normalised over the units."""
    i, f, o = sigmoid(norm.i(x.i + h.i)), sigmoid(norm.f(x.f + h.f)), sigmoid(norm.o(x.o + h.o))
    c = f * c + i * tanh(norm.g(x.g + h.g))
    return o * tanh(norm.c(c)), c


@cell(gates="i f g o r", proj_size="h", bias="ih hh", source="Sak, Senior & Beaufays 2014", layer="ProjectedLSTM")
def lstm_projected(x, h, c):
    """Gives out, and reads again, a smaller projection of its output."""
    i, f, o = sigmoid(x.i + h.i), sigmoid(x.f + h.f), sigmoid(x.o + h.o)
    c = f * c + i * tanh(x.g + h.g)
    return (o * tanh(c)).r, c


@cell(gates="i f z o", weight_hh=blocks("num_heads"), source="Beck et al. 2024", layer="SLSTM")
def slstm(x, h, c, n, m, *, num_heads=1):
    """Exponential gates, a normaliser n beside the memory, and m that keeps both in range."""
    i, f = x.i + h.i, log_sigmoid(x.f + h.f)
    z, o = tanh(x.z + h.z), sigmoid(x.o + h.o)
    # The first step has nothing to compare with: f equal to i gives both the weight 1, where exp(f + m - i) could overflow.
    f = where(n == 0, i, f + m)
    k = maximum(f, i)
    i, f = exp(i - k), exp(f - k)
    c, n = f * c + i * z, f * n + i
    return o * c / n, c, n, k
