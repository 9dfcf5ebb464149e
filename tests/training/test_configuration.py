"""Settings: where they come from, what goes over what, and every mistake in them."""

from pathlib import Path
from typing import Any

import pytest

import recurra
from recurra.errors import CellError, ConfigurationError, FileError
from recurra.training import Configuration, read_recipe, recipe_names, resolve


def settled(cell: Any = None, seed: int | None = None, file: Any = None, path: Any = None, **settings: Any) -> Configuration:
    return resolve("slots", path, cell, seed, file, settings)


def test_the_user_over_the_file_over_the_recipe_over_the_defaults(tmp_path: Path) -> None:
    """Each of four keys comes from another source; the cell and the seed too."""
    file = tmp_path / "settings.toml"
    file.write_text('cell = "elman"\nseed = 5\n[training]\nepochs = 7\nbatch_size = 3\n')
    found = settled(file=file, **{"training.batch_size": 4})
    training = found.sections["training"]
    assert (training["batch_size"], training["epochs"], training["patience"], training["weight_decay"]) == (4, 7, 8, 0.01)
    assert (found.cell.name, found.seed) == ("elman", 5)
    over = resolve("slots", None, "gru", 6, file, {"cell": "lstm", "seed": 7})
    assert (over.cell.name, over.seed) == ("gru", 6)
    below = resolve("slots", None, None, None, file, {"cell": "lstm", "seed": 7})
    assert (below.cell.name, below.seed) == ("lstm", 7)


def test_keys_in_sections_and_alone() -> None:
    """Two spellings of one thing."""
    assert settled(**{"training.epochs": 3}).sections == settled(training={"epochs": 3}).sections


def test_the_recipe_has_other_values_for_the_built_in_corpus(tmp_path: Path) -> None:
    """One direction for the corpus that is about memory; a corpus of one's own has no keys."""
    own, folder = settled(), settled(path=tmp_path)
    assert (own.sections["model"]["bidirectional"], folder.sections["model"]["bidirectional"]) == (False, True)
    assert (own.corpus, folder.corpus) == ("flights", None)
    assert folder.sections["corpus"] == {}
    with pytest.raises(ConfigurationError, match=r"^corpus: unknown key 'train'; it has none here$"):
        settled(path=tmp_path, corpus={"train": 3})


def test_constants_of_a_recipe_are_for_the_cells_that_have_them() -> None:
    """Feedback is a constant of a cell that feeds back, and of no other."""
    assert settled("jordan").sections["model"]["feedback"] == "identity"
    assert settled("jordan", model={"feedback": "tanh"}).sections["model"]["feedback"] == "tanh"
    assert "feedback" not in settled("gru").sections["model"]
    with pytest.raises(ConfigurationError, match=r"^model: unknown key 'feedback'"):
        settled("gru", model={"feedback": "tanh"})


def test_constants_and_sizes_of_a_cell() -> None:
    """Numbers, names, learned ones, one value a unit; a further size is hidden_size unless it is given."""
    assert settled("scrn", model={"alpha": 0.5}).program != settled("scrn").program
    assert "alpha" in settled("scrn", model={"alpha": "learned(0.5)"}).program.starts({})
    assert settled("clockwork", model={"period": "octaves(2)"}).program.units[0][1] == recurra.octaves(2)
    assert settled("clockwork", model={"period": [1.0, 2.0]}).program.units[0][1] == (1.0, 2.0)
    assert settled("scrn", model={"hidden_size": 7}).sections["model"]["context_size"] == 7
    assert settled("scrn", model={"context_size": 3}).sections["model"]["context_size"] == 3


def test_a_constant_that_must_be_given() -> None:
    """The cell has no default for it."""

    @recurra.cell
    def leaky(x, h, *, rate):
        return rate * h + recurra.tanh(x.h + h.h)

    with pytest.raises(ConfigurationError, match=r"^model\.rate: must be given\.$"):
        settled(leaky)
    assert settled(leaky, model={"rate": 0.5}).to_data()["cell"] == "leaky"


