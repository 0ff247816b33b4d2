"""What the network sees of a scan: the photograph inside its border, with its full range."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from colorworker.color.colorizerprotocol import Colorizer
from colorworker.color.levels import level
from colorworker.color.resize import resize
from colorworker.domain.notes import Note
from colorworker.domain.scanoptions import Borders
from colorworker.errors import SourceUnsupported
from colorworker.media.scanborder import ScanArea, find_photograph

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class ScanView:
    """What the network sees of a picture, and where that is in the picture."""

    shape: tuple[int, int]
    """(height, width) of the whole picture at the model's size."""
    lightness: Floats
    """L* that the network sees, (h, w)."""
    area: ScanArea | None
    """Where the photograph is; None if it fills the picture."""

    def into_picture(self, values: Floats, outside: float = 0.0) -> Floats:
        """Return values for the whole picture, with those for the photograph at its place.

        Args:
            values: (h, w, n), at the size of `lightness`.
            outside: Value outside of the photograph.
        """
        if self.area is None:
            return values
        whole = np.full((*self.shape, values.shape[2]), outside, np.float32)
        box = whole[self.area.rows, self.area.columns]
        box[:] = resize(values, *box.shape[:2])
        whole[~self.area.inside] = outside
        return whole

    def keep_outside(self, ab: Floats, lab: Floats) -> Floats:
        """Return chroma, (h, w, 2), with the source's outside of the photograph."""
        if self.area is None:
            return ab
        return np.where(self.area.inside[..., None], ab, lab[..., 1:])


def view_of(lab: Floats, colorizer: Colorizer, borders: Borders) -> ScanView:
    """Return what the network sees of a picture.

    Args:
        lab: L*a*b* of the picture at the model's size, (h, w, 3).
        colorizer: Tells the size at which the network sees a part of it.
        borders: Whether borders are looked for.
    """
    shape = lab.shape[0], lab.shape[1]
    area = find_photograph(lab) if borders == "keep" else None
    lightness = lab[..., 0]
    if area is not None:
        seen = lightness[area.rows, area.columns]
        lightness = resize(seen, *colorizer.working_shape(*seen.shape))
    return ScanView(shape, level(np.ascontiguousarray(lightness)), area)


def border_note(area: ScanArea) -> Note:
    """Return the report's sentence about a border."""
    return Note(
        f"the photograph takes {area.share:.0%} of the picture; the border around it keeps its own"
        " color (--borders color colors it)"
    )


def refuse_negative(key: str, view: ScanView) -> None:
    """Refuse a picture whose border is the edge of a negative film.

    Raises:
        SourceUnsupported: If it is one.
    """
    if view.area is not None and view.area.film == "negative":
        raise SourceUnsupported(
            key,
            "the perforated film around it is light, so it is a negative",
            "Use --polarity negative to color its positive, or --polarity positive if it is one",
        )
