"""The README's cell of one's own, measured as any user's file is."""

from recurra.cells import cell
from recurra.cells.notation import sigmoid, tanh


@cell
def ugrnn(x, h):  # type: ignore[no-untyped-def]
    """One gate says how much of the state stays."""
    g = sigmoid(x.g + h.g)
    return g * h + (1 - g) * tanh(x.n + h.n)
