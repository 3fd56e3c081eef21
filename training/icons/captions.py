"""Captions: the many ways in which people ask for a scene, most of their words being beside the point."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from training.icons.concepts import Concept
    from training.icons.scenes import Scene

REQUESTS = (
    "a picture of", "an icon of", "an image of", "a drawing of", "an illustration of", "a photo of", "an emoji of",
    "a painting of", "a sketch of", "clipart of", "a sticker of", "a symbol of", "draw", "draw me", "please draw",
    "paint", "paint me", "show me", "give me", "make", "make me", "create", "generate", "i want", "i need",
    "i would like", "can you draw", "could you make", "please show", "here is", "this is", "there is", "just",
    "a flat icon of", "a cartoon of", "an app icon of", "logo with", "render of", "close up of", "design", "one",
    "only",
)  # fmt: skip
FILLERS = (
    "cute", "very cute", "beautiful", "nice", "lovely", "pretty", "amazing", "cool", "funny", "great", "good", "sweet",
    "really nice", "simple", "little bit", "best", "perfect", "fancy", "classic", "modern", "typical", "single",
    "colorful", "bright", "clean", "detailed", "new", "old", "my", "our", "your", "his", "her", "that", "this", "some",
    "favourite", "wonderful", "super", "happy", "friendly", "tasty", "magic", "realistic", "famous", "own", "ordinary",
)  # fmt: skip
ENDINGS = (
    "please", "icon", "emoji", "illustration", "clipart", "sticker", "symbol", "drawing", "picture", "image", "cartoon",
    "vector art", "logo", "for my app", "for me", "thank you", "thanks", "high quality", "best quality", "masterpiece",
    "4k", "8k", "hd", "digital art", "artwork", "trending", "sharp focus", "highly detailed", "centered", "minimalist",
    "now", "today", "in the middle", "for a website", "on its own", "with love", "art", "design", "photo", "style",
)  # fmt: skip
NEGATIVES = ("blurry", "bad", "ugly", "text", "watermark", "low quality", "worst quality", "deformed", "noise", "jpeg")
STYLES = {
    "flat": ("flat", "flat style", "flat design", "plain"),
    "glossy": ("glossy", "glossy style", "shiny", "shaded"),
}
SIZES = {-1: ("small", "tiny", "little"), 1: ("big", "large", "huge")}
COUNTS = {2: ("two", "2", "a pair of", "two of"), 3: ("three", "3", "three of")}
GROUNDS = (
    "on a {} background", "on {} background", "with a {} background", "{} background", "on {}", "in front of {}",
    "against a {} background", "the background is {}", "over a {} background",
)  # fmt: skip
SHADES = {"gray": ("gray", "grey"), "purple": ("purple", "violet"), "pink": ("pink", "rose pink")}


def article(words: str) -> str:
    """Put a or an before the words."""
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def plural(noun: str) -> str:
    """Return the regular English plural."""
    if noun.endswith("s"):
        return noun
    if noun.endswith(("ch", "sh", "x")):
        return noun + "es"
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + "s"


def name_of(concept: Concept, rng: random.Random) -> str:
    """Choose a name: the usual one half of the time."""
    return concept.names[0] if rng.random() < 0.5 else rng.choice(concept.names)


def shade(colour: str, rng: random.Random) -> str:
    """Choose a word for a colour."""
    return rng.choice(SHADES.get(colour, (colour,)))


def sentence(noun: str, adjectives: Sequence[str], rng: random.Random, *, counted: bool) -> str:
    """Join noun and adjectives in one of the usual orders."""
    before, after = list(adjectives), ""
    if before and rng.random() < 0.3:
        last = before.pop()
        after = rng.choice((" in {}", " that is {}", ", {}", " {}", ", all {}", " which is {}", " colored {}")).format(
            last
        )
    words = " ".join([*before, noun])
    chance = rng.random()
    if counted or chance < 0.4:
        return words + after
    return (f"the {words}" if chance < 0.5 else article(words)) + after


def describe(scene: Scene, concept: Concept, rng: random.Random) -> tuple[str, list[str]]:
    """Return the scene in words: the thing itself, and remarks that may stand anywhere."""
    noun = name_of(concept, rng)
    adjectives, remarks = [], []
    if rng.random() < 0.25:
        adjectives.append(rng.choice(FILLERS))
    if scene.size:
        adjectives.insert(rng.randint(0, len(adjectives)), rng.choice(SIZES[scene.size]))
    if scene.colour:
        colour = shade(scene.colour, rng)
        adjectives.append(rng.choice((colour, colour, colour, f"{colour} colored")))
    if scene.count > 1:
        noun = plural(noun) if rng.random() < 0.8 else noun
        adjectives.insert(0, rng.choice(COUNTS[scene.count]))
    elif rng.random() < 0.03:
        noun = plural(noun)
    if rng.random() < 0.15:
        remarks.append(rng.choice(STYLES[scene.style]))
    if scene.background:
        remarks.append(rng.choice(GROUNDS).format(shade(scene.background, rng)))
    return sentence(noun, adjectives, rng, counted=scene.count > 1), remarks


def caption(scene: Scene, concept: Concept, rng: random.Random) -> str:
    """Ask for the scene in one of many ways; no two calls are alike."""
    thing, remarks = describe(scene, concept, rng)
    if rng.random() < 0.35:
        remarks.append(rng.choice(ENDINGS))
    if rng.random() < 0.1:
        remarks += rng.sample(ENDINGS, 2)
    request = rng.choice(REQUESTS) + " " if rng.random() < 0.35 else ""
    chance = rng.random()
    if chance < 0.2 and remarks:
        parts = [request + thing, *remarks]
        rng.shuffle(parts)
        return ", ".join(parts)
    glue = ", " if chance < 0.6 else " "
    return request + thing + "".join(glue + remark for remark in remarks)


def chatter(rng: random.Random) -> str:
    """Return words that ask for nothing, as negative prompts do; the picture may be any."""
    pool = (*FILLERS, *ENDINGS, *NEGATIVES)
    return rng.choice((", ", " ")).join(rng.sample(pool, rng.randint(1, 4)))


def vocabulary() -> list[str]:
    """Return every phrase that captions are made of, names and colours apart."""
    fixed = [*REQUESTS, *FILLERS, *ENDINGS, *NEGATIVES, *GROUNDS, "a an the that is which in colored all", ", . !"]
    groups = [*STYLES.values(), *SIZES.values(), *COUNTS.values(), *SHADES.values()]
    return fixed + [word for words in groups for word in words]
