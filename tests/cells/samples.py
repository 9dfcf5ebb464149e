"""Cells that strain the notation: each has something that no built-in cell has."""

from __future__ import annotations

from recurra.cells import Cell, cell, learned
from recurra.cells.notation import exp, norm, relu, sigmoid, softmax, tanh, where


@cell(gates="f n", source="Zhou et al. 2016")
def mgu(x, h):
    """A product of a computed value, stacked with that of the state."""
    f = sigmoid(x.f + h.f)
    return (1 - f) * h + f * tanh(x.n + (f * h).n)


@cell(gates="i f g o", source="one norm over the four gates, apart for x and h")
def lstm_layernorm_joint(x, h, c):
    """A norm of several vectors."""
    xi, xf, xg, xo = norm.x(x.i, x.f, x.g, x.o)
    hi, hf, hg, ho = norm.h(h.i, h.f, h.g, h.o)
    c = sigmoid(xf + hf) * c + sigmoid(xi + hi) * tanh(xg + hg)
    return sigmoid(xo + ho) * tanh(norm.c(c)), c


@cell(gates="i f g o", source="Gal & Ghahramani 2016")
def lstm_variational(x, h, c, *, mask):
    """Recurrent dropout written out: a constant of one value a unit."""
    d = mask * h
    i, f, o = sigmoid(x.i + d.i), sigmoid(x.f + d.f), sigmoid(x.o + d.o)
    c = f * c + i * tanh(x.g + d.g)
    return o * tanh(c), c


@cell(gates="f r w", source="Lei et al. 2018")
def sru(x, h, c):
    """No recurrent product; x itself beside h."""
    f, r = sigmoid(x.f), sigmoid(x.r)
    c = f * c + (1 - f) * x.w
    h = r * tanh(c) + (1 - r) * x
    return h, c


@cell(gates="m i f g o", source="Krause et al. 2016")
def lstm_multiplicative(x, h, c):
    """A computed vector of hidden_size is mapped again."""
    m = x.m * h.m
    i, f, o = sigmoid(x.i + m.i), sigmoid(x.f + m.f), sigmoid(x.o + m.o)
    c = f * c + i * tanh(x.g + m.g)
    return o * tanh(c), c


@cell(rank_size="m", source="low-rank recurrence")
def elman_low_rank(x, h):
    """A product of a product."""
    return tanh(x.h + h.m.h)


@cell(output="y", source="Rusch & Mishra 2021")
def cornn(x, y, z, *, dt=0.1, gamma=1.0, epsilon=1.0):
    """Two states that both meet in one gate, and number constants."""
    z = z + dt * (tanh(x.h + y.h + z.h) - gamma * y - epsilon * z)
    return y + dt * z, z


@cell(source="Zilly et al. 2017, depth 2")
def rhn(x, h):
    """Two renewals of h in one step."""
    t = sigmoid(x.t + h.t)
    h = tanh(x.h + h.h) * t + h * (1 - t)
    u = sigmoid(h.u)
    return tanh(h.k) * u + h * (1 - u)


@cell(gates="r z n", scalars="a", source="Zhou et al. 2018, AUGRU")
def augru(x, a, /, h):
    """A second input, one number a row."""
    r, z = sigmoid(x.r + h.r), a * sigmoid(x.z + h.z)
    return (1 - z) * h + z * tanh(x.n + r * h.n)


@cell(source="Jaeger et al. 2007, with a learned leak")
def leaky(x, h, *, leak=learned(0.5)):
    """A learned constant."""
    a = sigmoid(leak)
    return (1 - a) * h + a * tanh(x.h + h.h)


@cell(source="Che et al. 2018, GRU-D (decay of the state)")
def gru_decay(x, d, /, h):
    """A second input with a width of its own, mapped."""
    h = exp(-relu(d.g)) * h
    r, z = sigmoid(x.r + h.r), sigmoid(x.z + h.z)
    return (1 - z) * h + z * tanh(x.n + (r * h).n)


@cell(scalars="p s", output="h", source="a halting unit, as in ACT")
def halting(x, h, s):
    """A scalar gate and a scalar state."""
    h = tanh(x.h + h.h)
    p = sigmoid(h.p)
    return h, s + p


@cell(source="two steps back")
def elman_delayed(x, h, g):
    """A state that is handed on."""
    return tanh(x.h + h.h + g.h), h


@cell(input_size="w", source="the previous input as a state")
def elman_window(x, h, w):
    """The input becomes a state."""
    return tanh(x.h + w.h + h.h), x


@cell(output_size="y", source="Elman's and Jordan's together")
def elman_jordan(x, h, y):
    """A row function of the renewed state."""
    h = sigmoid(x.h + h.h + y.h)
    return h, softmax(h.y)


@cell(source="a gate on x itself, then a product inside the loop")
def gated_input(x, h):
    """A computed value of input_size."""
    return tanh((sigmoid(x.a + h.a) * x).h + h.h)


@cell(gates="i f g o", scalars="time", source="Neil, Pfeiffer & Liu 2016")
def lstm_phased(x, time, /, h, c, *, period=learned(4.0), shift=learned(0.0), ratio=learned(0.3), leak=0.001):
    """Learned constants in % and comparisons."""
    i, f, o = sigmoid(x.i + h.i), sigmoid(x.f + h.f), sigmoid(x.o + h.o)
    phase = (time - shift) % period / period
    k = where(phase < ratio / 2, 2 * phase / ratio, where(phase < ratio, 2 - 2 * phase / ratio, leak * phase))
    new = f * c + i * tanh(x.g + h.g)
    c = k * new + (1 - k) * c
    h = k * (o * tanh(new)) + (1 - k) * h
    return h, c


@cell(scalars="u", memory_size="m", bias="", source="Voelker, Kajic & Eliasmith 2019")
def lmu(x, h, m):
    """A scalar gate that is mapped again, and a memory with a matrix of its own."""
    u = x.u + h.u + m.u
    m = m.m + u.m
    return tanh(x.h + h.h + m.h), m


samples: dict[str, Cell] = {value.name: value for value in list(globals().values()) if isinstance(value, Cell)}
