"""The pictures of a data set: which are for training, held out, gray or broken."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from colorworker.training.copyindex import CopyRecord
from colorworker.training.localcopy import Place
from colorworker.training.order import is_held_out


@dataclass(frozen=True)
class StoredPicture:
    """One picture in the local copy."""

    key: str
    name: str
    """Name in its shard, or its own key."""
    place: Place
    held_out: bool


@dataclass(frozen=True)
class Inventory:
    """The pictures of a data set: kept, gray and broken."""

    kept: tuple[StoredPicture, ...]
    gray: tuple[str, ...]
    """Keys of gray pictures, which are left out."""
    broken: tuple[tuple[str, str], ...]
    """Keys of pictures that cannot be decoded, each with the reason."""
    colorfulness: npt.NDArray[np.float32]
    """Colorfulness of every decodable picture, gray ones included."""
    stored_as: Literal["jpeg", "pixels"]

    @property
    def train(self) -> tuple[StoredPicture, ...]:
        """Return the training pictures."""
        return tuple(item for item in self.kept if not item.held_out)

    @property
    def held_out(self) -> tuple[StoredPicture, ...]:
        """Return the validation pictures."""
        return tuple(item for item in self.kept if item.held_out)


def inventory_of(
    records: Iterable[CopyRecord], validation_share: float, stored_as: Literal["jpeg", "pixels"]
) -> Inventory:
    """Return the inventory of a local copy.

    Args:
        records: One per picture of the source, in order.
        validation_share: Share of the pictures to hold out, chosen by their names.
        stored_as: Format of the local copy.
    """
    kept: list[StoredPicture] = []
    gray: list[str] = []
    broken: list[tuple[str, str]] = []
    colors: list[float] = []
    for record in records:
        if record.error:
            broken.append((record.key, record.error))
            continue
        colors.append(record.colorfulness)
        if not record.size_bytes:
            gray.append(record.key)
            continue
        is_out = is_held_out(record.name, validation_share)
        kept.append(StoredPicture(record.key, record.name, record.place, is_out))
    return Inventory(
        tuple(kept), tuple(gray), tuple(broken), np.asarray(colors, np.float32), stored_as
    )
