"""A data set for training: found in a store, copied to this machine, split, hashed."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

from colorworker.errors import UsageError
from colorworker.store.objectstore import OpenStore
from colorworker.store.picturesets import find_shards, kind_of
from colorworker.store.sources import parse_source
from colorworker.training.config import TrainConfig
from colorworker.training.copyindex import CopyRecord, copy_name
from colorworker.training.events import CopyProgress
from colorworker.training.intake import IntakeRules, copy_pictures
from colorworker.training.inventory import Inventory, inventory_of
from colorworker.training.keptcopy import KeptCopies
from colorworker.training.localcopy import LocalCopy, temporary_copy
from colorworker.training.order import Order, sampling_of


@dataclass(frozen=True)
class Dataset:
    """Pictures in a local copy; close it when done."""

    inventory: Inventory
    local_copy: LocalCopy

    def sha256(self) -> str:
        """Return a hash of the pictures' keys in order. A resumed training needs the same order."""
        keys = "\n".join(f"{item.key} {item.held_out:d}" for item in self.inventory.kept)
        return hashlib.sha256(keys.encode()).hexdigest()

    def close(self) -> None:
        """Close the local copy."""
        self.local_copy.close()


@dataclass(frozen=True)
class CopyLocation:
    """Where local copies are, and whether they stay there."""

    folder: Path
    max_bytes: int
    """Maximum size of all copies that are kept, or of the one that is not."""
    is_kept: bool = False
    """Keep the copy for later runs. Otherwise it disappears when it is closed."""


def open_dataset(
    text: str,
    location: CopyLocation,
    rules: IntakeRules,
    *,
    opened: OpenStore,
    threads: int = 2,
    show: Callable[[CopyProgress], None] = lambda _: None,
    stopping: Callable[[], bool] = lambda: False,
) -> Dataset:
    """Copy all pictures at a path, prefix or glob to this machine and return them.

    A kept copy of the same objects by the same rules is used again; an interrupted one is
    continued.

    Args:
        text: The path, prefix or glob.
        location: Where the local copy is.
        rules: Which pictures are kept, and in which form.
        opened: Opens the store.
        threads: Number of pictures to decode at a time.
        show: Called with the progress about every second.
        stopping: Polled after every picture.

    Raises:
        CopyStopped: If `stopping` returned true.
        UsageError: If there is no such path, or it holds no picture and no shard.
        StoreUnavailable: If the store cannot be reached or the copy cannot be written.
    """
    source = parse_source(text, opened)
    with closing(opened(source.root)) as store:
        shards = find_shards(store, source)
        if not shards:
            raise UsageError(
                text, "contains no picture and no tar shard", "Check the prefix or the pattern"
            )

        def fill(local_copy: LocalCopy, done: Sequence[CopyRecord]) -> Iterator[CopyRecord]:
            return copy_pictures(
                store, shards, local_copy, rules, done,
                threads=threads, show=show, stopping=stopping,
            )  # fmt: skip

        if location.is_kept:
            # Whether a picture is held out follows from its name when the copy is opened.
            facts = {k: v for k, v in asdict(rules).items() if k != "validation_share"}
            copies = KeptCopies(location.folder, location.max_bytes)
            name = copy_name(shards, facts)
            local_copy, records = copies.open(name, fill, show=show, stopping=stopping)
        else:
            local_copy = temporary_copy(location.folder, location.max_bytes)
            try:
                records = list(fill(local_copy, ()))
            except BaseException:
                local_copy.close()
                raise
    return Dataset(inventory_of(records, rules.validation_share, rules.stored_as), local_copy)


def training_order(inventory: Inventory, config: TrainConfig) -> Order:
    """Return the order in which a training reads its pictures."""
    names = [item.name for item in inventory.train]
    # Without weights, no hash of every name is needed.
    sampling = sampling_of(names, config.data.weights) if config.data.weights else None
    return Order(len(names), config.optimizer.batch, config.optimizer.seed, sampling)


def refuse_unusable(inventory: Inventory, text: str, config: TrainConfig) -> None:
    """Check that a data set fits the configuration.

    Raises:
        UsageError: If there are too few pictures for one step or for validation, or a weight names
            a kind that no picture has.
    """
    kinds = {kind_of(item.name) for item in inventory.kept}
    if unknown := sorted(config.data.weights.keys() - kinds):
        raise UsageError(
            "data.weights",
            f"no picture is of kind {', '.join(unknown)}",
            f"Kinds are the first folders of the pictures' names: {_few(kinds)}",
        )
    left_out = f"{len(inventory.gray)} are gray and {len(inventory.broken)} do not decode"
    if inventory.broken:
        left_out += f", the first {inventory.broken[0][0]}"
    if not training_order(inventory, config).steps_per_epoch:
        weighted = " by their weights" if config.data.weights else ""
        raise UsageError(
            text,
            f"has {len(inventory.train)} training pictures, fewer{weighted} than the"
            f" {config.optimizer.batch} of one step; {left_out}",
            "Add pictures, or lower optimizer.batch",
        )
    if not inventory.held_out:
        raise UsageError(
            text,
            f"none of its {len(inventory.kept)} pictures is in the validation share; {left_out}",
            "Add pictures, or raise data.validation_share",
        )


def _few(kinds: set[str]) -> str:
    names = sorted(kind or '"" (in no folder)' for kind in kinds)
    return ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
