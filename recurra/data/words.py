"""From a line of text to words, as simply as possible."""

from __future__ import annotations

import re

# A number or word keeps the points, colons, apostrophes and hyphens inside it (7:30, o'clock, first-class); any other sign stands alone.
_WORD = re.compile(r"\w+(?:[.,:'’-]\w+)*|[^\w\s]")


def split_words(text: str) -> tuple[str, ...]:
    """Words and signs of `text`: `split_words("Leave Taipei, please.")` is `("Leave", "Taipei", ",", "please", ".")`.

    Nothing is folded here: a vocabulary does that, so that answers show the words as they were typed.
    """
    return tuple(_WORD.findall(text))
