"""What happened to each stream of a film's source."""

from dataclasses import dataclass
from typing import Literal

Fate = Literal["colored", "copied", "recoded", "kept", "left out"]


@dataclass(frozen=True)
class StreamFate:
    """What happened to one stream of the source."""

    index: int
    """Index of the stream in the source."""
    kind: str
    """`video`, `audio`, `subtitle`, `attachment`, `data`, `cover` for an attached picture, or
    data in the film's frames, such as `closed captions`."""
    codec: str
    """Empty if libav does not know it."""
    fate: Fate
    """`copied`: the same packets. `kept`: in another form, such as a track of chapter titles."""
    detail: str = ""
    """Its name, what it was recoded to, or why it was left out."""
    language: str = ""
