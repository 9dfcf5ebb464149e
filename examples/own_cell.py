"""A cell of your own: written once as equations, trained, compared with the same cell in the slow reference.

The task: a sequence of zeros whose first step alone carries a sign; after the last step the network must know which it was.
"""

import torch

import recurra
from recurra import sigmoid, tanh

STEPS, BATCH = 20, 32


@recurra.cell(gates="g n", source="this file")
def leaky(x, h):
    """A gate says how much of the state stays; the rest is new."""
    g = sigmoid(x.g + h.g)
    return g * h + (1 - g) * tanh(x.n + h.n)


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs [T, B, 1], and the signs [B, 1] that stand in their first steps."""
    signs = torch.randint(0, 2, (BATCH, 1)) * 2.0 - 1
    x = torch.zeros(STEPS, BATCH, 1)
    x[0] = signs
    return x, signs


def main() -> None:
    torch.manual_seed(1)
    layer = recurra.Recurrent(leaky, 1, 16)
    head = torch.nn.Linear(16, 1)
    optimiser = torch.optim.Adam([*layer.parameters(), *head.parameters()], lr=0.01)
    for step in range(101):
        x, signs = batch()
        y, _ = layer(x)
        loss = torch.nn.functional.soft_margin_loss(head(y[-1]), signs)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if step % 20 == 0:
            print(f"step {step:3}  loss {loss.item():.4f}")
    assert loss.item() < 0.1

    x, _ = batch()
    fast, _ = layer(x)
    slow, _ = layer(x, backend="reference")
    print(f"kernel against reference: {(fast - slow).abs().max().item():.0e}")
    torch.testing.assert_close(fast, slow)
    print(layer.program.parameters(layer.sizes))


if __name__ == "__main__":
    main()
