"""Cells: equations, and the notation that they are written in. No loop, no shape, no torch."""

from recurra.cells.declaration import Cell, blocks, cell, diagonal, learned, octaves, triangular
from recurra.cells.registry import find, names, registry

__all__ = ["Cell", "blocks", "cell", "diagonal", "find", "learned", "names", "octaves", "registry", "triangular"]
