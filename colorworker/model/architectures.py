"""Which network a file of weights is for: its name, its width, and where its backbone is from."""

import json
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

Name = Literal["lite", "efficientnetv2s", "koala"]
NAMES: tuple[str, ...] = get_args(Name)
MIN_WIDTH, MAX_WIDTH = 0.125, 8.0
MIN_EMBEDDING_PIXELS, MAX_EMBEDDING_PIXELS = 75, 1024


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
    embedding_pixels: int = 299
    """Height and width at which koala's Inception branch sees the picture."""

    def __post_init__(self) -> None:
        """Refuse what no network is.

        Raises:
            ValueError: If a field is of another type or outside its range.
        """
        kinds = {"name": str, "backbone": str, "backbone_sha256": str, "embedding_pixels": int}
        for name, kind in kinds.items():
            if type(getattr(self, name)) is not kind:
                raise ValueError(f"{name} is {getattr(self, name)!r}, not a {kind.__name__}")
        if self.name not in NAMES:
            raise ValueError(f"there is no architecture {self.name!r}, only {', '.join(NAMES)}")
        if type(self.width) not in (int, float) or not MIN_WIDTH <= self.width <= MAX_WIDTH:
            raise ValueError(f"width is {self.width!r}, not in [{MIN_WIDTH}, {MAX_WIDTH}]")
        if not MIN_EMBEDDING_PIXELS <= self.embedding_pixels <= MAX_EMBEDDING_PIXELS:
            raise ValueError(
                f"embedding_pixels is {self.embedding_pixels}, not in"
                f" [{MIN_EMBEDDING_PIXELS}, {MAX_EMBEDDING_PIXELS}]"
            )

    def to_json(self) -> str:
        """Return what a file of weights says it is; fields at their defaults are left out."""
        defaults = asdict(Architecture())
        said = {key: value for key, value in asdict(self).items() if value != defaults[key]}
        return json.dumps({"name": self.name} | said, sort_keys=True)

    def __str__(self) -> str:
        """Return what tables and reports call it."""
        words = [self.name] if self.width == 1 else [f"{self.name} x{self.width:g}"]
        if self.name == "koala":
            words.append(f"Inception branch {self.backbone or 'untrained'}")
        return ", ".join(words)


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
