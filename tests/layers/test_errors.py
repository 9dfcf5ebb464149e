"""Every error of Recurrent, in full. What RNN, LSTM and GRU share with torch is in test_torch_place.py."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence

from recurra.cells import blocks
from recurra.errors import RecurraError
from recurra.layers import Jordan, Recurrent
from tests.cells.cases import B, H, I, T
from tests.cells.samples import samples

X = torch.zeros(T, B, I)
PACKED = pack_padded_sequence(X, torch.tensor([5, 3, 2]))
TWO = torch.tensor([2, 3])


def made(cell: Any = "gru", **options: Any) -> Recurrent:
    return Recurrent(cell, I, H, **options)


def plain(x, h):
    return h


ERRORS = [
    # Construction.
    (lambda: Recurrent("gru", 0, H), ValueError, "Recurrent: input_size must be greater than zero, got 0."),
    (lambda: Recurrent("gru", I, 2.0), TypeError, "Recurrent: hidden_size should be of type int, got: float."),
    (lambda: made(num_layers=0), ValueError, "Recurrent: num_layers must be greater than zero, got 0."),
    (lambda: made(batch_first=1), TypeError, "Recurrent: batch_first should be of type bool, got: int."),
    (lambda: made(bias=1), TypeError, "Recurrent: bias should be of type bool or str, got: int."),
    (lambda: made(dropout=-0.1, num_layers=2), ValueError,
     "Recurrent: dropout should be a number in range [0, 1], the share that is zeroed, got -0.1."),
    (lambda: made(input_dropout=1.0), ValueError, "Recurrent: input_dropout must be a number from 0 to below 1, got 1.0."),
    (lambda: made(output_dropout="much"), ValueError, "Recurrent: output_dropout must be a number from 0 to below 1, got 'much'."),
    (lambda: made(recurrent_dropout=2), ValueError, "Recurrent: recurrent_dropout must be a number from 0 to below 1, got 2."),
    (lambda: made(zoneout=1), ValueError, "Recurrent: zoneout must be a number from 0 to below 1, got 1."),
    (lambda: made(zoneout={"h": -1}), ValueError, "Recurrent: zoneout must be a number from 0 to below 1, got -1."),
    (lambda: made(zoneout={"c": 0.1}), ValueError, "Recurrent: unknown state in zoneout 'c'; expected one of h"),
    (lambda: made(residual=True), ValueError,
     "Recurrent: residual adds the input of the second and later layers: num_layers must be at least 2."),
    (lambda: made("feedforward", learned_state=True), ValueError,
     "Recurrent: learned_state learns the initial state, and feedforward has no state."),
    (lambda: made("feedforward", zoneout=0.1), ValueError, "Recurrent: zoneout keeps values of the state, and feedforward has no state."),
    (lambda: made("min_gru", recurrent_dropout=0.1), ValueError,
     "Recurrent: recurrent_dropout drops what a matrix reads of the state, and min_gru has no such matrix."),
    (lambda: made("scrn"), ValueError, "Recurrent: scrn needs context_size=, a whole number."),
    (lambda: Jordan(I, H), ValueError, "Jordan: jordan needs output_size=, a whole number."),
    (lambda: made("scrn", context_size=7.0), TypeError, "Recurrent: context_size should be of type int, got: float."),
    (lambda: made(context_size=7), ValueError, "Recurrent: gru has no context_size; its sizes are input_size, hidden_size."),
    (lambda: made("scrn", contex_size=7), ValueError,
     "Recurrent: scrn has no contex_size; its sizes are input_size, hidden_size, context_size."),
    (lambda: made(made().program, bias=False, alpha=1, weight_hh=blocks(2)), ValueError,
     "Recurrent: a program is compiled already, so alpha, weight_hh, bias cannot change it: give the cell instead."),
    (lambda: made(plain), TypeError, "Recurrent: cell must be a cell, a name or a program, got function. Put @recurra.cell above it."),
    (lambda: made("gruu"), ValueError, "unknown cell 'gruu'; did you mean 'gru'?; or a cell of your own, as in my.py:ugrnn"),
    (lambda: made(samples["elman_window"], num_layers=2), ValueError,
     "Recurrent: the state w of elman_window is as wide as the input, 4 in the first layer and 6 in the others: "
     "input_size must be 6, or num_layers 1."),
    # A call.
    (lambda: made()(X[..., :3]), RuntimeError, "Recurrent: input must have shape (T, B, I=4), got (5, 3, 3)."),
    (lambda: made()(X[None]), ValueError, "Recurrent: input must have 3 dimensions, or 2 for a single sequence, got 4."),
    (lambda: made()(X.double()), ValueError,
     "Recurrent: RNN input dtype (torch.float64) does not match weight dtype (torch.float32). "
     "Convert input: input.to(torch.float32), or convert model: model.to(torch.float64)."),
    (lambda: made()(X, lengths=TWO), RuntimeError, "Recurrent: lengths must have shape (B=3), got (2)."),
    (lambda: made()(X, lengths=[1, 2, 3]), TypeError, "Recurrent: lengths must be a tensor, got list."),
    (lambda: made()(X, lengths=torch.ones(3)), ValueError, "gru: lengths must be whole numbers, got torch.float32. Use lengths.long()"),
    (lambda: made()(X, lengths=torch.tensor([1, 6, 2])), RuntimeError, "gru: lengths must lie in 0..5, got 1..6."),
    (lambda: made()(X, lengths=torch.tensor([1, -1, 2])), RuntimeError, "gru: lengths must lie in 0..5, got -1..2."),
    (lambda: made()(X[:, 0], lengths=TWO), ValueError, "Recurrent: an unbatched input is as long as it is: lengths must be None."),
    (lambda: made()(PACKED, lengths=TWO), ValueError, "Recurrent: a packed input has its lengths with it: lengths must be None."),
    (lambda: made()(X, resets=torch.zeros(T, B)), ValueError, "Recurrent: resets must be a bool tensor, got torch.float32."),
    (lambda: made()(X, resets=torch.zeros(B, T).bool()), RuntimeError, "Recurrent: resets must have shape (T=5, B=3), got (3, 5)."),
    (lambda: made(batch_first=True)(X, resets=torch.zeros(B, T).bool()), RuntimeError,
     "Recurrent: resets must have shape (B=5, T=3), got (3, 5)."),
    (lambda: made()(X[:, 0], resets=torch.zeros(4).bool()), RuntimeError, "Recurrent: resets must have shape (T=5), got (4)."),
    (lambda: made()(X, torch.zeros(1, B, H)), TypeError, "Recurrent: state must be a State or tensors by name, got Tensor."),
    (lambda: made("lstm")(X, {"h": torch.zeros(1, B, H)}), ValueError, "Recurrent: state must be named h, c, got h."),
    (lambda: made()(X, {"h": torch.zeros(2, B, H)}), RuntimeError, "Recurrent: state h must have shape (L*D=1, B=3, n=6), got (2, 3, 6)."),
    (lambda: made()(X, {"h": [0.0]}), TypeError, "Recurrent: state h must be a tensor, got list."),
    (lambda: made("clockwork")(X, {"h": torch.zeros(1, B, H), "t": torch.zeros(1, B, 1).long()}), RuntimeError,
     "Recurrent: state t must have shape (L*D=1, B=3), got (1, 3, 1)."),
    (lambda: made("clockwork")(X, {"h": torch.zeros(1, B, H), "t": torch.zeros(1, B)}), RuntimeError,
     "Recurrent: state t must have dtype torch.int64, got torch.float32."),
    (lambda: made()(X, {"h": torch.zeros(1, B, H).half()}), RuntimeError,
     "Recurrent: state h must have the input's dtype, torch.float32, got torch.float16."),
    (lambda: made(samples["augru"])(X), ValueError, "Recurrent: inputs must be named a, got nothing."),
    (lambda: made()(X, inputs={"a": X}), ValueError, "Recurrent: inputs must be named nothing, got a."),
    (lambda: made(samples["augru"])(X, inputs={"a": X}), RuntimeError, "Recurrent: a must have shape (T=5, B=3, n=1), got (5, 3, 4)."),
    (lambda: made()(X, forced={"c": X}), ValueError, "Recurrent: forced must name a state (h), got c."),
    (lambda: made(num_layers=2)(X, forced={"h": X}), ValueError,
     "Recurrent: forced replaces a state of one layer, and this stack has 2."),
    (lambda: made(bidirectional=True)(X, forced={"h": X}), RuntimeError,
     "Recurrent: forced h must have shape (T=5, B=3, n=12), got (5, 3, 4)."),
    (lambda: made()(X, backend="gpu2"), ValueError, "gru: unknown backend 'gpu2'; expected one of reference cpu"),
    # A step.
    (lambda: made(bidirectional=True).step(X[0]), ValueError,
     "Recurrent.step: a bidirectional layer reads the whole sequence before it answers; it cannot be stepped."),
    (lambda: made(input_dropout=0.1).step(X[0]), ValueError,
     "Recurrent.step: a mask for all steps cannot be drawn step by step: call eval(), or run whole sequences."),
    (lambda: made().step(X), ValueError, "Recurrent.step: input must have 2 dimensions, or 1 for a single row, got 3."),
    (lambda: made().step(X[0, 0, :2]), RuntimeError, "Recurrent.step: input must have shape (I=4), got (2)."),
    (lambda: made().step(3.0), TypeError, "Recurrent.step: input must be a tensor, got float."),
]  # fmt: skip


@pytest.mark.parametrize(("wrong", "error", "text"), ERRORS, ids=[text for *_, text in ERRORS])
def test_wrong_uses(wrong: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error) as raised:
        wrong()
    assert isinstance(raised.value, RecurraError)
    assert str(raised.value) == text


def test_a_step_in_evaluation_is_free_of_masks() -> None:
    layer = made(input_dropout=0.5, recurrent_dropout=0.5).eval()
    assert torch.equal(layer.step(X[0])[0], layer(X[:1])[0][0])


def test_unknown_constants_are_the_cell_s_errors() -> None:
    with pytest.raises(ValueError, match=r"scrn: no constant 'alhpa'; did you mean 'alpha'\?"):
        made("scrn", context_size=7, alhpa=0.5)


def test_bias_true_gives_every_full_matrix_one() -> None:
    assert made("scrn", context_size=7).bias is None
    assert not any("bias" in name for name in made("scrn", context_size=7).state_dict())
    assert [n for n in made("scrn", context_size=7, bias=True).state_dict() if "bias" in n] == [
        "bias_ih_l0", "bias_hh_l0", "bias_sh_l0", "bias_is_l0",
    ]  # fmt: skip
    assert made("lstm_peephole", bias=True).state_dict().keys() == made("lstm_peephole").state_dict().keys()
    assert [n for n in made("gru", bias="hh").state_dict() if "bias" in n] == ["bias_hh_l0"]
    assert "bias='hh'" in repr(made("gru", bias="hh"))
