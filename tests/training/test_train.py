"""`recurra.train`, from a recipe to a run directory."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
import torch

import recurra
from recurra.cells import names
from recurra.data import Tagged, flights
from recurra.errors import ConfigurationError, DataError, FileError
from recurra.files import lock_folder, read_log
from recurra.tasks import Model, load
from recurra.training import describe, train
from tests.tasks.samples import SMALL, small, write_folder


def weights(model: Model) -> dict[str, Any]:
    return {name: value.clone() for name, value in model.network.state_dict().items()}


def same(a: Model, b: Model) -> bool:
    return all(torch.equal(x, y) for x, y in zip(weights(a).values(), weights(b).values(), strict=True))


@pytest.mark.parametrize("name", names())
def test_two_steps_move_every_parameter(name: str) -> None:
    """Against a run whose steps are as good as nothing."""
    moved, still = (small(name, training={"learning_rate": rate}) for rate in (0.01, 1e-20))
    for (parameter, after), before in zip(moved.network.named_parameters(), still.network.parameters(), strict=True):
        # The rows of padding, and of words that are not among the 24 sentences, have nothing to learn.
        assert not torch.equal(after, before), parameter


def test_one_seed_gives_one_model() -> None:
    """The same weights and scores, with all kinds of chance on; another seed gives others."""
    options = {"model": {"dropout": 0.3, "word_dropout": 0.2, "recurrent_dropout": 0.2, "zoneout": 0.1}, "training": {"epochs": 2}}
    first, again, other = small(**options), small(**options), small(seed=2, **options)
    assert same(first, again)
    assert first.scores == again.scores
    assert not same(first, other)


def test_the_users_chance_is_left_alone() -> None:
    """torch's generator goes on as if nothing had been trained, and has no say in what is."""
    torch.manual_seed(5)
    first, expected = small(), torch.rand(3)
    torch.manual_seed(5)
    again = small()
    assert torch.equal(torch.rand(3), expected)
    torch.rand(3)
    assert same(first, again)
    assert same(first, small())


def test_a_tiny_corpus_is_learned_by_heart(tmp_path: Path) -> None:
    """Eight sentences of every kind, in a folder."""
    sentences = flights(8, part="train")
    folder = write_folder(tmp_path / "tiny", train=sentences, valid=sentences)
    model = train(
        "slots", folder, cell="lstm", run=False, quiet=True, model={"minimum": 1, "dropout": 0.0, "hidden_size": 32},
        training={"epochs": 100, "batch_size": 2, "learning_rate": 0.01, "patience": 20},
    )  # fmt: skip
    assert model.scores["dev"] == {"f1": 1.0, "roles": 1.0, "tokens": 1.0, "sentences": 1.0}
    assert "test" not in model.scores
    assert [model.predict(s.words).labels for s in sentences] == [s.labels for s in sentences]
    assert model.evaluate(folder / "valid").to_data()["sentences"]["value"] == 1.0
    assert model.configuration["data"] == "tiny"
    with pytest.raises(ConfigurationError, match=r"^evaluate: no built-in corpus was trained on, so say which data, as in"):
        model.evaluate()


@pytest.mark.parametrize("cell", ["elman", "jordan"])
def test_without_the_deciding_word_every_model_is_at_chance(cell: str) -> None:
    """Nothing in the sentence tells the roles, so half of them are right; the rest of the labels are learned."""
    options = {"corpus": {"train": 200, "dev": 40, "test": 200, "deciding": "removed"}, "training": {"epochs": 12, "learning_rate": 0.02}}
    model = small(cell, model={"hidden_size": 16}, **options)
    assert 0.4 <= model.scores["test"]["roles"] <= 0.5
    assert model.scores["test"]["tokens"] > 0.8


def test_a_run_directory(tmp_path: Path) -> None:
    """Configuration, log, last and best model; the best is what is given back."""
    folder = tmp_path / "run"
    model = small(run=folder, output=tmp_path / "out.rnn", training={"epochs": 3})
    assert model.run == folder
    assert sorted(path.name for path in folder.iterdir()) == [".lock", "best.rnn", "config.toml", "last.rnn", "log.jsonl"]
    config = tomllib.loads((folder / "config.toml").read_text())
    assert (config["cell"], config["seed"], config["recipe"], config["data"]) == ("gru", 1, "slots", "flights")
    assert config["training"]["epochs"] == 3
    assert {key: value for key, value in model.configuration["model"].items() if value is not None} == config["model"]
    log = read_log(folder / "log.jsonl")
    assert [record.get("epoch") for record in log] == [1, 2, 3, None]
    assert [record["step"] for record in log[:3]] == [2, 4, 6]
    assert log[3]["scores"] == model.scores
    best = max(log[:3], key=lambda record: record["dev"]["f1"])
    assert model.scores["dev"] == best["dev"]
    assert same(load(folder / "best.rnn"), model)
    assert (tmp_path / "out.rnn").read_bytes() == (folder / "best.rnn").read_bytes()
    assert load(folder / "last.rnn").scores["dev"] == log[2]["dev"]


def test_runs_are_numbered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """runs/slots-1, runs/slots-2 where the user is."""
    monkeypatch.chdir(tmp_path)
    assert [str(small(run=None).run) for _ in range(2)] == ["runs/slots-1", "runs/slots-2"]


