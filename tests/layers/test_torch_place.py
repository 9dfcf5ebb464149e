"""RNN, LSTM, GRU and their cells in the place of torch's: what the module samples of torch leave out."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pack_sequence

from recurra import layers
from recurra.layers import GRU, LSTM, RNN, GRUCell, LSTMCell, RNNCell
from tests.cells.cases import B, H, I, T
from tests.layers.cases import LENGTHS, assert_all_near, gradients, random_input, randomised
from tests.tolerances import assert_near

pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
KINDS = {
    "RNN": {}, "RNN relu": {"nonlinearity": "relu"}, "LSTM": {}, "LSTM projected": {"proj_size": 2}, "GRU": {},
}  # fmt: skip
each_kind = pytest.mark.parametrize("kind", KINDS)


def pair(kind: str, **options: Any) -> tuple[Any, Any]:
    """Ours and torch's, two layers in two directions with random weights from one state_dict."""
    options = {"num_layers": 2, "bidirectional": True, "dtype": torch.float64, **KINDS[kind], **options}
    name = kind.split()[0]
    torch.manual_seed(0)
    ours = randomised(getattr(layers, name)(I, H, **options))
    theirs = getattr(nn, name)(I, H, **options)
    theirs.load_state_dict(ours.state_dict(), strict=True)
    return ours, theirs


def hidden(kind: str, batch: int | None = B) -> Any:
    """A random state for two layers in two directions."""
    widths = (2 if "projected" in kind else H, H) if "LSTM" in kind else (H,)
    values = tuple(random_input(4, *([] if batch is None else [batch]), n, seed=n).requires_grad_() for n in widths)
    return values if "LSTM" in kind else values[0]


def flat(value: Any) -> list[Tensor]:
    """All tensors of a result."""
    if isinstance(value, PackedSequence):
        return [value.data]
    return [value] if isinstance(value, Tensor) else [t for part in value for t in flat(part)]


def assert_same(kind: str, ours: Any, theirs: Any, input: Any, hx: Any) -> None:
    """Outputs, final states, and the gradients of input, weights and state."""
    results = []
    for module in (ours, theirs):
        out = flat(module(input, hx))
        leaves = [*flat(input), *([] if hx is None else flat(hx)), *module.parameters()]
        results.append([*out, *gradients(out, leaves)])
    assert_all_near(*results)


@each_kind
@pytest.mark.parametrize("with_state", [False, True], ids=["no state", "state"])
@pytest.mark.parametrize("form", ["time first", "batch first", "unbatched"])
def test_results_and_gradients(kind: str, form: str, with_state: bool) -> None:
    ours, theirs = pair(kind, batch_first=form == "batch first")
    shape = {"time first": (T, B, I), "batch first": (B, T, I), "unbatched": (T, I)}[form]
    hx = hidden(kind, None if form == "unbatched" else B) if with_state else None
    assert_same(kind, ours, theirs, random_input(*shape).requires_grad_(), hx)


@each_kind
@pytest.mark.parametrize("with_state", [False, True], ids=["no state", "state"])
@pytest.mark.parametrize("batch_first", [False, True])
def test_packed_sequences_in_any_order(kind: str, batch_first: bool, with_state: bool) -> None:
    ours, theirs = pair(kind, batch_first=batch_first)
    for enforce_sorted, lengths in ((True, [5, 3, 2]), (False, [2, 5, 3])):
        packed = pack_padded_sequence(random_input(), torch.tensor(lengths), enforce_sorted=enforce_sorted)
        packed.data.requires_grad_()
        assert_same(kind, ours, theirs, packed, hidden(kind) if with_state else None)
        got, want = ours(packed)[0], theirs(packed)[0]
        assert torch.equal(got.batch_sizes, want.batch_sizes)
        for a, b in ((got.sorted_indices, want.sorted_indices), (got.unsorted_indices, want.unsorted_indices)):
            assert (a is None and b is None) or torch.equal(a, b)


def test_packed_equals_lengths() -> None:
    ours, _ = pair("LSTM")
    x, lengths = random_input(), torch.tensor([2, 5, 3])
    y, (h, c) = ours(x, lengths=lengths)
    packed, (hp, cp) = ours(pack_sequence([x[:n, b] for b, n in enumerate(lengths)], enforce_sorted=False))
    assert_all_near([h, c], [hp, cp])
    assert_near(nn.utils.rnn.pad_packed_sequence(packed)[0], y)


