"""The readers: one small file in each format, harmless variants of it, damaged ones with their place, and the real folders."""

from __future__ import annotations

import gzip
from contextlib import suppress
from pathlib import Path

import pytest

from recurra.data import Tagged, find_parts, look, read, read_parts
from recurra.errors import DataError, FileError, RecurraError

SHARED = Path(__file__).parents[3] / "shared" / "data"
SAMPLE = (Tagged(("leave", "taipei"), ("O", "B-city")), Tagged(("reach", "new", "york"), ("O", "B-city", "I-city")))
COLUMNS = "leave O\ntaipei\tB-city\n\nreach O\nnew B-city\nyork I-city\n"
CSV = "leave,O\ntaipei,B-city\n\nreach,O\nnew,B-city\nyork,I-city\n"
JSON = (
    '{"words": ["leave", "taipei"], "labels": ["O", "B-city"]}\n{"words": ["reach", "new", "york"], "labels": ["O", "B-city", "I-city"]}\n'
)
CONLLU = "# text = leave\n" + "\n".join(
    row and row.replace(" ", "\t").replace("*", "\t_" * 6)
    for row in ("1 leave _ VERB*", "2 taipei _ PROPN*", "", "1 reach _ VERB*", "2 new _ ADJ*", "3 york _ PROPN*", "")
)
ANALYSED = (Tagged(("leave", "taipei"), ("VERB", "PROPN")), Tagged(("reach", "new", "york"), ("VERB", "ADJ", "PROPN")))
WHOLE = {"a.conll": (COLUMNS, SAMPLE), "a.csv": (CSV, SAMPLE), "a.jsonl": (JSON, SAMPLE), "a.conllu": (CONLLU, ANALYSED)}

