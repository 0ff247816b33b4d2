"""Which network a file of weights is for: its name, its width, and where its backbone is from."""

import json
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

Name = Literal["lite", "efficientnetv2s", "koala"]
NAMES: tuple[str, ...] = get_args(Name)
MIN_WIDTH, MAX_WIDTH = 0.125, 8.0
MIN_EMBEDDING_PIXELS = 75
"""The smallest picture that Inception-ResNet-v2 takes."""
MAX_PIXELS = 1024
GRID = 32
"""Pictures that a network trains on have sides that are multiples of this."""


@dataclass(frozen=True)
class Architecture:
    """One network; two equal ones hold the same arrays and compute the same function of them."""

    name: str = "lite"
    """`lite` and `efficientnetv2s` are one decoder on two backbones; `koala` is the report's."""
    width: float = 1.0
    """Factor on the decoder's channels."""
    backbone: str = ""
    """Where the pretrained part came from: `imagenet` (keras.applications), a path or URI, or empty
    where it began untrained. For lite and efficientnetv2s it is history: the file has all arrays.
    Koala's file leaves that part out, because it never changes, and finds it here again."""
    backbone_sha256: str = ""
    """Of koala's Inception branch, as `inception.digest` computes it; empty for the others."""
    pixels: int = 224
    """Height and width of koala's padded picture; the others take any multiples of 32."""
    embedding_pixels: int = 299
    """Height and width at which koala's Inception branch sees that picture."""

    def __post_init__(self) -> None:
        """Refuse what no network is.

        Raises:
            ValueError: If a field is of another type or outside its range.
        """
        for field in fields(self):
            value = getattr(self, field.name)
            kinds = {"width": (int, float)}.get(field.name, (type(field.default),))
            if type(value) not in kinds:
                raise ValueError(f"{field.name} is {value!r}, not a {kinds[-1].__name__}")
        if self.name not in NAMES:
            raise ValueError(f"there is no architecture {self.name!r}, only {', '.join(NAMES)}")
        _within("width", self.width, MIN_WIDTH, MAX_WIDTH)
        _within("pixels", self.pixels, GRID, MAX_PIXELS)
        _within("embedding_pixels", self.embedding_pixels, MIN_EMBEDDING_PIXELS, MAX_PIXELS)
        if self.pixels % GRID:
            raise ValueError(f"pixels is {self.pixels}, not a multiple of {GRID}")

    def matches(self, other: "Architecture") -> bool:
        """Whether weights of the other compute this network's function; history does not count."""
        if "koala" not in {self.name, other.name}:
            return (self.name, self.width) == (other.name, other.width)
        branches = {self.backbone_sha256, other.backbone_sha256} - {""}
        sizes = (self.pixels, self.embedding_pixels) == (other.pixels, other.embedding_pixels)
        return self.name == other.name and sizes and len(branches) < 2

    def to_json(self) -> str:
        """Return what a file of weights says it is; fields at their defaults are left out."""
        defaults = asdict(Architecture())
        said = {key: value for key, value in asdict(self).items() if value != defaults[key]}
        return json.dumps({"name": self.name} | said, sort_keys=True)

    def __str__(self) -> str:
        """Return what tables and reports call it."""
        words = [self.name if self.width == 1 else f"{self.name} x{self.width:g}"]
        if self.name == "koala":
            words.append(f"Inception branch {self.backbone or 'untrained'}")
        return ", ".join(words)


def _within(name: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise ValueError(f"{name} is {value!r}, not in [{least}, {most}]")


def from_json(text: str) -> Architecture:
    """Return the architecture that a file of weights says it is for.

    Raises:
        ValueError: If the text is no JSON object, or its values are no architecture.
    """
    said: Any = json.loads(text)
    if not isinstance(said, dict):
        raise ValueError("it is no JSON object")
    if unknown := sorted(said.keys() - {field.name for field in fields(Architecture)}):
        raise ValueError(f"this version does not know its field {unknown[0]!r}")
    return Architecture(**said)
