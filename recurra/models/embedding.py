"""Words as vectors, alone or beside their neighbours."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn

from recurra.errors import ConfigurationError


@final
class Embedding(nn.Module):
    """The learned vectors of numbered words; with a context window each stands between those of its neighbours (Mesnil et al. 2013).

    A `window` of 3 puts the vectors of the word before, the word and the word after side by side. Number 0 is padding, and what stands
    where a sentence has no neighbour: a vector of zeros that is never trained.
    """

    def __init__(self, words: int, embedding_size: int, window: int = 1) -> None:
        super().__init__()
        if window % 2 == 0:
            raise ConfigurationError(f"Embedding: window must be odd, as many words before as after, got {window}.")
        self.window = window
        self.output_size = embedding_size * window
        self.vectors = nn.Embedding(words, embedding_size, padding_idx=0)

    def forward(self, words: Tensor) -> Tensor:
        """Numbers [T, B] to vectors [T, B, window * E]."""
        x: Tensor = self.vectors(words)
        if self.window == 1:
            return x
        side = self.window // 2
        edge = x.new_zeros(side, *x.shape[1:])
        around = torch.cat([edge, x, edge])
        return torch.cat([around[j : j + x.shape[0]] for j in range(self.window)], -1)
