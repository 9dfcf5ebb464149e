"""Under torch.compile and torch.export a layer is one opaque operator."""

import pytest
import torch

import recurra
from tests.tolerances import assert_near

T, B, I, H = 5, 3, 4, 6  # noqa: E741


@pytest.fixture(autouse=True)
def _fresh_compiler():
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def _layer(name):
    torch.manual_seed(1)
    return getattr(recurra, name)(I, H, num_layers=2, bidirectional=True)


@pytest.mark.parametrize("name", ["LSTM", "GRU", "Clockwork"])
@pytest.mark.parametrize("mode", ["eager", "aot_eager"])
@pytest.mark.filterwarnings("ignore")
def test_one_graph_with_the_same_outputs_and_gradients(name, mode):
    layer, x = _layer(name), torch.randn(T, B, I, requires_grad=True)
    lengths = torch.tensor([5, 0, 3])
    compiled = torch.compile(layer, backend=mode, fullgraph=True)
    got, want = compiled(x, lengths=lengths)[0], layer(x, lengths=lengths)[0]
    assert_near(got, want)
    weights, leaves = torch.randn_like(want), [x, *layer.parameters()]
    for mine, theirs in zip(
        torch.autograd.grad((got * weights).sum(), leaves), torch.autograd.grad((want * weights).sum(), leaves), strict=True
    ):
        assert_near(mine, theirs)


@pytest.mark.filterwarnings("ignore")
def test_an_exported_layer_holds_the_operator():
    layer, x = recurra.LSTM(I, H), torch.randn(T, B, I)
    exported = torch.export.export(layer, (x,))
    assert any("recurra.walk" in str(node.target) for node in exported.graph.nodes)
    assert_near(exported.module()(x)[0], layer(x)[0])


def test_operator_passes_torchs_own_checks():
    program = recurra.LSTM(I, H).program
    from recurra.engine.operator import KINDS, walk

    layer = recurra.LSTM(I, H)
    state = {"h": torch.zeros(B, H), "c": torch.zeros(B, H)}
    parameters = dict(layer.named_parameters())
    tensors = {"inputs": {"x": torch.randn(T, B, I)}, "state": state, "parameters": parameters, "initial": {}, "masks": {}}
    tensors["parameters"] = {name.removesuffix("_l0"): value for name, value in tensors["parameters"].items()}
    names = " ".join(f"{kind}:{name}" for kind in KINDS for name in tensors[kind])
    values = [value for kind in KINDS for value in tensors[kind].values()]
    torch.library.opcheck(walk, (values, names, None, None, program.key, False, ""), test_utils=("test_schema", "test_faketensor"))


def test_half_precision_under_autocast_is_taken_to_float32():
    layer, x = recurra.GRU(I, H), torch.randn(T, B, I)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y, _ = layer(x.bfloat16())
    assert y.dtype is torch.float32
    assert_near(y, layer(x.bfloat16().float())[0])


def test_explain_says_backend_and_reason():
    layer, x = recurra.LSTM(I, H), torch.randn(T, B, I)
    assert recurra.explain(layer, x) == "LSTM runs on the cpu backend: float32 on the CPU: compiled kernels walk the whole sequence."
    assert recurra.explain(layer, x, "reference") == "LSTM runs on the reference backend: it was asked for."
    layer = layer.double()
    assert recurra.explain(layer, x.double()) == (
        "LSTM runs on the reference backend: a tensor is float64, and the kernels compute in float32."
    )


def test_launches_count_the_kernels():
    layer, x = recurra.GRU(I, H), torch.randn(T, B, I)
    before = recurra.launches()
    layer(x)[0].sum().backward()
    after = recurra.launches()
    assert (after["forward"] - before["forward"], after["backward"] - before["backward"]) == (1, 1)
    layer(x, backend="reference")
    assert recurra.launches() == after
