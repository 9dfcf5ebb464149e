"""An LSTM step by step: memory stays flat, the state is a value that can be kept, forked, saved and taken up again."""

import tempfile
from pathlib import Path

import torch

import recurra


def main() -> None:
    torch.manual_seed(1)
    layer = recurra.Recurrent("lstm", 8, 16)
    x = torch.randn(200, 1, 8)  # [T, B, I]

    with torch.no_grad():
        # Step by step: all that is kept is the state, whatever the length.
        state, answers = None, []
        for x_t in x:
            y_t, state = layer.step(x_t, state)
            answers.append(y_t)
        whole, last = layer(x)
        torch.testing.assert_close(torch.stack(answers), whole)
        torch.testing.assert_close(state.c, last.c)
        print(f"200 steps, the state is {state}")

        # A fork: a state is immutable, so going on from it twice is all there is to it.
        left, left_state = layer.step(torch.ones(1, 8), state)
        right, _ = layer.step(-torch.ones(1, 8), state)
        again, _ = layer.step(torch.ones(1, 8), state)
        assert torch.equal(left, again)
        assert not torch.equal(left, right)
        print(f"two futures, {(left - right).abs().max().item():.2f} apart")

        # Saved in the middle, taken up by another process.
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "middle.rnn")
            left_state.save(path)
            taken_up = recurra.State.load(path)
        here, _ = layer.step(x[0], left_state)
        there, _ = layer.step(x[0], taken_up)
        assert torch.equal(here, there)
        print("a saved state goes on with the same bits")


if __name__ == "__main__":
    main()
