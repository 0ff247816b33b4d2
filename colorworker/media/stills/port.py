"""The port for libraries that read and write stills, and the header of a still."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, Protocol

from colorworker.color.lab import Floats
from colorworker.domain.label import Notice

UNSPECIFIED, ASSOCIATED_ALPHA, UNASSOCIATED_ALPHA = 0, 1, 2
"""TIFF's ExtraSamples."""
ProfileUse = Literal["none", "kept", "replaced"]
"""What happens to the source's ICC profile: `replaced` if it cannot describe color."""


@dataclass(frozen=True)
class StillHeader:
    """One picture, as its header describes it."""

    width: int
    """Width of the stored pixels; the output is stored in the same orientation."""
    height: int
    bit_depth: Literal[8, 16, 32]
    """Of the output where its format allows; 32 is floating point."""
    extra_samples: tuple[int, ...]
    """Meaning of each band after those of color, as TIFF's ExtraSamples."""
    orientation: int
    """EXIF orientation, 1 to 8. The output keeps the tag and the stored orientation."""
    loader: str
    """The format, such as `jpeg` or `tiff`."""
    color_bands: int
    """1 for gray, 3 for RGB, 4 for CMYK."""
    profile: ProfileUse
    pages: int = 1
    """Pictures of full size in the file; only TIFFs have several."""

    @property
    def upright_height(self) -> int:
        """Height as shown by viewers."""
        return self.width if self.orientation >= 5 else self.height

    @property
    def upright_width(self) -> int:
        """Width as shown by viewers."""
        return self.height if self.orientation >= 5 else self.width


class StillPicture(Protocol):
    """A still open for reading. Its proxy is upright, whatever the EXIF orientation."""

    @property
    def info(self) -> StillHeader:
        """The still's header."""
        ...

    @property
    def is_bilevel(self) -> bool:
        """Whether the file has 1 bit per pixel: only two tones."""
        ...

    @property
    def warnings(self) -> list[str]:
        """What is wrong with the still, or cannot be kept, but does not prevent its coloring.

        Complete when the still is written.
        """
        ...

    def proxy(self, height: int, width: int) -> Floats:
        """Return the upright picture at this size as L*a*b*, float32 (height, width, 3).

        Raises:
            SourceDamaged: If the picture does not decode completely.
        """
        ...


class StillsBackend(Protocol):
    """A module that reads and writes stills. Memory does not grow with the picture."""

    def open_still(
        self,
        reader: BinaryIO,
        key: str,
        *,
        max_pixels: int,
        scratch: Path | None = None,
        page: int = 0,
    ) -> AbstractContextManager[Any]:
        """Open a still from a seekable reader; its header is checked before any pixel is decoded.

        The context manager yields a `StillPicture`.

        Args:
            reader: The file.
            key: The source, for errors.
            max_pixels: Limit on the pixels that its header may declare.
            scratch: Folder for temporary files; None for the system's.
            page: Which of the file's pictures, from 0.

        Raises:
            SourceDamaged: If there is no picture in it.
            SourceTooLarge: If it has more than `max_pixels` pixels.
            SourceUnsupported: If its format is not supported.
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
            picture: From `open_still`, still open.
            slope: (h, w, 2), upright, at any size; from `color.guided.fit_to_luma`.
            offset: Like slope.
            path: File to write; removed if anything fails.
            extension: The format to write, such as `.tif`.
            notice: Notice for the metadata, and for the corner if it is to be burned in.

        Raises:
            SourceDamaged: If the picture does not decode completely.
            StoreUnavailable: If the file cannot be written.
        """
        ...

    def verify_still(
        self, picture: Any, path: Path, notice: Notice | None = None, page: int = 0
    ) -> None:
        """Read a written file back and compare it with the picture, except a burned-in notice.

        Args:
            picture: From `open_still`, still open.
            path: The file.
            notice: The notice that it was written with.
            page: Which of its pages to compare.

        Raises:
            OutputMismatch: If its size or depth differs, it does not decode completely, or, in a
                lossless format, any L* differs from the source's by more than one code value.
        """
        ...