@each_kind
def test_lengths_of_zero_and_any_order(kind: str) -> None:
    ours, theirs = pair(kind)
    x, hx = random_input(), hidden(kind)
    y, state = ours(x, hx, lengths=LENGTHS)
    for b, n in enumerate(LENGTHS.tolist()):
        row = hx[:, b : b + 1] if isinstance(hx, Tensor) else tuple(v[:, b : b + 1] for v in hx)
        want, final = theirs(x[:n, b : b + 1], row) if n else (x.new_zeros(0, 1, y.shape[-1]), row)
        assert_near(y[:n, b : b + 1], want)
        assert not y[n:, b].any()
        assert_all_near([v[:, b : b + 1] for v in flat(state)], flat(final))


@each_kind
def test_state_dict_both_ways(kind: str) -> None:
    ours, theirs = pair(kind)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert [tuple(v.shape) for v in ours.state_dict().values()] == [tuple(v.shape) for v in theirs.state_dict().values()]
    fresh, _ = pair(kind)
    randomised(theirs)
    fresh.load_state_dict(theirs.state_dict(), strict=True)
    assert all(torch.equal(a, b) for a, b in zip(fresh.parameters(), theirs.parameters(), strict=True))


@each_kind
@pytest.mark.parametrize("bias", [True, False])
def test_same_seed_same_weights(kind: str, bias: bool) -> None:
    made = []
    for module in (layers, nn):
        torch.manual_seed(11)
        made.append(getattr(module, kind.split()[0])(I, H, 2, bias=bias, bidirectional=True, **KINDS[kind]))
    assert all(torch.equal(a, b) for a, b in zip(made[0].parameters(), made[1].parameters(), strict=True))


@each_kind
def test_same_seed_same_dropout(kind: str) -> None:
    ours, theirs = pair(kind, dropout=0.5)
    results = []
    for module in (ours, theirs):
        torch.manual_seed(3)
        results.append(flat(module(random_input())))
    assert_all_near(*results)


@each_kind
def test_attributes_of_torch_s_modules(kind: str) -> None:
    ours, theirs = pair(kind, dropout=0.25)
    for name in ("mode", "input_size", "hidden_size", "num_layers", "bias", "batch_first", "dropout", "bidirectional", "proj_size"):
        assert getattr(ours, name) == getattr(theirs, name), name
        assert type(getattr(ours, name)) is type(getattr(theirs, name)), name
    assert [[tuple(w.shape) for w in row] for row in ours.all_weights] == [[tuple(w.shape) for w in row] for row in theirs.all_weights]
    assert ours.all_weights[0][0] is ours.weight_ih_l0
    assert ours.flatten_parameters() is None
    assert repr(ours) == repr(theirs)


def test_positional_arguments_in_torch_s_order() -> None:
    documented = {
        "RNN": "input_size hidden_size num_layers nonlinearity bias batch_first dropout bidirectional device dtype",
        "LSTM": "input_size hidden_size num_layers bias batch_first dropout bidirectional proj_size device dtype",
        "GRU": "input_size hidden_size num_layers bias batch_first dropout bidirectional device dtype",
    }
    for name, want in documented.items():
        parameters = inspect.signature(getattr(layers, name)).parameters.values()
        assert [p.name for p in parameters if p.kind == p.POSITIONAL_OR_KEYWORD] == want.split()
    for name in ("RNNCell", "LSTMCell", "GRUCell"):
        ours, theirs = (list(inspect.signature(getattr(module, name)).parameters.items()) for module in (layers, nn))
        assert [(n, p.default) for n, p in ours] == [(n, p.default) for n, p in theirs]


def test_hx_by_keyword() -> None:
    ours, theirs = pair("GRU")
    x, hx = random_input(), hidden("GRU")
    assert_all_near(ours(input=x, hx=hx), theirs(input=x, hx=hx))


@each_kind
@pytest.mark.parametrize("batch", [B, None], ids=["batched", "unbatched"])
@pytest.mark.parametrize("batch_first", [False, True])
def test_step_by_step_is_the_whole(kind: str, batch: int | None, batch_first: bool) -> None:
    ours, _ = pair(kind, bidirectional=False, batch_first=batch_first)
    x = random_input(*([T, I] if batch is None else [B, T, I] if batch_first else [T, B, I]))
    y, want = ours(x)
    state, time, outputs = None, 1 if batch and batch_first else 0, []
    for x_t in x.unbind(time):
        y_t, state = ours.step(x_t, state)
        outputs.append(y_t)
    assert_near(torch.stack(outputs, time), y)
    assert_all_near(flat(state), flat(want))


