"""What `check` says about data: shown red by data that has each fault."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from recurra.data import check
from recurra.errors import DataError, FileError

TRAIN = "leave O\ntaipei B-city\n\nreach O\nparis B-city\nnow O\n"


def corpus(folder: Path, train: str, test: str) -> Path:
    folder.mkdir()
    (folder / "train.conll").write_text(train)
    (folder / "test.conll").write_text(test)
    return folder


def test_a_report_of_a_corpus(tmp_path: Path) -> None:
    folder = corpus(tmp_path / "c", TRAIN, "leave O\ntaipei B-city\n\nreach O\noslo B-city\n")
    report = check(folder)
    assert list(report) == ["train", "test"]
    assert (report["train"].unknown, report["train"].overlap) == (None, None)
    assert (report["test"].unknown, report["test"].overlap) == (0.25, 0.5)
    assert report["train"].labels == {"O": 3, "B-city": 2}
    assert (report["train"].sentences, report["train"].words, report["train"].scheme) == (2, 5, "BIO")
    assert json.loads(json.dumps(report["test"].to_data()))["overlap"] == 0.5
    assert report["test"].lines() == [
        f"{folder}/test.conll: CoNLL columns: word in column 1, label in column 2 of 2, labels BIO, 2 sentences, 4 words",
        "  labels: B-city 2, O 2",
        "  25.0% of the words do not occur in train, 50.0% of the sentences do",
    ]


def test_every_problem_is_told_and_not_only_the_first(tmp_path: Path) -> None:
    path = tmp_path / "a.conll"
    path.write_text("leave O\ntaipei\n\nreach O\nparis city\n\nnew B-city\nyork I-town\n")
    report = check(path)["data"]
    assert [(p.line, p.column) for p in report.problems] == [(2, 7), (5, 7)]
    assert report.breaches == (f"{path}, sentence of line 7, word 2: must be B-town, got I-town",)
    assert report.sentences == 1
    assert report.lines()[2].startswith(f"  problem: {path}, line 2, column 7: must have 2 columns")
    assert report.to_data()["problems"][1]["line"] == 5


def test_what_is_no_data_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="must hold files of the parts train, dev and test"):
        check(tmp_path)
    with pytest.raises(FileError, match="there is no such file"):
        check(tmp_path / "nothing")
