"""Does a model answer a sentence the same, whatever else is computed? `recurra verify MODEL`."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from recurra.commands.doctor import Check
from recurra.data import Chance, pad
from recurra.models import Tagger
from recurra.tasks import Model, Tagging, load

# How many sentences are looked at, at most, and how long those are that it makes up itself.
MOST, LONGEST = 32, 20
BATCHES = (2, 7, MOST)
THREADS = (1, 2, 3)
ADVICE = "the kernels of this machine are not what they should be: please report it"

Sentence = tuple[str, ...]


@dataclass(frozen=True)
class Answered:
    """What must not change: scores [T, Y] of each sentence, and the answer made of them."""

    scores: tuple[bytes, ...]
    answers: tuple[tuple[tuple[str, ...], bytes], ...]


def verify(model: Model, data: str | Path | None = None) -> Iterator[Check]:
    """Compare bits, check by check: sentences one by one against every other way of computing them.

    data: a path in a format of the task, of which the first 32 sentences are taken; None for sentences made up of the model's own words.
    """
    sentences = _sentences(model, data)
    expected = _answered(model, sentences, 1)
    for what, look in CHECKS.items():
        fault = look(model, sentences, expected)
        said = fault or f"{len(sentences)} sentences, the same bits"
        if what in CAUSAL and not _tagger(model).causal:
            said = "looks ahead, so it is not streamed"
        yield Check(what, not fault, said, ADVICE)


def _again(model: Model, sentences: Sequence[Sentence], expected: Answered) -> str:
    """Each alone, a second time."""
    return _gap(_answered(model, sentences, 1), expected, "a second time")


def _batch(model: Model, sentences: Sequence[Sentence], expected: Answered) -> str:
    """In batches of several sizes, long sentences beside short ones."""
    return next((gap for size in BATCHES if (gap := _gap(_answered(model, sentences, size), expected, f"in batches of {size}"))), "")


def _padding(model: Model, sentences: Sequence[Sentence], expected: Answered) -> str:
    """Alone, before steps that hold other words."""
    for sentence, scores in zip(sentences, expected.scores, strict=True):
        for steps in (1, 5):
            if _scores(model, [sentence], steps)[0] != scores:
                return f"{_shown(sentence)} with {steps} steps of padding: other bits"
    return ""


def _stream(model: Model, sentences: Sequence[Sentence], expected: Answered) -> str:
    """Word by word."""
    for sentence, (labels, table) in zip(sentences, expected.answers, strict=True) if _tagger(model).causal else ():
        stream = model.stream()
        steps = [stream.feed(word) for word in sentence]
        if tuple(s.labels[0] for s in steps) != labels or b"".join(s.table.tobytes() for s in steps) != table:
            return f"{_shown(sentence)} word by word: other bits"
    return ""


@torch.no_grad()
def _split(model: Model, sentences: Sequence[Sentence], expected: Answered) -> str:
    """In two pieces with the state carried over, cut in three places."""
    network = _tagger(model)
    for sentence in sentences if network.causal else ():
        x = network.embedding(_numbers(model, [sentence])[0])
        whole, _ = network.recurrent(x)
        for cut in {1, len(sentence) // 2, len(sentence) - 1} - {0, len(sentence), -1}:
            first, state = network.recurrent(x[:cut])
            second, _ = network.recurrent(x[cut:], state)
            if _bytes(torch.cat([first, second])) != _bytes(whole):
                return f"{_shown(sentence)} cut after {cut} words: other bits"
    return ""


def _file(model: Model, sentences: Sequence[Sentence], expected: Answered) -> str:
    """Saved and loaded."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "verify.rnn")
        model.save(path)
        return _gap(_answered(load(path), sentences, MOST), expected, "saved and loaded")


def _threads(model: Model, sentences: Sequence[Sentence], expected: Answered) -> str:
    """With one thread and with several."""
    for count in THREADS:
        with _threaded(count):
            if gap := _gap(_answered(model, sentences, MOST), expected, f"with {count} threads"):
                return gap
    return ""


CHECKS: dict[str, Callable[[Model, Sequence[Sentence], Answered], str]] = {
    "alone": _again,
    "batch": _batch,
    "padding": _padding,
    "stream": _stream,
    "split": _split,
    "file": _file,
    "threads": _threads,
}
CAUSAL = ("stream", "split")


def _sentences(model: Model, data: str | Path | None) -> list[Sentence]:
    assert isinstance(model.task, Tagging)
    if data is not None:
        examples = model.task.read_examples(Path(data))
        return [model.task.input_of(example) for example in examples[:MOST]]
    chance, words = Chance("verify"), (*model.task.words.words, "<unknown>")
    return [tuple(chance.one(words) for _ in range(at % (LONGEST + 1))) for at in range(MOST)]


def _answered(model: Model, sentences: Sequence[Sentence], size: int) -> Answered:
    scores = [row for at in range(0, len(sentences), size) for row in _scores(model, sentences[at : at + size])]
    answers = model.predict_all(sentences, size)
    return Answered(tuple(scores), tuple((answer.labels, answer.table.tobytes()) for answer in answers))


@torch.no_grad()
def _scores(model: Model, sentences: Sequence[Sentence], padding: int = 0) -> list[bytes]:
    numbers, lengths = _numbers(model, sentences)
    if padding:
        # The unknown word: what stands beyond a length must not be read.
        numbers = torch.cat([numbers, torch.ones(padding, len(sentences), dtype=torch.int64)])
    scores = _tagger(model)(numbers, lengths)
    return [_bytes(scores[: len(sentence), b]) for b, sentence in enumerate(sentences)]


def _numbers(model: Model, sentences: Sequence[Sentence]) -> tuple[Tensor, Tensor]:
    assert isinstance(model.task, Tagging)
    numbers, lengths = pad([model.task.words.encode(sentence) for sentence in sentences])
    return torch.from_numpy(numbers), torch.from_numpy(lengths)


def _tagger(model: Model) -> Tagger:
    assert isinstance(model.network, Tagger)
    return model.network


def _bytes(values: Tensor) -> bytes:
    return np.ascontiguousarray(values.detach().numpy()).tobytes()


def _gap(found: Answered, expected: Answered, how: str) -> str:
    """What differs, if anything does."""
    wrong = sum(a != b for a, b in zip(found.scores, expected.scores, strict=True))
    wrong = max(wrong, sum(a != b for a, b in zip(found.answers, expected.answers, strict=True)))
    return f"{wrong} of {len(expected.scores)} sentences {how}: other bits" if wrong else ""


def _shown(sentence: Sentence) -> str:
    return " ".join(sentence)[:40]


@contextmanager
def _threaded(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
