"""Short sequences end to end in one long row: resets keep them apart, in both directions, and nothing is padded."""

import torch

import recurra

LENGTHS = [4, 1, 7, 3]


def main() -> None:
    torch.manual_seed(1)
    layer = recurra.Recurrent("gru", 6, 10, bidirectional=True)
    pieces = [torch.randn(length, 6) for length in LENGTHS]

    # One row of 15 steps; a reset stands where a piece begins.
    packed = torch.cat(pieces).unsqueeze(1)  # [15, 1, 6]
    resets = torch.zeros(len(packed), 1, dtype=torch.bool)
    starts = [0, *torch.tensor(LENGTHS).cumsum(0).tolist()[:-1]]
    resets[starts] = True
    y, _ = layer(packed, resets=resets)

    # The same pieces as a padded batch of 4 rows; padding is never read, so it may hold anything.
    padded = torch.nn.utils.rnn.pad_sequence(pieces, padding_value=float("nan"))  # [7, 4, 6]
    rows, _ = layer(padded, lengths=torch.tensor(LENGTHS))

    for start, length, row, piece in zip(starts, LENGTHS, range(4), pieces, strict=True):
        alone, _ = layer(piece)
        torch.testing.assert_close(y[start : start + length, 0], alone)
        torch.testing.assert_close(rows[:length, row], alone)
        assert not rows[length:, row].any()
    print(f"{len(LENGTHS)} sequences: alone, packed with resets and padded, all the same")

    # Gradients do not cross a boundary either.
    packed.requires_grad_()
    y, _ = layer(packed, resets=resets)
    y[starts[2] : starts[3]].sum().backward()
    touched = packed.grad.abs().sum((1, 2)).nonzero().flatten().tolist()
    assert touched == list(range(starts[2], starts[3]))
    print(f"the loss of the third piece touches the steps {touched[0]} to {touched[-1]}")


if __name__ == "__main__":
    main()
