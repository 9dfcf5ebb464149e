"""A network that scores every label for every word."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

import torch
from torch import Tensor, nn

from recurra.compiler import Program
from recurra.errors import ConfigurationError
from recurra.layers import Recurrent, State
from recurra.models.amounts import Count, Share
from recurra.models.embedding import Embedding
from recurra.models.forcing import true_answers
from recurra.models.heads import Head

# The numbers of padding and of any unknown word, as recurra.data numbers them.
PADDING, UNKNOWN = 0, 1


@final
class Tagger(nn.Module):
    """Embedding, recurrent layers, linear layer.

    A cell whose output has a size of its own, `output_size`, gets no linear layer: its output is the scores of the labels, which it feeds
    back to itself (Jordan 1986; Mesnil et al. 2013). In two directions the scores of both are added.

    embedding_size: width of a word's vector.
    window: how many words stand side by side in what a layer sees of each; odd, 1 for the word alone.
    word_dropout: share of the words that count as unknown, drawn anew at each step of training.
    dropout: share of the values dropped before each recurrent layer and before the linear layer; in training, one mask for a sentence.
    hidden_size: units of a layer, in each direction.
    num_layers: layers above each other.
    bidirectional: whether the sentence is also read from its end.
    forcing: in training feed back the true label instead of the scores; only for a cell that feeds back its scores.
    """

    def __init__(
        self,
        program: Program,
        words: int,
        labels: int,
        *,
        embedding_size: Count = 64,
        window: Count = 1,
        word_dropout: Share = 0.0,
        dropout: Share = 0.0,
        hidden_size: Count = 64,
        num_layers: Count = 1,
        bidirectional: bool = False,
        forcing: bool = False,
        **layer: Any,
    ) -> None:
        super().__init__()
        self.answers = is_answer(program)
        if forcing and not self.answers:
            raise ConfigurationError(f"model.forcing: {program.name} does not feed back its answers, so there is nothing to force.")
        self.labels, self.forcing, self.word_dropout = labels, forcing, word_dropout
        self.embedding = Embedding(words, embedding_size, window)
        if self.answers:
            layer["output_size"] = labels
        else:
            layer["output_dropout"] = dropout
        self.recurrent = Recurrent(
            program, self.embedding.output_size, hidden_size, num_layers, bidirectional=bidirectional, input_dropout=dropout, **layer
        )
        self.head = None if self.answers else Head(self.recurrent.output_size, labels)

    @property
    def causal(self) -> bool:
        """Whether the answer for a word depends on that word and those before it only, so that the network can be stepped."""
        return not self.recurrent.bidirectional and self.embedding.window == 1

    def forward(self, words: Tensor, lengths: Tensor, gold: Tensor | None = None, backend: str | None = None) -> Tensor:
        """Scores [T, B, Y], 0 beyond the lengths.

        words: numbers [T, B]; what stands beyond `lengths`, int64 [B], is not read. gold: the true labels [T, B], for forcing in training.
        """
        x = self.embedding(self._seen(words, lengths))
        forced = self._forced(gold) if self.training and self.forcing and gold is not None else None
        y, _ = self.recurrent(x, lengths=lengths, forced=forced, backend=backend)
        return self._scores(y, lengths, backend)

    def step(self, words: Tensor, state: Mapping[str, Tensor] | None = None) -> tuple[Tensor, State]:
        """One word of each sentence, numbers [B], to its scores [B, Y] and the state after it; `causal` networks only."""
        if not self.causal:
            raise ConfigurationError("Tagger.step: a network that looks ahead (bidirectional, or a window) cannot be stepped.")
        y, state = self.recurrent.step(self.embedding(words.unsqueeze(0)).squeeze(0), state)
        return self._scores(y.unsqueeze(0), None, None).squeeze(0), state

    def _seen(self, words: Tensor, lengths: Tensor) -> Tensor:
        """The words with padding beyond the lengths, and in training a share of them hidden."""
        valid = torch.arange(words.shape[0], device=words.device)[:, None] < lengths.to(words.device)
        if self.training and self.word_dropout:
            hidden = torch.rand(words.shape, device=words.device) < self.word_dropout
            words = words.masked_fill(hidden, UNKNOWN)
        return words.masked_fill(~valid, PADDING)

    def _forced(self, gold: Tensor) -> dict[str, Tensor]:
        program = self.recurrent.program
        directions = [true_answers(program, gold, self.labels, reverse) for reverse in (False, True)[: self.recurrent.directions]]
        return {program.output[0]: torch.cat(directions, -1)}

    def _scores(self, y: Tensor, lengths: Tensor | None, backend: str | None) -> Tensor:
        if self.head is not None:
            return self.head(y, lengths, backend)  # type: ignore[no-any-return]
        return y if self.recurrent.directions == 1 else y[..., : self.labels] + y[..., self.labels :]


def is_answer(program: Program) -> bool:
    """Whether what a cell gives out is the answer itself, in the width that it calls output_size."""
    return len(program.output) == 1 and program.output_size_name == "output_size"
