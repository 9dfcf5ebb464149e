"""Models: what stands around the recurrent layers of a network. Numbers in, scores out; no words, no files."""

from recurra.models.embedding import Embedding
from recurra.models.heads import Head
from recurra.models.tagger import Tagger

__all__ = ["Embedding", "Head", "Tagger"]
