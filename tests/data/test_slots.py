"""The three-file slot layout: what is read, what is tolerated and what is refused, and where."""

from __future__ import annotations

from pathlib import Path

import pytest

from recurra.data import Corpus, MostFrequentLabel, Tagged, is_split, read_slots, read_split
from recurra.errors import DataError, FileError

WORDS = b"leave Taipei at ten am\narrive new york\n"
LABELS = b"O B-departure O B-departure_time I-departure_time\nO B-destination I-destination\n"
INTENTS = b"flight\nflight#fare\n"
SAMPLE = (
    Tagged(
        ("leave", "Taipei", "at", "ten", "am"), ("O", "B-departure", "O", "B-departure_time", "I-departure_time"), "flight"
    ),
    Tagged(("arrive", "new", "york"), ("O", "B-destination", "I-destination"), "flight#fare"),
)
REAL = Path(__file__).parents[3] / "shared" / "data" / "atis"


def write(folder: Path, words: bytes = WORDS, labels: bytes = LABELS, intents: bytes | None = INTENTS) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "seq.in").write_bytes(words)
    (folder / "seq.out").write_bytes(labels)
    if intents is not None:
        (folder / "label").write_bytes(intents)
    return folder


def corpus(folder: Path, dev: str = "dev") -> Path:
    for name in ("train", dev, "test"):
        write(folder / name)
    return folder


@pytest.mark.parametrize("dev", ["dev", "valid"])
def test_a_folder_with_three_parts(tmp_path: Path, dev: str) -> None:
    assert read_slots(corpus(tmp_path, dev)) == Corpus(SAMPLE, SAMPLE, SAMPLE)
    assert not is_split(tmp_path)
    assert is_split(tmp_path / dev)


def test_parts_that_are_not_asked_for_need_not_be_there(tmp_path: Path) -> None:
    write(tmp_path / "train")
    assert read_slots(tmp_path, ("train",)) == Corpus(SAMPLE, (), ())


def test_without_intents(tmp_path: Path) -> None:
    assert [(s.words, s.intent) for s in read_split(write(tmp_path, intents=None))] == [(s.words, None) for s in SAMPLE]


@pytest.mark.parametrize(
    ("words", "labels", "intents"),
    [
        (b"\xef\xbb\xbf" + WORDS, LABELS, b"\xef\xbb\xbf" + INTENTS),
        (WORDS.replace(b"\n", b"\r\n"), LABELS.replace(b"\n", b"\r\n"), INTENTS),
        (WORDS.replace(b"\n", b"  \n"), LABELS.replace(b"\n", b" \t\n"), INTENTS),
        (WORDS.replace(b" ", b"\t"), LABELS.replace(b" ", b"   "), INTENTS),
        (WORDS.rstrip(), LABELS.rstrip(), INTENTS.rstrip()),
        (WORDS + b"\n\n", LABELS, INTENTS + b"\r\n"),
        (WORDS.replace(b"\n", b"\n\n"), LABELS.replace(b"\n", b"\n\n"), INTENTS.replace(b"\n", b"\n\n")),
    ],
    ids=["byte order mark", "crlf", "spaces at the end", "tabs", "no last line end", "empty lines at the end", "empty lines between"],
)
def test_harmless_variants_read_the_same(tmp_path: Path, words: bytes, labels: bytes, intents: bytes) -> None:
    assert read_split(write(tmp_path, words, labels, intents)) == SAMPLE


def test_only_line_ends_part_lines_and_only_spaces_part_words(tmp_path: Path) -> None:
    words = "new\u00a0york a\u2028b\x0cc\n".encode()
    assert read_split(write(tmp_path, words, b"O O\n", None))[0].words == ("new\u00a0york", "a\u2028b\x0cc")


EXAMPLE = "such as `leave taipei` in seq.in and `O B-departure` in seq.out"


