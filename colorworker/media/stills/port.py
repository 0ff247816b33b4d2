"""What a still is, and the port that every library which reads and writes stills fills."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, Protocol

from colorworker.color.lab import Floats
from colorworker.domain.label import Notice

ProfileUse = Literal["none", "kept", "replaced"]
"""What happens to the source's ICC profile: `replaced` by sRGB where it cannot describe color."""


@dataclass(frozen=True)
class StillHeader:
    """One picture, as its header describes it."""

    width: int
    """Of the pixels as they are stored; the output is stored the same way."""
    height: int
    bit_depth: Literal[8, 16]
    has_alpha: bool
    orientation: int
    """EXIF orientation, 1 to 8; the output keeps the tag, and the pixels as stored."""
    loader: str
    """The format, such as `jpeg` or `tiff`."""
    profile: ProfileUse

    @property
    def upright_height(self) -> int:
        """Height as viewers show it."""
        return self.width if self.orientation >= 5 else self.height

    @property
    def upright_width(self) -> int:
        """Width as viewers show it."""
        return self.height if self.orientation >= 5 else self.width


class StillPicture(Protocol):
    """A picture open for reading. Small arrays are upright, whatever the EXIF orientation."""

    @property
    def info(self) -> StillHeader:
        """What the header says."""
        ...

    def proxy(self, height: int, width: int) -> Floats:
        """Return the upright picture at this size as L*a*b*, (height, width, 3).

        Raises:
            SourceDamaged: If the picture does not decode whole.
        """
        ...


class StillsBackend(Protocol):
    """A module that reads and writes stills; memory does not grow with the picture."""

    def open_still(
        self, reader: BinaryIO, key: str, *, max_pixels: int
    ) -> AbstractContextManager[Any]:
        """Give the `StillPicture` of a seekable reader, its header checked before any pixel.

        Raises:
            SourceDamaged: If there is no picture in it.
            SourceTooLarge: If it has more than `max_pixels` pixels.
            SourceUnsupported: If it is of a form that is not colored here.
        """
        ...

    def write_still(
        self,
        picture: Any,
        slope: Floats,
        offset: Floats,
        path: Path,
        extension: str,
        notice: Notice | None = None,
    ) -> None:
        """Write the picture at its full size with chroma = slope * L* + offset.

        Args:
            picture: From `open_still`, within its block.
            slope: (h, w, 2), upright, at any size; from `color.guided.fit_to_luma`.
            offset: Like slope.
            path: Where to; nothing is left there if anything fails.
            extension: The format to write, such as `.tif`.
            notice: To be written into its metadata, and into its corner where it is burned.

        Raises:
            SourceDamaged: If the picture does not decode whole.
            StoreUnavailable: If the file cannot be written.
        """
        ...

    def verify_still(self, picture: Any, path: Path, notice: Notice | None = None) -> None:
        """Read a written file back and compare it with the picture, but for a burned notice.

        Raises:
            OutputMismatch: If its size or depth differs, it does not decode whole, or, in a
                lossless format, any L* is further than one code value from the source's.
        """
        ...
