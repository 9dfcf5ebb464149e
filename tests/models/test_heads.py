"""The linear layer of a model is a program, and computes what torch's does."""

import math

import torch

from recurra.models import Head


def test_a_head_is_a_linear_layer() -> None:
    """Values and gradients of torch.nn.Linear; zero beyond the lengths, whatever stands there."""
    torch.manual_seed(0)
    head, linear = Head(5, 3), torch.nn.Linear(5, 3)
    weight, bias = head.parameters()
    linear.load_state_dict({"weight": weight.detach(), "bias": bias.detach()})
    x = torch.randn(4, 2, 5)
    cotangent = torch.randn(4, 2, 3)
    for layer in (head, linear):
        (layer(x) * cotangent).sum().backward()
    torch.testing.assert_close(head(x), linear(x))
    torch.testing.assert_close(weight.grad, linear.weight.grad)
    torch.testing.assert_close(bias.grad, linear.bias.grad)
    x[2:, 1] = math.nan
    y = head(x, torch.tensor([4, 2]))
    assert not y[2:, 1].any()
    torch.testing.assert_close(y[:, 0], linear(x[:, 0]))


def test_a_head_starts_as_torch_does() -> None:
    """Uniform within 1 / sqrt(input_size)."""
    torch.manual_seed(0)
    weight = Head(400, 50).weight_iy
    assert 0.049 < float(weight.detach().abs().max()) <= 0.05
    assert abs(float(weight.detach().std()) - 0.05 / math.sqrt(3)) < 0.0005
