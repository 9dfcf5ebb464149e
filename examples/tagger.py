"""Train a tagger on the built-in flights, keep it in one file, load it, and feed it a sentence word by word."""

import tempfile
from pathlib import Path

import recurra

# A small part of the corpus: seconds instead of a minute, and still enough to see what is learned.
SMALL = {"corpus.train": 600, "corpus.dev": 100, "corpus.test": 100, "training.epochs": 6}
SENTENCE = "arrive Taipei on November 2nd"


def main() -> None:
    model = recurra.train("slots", cell="gru", seed=1, run=False, **SMALL)
    print(model, {part: f"{scores['f1']:.1%}" for part, scores in model.scores.items()})
    print(model.predict(SENTENCE))

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "slots.rnn")
        model.save(path)
        print(f"one file, {path.stat().st_size:,} bytes")
        loaded = recurra.load(path)
    before, after = model.predict(SENTENCE), loaded.predict(SENTENCE)
    assert before == after
    assert (before.table == after.table).all()

    # Word by word: a network that reads in one direction answers as soon as a word is there.
    stream = loaded.stream()
    for word in SENTENCE.split()[:2]:
        print(stream.feed(word))
    other = stream.fork()
    print("on a date:", stream.feed("on"), " at a time:", other.feed("at"))


if __name__ == "__main__":
    main()
