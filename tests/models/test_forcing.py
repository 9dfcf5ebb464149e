"""What a cell that feeds back its answers is given in training instead of them."""

import pytest
import torch

from recurra.cells import cell, find
from recurra.cells.notation import tanh
from recurra.compiler import compile_cell
from recurra.models.forcing import true_answers

REST = {"identity": 0.0, "tanh": 0.0, "sigmoid": 0.5, "softmax": 0.25}


@pytest.mark.parametrize("feedback", REST)
def test_the_step_before_as_zeros_and_ones(feedback: str) -> None:
    """Where there is no step before, and where it has no label, what an empty memory feeds back."""
    program = compile_cell(find("jordan"), constants={"feedback": feedback})
    rest = [REST[feedback]] * 4
    gold = torch.tensor([[2, 0], [-1, 3], [1, -1]])
    forward = true_answers(program, gold, 4, reverse=False)
    backward = true_answers(program, gold, 4, reverse=True)
    assert forward[:, 0].tolist() == [rest, [0, 0, 1, 0], rest]
    assert forward[:, 1].tolist() == [rest, [1, 0, 0, 0], [0, 0, 0, 1]]
    assert backward[:, 0].tolist() == [rest, [0, 1, 0, 0], rest]
    assert backward[:, 1].tolist() == [[0, 0, 0, 1], rest, rest]


def test_a_cell_that_reads_its_answer_as_it_is() -> None:
    """Nothing stands between the state and the matrix."""

    @cell(output_size="y")
    def plain(x, y):
        return tanh(x.h + y.h).y

    assert not true_answers(compile_cell(plain), torch.tensor([[1], [0]]), 2, reverse=False)[0].any()