def test_empty_batch() -> None:
    for kind in KINDS:
        ours, theirs = pair(kind)
        for got, want in zip(flat(ours(random_input(T, 0, I))), flat(theirs(random_input(T, 0, I))), strict=True):
            assert got.shape == want.shape


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision(dtype: torch.dtype) -> None:
    ours, theirs = (module.to(dtype) for module in pair("GRU"))
    x = random_input().to(dtype)
    y, h = ours(x)
    assert y.dtype == h.dtype == dtype
    torch.testing.assert_close(y, theirs(x)[0], rtol=5e-2, atol=5e-2)


@pytest.mark.parametrize("name", ["RNNCell", "LSTMCell", "GRUCell"])
@pytest.mark.parametrize("bias", [True, False])
def test_cells_on_batches(name: str, bias: bool) -> None:
    made = []
    for module in (layers, nn):
        torch.manual_seed(13)
        made.append(getattr(module, name)(I, H, bias=bias, dtype=torch.float64))
    assert list(made[0].state_dict()) == list(made[1].state_dict())
    assert repr(made[0]) == repr(made[1])
    assert (made[0].bias_ih is None, made[0].bias_hh is None) == (not bias, not bias)
    x, h, c = random_input(B, I).requires_grad_(), random_input(B, H).requires_grad_(), random_input(B, H, seed=4).requires_grad_()
    hx = (h, c) if name == "LSTMCell" else h
    for given in (None, hx):
        results = []
        for module in made:
            out = flat(module(x, given))
            results.append([*out, *gradients(out, [x, h, c, *module.parameters()])])
        assert_all_near(*results)


def test_what_recurrent_can_the_torch_classes_can() -> None:
    layer = LSTM(I, H, 2, forget_bias=1.0, learned_state=True, residual=True, recurrent_dropout=0.2, zoneout={"c": 0.1})
    assert_near(layer.bias_ih_l0[H : 2 * H] + layer.bias_hh_l0[H : 2 * H], torch.ones(H))
    assert layer.initial_c_l1.shape == (H,)
    assert repr(layer) == "LSTM(4, 6, num_layers=2, residual=True, learned_state=True, recurrent_dropout=0.2, zoneout={'c': 0.1})"


