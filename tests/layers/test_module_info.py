"""torch's own entries for RNN, LSTM, GRU and their cells, with ours in their place: samples, errors, and the generic module tests."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence
from torch.testing._internal.common_modules import ModuleErrorEnum, ModuleInfo, module_db
from torch.testing._internal.common_utils import freeze_rng_state

from recurra import layers
from tests.layers.cases import assert_all_near, gradients

CLASSES = {getattr(nn, name): getattr(layers, name) for name in ("RNN", "LSTM", "GRU", "RNNCell", "LSTMCell", "GRUCell")}
ENTRIES = [entry for entry in module_db if entry.module_cls in CLASSES]
DTYPES = [torch.float32, torch.float64]

# torch's own module says this once a process.
pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
each_entry = pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.module_cls.__name__)
each_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)
each_mode = pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])


def samples(entry: ModuleInfo, dtype: torch.dtype, training: bool = True, requires_grad: bool = False) -> Iterator[Any]:
    # Packed samples are made of tensors that need a gradient of their own.
    packed = {} if entry.module_cls.__name__.endswith("Cell") or entry.module_cls is nn.LSTM else {"with_packed_sequence": True}
    torch.manual_seed(5)
    yield from entry.module_inputs_func(entry, device="cpu", dtype=dtype, requires_grad=requires_grad, training=training, **packed)


def pair(entry: ModuleInfo, sample: Any, dtype: torch.dtype, training: bool) -> tuple[nn.Module, nn.Module]:
    """Ours and torch's, from one seed and without copying weights."""
    made = []
    for cls in (CLASSES[entry.module_cls], entry.module_cls):
        torch.manual_seed(7)
        made.append(cls(*sample.constructor_input.args, **sample.constructor_input.kwargs).to(dtype).train(training))
    return made[0], made[1]


def tensors(value: Any) -> list[Tensor]:
    """The tensors of nested tuples and packed sequences, in order."""
    if isinstance(value, PackedSequence):
        return [value.data]
    if isinstance(value, Tensor):
        return [value]
    return [t for part in value for t in tensors(part)]


def form(value: Any) -> Any:
    """The nesting of a result."""
    return type(value) if isinstance(value, Tensor | PackedSequence) else [type(value), *map(form, value)]


def test_the_entries_are_all_there() -> None:
    assert {e.module_cls for e in ENTRIES} == set(CLASSES)


@each_mode
@each_dtype
@each_entry
def test_same_weights_outputs_and_gradients(entry: ModuleInfo, dtype: torch.dtype, training: bool) -> None:
    for sample in samples(entry, dtype, training, requires_grad=True):
        ours, theirs = pair(entry, sample, dtype, training)
        assert list(ours.state_dict()) == list(theirs.state_dict())
        assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), theirs.parameters(), strict=True))
        results, forms = [], []
        for module in (ours, theirs):
            out = module(*sample.forward_input.args)
            leaves = [*tensors(sample.forward_input.args), *module.parameters()]
            results.append([*tensors(out), *gradients(tensors(out), leaves)])
            forms.append(form(out))
        assert forms[0] == forms[1]
        assert_all_near(*results)


@each_dtype
@each_entry
def test_the_entry_s_reference_function(entry: ModuleInfo, dtype: torch.dtype) -> None:
    for sample in samples(entry, dtype):
        ours, _ = pair(entry, sample, dtype, training=False)
        args = sample.forward_input.args
        if not any(isinstance(a, PackedSequence) for a in args):
            with freeze_rng_state():
                assert_all_near(tensors(ours(*args)), tensors(sample.reference_fn(ours, *args)))


@each_mode
@each_dtype
@each_entry
def test_errors_have_torch_s_types_and_words(entry: ModuleInfo, dtype: torch.dtype, training: bool) -> None:
    found = list(entry.module_error_inputs_func(entry, device="cpu", dtype=dtype, requires_grad=False, training=training))
    assert found
    for error in found:
        construct, cls = error.module_error_input.constructor_input, CLASSES[entry.module_cls]
        if error.error_on == ModuleErrorEnum.CONSTRUCTION_ERROR:
            with pytest.raises(error.error_type, match=error.error_regex):
                cls(*construct.args, **construct.kwargs)
            continue
        module, forward = (
            cls(*construct.args, **{"dtype": dtype, **construct.kwargs}).train(training),
            error.module_error_input.forward_input,
        )
        with pytest.raises(error.error_type, match=error.error_regex):
            module(*forward.args, **forward.kwargs)


