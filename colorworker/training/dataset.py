"""A data set as a training takes it: found, taken in, split, and what its identity is."""

import hashlib
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

from colorworker.errors import UsageError
from colorworker.store.objectstore import ObjectStore
from colorworker.store.picturesets import find, samples
from colorworker.store.sources import parse_source
from colorworker.training.intake import IntakeRules, Inventory, take_in
from colorworker.training.localcopy import Spool

OpenStore = Callable[[str], ObjectStore]


@dataclass(frozen=True)
class Dataset:
    """Pictures in a spool; close the spool when done."""

    inventory: Inventory
    spool: Spool

    def sha256(self) -> str:
        """Return the hash of which pictures there are, in their order: positions mean these."""
        keys = "\n".join(f"{item.key} {item.held_out:d}" for item in self.inventory.kept)
        return hashlib.sha256(keys.encode()).hexdigest()


def open_dataset(
    text: str, spool: Spool, rules: IntakeRules, *, opened: OpenStore, threads: int = 2
) -> Dataset:
    """Return all pictures that a path, a prefix or a glob means.

    Raises:
        UsageError: If there is no such path, or nothing in it is a picture or a shard.
        StoreUnavailable: If the store is away.
    """
    source = parse_source(text, opened)
    with closing(opened(source.root)) as store:
        shards = find(store, source)
        if not shards:
            raise UsageError(
                text, "there is no picture and no tar shard", "Check the prefix or the pattern"
            )
        inventory = take_in(samples(store, shards), spool, rules, threads=threads)
    return Dataset(inventory, spool)


def refuse_too_small(dataset: Dataset, text: str, batch: int) -> None:
    """Raise UsageError unless there are pictures for a step and to measure on."""
    inventory = dataset.inventory
    left_out = f"{len(inventory.gray)} are gray and {len(inventory.broken)} do not decode"
    if inventory.broken:
        left_out += f", the first {inventory.broken[0][0]}"
    if len(inventory.train) < batch:
        raise UsageError(
            text,
            f"holds {len(inventory.train)} pictures to train on, fewer than one step's {batch};"
            f" {left_out}",
            "Add pictures, or lower optimizer.batch",
        )
    if not inventory.held_out:
        raise UsageError(
            text,
            f"none of its {len(inventory.kept)} pictures falls in the validation share; {left_out}",
            "Add pictures, or raise data.validation_share",
        )