# What is replaced, by what, and where the problem stands; without a place the file reads the same.
DAMAGED = {
    "a.conll": [
        ("\n", "\r\n", ""),
        ("leave", "\ufeffleave", ""),
        ("\n\n", "\n\n\n \t\n", ""),
        ("\n\n", "\n-DOCSTART- O\n", ""),
        ("\t", " \t  ", ""),
        ("leave", "# a comment of words\nleave", ""),
        ("leave", "-DOCSTART- O\n\nleave", ""),
        ("leave", "word label\nleave", ""),
        (" I-city\n", " I-city", ""),
        ("leave", "\n\nleave", ""),
        (" ", "\t", ""),
        ("leave O", "leave", "line 1, column 6"),
        ("york I-city", "york I-city x", "line 6, column 13"),
        ("B-city\n\n", "city\n\n", "line 2, column 8"),
        ("I-city", "I-", "line 6, column 6"),
        ("york", "y\x00rk", "line 6, column 2"),
        ("york", "y\udce9rk", "line 6, column 2"),
        ("new", "new\u00e9 x", "line 5, column 8"),
        ("york I-city", "york Icity", "line 6, column 6"),
        ("york I-city", "york I_city", "line 6, column 6"),
        ("reach O", "reach o", "line 4, column 7"),
    ],
    "a.csv": [
        ("\n", "\r\n", ""),
        ("leave", "\ufeffleave", ""),
        ("\n\n", "\n,\n", ""),
        ("leave,", '"leave",', ""),
        (",", ";", ""),
        ("leave", "word,label\nleave", ""),
        ("\n\n", "\n;\n\n", "line 3, column 2"),
        ("leave", "\nleave", ""),
        ("B-city", '"B-city"', ""),
        ("I-city\n", "I-city", ""),
        ("\n\n", "\n\n,\n,\n", ""),
        ("leave,O", "leave", "line 1, column 6"),
        ("york,I-city", "york,I-city,x", "line 6, column 13"),
        ("york,", ",", "line 6, column 1"),
        ("I-city", "", "line 6, column 6"),
        ("york", '"york', "line 6, column 13"),
        ("york", "y\udce9rk", "line 6, column 2"),
        ("york", "y\x00rk", "line 6, column 2"),
        ("taipei,B-city", "taipei,city", "line 2, column 8"),
        ("reach,O", "reach;O", "line 4, column 8"),
    ],
    "a.jsonl": [
        ("\n", "\r\n", ""),
        ('{"words": ["leave', '\ufeff{"words": ["leave', ""),
        ("\n", "\n\n", ""),
        ("words", "tokens", ""),
        ("labels", "tags", ""),
        ('"labels"', '"id": 3, "labels"', ""),
        ("leave", "\\u006ceave", ""),
        ("labels", "ner_tags", ""),
        ("]}\n{", "]} \n {", ""),
        ('york"', "york", "line 2, column 37"),
        ('"york"', "3", "line 2, column 1"),
        (', "york"', "", "line 2, column 1"),
        ('"york"', '""', "line 2, column 1"),
        ('["leave", "taipei"]', '"leave taipei"', "line 1, column 1"),
        ('["leave", "taipei"]', "null", "line 1, column 1"),
        ("]}\n{", "]}{", "line 1, column 58"),
        ("york", "y\udce9rk", "line 2, column 30"),
        ("]}\n{", '], "intent": 3}\n{', "line 1, column 1"),
        ('{"words": ["leave"', '[{"words": ["leave"', "line 1, column 59"),
        ('"taipei"', "[" * 100_000, "line 1, column 1"),
    ],
    "a.conllu": [
        ("\n", "\r\n", ""),
        ("# text", "\ufeff# text", ""),
        ("\n\n", "\n\n\n", ""),
        ("# text = leave\n", "", ""),
        ("1\treach", "# x\n1\treach", ""),
        ("2\tnew", "2-3\tnewyork" + "\t_" * 8 + "\n2\tnew", ""),
        ("3\tyork", "2.1\tof" + "\t_" * 8 + "\n3\tyork", ""),
        ("\n\n", "\n \n", ""),
        ("3\tyork", "# x\n3\tyork", ""),
        ("2\tnew", "3\tnew", "line 6, column 1"),
        ("3\tyork", "x\tyork", "line 7, column 1"),
        ("3\tyork", "3 york", "line 7, column 1"),
        ("york\t_", "york", "line 7, column 1"),
        ("york\t_", "\t_", "line 7, column 3"),
        ("york\t_\tPROPN", "york\t_\t", "line 7, column 10"),
        ("york", "y\udce9rk", "line 7, column 4"),
        ("york", "y\x00rk", "line 7, column 4"),
        ("1\treach", "0\treach", "line 5, column 1"),
        ("3\tyork", "\tyork", "line 7, column 1"),
        ("2\tnew", "2\tnew\t", "line 6, column 1"),
    ],
}
CASES = [(name, *case) for name, cases in DAMAGED.items() for case in cases]


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    return path


def test_there_are_twenty_variants_of_each() -> None:
    assert all(len(cases) >= 20 for cases in DAMAGED.values())


@pytest.mark.parametrize("case", CASES, ids=[f"{name}-{number}" for number, (name, *_) in enumerate(CASES)])
def test_a_variant_reads_the_same_or_is_refused_with_its_place(tmp_path: Path, case: tuple[str, str, str, str]) -> None:
    name, old, new, place = case
    whole, sample = WHOLE[name]
    assert old in whole
    path = write(tmp_path / name, whole.replace(old, new))
    if not place:
        assert read(path).examples == sample
        return
    with pytest.raises(DataError) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}, {place}: "), caught.value
    assert str(caught.value).endswith(".")
    skipped = read(path, skip_bad=True)
    assert len(skipped.problems) >= 1
    assert str(skipped.problems[0]) == str(caught.value)
    assert set(skipped.examples) < {*sample}


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a.conll", "CoNLL columns: word in column 1, label in column 2 of 2"),
        ("a.csv", "CSV columns: word in column 1, label in column 2 of 2"),
        ("a.jsonl", "JSON lines"),
        ("a.conllu", "CoNLL-U"),
    ],
)
def test_the_format_is_found_whatever_the_name_and_shown(tmp_path: Path, name: str, shown: str) -> None:
    assert str(look(write(tmp_path / "data", WHOLE[name][0]))) == shown
    packed = tmp_path / "data.gz"
    packed.write_bytes(gzip.compress(WHOLE[name][0].encode()))
    assert read(packed).examples == WHOLE[name][1]
    packed.write_bytes(packed.read_bytes()[:-12])
    with pytest.raises(DataError, match="must be a whole gzip file"):
        read(packed)


