"""Options for image sequences."""

from dataclasses import dataclass
from typing import Annotated, Literal

from colorworker.domain.optionfields import OptionInfo

Sequences = Literal["off", "film", "frames"]
SequenceGaps = Literal["refuse", "hold"]
SequenceTransfer = Literal["auto", "log", "display"]


@dataclass(frozen=True)
class SequenceOptions:
    """The part of `Options` that `docs/sequences.md` describes."""

    sequences: Annotated[
        Sequences,
        OptionInfo(
            "What numbered pictures of one folder are. off: single pictures. film: the frames of a"
            " film, colored into one film file. frames: the same, colored into frames of the same"
            " kind.",
            places=("command", "plan"),
            changes_output=False,
        ),
    ] = "off"
    fps: Annotated[
        float | None,
        OptionInfo(
            "Frames per second of image sequences, such as 18 or 23.976. Default: from the header"
            " of DPX, Cineon and OpenEXR frames; other frames have none.",
            places=("command", "plan"),
            ge=1,
            le=240,
            # It is part of the ETag of a sequence.
            changes_output=False,
        ),
    ] = None
    sequence_gaps: Annotated[
        SequenceGaps,
        OptionInfo(
            "What to do with image sequences whose numbers have gaps. refuse: they fail. hold: the"
            " frame before a gap is shown until the next one.",
            places=("command", "plan"),
            changes_output=False,
        ),
    ] = "refuse"
    sequence_transfer: Annotated[
        SequenceTransfer,
        OptionInfo(
            "How codes of image sequences stand for light. auto: as their header says. log: as"
            " printing density (Cineon). display: as on a screen.",
            places=("command", "plan"),
        ),
    ] = "auto"