X, DOUBLE = torch.zeros(T, B, I), torch.zeros(T, B, I, dtype=torch.float64)
ERRORS = [
    (lambda: LSTM(I, H)(torch.zeros(32, 100, 41)), RuntimeError, "LSTM: input must have shape (T, B, I=4), got (32, 100, 41)."),
    (lambda: LSTM(I, H, batch_first=True)(torch.zeros(3, 5, 7)), RuntimeError, "LSTM: input must have shape (B, T, I=4), got (3, 5, 7)."),
    (lambda: GRU(I, H)(torch.zeros(5, 3)), RuntimeError, "GRU: input must have shape (T, I=4), got (5, 3)."),
    (lambda: GRU(I, H)(torch.zeros(5)), ValueError, "GRU: input must have 3 dimensions, or 2 for a single sequence, got 1."),
    (lambda: GRU(I, H)([1.0]), TypeError, "GRU: input must be a tensor, got list."),
    (
        lambda: GRU(I, H)(pack_padded_sequence(torch.zeros(5, 2, 3), torch.tensor([5, 2]))),
        RuntimeError,
        "GRU: the packed input must have shape (steps, I=4), got (7, 3).",
    ),
    (
        lambda: GRU(I, H)(DOUBLE),
        ValueError,
        "GRU: RNN input dtype (torch.float64) does not match weight dtype (torch.float32). "
        "Convert input: input.to(torch.float32), or convert model: model.to(torch.float64).",
    ),
    (lambda: GRU(I, H)(X[:0]), RuntimeError, "GRU: Expected sequence length to be larger than 0, got (0, 3, 4)."),
    (lambda: GRU(I, H)(X, torch.zeros(1, 2, H)), RuntimeError, "GRU: state h must have shape (L*D=1, B=3, n=6), got (1, 2, 6)."),
    (lambda: GRU(I, H)(X, torch.zeros(B, H)), RuntimeError, "GRU: state h must have shape (L*D=1, B=3, n=6), got (3, 6)."),
    (lambda: GRU(I, H)(X[:, 0], torch.zeros(2, H)), RuntimeError, "GRU: state h must have shape (L*D=1, n=6), got (2, 6)."),
    (lambda: GRU(I, H)(X, (torch.zeros(1, B, H),)), TypeError, "GRU: hx must be a tensor, got tuple."),
    (lambda: GRU(I, H)(X, torch.zeros(1, B, H).double()), RuntimeError,
     "GRU: state h must have the input's dtype, torch.float32, got torch.float64."),
    (lambda: LSTM(I, H)(X, torch.zeros(1, B, H)), RuntimeError, "LSTM: hx must be a pair (h, c), got a tensor (1, 3, 6)."),
    (lambda: LSTM(I, H)(X, (torch.zeros(1, B, H),)), RuntimeError, "LSTM: hx must be a pair (h, c), got a tuple."),
    (lambda: LSTM(I, H, proj_size=2)(X, (torch.zeros(1, B, H),) * 2), RuntimeError,
     "LSTM: state h must have shape (L*D=1, B=3, n=2), got (1, 3, 6)."),
    (lambda: LSTM(I, H, bidirectional=True).step(X[0]), ValueError,
     "LSTM.step: a bidirectional layer reads the whole sequence before it answers; it cannot be stepped."),
    (lambda: LSTM(I, H).step(X), ValueError, "LSTM.step: input must have 2 dimensions, or 1 for a single row, got 3."),
    (lambda: LSTM(I, H).step(X[0, :, :2]), RuntimeError, "LSTM.step: input must have shape (B, I=4), got (3, 2)."),
    (lambda: LSTM(I, 0), ValueError, "LSTM: hidden_size must be greater than zero, got 0."),
    (lambda: LSTM(I, H, 0), ValueError, "LSTM: num_layers must be greater than zero, got 0."),
    (lambda: LSTM(I, H, 1.5), TypeError, "LSTM: num_layers should be of type int, got: float."),
    (lambda: LSTM(I, H, dropout=True), ValueError, "LSTM: dropout should be a number in range [0, 1], the share that is zeroed, got True."),
    (lambda: LSTM(I, H, dropout=1.5), ValueError, "LSTM: dropout should be a number in range [0, 1], the share that is zeroed, got 1.5."),
    (lambda: LSTM(I, H, proj_size=-1), ValueError, "LSTM: proj_size should be a positive integer, or zero for no projection, got -1."),
    (lambda: LSTM(I, H, proj_size=6), ValueError, "LSTM: proj_size has to be smaller than hidden_size (6), got 6."),
    (lambda: LSTM(I, H, proj_size=1.5), TypeError, "LSTM: proj_size should be of type int, got: float."),
    (lambda: RNN(I, H, proj_size=0), ValueError, "RNN: proj_size argument is only supported for LSTM."),
    (lambda: GRU(I, H, proj_size=2), ValueError, "GRU: proj_size argument is only supported for LSTM."),
    (lambda: RNN(I, H, nonlinearity="sigmoid"), ValueError, "RNN: unknown nonlinearity 'sigmoid'; expected one of tanh relu"),
    (lambda: RNNCell(I, H, nonlinearity="sigmoid"), ValueError, "RNNCell: unknown nonlinearity 'sigmoid'; expected one of tanh relu"),
    (lambda: GRUCell(I, H)(X), ValueError, "GRUCell: Expected input to be 1D or 2D, got 3D instead."),
    (lambda: GRUCell(I, H)(X[0, 0], torch.zeros(B, H)), RuntimeError, "GRUCell: hidden0 must have 1 dimension, as the input has, got 2."),
    (lambda: GRUCell(I, H)(X[0], torch.zeros(H)), RuntimeError, "GRUCell: hidden0 must have 2 dimensions, as the input has, got 1."),
    (lambda: GRUCell(I, H)(DOUBLE[0]), RuntimeError, "GRUCell: input must have the weights' dtype, torch.float32, got torch.float64."),
    (lambda: LSTMCell(I, H)(X[0], torch.zeros(B, H)), RuntimeError, "LSTMCell: hx must be a pair (h, c), got a tensor (3, 6)."),
]  # fmt: skip


@pytest.mark.parametrize(("wrong", "error", "text"), ERRORS, ids=[text for *_, text in ERRORS])
def test_wrong_uses(wrong: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error) as raised:
        wrong()
    assert str(raised.value) == text


def test_unknown_arguments_are_type_errors() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'dropuot'"):
        LSTM(I, H, dropuot=0.1)


def test_dropout_with_one_layer_warns_as_torch_does() -> None:
    text = "LSTM: dropout stands between layers, so with num_layers=1 it does nothing; output_dropout drops the output."
    with pytest.warns(UserWarning, match=re.escape(text)):
        LSTM(I, H, dropout=0.5)
