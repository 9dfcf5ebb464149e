"""Networks with one state, or none."""

from recurra.cells.declaration import cell, diagonal
from recurra.cells.notation import relu, sigmoid, softmax, tanh


@cell(source="Rosenblatt 1958; the foil: it sees one step and remembers nothing", layer="FeedForward")
def feedforward(x, *, nonlinearity=tanh):
    """Answers each step from that step alone."""
    return nonlinearity(x.h)


@cell(source="Elman 1990", layer="Elman")
def elman(x, h, *, nonlinearity=tanh):
    """Remembers its own hidden layer."""
    return nonlinearity(x.h + h.h)


@cell(output_size="y", source="Jordan 1986; Mesnil et al. 2013", layer="Jordan")
def jordan(x, y, *, nonlinearity=sigmoid, feedback=softmax):
    """Remembers its own answer: y is the scores, and what is fed back is y through `feedback`."""
    h = nonlinearity(x.h + feedback(y).h)
    return h.y


@cell(weight_hh=diagonal, source="Li et al. 2018", layer="IndRNN")
def indrnn(x, h, *, nonlinearity=relu):
    """Each unit remembers only itself."""
    return nonlinearity(x.h + h.h)
