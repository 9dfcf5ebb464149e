"""Words as vectors, beside their neighbours."""

import pytest
import torch

from recurra.errors import ConfigurationError
from recurra.models import Embedding


def test_a_window_puts_neighbours_side_by_side() -> None:
    """Against a loop over the words; beyond the sentence stand zeros."""
    torch.manual_seed(0)
    plain, wide = Embedding(9, 4), Embedding(9, 4, window=5)
    wide.load_state_dict(plain.state_dict())
    words = torch.tensor([[3, 8], [1, 5], [7, 2], [4, 6]])
    vectors = plain(words)
    for t in range(4):
        for place, at in enumerate(range(t - 2, t + 3)):
            expected = vectors[at] if 0 <= at < 4 else torch.zeros(2, 4)
            torch.testing.assert_close(wide(words)[t, :, place * 4 : place * 4 + 4], expected, rtol=0, atol=0)
    assert wide.output_size == 20


def test_padding_is_zero_and_stays_so() -> None:
    """Number 0 has a vector of zeros, and no gradient reaches it."""
    embedding = Embedding(5, 3)
    embedding(torch.tensor([[0, 2]])).sum().backward()
    assert not embedding.vectors.weight[0].any()
    assert not embedding.vectors.weight.grad[0].any()


def test_an_even_window_is_refused() -> None:
    """It would see more words on one side."""
    with pytest.raises(ConfigurationError, match=r"^Embedding: window must be odd, as many words before as after, got 4\.$"):
        Embedding(5, 3, window=4)
