"""Tagging: what costs, what is answered, what is scored."""

import numpy as np
import pytest
import torch

from recurra.data import Corpus, Tagged, split_words
from recurra.errors import ArgumentTypeError, ModelFileError
from recurra.tasks import Tagging
from tests.tasks.samples import small

TRAIN = (Tagged(("Leave", "Taipei"), ("O", "B-from")), Tagged(("leave", "Rome", "2"), ("O", "B-from", "B-day")))


def test_the_loss_is_the_mean_over_valid_words() -> None:
    """Against cross-entropy sentence by sentence; a label that training did not have costs nothing."""
    model = small()
    task = model.task
    unknown = Tagged(("taipei", "on", "monday"), ("B-departure", "X", "B-date"))
    other = Tagged(("leave",), ("O",))
    losses = task.losses(model.network, [task.encode(unknown), task.encode(other)])
    each = []
    for sentence in (unknown, other):
        rows = model.predict(sentence.words).probabilities
        each.append(sum(-np.log(row[label]) for row, label in zip(rows, sentence.labels, strict=True) if label != "X"))
    np.testing.assert_allclose(losses.sums.detach(), each, rtol=1e-5)
    assert losses.counts.tolist() == [2, 1]
    np.testing.assert_allclose(losses.mean.item(), sum(each) / 3, rtol=1e-5)


def test_a_prediction_has_a_distribution_over_the_labels_for_each_word() -> None:
    """The most probable is the label; they add up to 1 and stand in order."""
    model = small()
    answer = model.predict("leave Taipei on november 2nd.")
    assert answer.words == split_words("leave Taipei on november 2nd.") == ("leave", "Taipei", "on", "november", "2nd", ".")
    for label, row in zip(answer.labels, answer.probabilities, strict=True):
        assert set(row) == set(model.task.labels.names)
        assert next(iter(row)) == label
        assert list(row.values()) == sorted(row.values(), reverse=True)
        assert abs(sum(row.values()) - 1) < 1e-5
    data = answer.to_data(most=2)
    assert data["words"] == list(answer.words)
    assert data["labels"] == list(answer.labels)
    assert [len(row) for row in data["probabilities"]] == [2] * 6


def test_a_prediction_reads_as_its_words() -> None:
    """Words with a slot carry it."""
    answer = Tagging.build(TRAIN, minimum=1).prediction(("leave", "Rome"), torch.tensor([[0.0, -9.0, 1.0], [0.0, 5.0, 1.0]]))
    assert answer.labels == ("B-from", "B-day")
    assert str(answer) == "leave/B-from Rome/B-day"
    assert list(answer) == [("leave", "B-from"), ("Rome", "B-day")]


def test_one_answer_to_one_input_in_any_company() -> None:
    """A text, its words, and one among many sentences, the empty one too, are answered alike."""
    model = small()
    alone = model.predict("please leave taipei")
    assert model.predict(["please", "leave", "taipei"]) == alone
    many = model.predict_all(["", "arrive in rome with delta on monday", "please leave taipei", "x"], batch_size=3)
    assert [len(answer) for answer in many] == [0, 7, 3, 1]
    assert many[2] == alone
    np.testing.assert_allclose(many[2].table, alone.table, rtol=1e-5)
    assert model.predict("").labels == ()


def test_what_is_no_sentence() -> None:
    """Neither a text nor words."""
    with pytest.raises(ArgumentTypeError, match=r"^predict: input must be a text or a list of words, got int\.$"):
        small().predict(3)


def test_scores_of_known_answers() -> None:
    """Shares of what is right; roles only in data that has them; the ceiling is 1."""
    task = Tagging.build(TRAIN, minimum=1)
    wrong = [task.prediction(e.words, torch.eye(3)[[0] * len(e)]) for e in TRAIN]
    assert task.values(task.score(TRAIN, wrong)) == {"f1": 0.0, "tokens": 0.4, "sentences": 0.0}
    assert task.values(task.ceiling(TRAIN)) == {"f1": 1.0, "tokens": 1.0, "sentences": 1.0}


def test_counting_is_the_baseline() -> None:
    """The most frequent label of each word, measured on the test part, or on dev where there is none."""
    both = TRAIN[:1], TRAIN[1:]
    assert Tagging.baseline(Corpus(both[0], both[0], both[1])) == (
        "most frequent label",
        {"f1": 0.5, "tokens": 2 / 3, "sentences": 0.0},
    )
    assert Tagging.baseline(Corpus(both[0], both[0], ()))[1]["tokens"] == 1.0


def test_a_task_is_plain_data() -> None:
    """Equal after a round trip; anything else is refused."""
    task = Tagging.build(TRAIN, minimum=1, fold_digits=True)
    assert Tagging.from_data(task.to_data()) == task
    with pytest.raises(ModelFileError, match=r"^tagging: must be written with words and labels\. Train the model again\.$"):
        Tagging.from_data({"words": []})
