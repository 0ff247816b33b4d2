"""A contact sheet of a data set and a histogram of its colorfulness."""

from itertools import islice

import numpy as np
import numpy.typing as npt

from colorworker.report.plots import histogram, picture_grid
from colorworker.training.config import HintConfig, LookConfig, PictureConfig
from colorworker.training.dataset import Dataset
from colorworker.training.feed import FeedConfig, square_pictures

_SIDE = 96
_COLUMNS = 12


def contact_sheet(dataset: Dataset, mark: float, count: int) -> tuple[bytes, bytes]:
    """Return two PNGs: evenly spaced pictures of the data set, and its colorfulness histogram.

    Args:
        dataset: The data set.
        mark: Colorfulness below which pictures were left out; drawn as a line.
        count: Maximum number of pictures on the sheet.
    """
    inventory = dataset.inventory
    wanted = min(count, len(inventory.kept))
    chosen = [inventory.kept[index * len(inventory.kept) // wanted] for index in range(wanted)]
    recipe = FeedConfig(
        PictureConfig(size=_SIDE), LookConfig(), HintConfig(), 0, inventory.stored_as, False
    )
    codes: list[npt.NDArray[np.uint8]] = [
        picture.numpy()
        for picture in islice(square_pictures(dataset.local_copy, chosen, recipe), wanted)
    ]
    rows = [codes[start : start + _COLUMNS] for start in range(0, len(codes), _COLUMNS)]
    white = np.full((_SIDE, _SIDE, 3), 255, np.uint8)
    page = picture_grid(rows or [[white]], title=f"{wanted} of {len(inventory.kept)} pictures")
    drawn = histogram(
        inventory.colorfulness,
        title=f"{len(inventory.colorfulness)} pictures",
        x_label="colorfulness (Hasler-Suesstrunk, signed)",
        mark=mark,
    )
    return page, drawn
