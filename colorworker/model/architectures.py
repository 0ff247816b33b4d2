"""The architecture of a network, as its weights file names it: kind, width and backbone."""

import json
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from colorworker.domain.parsing import parse_json

Name = Literal["lite", "efficientnetv2s", "koala"]
NAMES: tuple[str, ...] = get_args(Name)
MIN_WIDTH, MAX_WIDTH = 0.125, 8.0
MIN_EMBEDDING_PIXELS = 75
"""Smallest picture side that Inception-ResNet-v2 accepts."""
MAX_PIXELS = 1024
GRID = 32
"""Sides of training pictures are multiples of this."""


@dataclass(frozen=True)
class Architecture:
    """A network. Equal architectures have the same arrays and compute the same function of them."""

    name: str = "lite"
    """`lite` and `efficientnetv2s` share a decoder on different backbones. `koala` is a
    variant of Deep Koalarization (Baldassarre 2017)."""
    width: float = 1.0
    """Factor on the decoder's channels."""
    backbone: str = ""
    """Origin of the pretrained part: `imagenet` (keras.applications), a path or URI, or empty if it
    started untrained. For lite and efficientnetv2s this is only a note, as their files hold all
    arrays. A koala file omits that part, which never changes; it is loaded from here again."""
    backbone_sha256: str = ""
    """SHA-256 of koala's Inception branch, from `inception.sha256_of_arrays`; empty for others."""
    pixels: int = 224
    """Height and width of koala's padded picture. The others accept any multiples of 32."""
    embedding_pixels: int = 299
    """Height and width at which koala's Inception branch sees that picture."""

    def __post_init__(self) -> None:
        """Check the fields.

        Raises:
            ValueError: If a field has a wrong type or is outside its range.
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
        """Return whether weights of the other fit this network; a backbone's origin is ignored."""
        if "koala" not in {self.name, other.name}:
            return (self.name, self.width) == (other.name, other.width)
        branches = {self.backbone_sha256, other.backbone_sha256} - {""}
        sizes = (self.pixels, self.embedding_pixels) == (other.pixels, other.embedding_pixels)
        return self.name == other.name and sizes and len(branches) < 2

    def to_json(self) -> str:
        """Return the JSON text for a weights file; fields at their defaults are omitted."""
        defaults = asdict(Architecture())
        changed = {key: value for key, value in asdict(self).items() if value != defaults[key]}
        return json.dumps({"name": self.name} | changed, sort_keys=True)

    def __str__(self) -> str:
        """Return the name for tables and reports."""
        words = [self.name if self.width == 1 else f"{self.name} x{self.width:g}"]
        if self.name == "koala":
            words.append(f"Inception branch {self.backbone or 'untrained'}")
        return ", ".join(words)


def _within(name: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise ValueError(f"{name} is {value!r}, not in [{least}, {most}]")


def architecture_from_json(text: str) -> Architecture:
    """Return the architecture from the JSON text of a weights file.

    Raises:
        ValueError: If the text is not a JSON object or its values are not valid.
    """
    values: Any = parse_json(text)
    if not isinstance(values, dict):
        raise ValueError("it is not a JSON object")
    if unknown := sorted(values.keys() - {field.name for field in fields(Architecture)}):
        raise ValueError(f"this version does not know the field {unknown[0]!r}")
    return Architecture(**values)
