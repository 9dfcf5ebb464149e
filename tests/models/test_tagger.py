"""The network of tagging: laws for every registered cell, and the networks that feed back their answers."""

import pytest
import torch

from recurra.cells import cell, find, names
from recurra.cells.notation import softmax, tanh
from recurra.compiler import Program, compile_cell
from recurra.errors import ConfigurationError
from recurra.models import Tagger

LENGTHS = torch.tensor([7, 0, 4])


def program_of(name: str, **constants: object) -> Program:
    return compile_cell(find(name), constants=constants)


def tagger(program: Program, **options: object) -> Tagger:
    torch.manual_seed(0)
    sizes = {name: 5 for name in program.size_names if name not in ("input_size", "hidden_size", "output_size")}
    return Tagger(program, 20, 6, **{"embedding_size": 8, "hidden_size": 8, **sizes, **options}).eval()


def words() -> torch.Tensor:
    torch.manual_seed(1)
    return torch.randint(1, 20, (7, 3))


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("name", names())
def test_scores_do_not_depend_on_batch_or_padding(name: str, bidirectional: bool) -> None:
    """A sentence alone, in a batch, and before any padding has the same scores; zeros stand beyond its end."""
    network, given = tagger(program_of(name), bidirectional=bidirectional, window=3), words()
    batch = network(given, LENGTHS)
    other = given.clone()
    other[4:, 2] = 0
    padded = network(torch.cat([other, torch.full((3, 3), 9)]), LENGTHS)
    assert batch.shape == (7, 3, 6)
    assert not batch[:, 1].any()
    assert not batch[4:, 2].any()
    torch.testing.assert_close(padded[:7], batch, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(network(given[:4, 2:], torch.tensor([4]))[:, 0], batch[:4, 2], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", names())
def test_steps_equal_the_sequence(name: str) -> None:
    """A causal network answers word by word as it answers the whole."""
    network, given = tagger(program_of(name), num_layers=2), words()
    whole = network(given, torch.tensor([7, 7, 7]))
    state = None
    for t in range(7):
        scores, state = network.step(given[t], state)
        torch.testing.assert_close(scores, whole[t], rtol=1e-5, atol=1e-6)


def test_a_network_that_looks_ahead_cannot_be_stepped() -> None:
    """Two directions, and a window."""
    for options in ({"bidirectional": True}, {"window": 3}):
        network = tagger(program_of("elman"), **options)
        assert not network.causal
        with pytest.raises(ConfigurationError, match=r"^Tagger\.step: a network that looks ahead \(bidirectional, or a window\) cannot be"):
            network.step(words()[0])


def test_a_cell_that_answers_gets_no_linear_layer() -> None:
    """The scores are what the cell gives out, as wide as there are labels; in two directions their sum."""
    network, given = tagger(program_of("jordan")), words()
    output, _ = network.recurrent(network.embedding(given), lengths=LENGTHS)
    assert network.head is None
    assert network.recurrent.output_size == 6
    torch.testing.assert_close(network(given, LENGTHS), output, rtol=0, atol=0)
    both = tagger(program_of("jordan"), bidirectional=True)
    output, _ = both.recurrent(both.embedding(given), lengths=LENGTHS)
    torch.testing.assert_close(both(given, LENGTHS), output[..., :6] + output[..., 6:], rtol=0, atol=0)


def test_whether_a_cell_answers_is_read_off_its_program() -> None:
    """A user's cell whose output has a size of its own is treated alike; one that gives out more than its answer is not."""

    @cell(output_size="a")
    def mine(x, a):
        return tanh(x.h + softmax(a).h).a

    @cell(output_size="a", output="a h")
    def more(x, a, h):
        h = tanh(x.h + h.h)
        return h.a, h

    assert tagger(compile_cell(mine)).head is None
    with pytest.raises(ConfigurationError, match="needs output_size="):
        tagger(compile_cell(more))


def test_forcing_feeds_back_the_true_labels_in_training_only() -> None:
    """Against a loop in which the last answer is written into the state; in use the net reads its own."""
    network = tagger(program_of("jordan", feedback="identity"), forcing=True)
    given, gold = words(), torch.randint(0, 6, (7, 3))
    free = network(given, LENGTHS, gold)
    torch.testing.assert_close(free, network(given, LENGTHS), rtol=0, atol=0)
    network.train()
    forced = network(given, torch.tensor([7, 7, 7]), gold)
    network.eval()
    state = None
    for t in range(7):
        scores, _ = network.step(given[t], state)
        torch.testing.assert_close(scores, forced[t], rtol=1e-5, atol=1e-6)
        state = {"y": torch.nn.functional.one_hot(gold[t], 6).float().unsqueeze(0)}


def test_forcing_a_cell_that_feeds_back_nothing() -> None:
    """The key would have no effect."""
    message = r"^model\.forcing: gru does not feed back its answers, so there is nothing to force\.$"
    with pytest.raises(ConfigurationError, match=message):
        tagger(program_of("gru"), forcing=True)


def test_hidden_words_and_dropout_are_for_training() -> None:
    """In use the same answer every time; in training another, also where only words are hidden."""
    for option in ({"word_dropout": 0.5}, {"dropout": 0.5}):
        network, given = tagger(program_of("gru"), **option), words()
        torch.testing.assert_close(network(given, LENGTHS), network(given, LENGTHS), rtol=0, atol=0)
        network.train()
        assert not torch.equal(network(given, LENGTHS), network(given, LENGTHS))


def test_all_words_hidden_are_all_the_unknown_word() -> None:
    """Hiding nearly all of them gives what a sentence of unknown words gives."""
    network, given = tagger(program_of("gru"), word_dropout=0.999999), words()
    expected = network(torch.ones_like(given), LENGTHS)
    network.train()
    torch.testing.assert_close(network(given, LENGTHS), expected)
