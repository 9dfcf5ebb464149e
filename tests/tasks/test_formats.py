"""Tagging reads every format of the data floor, in BIO."""

from __future__ import annotations

from pathlib import Path

from recurra.data import Tagged
from recurra.tasks.tagging import Tagging

SENTENCE = Tagged(("new", "york"), ("B-city", "I-city"))


def test_a_folder_and_a_file_in_another_layout_and_scheme(tmp_path: Path) -> None:
    for part in ("train", "dev", "test"):
        (tmp_path / f"{part}.conll").write_text("new B-city\nyork E-city\n")
    corpus = Tagging.read_corpus(tmp_path)
    assert (corpus.train, corpus.dev, corpus.test) == ((SENTENCE,),) * 3
    assert tuple(Tagging.read_examples(tmp_path)) == (SENTENCE,)
    assert tuple(Tagging.read_examples(tmp_path / "test.conll")) == (SENTENCE,)
