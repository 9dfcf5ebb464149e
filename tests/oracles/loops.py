"""Every built-in cell written out by hand in torch, and the loop around a cell, one row at a time: no notation, no engine.

A step takes parameters P, the input x [I], the state S by name and the step number t, and returns the new state by name.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

Values = dict[str, Tensor]
Step = Callable[[Values, Tensor, Values, int], Values]
sigmoid, tanh = torch.sigmoid, torch.tanh


def part(P: Values, name: str, gates: str, gate: str, v: Tensor) -> Tensor:
    """The affine map of v by one gate's rows of a stacked matrix."""
    k, n = gates.index(gate), len(gates)
    bias = P.get(f"bias_{name}")
    return P[f"weight_{name}"].chunk(n)[k] @ v + (0 if bias is None else bias.chunk(n)[k])


def both(P: Values, gates: str, gate: str, x: Tensor, h: Tensor) -> Tensor:
    """W x + U h of one gate."""
    return part(P, "ih", gates, gate, x) + part(P, "hh", gates, gate, h)


def elman_with(f: Callable[[Tensor], Tensor]) -> Step:
    """Elman's network with another nonlinearity."""
    return lambda P, x, S, t: {"h": f(both(P, "h", "h", x, S["h"]))}


def jordan(P: Values, x: Tensor, S: Values, t: int) -> Values:
    h = sigmoid(part(P, "ih", "h", "h", x) + part(P, "yh", "h", "h", F.softmax(S["y"], -1)))
    return {"y": part(P, "hy", "y", "y", h)}


def indrnn(P: Values, x: Tensor, S: Values, t: int) -> Values:
    return {"h": torch.relu(part(P, "ih", "h", "h", x) + P["weight_hh"] * S["h"])}


def lstm(P: Values, x: Tensor, S: Values, t: int) -> Values:
    i, f, g, o = (both(P, "ifgo", k, x, S["h"]) for k in "ifgo")
    c = sigmoid(f) * S["c"] + sigmoid(i) * tanh(g)
    return {"h": sigmoid(o) * tanh(c), "c": c}


def lstm_1997(P: Values, x: Tensor, S: Values, t: int) -> Values:
    i, g, o = (both(P, "igo", k, x, S["h"]) for k in "igo")
    c = S["c"] + sigmoid(i) * tanh(g)
    return {"h": sigmoid(o) * tanh(c), "c": c}


def lstm_peephole(P: Values, x: Tensor, S: Values, t: int) -> Values:
    p_i, p_f, p_o = P["weight_ch"].chunk(3)
    i, f, g, o = (both(P, "ifgo", k, x, S["h"]) for k in "ifgo")
    c = sigmoid(f + p_f * S["c"]) * S["c"] + sigmoid(i + p_i * S["c"]) * tanh(g)
    return {"h": sigmoid(o + p_o * c) * tanh(c), "c": c}


def lstm_peephole_full(P: Values, x: Tensor, S: Values, t: int) -> Values:
    p_i, p_f, p_o = P["weight_ch"].chunk(3)
    i, f, g, o = (both(P, "ifgo", k, x, S["h"]) for k in "ifgo")
    c = sigmoid(f + p_f @ S["c"]) * S["c"] + sigmoid(i + p_i @ S["c"]) * tanh(g)
    return {"h": sigmoid(o + p_o @ c) * tanh(c), "c": c}


def lstm_coupled(P: Values, x: Tensor, S: Values, t: int) -> Values:
    f, g, o = (both(P, "fgo", k, x, S["h"]) for k in "fgo")
    c = sigmoid(f) * S["c"] + (1 - sigmoid(f)) * tanh(g)
    return {"h": sigmoid(o) * tanh(c), "c": c}


def lstm_layernorm(P: Values, x: Tensor, S: Values, t: int) -> Values:
    def normed(v: Tensor, k: str) -> Tensor:
        return F.layer_norm(v, v.shape, P[f"gain_{k}"], P[f"shift_{k}"])

    i, f, g, o = (normed(both(P, "ifgo", k, x, S["h"]), k) for k in "ifgo")
    c = sigmoid(f) * S["c"] + sigmoid(i) * tanh(g)
    return {"h": sigmoid(o) * tanh(normed(c, "c")), "c": c}


def lstm_projected(P: Values, x: Tensor, S: Values, t: int) -> Values:
    new = lstm(P, x, S, t)
    return {"h": P["weight_hr"] @ new["h"], "c": new["c"]}