def test_a_configuration_file_repeats_a_run(tmp_path: Path) -> None:
    """The config.toml of a run gives the same model; what the user sets goes over it."""
    first = small(run=tmp_path / "run", seed=3, model={"dropout": 0.2})
    config = tmp_path / "run" / "config.toml"
    again = train("slots", config=config, run=False, quiet=True)
    assert same(first, again)
    assert again.configuration == first.configuration
    wider = train("slots", config=config, run=False, quiet=True, **{"model.hidden_size": 9})
    assert wider.network.recurrent.hidden_size == 9


def test_a_run_is_never_written_over(tmp_path: Path) -> None:
    """A folder where a run stands, and one that another process holds."""
    small(run=tmp_path)
    with pytest.raises(FileError) as error:
        small(run=tmp_path)
    assert str(error.value) == f"{tmp_path}: a run stands there already. Take another folder, or remove that one."
    (tmp_path / "other").mkdir()
    with lock_folder(tmp_path / "other"), pytest.raises(FileError, match=r"in use by process \d+\."):
        small(run=tmp_path / "other")


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    """Said before anything is trained."""
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match=r"file: cannot be made a run directory: File exists\.$"):
        small(run=tmp_path / "file")
    with pytest.raises(FileError) as error:
        small(output=tmp_path / "no" / "m.rnn")
    assert str(error.value) == f"{tmp_path}/no/m.rnn: cannot be written: there is no folder {tmp_path}/no."


def test_data_without_sentences(tmp_path: Path) -> None:
    """Both parts that training needs."""
    one = [Tagged(("leave", "rome"), ("O", "B-departure"))]
    with pytest.raises(DataError, match=r"^training: the dev part has no sentences\.$"):
        train("slots", write_folder(tmp_path / "a", train=one, valid=[]), run=False, quiet=True)
    with pytest.raises(DataError, match=r"^training: the train part has no sentences\.$"):
        train("slots", write_folder(tmp_path / "b", train=[], valid=one), run=False, quiet=True)


# For each key of [model] and [training] a value that is not the one of SMALL, and what else it needs to have a meaning.
OTHER: dict[str, tuple[Any, dict[str, Any]]] = {
    "model.minimum": (3, {}),
    "model.lower": (False, {}),
    "model.fold_digits": (False, {}),
    "model.embedding_size": (9, {}),
    "model.window": (3, {}),
    "model.word_dropout": (0.5, {}),
    "model.dropout": (0.3, {}),
    "model.hidden_size": (9, {}),
    "model.num_layers": (2, {}),
    "model.bidirectional": (False, {}),
    "model.forcing": (True, {"cell": "jordan"}),
    "model.recurrent_dropout": (0.5, {}),
    "model.zoneout": (0.5, {}),
    "model.residual": (True, {"model.num_layers": 2}),
    "model.learned_state": (True, {}),
    "model.init": ("torch", {}),
    "model.forget_bias": (1.0, {"cell": "lstm"}),
    "model.max_length": (20, {"cell": "lstm", "model.init": "chrono"}),
    "training.epochs": (2, {}),
    "training.batch_size": (11, {}),
    "training.optimiser": ("sgd", {}),
    "training.learning_rate": (0.1, {}),
    "training.weight_decay": (0.5, {}),
    "training.momentum": (0.9, {"training.optimiser": "sgd"}),
    "training.clip_norm": (0.001, {"training.optimiser": "sgd"}),
    "training.clip_value": (0.0001, {"training.optimiser": "sgd"}),
    "training.patience": (1, {"training.epochs": 4, "training.learning_rate": 1e-9}),
    "training.watch": ("tokens", {"training.epochs": 4, "training.learning_rate": 0.05}),
}


def test_the_list_of_keys_is_complete() -> None:
    """A new key must be shown to do something; what checkpoint_steps does is in test_resume."""
    sections = describe("slots", "gru")
    known = [*OTHER, "training.checkpoint_steps"]
    assert sorted(known) == sorted(f"{name}.{key.name}" for name in ("model", "training") for key in sections[name])
    assert all(key.help for keys in sections.values() for key in keys if key.name != "max_length")


@pytest.mark.parametrize("key", OTHER)
def test_every_key_does_something(key: str, tmp_path: Path) -> None:
    """Other weights, or another course of the training."""
    value, needed = OTHER[key]
    # Words in capitals and with digits, so that it matters how they are read.
    sentences = [Tagged(tuple(w.title() if at % 2 else w for at, w in enumerate(s.words)), s.labels) for s in flights(24)]
    folder = write_folder(tmp_path / "data", train=sentences, valid=flights(12, part="dev"))
    base = {"model": SMALL["model"], "training": {"epochs": 1, "batch_size": 12}}
    cell = needed.get("cell", "gru")
    courses = []
    for changes in ({}, {key: value}):
        # What a key needs is there without it too; only chrono and its length come together.
        other = {k: v for k, v in needed.items() if k != "cell" and (changes or "init" not in k)}
        merged = {section: {**values} for section, values in base.items()}
        for name, setting in {**other, **changes}.items():
            merged[name.split(".")[0]][name.split(".")[1]] = setting
        run = tmp_path / f"run{len(courses)}"
        model = train("slots", folder, cell=cell, run=run, quiet=True, **merged)
        courses.append((model, [record["dev"] for record in read_log(run / "log.jsonl")[:-1]]))
    (a, course_a), (b, course_b) = courses
    shapes = [{name: value.shape for name, value in weights(m).items()} for m in (a, b)]
    assert shapes[0] != shapes[1] or not same(a, b) or course_a != course_b


def test_recurra_has_train_and_load() -> None:
    """The public names."""
    assert recurra.train is train
    assert recurra.load is load
    assert json.dumps(small().scores)
