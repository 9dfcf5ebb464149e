"""The compiler: cells become programs, programs become derivatives and schedules. All of it is data; nothing here computes."""

from recurra.compiler.compiling import compile_cell
from recurra.compiler.description import describe
from recurra.compiler.formulas import formulas
from recurra.compiler.program import Matrix, Program, Vector

__all__ = ["Matrix", "Program", "Vector", "compile_cell", "describe", "formulas"]
