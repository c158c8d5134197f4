"""What the rendered world is made of: kinds of object, colours, backgrounds, and the words for them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """One kind of object.

    `codepoint` names the drawing in the emoji set the sprite sheet was made from. A kind that comes in
    colours states the hue window (degrees, start to end, clockwise) of the pixels that are painted over:
    leaves, windows and wheels outside that window keep their own colour.
    """

    word: str
    codepoint: str
    hue_window: tuple[float, float] | None = None

    @property
    def comes_in_colours(self) -> bool:
        return self.hue_window is not None


@dataclass(frozen=True)
class Colour:
    """A paint: hue in degrees, and factors for saturation and brightness relative to a vivid base."""

    word: str
    hue: float
    saturation: float = 1.0
    brightness: float = 1.0


@dataclass(frozen=True)
class Background:
    """A plain colour or a place. `phrase` ends a caption; `names` are what an instruction may call it."""

    word: str
    phrase: str
    names: tuple[str, ...]

    @property
    def is_plain(self) -> bool:
        return self.phrase.endswith(" background")


def _plain(colour: str) -> Background:
    return Background(colour, f"on a {colour} background", (f"a {colour} background",))


_PLAIN_KINDS = (
    Kind("cat", "1f431"),
    Kind("dog", "1f436"),
    Kind("fox", "1f98a"),
    Kind("lion", "1f981"),
    Kind("tiger", "1f42f"),
    Kind("bear", "1f43b"),
    Kind("panda", "1f43c"),
    Kind("koala", "1f428"),
    Kind("rabbit", "1f430"),
    Kind("cow", "1f42e"),
    Kind("pig", "1f437"),
    Kind("frog", "1f438"),
    Kind("monkey", "1f435"),
    Kind("penguin", "1f427"),
    Kind("owl", "1f989"),
    Kind("duck", "1f986"),
    Kind("turtle", "1f422"),
    Kind("banana", "1f34c"),
    Kind("strawberry", "1f353"),
    Kind("pineapple", "1f34d"),
    Kind("watermelon", "1f349"),
    Kind("pizza", "1f355"),
    Kind("burger", "1f354"),
    Kind("donut", "1f369"),
    Kind("cupcake", "1f9c1"),
    Kind("bus", "1f68c"),
    Kind("rocket", "1f680"),
    Kind("sailboat", "26f5"),
    Kind("cactus", "1f335"),
    Kind("tree", "1f333"),
    Kind("sunflower", "1f33b"),
    Kind("guitar", "1f3b8"),
    Kind("clock", "23f0"),
    Kind("house", "1f3e0"),
    Kind("snowman", "26c4"),
)

_COLOURED_KINDS = (
    Kind("apple", "1f34e", (290.0, 50.0)),
    Kind("car", "1f697", (320.0, 25.0)),
    Kind("balloon", "1f388", (180.0, 60.0)),
    Kind("shirt", "1f455", (40.0, 200.0)),
    Kind("book", "1f4d8", (150.0, 280.0)),
    Kind("umbrella", "2602-fe0f", (220.0, 330.0)),
    Kind("cap", "1f9e2", (150.0, 280.0)),
    Kind("tulip", "1f337", (270.0, 20.0)),
)

KINDS: dict[str, Kind] = {kind.word: kind for kind in _PLAIN_KINDS + _COLOURED_KINDS}

COLOURS: dict[str, Colour] = {
    colour.word: colour
    for colour in (
        Colour("red", 0.0),
        Colour("orange", 27.0),
        Colour("yellow", 50.0),
        Colour("green", 125.0, 0.9, 0.85),
        Colour("blue", 215.0),
        Colour("purple", 275.0, 0.85, 0.9),
        Colour("pink", 330.0, 0.5, 1.08),
    )
}

BACKGROUNDS: dict[str, Background] = {
    background.word: background
    for background in (
        *(_plain(colour) for colour in ("white", "gray", "yellow", "green", "blue", "purple", "pink")),
        Background("table", "on a wooden table", ("a wooden table",)),
        Background("field", "in a grassy field", ("a grassy field",)),
        Background("beach", "on the beach", ("the beach", "a beach")),
        Background("snow", "in the snow", ("the snow", "a snowy place")),
        Background("night", "under the night sky", ("the night sky", "a starry night")),
        Background("sky", "in the cloudy sky", ("the cloudy sky", "a cloudy sky")),
        Background("desert", "in the desert", ("the desert", "a desert")),
    )
}


def with_article(words: str) -> str:
    """`owl` -> `an owl`, `red owl` -> `a red owl`."""
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"
