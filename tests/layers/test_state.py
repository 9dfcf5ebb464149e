"""State: a value with names."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils import _pytree

from recurra.errors import ArgumentTypeError, ModelFileError
from recurra.files import write_model
from recurra.layers import Recurrent, State
from tests.layers.cases import layer_of, random_input, random_state


@pytest.fixture
def state() -> State:
    return random_state(layer_of("clockwork", num_layers=2))


def test_by_name_and_attribute(state: State) -> None:
    assert list(state) == ["h", "t"]
    assert len(state) == 2
    assert state.h is state["h"]
    assert "c" not in state
    assert dict(state) == {"h": state.h, "t": state.t}
    assert repr(state) == "State(h: [2, 3, 6], t: [2, 3])"
    assert list(random_state(layer_of("slstm"))) == ["h", "c", "n", "m"]


def test_immutable(state: State) -> None:
    with pytest.raises(AttributeError) as raised:
        state.h = torch.zeros(2, 3, 6)
    assert str(raised.value) == "a state is immutable; make a new one: State({**state, 'h': ...})."
    with pytest.raises(AttributeError) as raised:
        _ = state.c
    assert str(raised.value) == "this state has no 'c'; it has h, t."
    with pytest.raises(KeyError):
        state["c"]
    with pytest.raises(TypeError):
        state["h"] = torch.zeros(2, 3, 6)  # type: ignore[index]


def test_structure_and_identity(state: State) -> None:
    assert state.structure == (("h", (2, 3, 6), torch.float64), ("t", (2, 3), torch.int64))
    assert state.clone().structure == state.structure
    assert state.rows([0]).structure != state.structure
    assert state != state.clone()
    assert len({state, state}) == 1


def test_detach_clone_to(state: State) -> None:
    tracked = State({**state, "h": state.h.clone().requires_grad_()})
    assert not tracked.detach().h.requires_grad
    copied = tracked.clone()
    assert copied.h.requires_grad
    assert copied.h.data_ptr() != tracked.h.data_ptr()
    single = state.to(dtype=torch.float32)
    assert (single.h.dtype, single.t.dtype) == (torch.float32, torch.int64)
    assert {v.device.type for v in state.to("meta").values()} == {"meta"}
    assert {v.device.type for v in state.to(device="meta", dtype=torch.float16).values()} == {"meta"}


def test_rows(state: State) -> None:
    assert torch.equal(state.rows([2, 0]).h, state.h[:, [2, 0]])
    assert torch.equal(state.rows(slice(1, 3)).t, state.t[:, 1:])
    assert torch.equal(state.rows(torch.tensor([1])).h, state.h[:, 1:2])
    assert state.rows(1).h.shape == (2, 6)


def test_a_stream_forked_saved_and_resumed(tmp_path: Path) -> None:
    layer, x = layer_of("clockwork", num_layers=2), random_input()
    whole, want = layer(x)
    _, middle = layer(x[:2])
    middle.save(tmp_path / "middle.state")
    for again in (
        State.load(tmp_path / "middle.state"),
        pickle.loads(pickle.dumps(middle)),
        copy.deepcopy(middle.detach()),
        middle.rows([0, 1, 2]),
    ):
        assert list(again) == list(middle)
        assert again.structure == middle.structure
        rest, final = layer(x[2:], again)
        assert torch.equal(rest, whole[2:])
        assert torch.equal(final.h, want.h)


def test_the_order_of_names_is_kept(tmp_path: Path) -> None:
    random_state(layer_of("slstm")).save(tmp_path / "state")
    assert list(State.load(tmp_path / "state")) == ["h", "c", "n", "m"]


def test_loading_what_is_no_state(tmp_path: Path) -> None:
    path = tmp_path / "other.rnn"
    write_model(path, {"h": np.zeros((1, 2, 3), np.float32)}, {"task": "tagging"})
    with pytest.raises(ModelFileError) as raised:
        State.load(path)
    assert str(raised.value) == f"{path}: this is not a saved state."


def test_bfloat16_cannot_be_saved(tmp_path: Path) -> None:
    with pytest.raises(ArgumentTypeError) as raised:
        State({"h": torch.zeros(1, 2, 3, dtype=torch.bfloat16)}).save(tmp_path / "state")
    assert str(raised.value) == "State: h is bfloat16, which the file does not know. Save state.to(dtype=torch.float32)."
    assert not list(tmp_path.iterdir())


def test_a_tree_of_tensors_for_torch(state: State) -> None:
    halved = _pytree.tree_map(lambda v: v[:1], state)
    assert isinstance(halved, State)
    assert list(halved) == list(state)
    assert halved.h.shape == (1, 3, 6)


def test_of_a_layer_without_a_state() -> None:
    y, state = Recurrent("feedforward", 4, 6)(torch.zeros(5, 3, 4))
    assert y.shape == (5, 3, 6)
    assert len(state) == 0
    assert repr(state) == "State()"


def test_plain_mappings_are_taken(state: State) -> None:
    layer, x = layer_of("clockwork", num_layers=2), random_input()
    assert torch.equal(layer(x, dict(state))[0], layer(x, state)[0])