def slstm(P: Values, x: Tensor, S: Values, t: int) -> Values:
    heads = 2
    U = P["weight_hh"].unflatten(0, (4, heads, -1))
    reads = S["h"].unflatten(0, (heads, -1))

    def gate(k: int) -> Tensor:
        recurrent = torch.cat([U[k, head] @ reads[head] for head in range(heads)])
        return part(P, "ih", "ifzo", "ifzo"[k], x) + recurrent + P["bias_hh"].chunk(4)[k]

    i, f, z, o = map(gate, range(4))
    f = F.logsigmoid(f)
    m = torch.where(S["n"] == 0, i, torch.maximum(f + S["m"], i))
    i, f = torch.exp(i - m), torch.exp(f + S["m"] - m)
    c, n = f * S["c"] + i * tanh(z), f * S["n"] + i
    return {"h": sigmoid(o) * c / n, "c": c, "n": n, "m": m}


def gru(P: Values, x: Tensor, S: Values, t: int) -> Values:
    h = S["h"]
    r, z = sigmoid(both(P, "rzn", "r", x, h)), sigmoid(both(P, "rzn", "z", x, h))
    n = tanh(part(P, "ih", "rzn", "n", x) + r * part(P, "hh", "rzn", "n", h))
    return {"h": (1 - z) * n + z * h}


def gru_reset_first(P: Values, x: Tensor, S: Values, t: int) -> Values:
    h = S["h"]
    r, z = sigmoid(both(P, "rzn", "r", x, h)), sigmoid(both(P, "rzn", "z", x, h))
    n = tanh(part(P, "ih", "rzn", "n", x) + part(P, "hh", "rzn", "n", r * h))
    return {"h": (1 - z) * n + z * h}


def ugrnn(P: Values, x: Tensor, S: Values, t: int) -> Values:
    g, n = sigmoid(both(P, "gn", "g", x, S["h"])), tanh(both(P, "gn", "n", x, S["h"]))
    return {"h": g * S["h"] + (1 - g) * n}


def scrn(P: Values, x: Tensor, S: Values, t: int) -> Values:
    s = 0.05 * (P["weight_is"] @ x) + 0.95 * S["s"]
    return {"h": sigmoid(P["weight_ih"] @ x + P["weight_hh"] @ S["h"] + P["weight_sh"] @ s), "s": s}


def clockwork(P: Values, x: Tensor, S: Values, t: int) -> Values:
    period, h = [1, 1, 2, 2, 4, 4], S["h"]
    units = []
    for a in range(6):
        if t % period[a]:
            units.append(h[a])
            continue
        recurrent = torch.stack([P["weight_hh"][a, b] * h[b] for b in range(6) if period[b] >= period[a]]).sum()
        units.append(tanh(P["weight_ih"][a] @ x + P["bias_ih"][a] + recurrent + P["bias_hh"][a]))
    return {"h": torch.stack(units)}


def min_gru(P: Values, x: Tensor, S: Values, t: int) -> Values:
    z = sigmoid(part(P, "ih", "zn", "z", x))
    return {"h": (1 - z) * S["h"] + z * part(P, "ih", "zn", "n", x)}


def min_lstm(P: Values, x: Tensor, S: Values, t: int) -> Values:
    f, i = sigmoid(part(P, "ih", "fin", "f", x)), sigmoid(part(P, "ih", "fin", "i", x))
    return {"h": f / (f + i) * S["h"] + i / (f + i) * part(P, "ih", "fin", "n", x)}


LOOPS: dict[str, Step] = {
    "elman": elman_with(tanh),
    "jordan": jordan,
    "indrnn": indrnn,
    "lstm": lstm,
    "lstm_1997": lstm_1997,
    "lstm_peephole": lstm_peephole,
    "lstm_peephole_full": lstm_peephole_full,
    "lstm_coupled": lstm_coupled,
    "lstm_layernorm": lstm_layernorm,
    "lstm_projected": lstm_projected,
    "slstm": slstm,
    "gru": gru,
    "gru_reset_first": gru_reset_first,
    "ugrnn": ugrnn,
    "scrn": scrn,
    "clockwork": clockwork,
    "min_gru": min_gru,
    "min_lstm": min_lstm,
}


def walk(
    step: Step,
    P: Values,
    x: Tensor,
    state: Values,
    initial: Values,
    output: tuple[str, ...],
    *,
    length: int | None = None,
    resets: Tensor | None = None,
    reverse: bool = False,
) -> tuple[Tensor, Values]:
    """One row: x [T, I], state by name [n] and t; its outputs [T, O], 0 beyond the length, and its final state."""
    steps = x.shape[0]
    length = steps if length is None else length
    y = [x.new_zeros(sum(state[k].shape[0] for k in output)) for _ in range(steps)]
    S = dict(state)
    for j in reversed(range(length)) if reverse else range(length):
        # The boundary that was crossed lies before step j, or, walking back, before step j + 1, where there is one.
        crossed = j + 1 if reverse else j
        if resets is not None and crossed < length and bool(resets[crossed]):
            S = dict(initial)
        t = int(S.get("t", torch.zeros(())))
        S = step(P, x[j], S, t) | ({"t": torch.tensor(t + 1)} if "t" in S else {})
        y[j] = torch.cat([S[k] for k in output])
    return torch.stack(y), S
