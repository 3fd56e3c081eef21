"""What can be drawn: the list of concepts and the names that call for them."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

LIST = Path(__file__).with_name("concepts.txt")
COLOURS = {
    "red": "#F8312F",
    "orange": "#FF822D",
    "yellow": "#FCD53F",
    "green": "#00B85C",
    "blue": "#0F74E0",
    "purple": "#8D45C5",
    "pink": "#FF7AC2",
    "brown": "#7D4533",
    "black": "#2A2A2E",
    "gray": "#9B9BA0",
}
BACKGROUNDS = {
    "white": "#FFFFFF",
    "red": "#E8403A",
    "orange": "#FF9A4D",
    "yellow": "#FFE27A",
    "green": "#7ED99A",
    "blue": "#6FB4F5",
    "purple": "#B38AE0",
    "pink": "#FFB3DA",
    "black": "#101014",
    "gray": "#B8B8BE",
    "brown": "#9A6B50",
}
MAX_KEYWORDS = 2
KEYWORD_LENGTHS = range(3, 24)


@dataclass(frozen=True)
class Concept:
    """One drawable thing. ``key`` names its art; ``names`` call for it, the usual one first."""

    key: str
    names: tuple[str, ...]
    paintable: bool


def read_concepts(path: Path = LIST) -> list[Concept]:
    """Read the list: lines of ``key | name | name ...``, a ``*`` before a key that may be painted."""
    concepts = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("#") or not line.strip():
            continue
        key, *names = (part.strip() for part in line.split("|"))
        concepts.append(Concept(key.lstrip("*"), tuple(names), key.startswith("*")))
    return concepts


def with_keywords(concepts: list[Concept], packages: Path, reserved: set[str]) -> list[Concept]:
    """Add up to two synonyms from emojilib: words that it gives to one concept only and that mean nothing else."""
    slugs = json.loads((packages / "unicode-emoji-json/data-by-emoji.json").read_text(encoding="utf-8"))
    words = json.loads((packages / "emojilib/dist/emoji-en-US.json").read_text(encoding="utf-8"))
    by_slug = {entry["slug"].replace("_", "-"): words.get(emoji, []) for emoji, entry in slugs.items()}
    found = {c.key: [w.replace("_", " ").strip().lower() for w in by_slug.get(c.key, [])] for c in concepts}
    count = Counter(word for keywords in found.values() for word in set(keywords))
    taken = {name for c in concepts for name in c.names} | set(COLOURS) | reserved

    def good(word: str) -> bool:
        plain = word.replace(" ", "").isalpha()
        return plain and len(word) in KEYWORD_LENGTHS and count[word] == 1 and word not in taken

    return [replace(c, names=c.names + tuple([w for w in found[c.key] if good(w)][:MAX_KEYWORDS])) for c in concepts]