@each_dtype
@each_entry
def test_device_and_dtype_at_construction(entry: ModuleInfo, dtype: torch.dtype) -> None:
    for sample in samples(entry, dtype):
        for device in ("cpu", "meta"):
            kwargs = {**sample.constructor_input.kwargs, "device": device, "dtype": dtype}
            module = CLASSES[entry.module_cls](*sample.constructor_input.args, **kwargs)
            assert {(p.device.type, p.dtype) for p in module.parameters()} == {(device, dtype)}


@each_entry
def test_same_picture_as_text(entry: ModuleInfo) -> None:
    for sample in samples(entry, torch.float32):
        ours, theirs = pair(entry, sample, torch.float32, training=True)
        assert repr(ours) == repr(theirs)


@each_entry
def test_pickle_and_save(entry: ModuleInfo) -> None:
    for sample in samples(entry, torch.float32):
        module, _ = pair(entry, sample, torch.float32, training=False)
        buffer = io.BytesIO()
        torch.save(module, buffer)
        buffer.seek(0)
        for again in (pickle.loads(pickle.dumps(module)), copy.deepcopy(module), torch.load(buffer, weights_only=False)):
            args = sample.forward_input.args
            assert all(torch.equal(a, b) for a, b in zip(tensors(module(*args)), tensors(again(*args)), strict=True))


def strided(value: Any) -> Any:
    """The same values, with gaps between them in memory; leaves of the graph."""
    if isinstance(value, Tensor):
        return torch.stack([value.detach(), torch.full_like(value, torch.nan)], -1)[..., 0].requires_grad_(value.is_floating_point())
    return tuple(strided(v) for v in value)


@each_entry
def test_inputs_with_gaps_in_memory(entry: ModuleInfo) -> None:
    for sample in samples(entry, torch.float64):
        args = sample.forward_input.args
        if any(isinstance(a, PackedSequence) for a in args):
            continue
        module, _ = pair(entry, sample, torch.float64, training=False)
        results = []
        for given in (strided(args), tuple(strided(a) if isinstance(a, tuple) else a.clone().requires_grad_() for a in args)):
            out = module(*given)
            results.append([*tensors(out), *gradients(tensors(out), [*tensors(given), *module.parameters()])])
        assert_all_near(*results)


@each_entry
def test_nothing_is_changed_in_place(entry: ModuleInfo) -> None:
    for sample in samples(entry, torch.float32):
        module, _ = pair(entry, sample, torch.float32, training=True)
        before = [t.clone() for t in [*tensors(sample.forward_input.args), *module.state_dict().values()]]
        versions = [t._version for t in tensors(sample.forward_input.args)]
        module(*sample.forward_input.args)
        after = [*tensors(sample.forward_input.args), *module.state_dict().values()]
        assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
        assert versions == [t._version for t in tensors(sample.forward_input.args)]


@each_entry
def test_gradcheck_and_gradgradcheck(entry: ModuleInfo) -> None:
    # The first and the last sample: the smallest form, and both directions with biases.
    every = [s for s in samples(entry, torch.float64, requires_grad=True) if not isinstance(s.forward_input.args[0], PackedSequence)]
    for sample in (every[0], every[-1]):
        module, _ = pair(entry, sample, torch.float64, training=True)
        parameters, args = dict(module.named_parameters()), sample.forward_input.args
        flat = tensors(args)

        def function(*values: Tensor) -> tuple[Tensor, ...]:
            given = (values[0], *((values[1 : len(flat)],) if len(flat) == 3 else values[1 : len(flat)]))  # noqa: B023
            weights = dict(zip(parameters, values[len(flat) :], strict=True))  # noqa: B023
            return tuple(tensors(torch.func.functional_call(module, weights, given)))  # noqa: B023

        leaves = (*flat, *parameters.values())
        assert torch.autograd.gradcheck(function, leaves, fast_mode=True)
        assert torch.autograd.gradgradcheck(function, leaves, fast_mode=True)


@each_entry
def test_training_and_evaluation_differ_only_by_dropout(entry: ModuleInfo) -> None:
    for sample in samples(entry, torch.float32):
        module, _ = pair(entry, sample, torch.float32, training=True)
        args = sample.forward_input.args
        outs = [tensors(module.train(mode)(*args)) for mode in (True, False)]
        assert all(torch.equal(a, b) for a, b in zip(*outs, strict=True))
        assert not module.training
