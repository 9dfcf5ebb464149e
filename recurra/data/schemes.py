"""Three ways to write spans as labels of words. A model learns BIO; what was read in another scheme goes there and back.

    new york city    BIO B-city I-city I-city    IOB1 I-city I-city I-city    BIOES B-city I-city E-city

In IOB1 a B- only parts a span from one of the same name before it; in BIOES a span of one word is S-.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from recurra.errors import check_choice

SCHEMES = ("BIO", "IOB1", "BIOES")
TAGS = "tags"

_LABEL = re.compile(r"O|[BIES]-.+")


def is_span_label(label: str) -> bool:
    """Whether a label is O, or a tag, a hyphen and a name."""
    return bool(_LABEL.fullmatch(label))


def recognise(sentences: Iterable[Sequence[str]]) -> str:
    """BIO, IOB1 or BIOES; "tags" where the labels are no spans (parts of speech).

    An I- that begins a span speaks for IOB1, a B- that nothing obliges to be one for BIO; the more frequent decides.
    """
    inside, begun, seen = 0, 0, False
    for labels in sentences:
        for before, label in zip(("O", *labels), labels, strict=False):
            if not is_span_label(label):
                return TAGS
            if label[0] in "ES":
                return "BIOES" if _all_spans(sentences) else TAGS
            seen = True
            apart = before[2:] != label[2:] or before == "O"
            inside += label[0] == "I" and apart
            begun += label[0] == "B" and apart
    return ("IOB1" if inside > begun else "BIO") if seen else TAGS


def to_bio(labels: Sequence[str]) -> tuple[str, ...]:
    """Labels of any scheme in BIO, with the same spans; where they break the rules, the spans that conlleval sees."""
    return tuple(
        label if label == "O" else f"{'B' if _begins(before, label) else 'I'}-{label[2:]}"
        for before, label in zip(("O", *labels), labels, strict=False)
    )


def from_bio(labels: Sequence[str], scheme: str) -> tuple[str, ...]:
    """BIO labels in another scheme: the inverse of `to_bio` for labels that keep their scheme's rules."""
    check_choice("from_bio", "scheme", scheme, SCHEMES)
    if scheme == "BIO":
        return tuple(labels)
    write = _iob1 if scheme == "IOB1" else _bioes
    return tuple(write(*three) for three in zip(("O", *labels), labels, (*labels[1:], "O"), strict=False))


def breaches(labels: Sequence[str], scheme: str) -> Iterator[tuple[int, str]]:
    """Where the labels of a sentence break the rules of their scheme: the place of the word, from 0, and what should stand there."""
    if scheme not in SCHEMES:
        return
    right = from_bio(to_bio(labels), scheme)
    yield from ((at, good) for at, (label, good) in enumerate(zip(labels, right, strict=True)) if label != good)


def _all_spans(sentences: Iterable[Sequence[str]]) -> bool:
    return all(is_span_label(label) for labels in sentences for label in labels)


def _begins(before: str, label: str) -> bool:
    return label[0] in "BS" or before == "O" or before[0] in "ES" or before[2:] != label[2:]


def _iob1(before: str, label: str, after: str) -> str:
    return "I" + label[1:] if label[0] == "B" and before[2:] != label[2:] else label


def _bioes(before: str, label: str, after: str) -> str:
    if label == "O":
        return label
    ends = after[0] != "I" or after[2:] != label[2:]
    return {("B", True): "S", ("I", True): "E"}.get((label[0], ends), label[0]) + label[1:]
