"""Networks whose units live at different speeds."""

from recurra.cells.declaration import cell, octaves, triangular
from recurra.cells.notation import sigmoid, tanh, where


@cell(context_size="s", bias="", output="h s", source="Mikolov et al. 2015", layer="SCRN")
def scrn(x, h, s, *, alpha=0.95):
    """A fast hidden state beside a slow context that drifts with its input."""
    s = (1 - alpha) * x.s + alpha * s
    h = sigmoid(x.h + h.h + s.h)
    return h, s


@cell(weight_hh=triangular("period"), source="Koutnik et al. 2014", layer="Clockwork")
def clockwork(x, h, *, t, period=octaves(8)):
    """A unit is renewed every `period` steps, and reads only units as slow as itself or slower."""
    return where(t % period == 0, tanh(x.h + h.h), h)
