"""A model is one file: the same answers after it, and nothing that a stranger wrote is believed."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import recurra
from recurra.cells import names
from recurra.errors import ConfigurationError, ModelFileError
from recurra.files import read_model, write_model
from recurra.tasks import Model, load
from tests.tasks.samples import small

SENTENCES = ["leave taipei on november 2nd", "we arrive in a new place", ""]


def tables(model: Model) -> list[Any]:
    return [answer.table for answer in model.predict_all(SENTENCES)]


@pytest.mark.parametrize("name", names())
def test_every_cell_is_trained_saved_and_loaded(name: str, tmp_path: Path) -> None:
    """The file answers with the same bits, and knows everything that the model knew."""
    model = small(name, model={"num_layers": 2, "bidirectional": True})
    model.save(tmp_path / "m.rnn")
    loaded = load(tmp_path / "m.rnn")
    for before, after in zip(tables(model), tables(loaded), strict=True):
        np.testing.assert_array_equal(before, after)
    assert loaded.program == model.program
    assert loaded.task == model.task
    assert loaded.scores == model.scores
    assert loaded.configuration == model.configuration
    assert loaded.metadata() == model.metadata()


def test_a_users_cell_lives_in_the_file(tmp_path: Path) -> None:
    """The file that defined it is read at training only."""
    source = tmp_path / "my.py"
    source.write_text(
        "import recurra\nfrom recurra import sigmoid, tanh\n\n@recurra.cell\ndef mine(x, h, *, rate=0.5):\n"
        "    g = sigmoid(x.g + h.g)\n    return rate * g * h + (1 - g) * tanh(x.n + h.n)\n"
    )
    model = small(f"{source}:mine", model={"rate": 0.75})
    model.save(tmp_path / "m.rnn")
    source.unlink()
    loaded = load(tmp_path / "m.rnn")
    assert loaded.program.name == "mine"
    assert "def mine(x, h, *, rate=0.5)" in loaded.program.text
    np.testing.assert_array_equal(tables(loaded)[0], tables(model)[0])


def test_a_cell_of_the_session(tmp_path: Path) -> None:
    """A function from a notebook is as good as one from a file."""

    @recurra.cell
    def leaky(x, h):
        return 0.5 * h + recurra.tanh(x.h + h.h)

    small(leaky).save(tmp_path / "m.rnn")
    assert load(tmp_path / "m.rnn").program.name == "leaky"


def test_the_card_says_what_it_is() -> None:
    """Task, cell, size, data, seed and scores."""
    model = small("elman", seed=7)
    model.scores = {"dev": {"f1": 0.5}, "test": {"f1": 0.25, "roles": 1.0}}
    assert model.card() == (
        f"tagging with elman ({model.parameters:,} parameters), trained on the built-in corpus flights, seed 7.\n"
        "dev: f1 50.00%.\ntest: f1 25.00%, roles 100.00%."
    )
    assert repr(model) == f"<Model tagging, elman, {model.parameters:,} parameters>"


def test_the_metadata_is_readable_and_has_no_path_of_this_machine() -> None:
    """Plain data with the cell as its graph."""
    metadata = small().metadata()
    assert list(metadata) == ["kind", "task", "configuration", "cell", "fitted", "scores", "seed", "versions", "card"]
    assert metadata["cell"]["name"] == "gru"
    assert str(Path.cwd()) not in json.dumps(metadata)


def changed(tmp_path: Path, **metadata: Any) -> Path:
    """A model file with other metadata: `configuration__model__hidden_size=3` changes one value deep inside."""
    small().save(tmp_path / "m.rnn")
    file = read_model(tmp_path / "m.rnn")
    own = {key: value for key, value in file.metadata.items() if key != "format"}
    for path, value in metadata.items():
        *places, last = path.split("__")
        table = own
        for place in places:
            table = table[place]
        if value is None:
            del table[last]
        else:
            table[last] = value
    write_model(tmp_path / "x.rnn", file.tensors, own)
    return tmp_path / "x.rnn"


HOSTILE = {
    "another kind": ({"kind": "recurra.state"}, "this is no model but 'recurra.state'."),
    "an unknown task": ({"task": "cooking"}, "the task 'cooking' is not one of tagging: a newer version may know it."),
    "no task": ({"task": None}, "not a model that this version can rebuild: 'task'"),
    "no cell": ({"cell": None}, "not a model that this version can rebuild: 'cell'"),
    "a cell that is none": ({"cell": {"name": "x"}}, "not a model that this version can rebuild: "),
    "words that are none": ({"fitted__words": 3}, "Vocabulary: must be written as words, lower and fold_digits. Train the model again."),
    "a wider network": ({"configuration__model__hidden_size": 9}, "must have shape"),
    "a network without end": ({"configuration__model__hidden_size": 10**15}, ""),
    "layers without end": ({"configuration__model__num_layers": 10**9}, "has 1000000000 layers, but only 7 tensors"),
    "a size of the wrong type": ({"configuration__model__hidden_size": "8"}, "model.hidden_size: must be a whole number, got '8'."),
    "a size below one": ({"configuration__model__embedding_size": 0}, "model.embedding_size: must be greater than 0, got 0."),
    "one tensor too many": ({"configuration__model__bidirectional": True}, "is missing"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_metadata_that_do_not_fit_are_refused(case: str, tmp_path: Path) -> None:
    """With the name of the file, as a bad model file, before anything of the promised size is made."""
    metadata, message = HOSTILE[case]
    path = changed(tmp_path, **metadata)
    with pytest.raises(ModelFileError) as error:
        load(path)
    assert str(error.value).startswith(f"{path}: ")
    assert message in str(error.value)


def test_weights_are_those_of_the_file_and_can_be_trained_on(tmp_path: Path) -> None:
    """They are no longer promises, and take a gradient."""
    model = small()
    model.save(tmp_path / "m.rnn")
    loaded = load(tmp_path / "m.rnn")
    for (name, before), after in zip(model.network.state_dict().items(), loaded.network.state_dict().values(), strict=True):
        assert after.device.type == "cpu", name
        assert torch.equal(before, after), name
    assert all(p.requires_grad for p in loaded.network.parameters())


def test_a_stream_answers_as_the_sentence_and_forks() -> None:
    """Word by word; two forks go their own ways."""
    model = small()
    whole = model.predict("leave taipei for rome")
    stream = model.stream()
    for t, word in enumerate(whole.words):
        answer = stream.feed(word)
        np.testing.assert_allclose(answer.table[0], whole.table[t], rtol=1e-4, atol=1e-6)
        if t == 1:
            fork = stream.fork()
    other = model.predict("leave taipei on monday")
    fork.feed("on")
    np.testing.assert_allclose(fork.feed("monday").table[0], other.table[3], rtol=1e-4, atol=1e-6)


def test_a_model_that_looks_ahead_has_no_stream() -> None:
    """The network says why."""
    with pytest.raises(ConfigurationError, match=r"^Tagger\.step: a network that looks ahead"):
        small(model={"bidirectional": True}).step("taipei")


def test_evaluation_without_data() -> None:
    """The built-in corpus that was trained on gives the same score again."""
    model = small()
    assert model.task.values(model.evaluate()) == model.scores["test"]
