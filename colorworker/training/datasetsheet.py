"""A contact sheet of a data set, and its colorfulness drawn."""

from itertools import islice

import numpy as np
import numpy.typing as npt

from colorworker.report.plots import histogram, sheet
from colorworker.training.config import HintConfig, LookConfig, PictureConfig
from colorworker.training.dataset import Dataset
from colorworker.training.feed import Recipe, squares

_SIDE = 96
_COLUMNS = 12


def contact_sheet(dataset: Dataset, mark: float, count: int) -> tuple[bytes, bytes]:
    """Return PNGs: pictures from all over the data set, and the histogram of their colorfulness.

    Args:
        dataset: What was taken in.
        mark: Colorfulness below which pictures were left out.
        count: Pictures on the sheet, at most.
    """
    inventory = dataset.inventory
    wanted = min(count, len(inventory.kept))
    chosen = [inventory.kept[index * len(inventory.kept) // wanted] for index in range(wanted)]
    recipe = Recipe(
        PictureConfig(size=_SIDE), LookConfig(), HintConfig(), 0, inventory.stored_as, False
    )
    codes: list[npt.NDArray[np.uint8]] = [
        picture.numpy() for picture in islice(squares(dataset.spool, chosen, recipe), wanted)
    ]
    rows = [codes[start : start + _COLUMNS] for start in range(0, len(codes), _COLUMNS)]
    white = np.full((_SIDE, _SIDE, 3), 255, np.uint8)
    page = sheet(rows or [[white]], title=f"{wanted} of {len(inventory.kept)} pictures")
    drawn = histogram(
        inventory.colorfulness,
        title=f"{len(inventory.colorfulness)} pictures",
        x_label="colorfulness (Hasler-Suesstrunk, signed)",
        mark=mark,
    )
    return page, drawn
