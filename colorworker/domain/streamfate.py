"""What became of every stream of a film's source."""

from dataclasses import dataclass
from typing import Literal

Fate = Literal["colored", "copied", "recoded", "kept", "left out"]


@dataclass(frozen=True)
class StreamFate:
    """One line of a film's account; every stream of the source has one."""

    index: int
    """In the source."""
    kind: str
    """`video`, `audio`, `subtitle`, `attachment`, `data`, `cover` for a picture beside the film, or
    what its own frames carry, such as `closed captions`."""
    codec: str
    """Empty where libav knows none."""
    fate: Fate
    """`copied`: the same packets. `kept`: in another place, such as a track of chapter titles."""
    detail: str = ""
    """What it is called or became, and why it was left out."""
    language: str = ""