@pytest.mark.parametrize(
    ("words", "labels", "intents", "message"),
    [
        (WORDS, LABELS.replace(b" I-destination", b""), INTENTS,
         f"seq.out, line 2, column 16: must have a label for each of the 3 words of seq.in, got 2; {EXAMPLE}."),
        (WORDS, LABELS.replace(b"I-dep", b"O I-dep"), INTENTS,
         f"seq.out, line 1, column 36: must have a label for each of the 5 words of seq.in, got 6; {EXAMPLE}."),
        (WORDS, LABELS.replace(b"B-destination", b"destination"), INTENTS,
         f"seq.out, line 2, column 3: a label must be O, B-NAME or I-NAME, got 'destination'; {EXAMPLE}."),
        (WORDS, LABELS.replace(b"B-destination", b"B-"), INTENTS,
         f"seq.out, line 2, column 3: a label must be O, B-NAME or I-NAME, got 'B-'; {EXAMPLE}."),
        (WORDS, LABELS.split(b"\n")[0], INTENTS,
         f"seq.in, line 2, column 1: must have its line in seq.out, which has 1; line 1 of each file is the first sentence, {EXAMPLE}."),
        (WORDS, LABELS + b"O\n", INTENTS,
         f"seq.out, line 3, column 1: must have its line in seq.in, which has 2; line 1 of each file is the first sentence, {EXAMPLE}."),
        (WORDS, LABELS, b"flight\n",
         f"seq.in, line 2, column 1: must have its line in label, which has 1; line 1 of each file is the first sentence, {EXAMPLE}."),
        (WORDS, LABELS, b"\nflight\n", "label, line 1, column 1: must have the sentence's intent, such as `flight`, got nothing."),
        (WORDS.replace(b"new", b"n\xe9w"), LABELS, INTENTS,
         "seq.in, line 2, column 9: must be UTF-8 text, got the byte 0xe9. Save the file as UTF-8."),
        (WORDS.decode().encode("utf-16"), LABELS, INTENTS,
         "seq.in, line 1, column 1: must be UTF-8 text, got the byte 0xff. Save the file as UTF-8."),
        (b"", LABELS, INTENTS,
         f"seq.out, line 1, column 1: must have its line in seq.in, which has 0; line 1 of each file is the first sentence, {EXAMPLE}."),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_with_its_place(
    tmp_path: Path, words: bytes, labels: bytes, intents: bytes, message: str
) -> None:
    with pytest.raises(DataError) as caught:
        read_split(write(tmp_path, words, labels, intents))
    assert str(caught.value) == f"{tmp_path}/{message}"


def test_a_missing_part_says_what_was_looked_for(tmp_path: Path) -> None:
    write(tmp_path / "train")
    with pytest.raises(DataError) as caught:
        read_slots(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}: must hold dev/seq.in or valid/seq.in for the dev part, found train. Give a folder with train, dev and test."
    )


@pytest.mark.parametrize(("name", "found"), [("nowhere", "no such folder"), ("file", "a file"), ("empty", "nothing")])
def test_what_is_no_corpus(tmp_path: Path, name: str, found: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=f"for the train part, found {found}. Give a folder with train, dev and test."):
        read_slots(tmp_path / name)


def test_a_missing_or_unreadable_file(tmp_path: Path) -> None:
    (tmp_path / "seq.in").write_bytes(WORDS)
    with pytest.raises(DataError, match=r"seq.out: there is no such file; a split holds seq.in and seq.out, such as"):
        read_split(tmp_path)
    (tmp_path / "seq.out").mkdir()
    with pytest.raises(FileError, match=r"seq.out: cannot be read: Is a directory."):
        read_split(tmp_path)


def test_labels_must_be_as_many_as_words() -> None:
    with pytest.raises(DataError) as caught:
        Tagged(("leave", "taipei"), ("O",))
    assert str(caught.value) == "Tagged: labels must be one for each of the 2 words, got 1."


def test_the_real_folder_or_else_the_sample(tmp_path: Path) -> None:
    real = REAL.is_dir()
    read = read_slots(REAL if real else corpus(tmp_path))
    sizes = tuple(map(len, (read.train, read.dev, read.test)))
    assert sizes == ((4478, 500, 893) if real else (2, 2, 2))
    assert all(sentence.intent for sentence in (*read.train, *read.dev, *read.test))
    assert sum(map(len, read.test)) == (9164 if real else 8)


def test_the_most_frequent_label_of_each_word() -> None:
    model = MostFrequentLabel.fit(SAMPLE)
    assert model.predict(["LEAVE", "new", "taipei", "nowhere"]) == ("O", "B-destination", "B-departure", "O")
    even = MostFrequentLabel.fit([Tagged(("may", "may", "x"), ("O", "B-date", "B-date"))])
    assert even.predict(["may", "unseen"]) == ("B-date", "B-date")