WHERE = "a key stands in a section, as in training.epochs or model.hidden_size"
MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "recipe": ({"recipe": "slot"}, "train: unknown recipe 'slot'; did you mean 'slots'?"),
    "cell": ({"cell": "grru"}, "unknown cell 'grru'; did you mean 'gru'?; or a cell of your own, as in my.py:ugrnn"),
    "section": ({"trainning.epochs": 3}, "train: unknown key 'trainning.epochs'; did you mean 'training'?"),
    "no section": ({"epochs": 3}, f"train: unknown key 'epochs'; {WHERE}"),
    "a section that is none": ({"model": 3}, f"train: unknown key 'model'; {WHERE}"),
    "key": ({"training.epoch": 3}, "training: unknown key 'epoch'; did you mean 'epochs'?"),
    "value": ({"training.epochs": "many"}, "training.epochs: must be a whole number, got 'many'."),
    "choice": ({"training.optimiser": "adam"}, "training.optimiser: must be 'adamw' or 'sgd', got 'adam'."),
    "corpus": ({"corpus.deciding": "never"}, "corpus.deciding: must be 'before', 'after' or 'removed', got 'never'."),
    "seed": ({"seed": -1}, "seed: must be a whole number from 0 to 2^63 - 1, got -1."),
    "what follows": ({"task": "tagging"}, "train: task cannot be set: it follows from what is trained."),
    "learned": ({"cell": "scrn", "model.alpha": "learned(x)"}, "model: 'learned(x)' must be learned of a number, as in learned(0.95)."),
    "even window": ({"model.window": 2}, "Embedding: window must be odd, as many words before as after, got 2."),
    "residual": (
        {"model.residual": True},
        "Recurrent: residual adds the input of the second and later layers: num_layers must be at least 2.",
    ),
    "momentum": ({"training.momentum": 0.9}, "training.momentum: has an effect with optimiser sgd only, got adamw."),
    "watch": ({"training.watch": "f2"}, "training.watch: unknown score 'f2'; expected one of f1 roles tokens sentences"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each in one sentence."""
    monkeypatch.chdir(tmp_path)
    settings, message = MISTAKES[case]
    settings = {"corpus.train": 4, "corpus.dev": 2, "corpus.test": 1, **settings}
    with pytest.raises(ConfigurationError) as error:
        recurra.train(settings.pop("recipe", "slots"), run=False, quiet=True, **settings)
    assert str(error.value) == message


def test_a_cell_that_cannot_be_read() -> None:
    """The notation's own errors come out as they are."""

    @recurra.cell
    def bad(x, h):
        return x.i + h.f

    with pytest.raises(CellError, match=r"^bad: a sum into two gates"):
        settled(bad)


def test_a_cell_with_a_second_input() -> None:
    """A sentence has none."""

    @recurra.cell
    def two(x, a, /, h):
        return recurra.tanh(x.h + a.h + h.h)

    with pytest.raises(ConfigurationError, match=r"^tagging: two needs the input a, which this task does not have\.$"):
        settled(two)


def test_files_that_are_no_settings(tmp_path: Path) -> None:
    """Missing, not TOML, of another recipe."""
    with pytest.raises(FileError, match=r"none\.toml: cannot be read: No such file or directory\.$"):
        settled(file=tmp_path / "none.toml")
    (tmp_path / "a.toml").write_text("epochs 3")
    with pytest.raises(ConfigurationError, match=r"a\.toml: must be TOML: "):
        settled(file=tmp_path / "a.toml")
    (tmp_path / "b.toml").write_text('recipe = "ner"')
    with pytest.raises(ConfigurationError, match=r"b\.toml: must be of the recipe slots, got 'ner'\.$"):
        settled(file=tmp_path / "b.toml")


def test_recipes_begin_with_what_to_expect() -> None:
    """Command, data, expected score, time."""
    assert recipe_names() == ["slots"]
    for name in recipe_names():
        lines = read_recipe(name).introduction.split("\n")
        assert lines[0].startswith(f"recurra train {name}")
        assert [line.split(":")[0] for line in lines[1:4]] == ["data", "expected", "time"]