def test_what_a_spreadsheet_saves(tmp_path: Path) -> None:
    text = '\ufeffWord;Label\r\nleave;O\r\n"taipei";B-city\r\n;\r\n;\r\nreach;O\r\nnew;B-city\r\nyork;I-city\r\n'
    assert read(write(tmp_path / "saved.csv", text)).examples == SAMPLE
    quoted = 'say,O\r\n"""",O\r\n"a,b",B-x\r\n'
    assert read(write(tmp_path / "quotes.csv", quoted)).examples == (Tagged(("say", '"', "a,b"), ("O", "O", "B-x")),)
    with pytest.raises(DataError, match=r"line 1, column 1: must have a word and its label, .* got no text in UTF-8\."):
        read(write(tmp_path / "saved.txt", "").with_name("saved.txt"))
    (tmp_path / "unicode.txt").write_bytes(COLUMNS.encode("utf-16"))
    with pytest.raises(DataError, match="must"):
        read(tmp_path / "unicode.txt")


def test_columns_are_chosen(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", "EU NNP B-NP B-ORG\nrejects VBZ B-VP O\n")
    assert read(path).examples == (Tagged(("EU", "rejects"), ("B-ORG", "O")),)
    assert read(path, label=2).examples == (Tagged(("EU", "rejects"), ("NNP", "VBZ")),)
    assert read(path, label=2).scheme == "tags"
    with pytest.raises(DataError, match=r"the label column must be in 1\.\.4, or -1 for the last, got 5\."):
        read(path, label=5)
    assert read(write(tmp_path / "a.conllu", CONLLU), label=1).examples[0].labels == ("1", "2")


def test_a_folder_is_searched_for_its_parts(tmp_path: Path) -> None:
    for name in ("a/train.conll", "a/eng.testa", "a/test/x.txt", "a/README.md"):
        write(tmp_path / name, COLUMNS.replace("B-city", "I-city"))
    assert {part: path.name for part, path in find_parts(tmp_path).items()} == {"train": "train.conll", "dev": "eng.testa", "test": "x.txt"}
    assert read(tmp_path / "a" / "train.conll").scheme == "IOB1"
    assert read_parts(tmp_path).train == SAMPLE
    write(tmp_path / "a" / "train.csv", CSV)
    with pytest.raises(DataError, match=r"must hold one file for the train part, found a/train\.conll, a/train\.csv\."):
        find_parts(tmp_path)
    with pytest.raises(DataError, match=r"must hold a file for the train part, such as train\.conll, found x\.txt\."):
        read_parts(tmp_path / "a" / "test")
    with pytest.raises(FileError, match="there is no such file"):
        look(tmp_path / "nothing")


def test_the_real_folders_have_their_published_sizes() -> None:
    sizes = {"wnut17": (3394, 1009, 1287), "ud_english_ewt": (12544, 2001, 2077), "atis": (4478, 500, 893)}
    schemes = {"wnut17": "BIO", "ud_english_ewt": "tags", "atis": "BIO"}
    for name in (name for name in sizes if (SHARED / name).is_dir()):
        parts = find_parts(SHARED / name)
        readings = [read(parts[part]) for part in ("train", "dev", "test")]
        assert tuple(len(each.found) for each in readings) == sizes[name]
        assert {each.scheme for each in readings} == {schemes[name]}


def test_no_bytes_give_another_error(tmp_path: Path) -> None:
    for text, _ in WHOLE.values():
        for cut in range(0, len(text), 7):
            with suppress(RecurraError):
                read(write(tmp_path / "cut", text[:cut] + "\udcff\x00,;\t{" + text[cut + 3 :]))
