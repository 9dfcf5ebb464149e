"""Apple the fruit and Apple the company, in English words and in Chinese characters: the word is the same, what stands around it decides.

Everything is in lower case, so no letter gives the company away. Each sentence is written out twice, once for the fruit and once for the
company, alike but for the deciding words: whoever sees one word at a time is right on half of the names.
"""

from __future__ import annotations

from recurra.data.chance import Chance, Deck
from recurra.data.example import Corpus, Tagged
from recurra.errors import ConfigurationError, check_choice

PARTS = ("train", "dev", "test")
LANGUAGES = ("english", "chinese")
ROLES = ("fruit", "company")
LONGEST_GAP = 6

# Pairs of words that mean the fruit and the company; a pair stands before the name or after it.
BEFORE = {
    "english": (("eat", "sue"), ("peel", "join"), ("wash", "phone"), ("bake", "trust"), ("pick", "manage")),
    "chinese": (("吃", "告"), ("削", "查"), ("洗", "管"), ("種", "投"), ("摘", "問")),
}
AFTER = {
    "english": (("rots", "hires"), ("ripens", "invests"), ("tastes", "reports"), ("falls", "sells")),
    "chinese": (("熟", "漲"), ("甜", "跌"), ("爛", "賺"), ("酸", "賠")),
}
NAMES = {"english": ("apple", "blackberry", "orange", "kiwi", "peach"), "chinese": ("蘋 果", "黑 莓", "橙 子", "蜜 桃", "香 瓜")}
FILLERS = {
    "english": ("perhaps", "today", "again", "the", "famous", "very", "big", "old", "next", "red"),
    "chinese": ("那", "這", "個", "大", "的", "也", "很", "今", "天", "紅"),
}
# Beginnings and ends of the sentences; each part has its own, from words that train has.
FRAMES = {
    "english": {
        "train": (("we", ""), ("they say we", "now"), ("can you", "now please"), ("i think you", ""), ("", ""), ("please say", "and go")),
        "dev": (("i say you", "please"), ("they think", "")),
        "test": (("can we", "please"), ("you say i", "now"), ("they", "and we go")),
    },
    "chinese": {
        "train": (("我 們", ""), ("他 說 我", "了"), ("你 要", "嗎"), ("我 想 你", ""), ("", ""), ("請 說", "了 嗎")),
        "dev": (("我 說 你", "嗎"), ("他 們 想", "")),
        "test": (("他 要", "了"), ("你 說 我 們", "嗎"), ("請 你", "")),
    },
}


def fruit(size: int, seed: int = 1, part: str = "train", language: str = "english") -> list[Tagged]:
    """`size` sentences with the label fruit or company on one name, always the same ones for the same arguments.

    0 to 6 words stand between the name and the word that decides, which stands before it or after it, equally often. In Chinese every
    character is a word. The `part` is train, dev or test: each has its own frames. Every name has both roles equally often, but for the
    last sentence of an odd `size`.
    """
    check_choice("fruit", "part", part, PARTS)
    check_choice("fruit", "language", language, LANGUAGES)
    if size < 0:
        raise ConfigurationError(f"fruit: size must be 0 or more, got {size}.")
    chance = Chance("fruit", seed, part, language)
    gaps, names = Deck(chance, range(LONGEST_GAP + 1)), Deck(chance, NAMES[language])
    places = Deck(chance, ((True, BEFORE[language]), (False, AFTER[language])))
    sentences: list[Tagged] = []
    while len(sentences) < size:
        first, last = chance.one(FRAMES[language][part])
        before, pairs = places.deal()
        gap = [chance.one(FILLERS[language]) for _ in range(gaps.deal())]
        pair, name = chance.one(pairs), names.deal().split()
        sentences += [_written(first.split(), last.split(), gap, name, pair[role], before, ROLES[role]) for role in (0, 1)]
    return chance.shuffled(sentences[:size])


def fruit_corpus(seed: int = 1, sizes: tuple[int, int, int] = (2000, 300, 600), language: str = "english") -> Corpus:
    """Three parts of `fruit`, of the `sizes` given."""
    train, dev, test = (tuple(fruit(size, seed, part, language)) for size, part in zip(sizes, PARTS, strict=True))
    return Corpus(train, dev, test)


def _written(
    first: list[str], last: list[str], gap: list[str], name: list[str], decides: str, before: bool, role: str
) -> Tagged:
    """One sentence: the deciding word, the gap and the name, or the name, the gap and the deciding word."""
    left, right = ([*first, decides, *gap], last) if before else (first, [*gap, decides, *last])
    labels = [f"B-{role}", *[f"I-{role}"] * (len(name) - 1)]
    return Tagged((*left, *name, *right), (*["O"] * len(left), *labels, *["O"] * len(right)))
