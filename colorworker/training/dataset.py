"""A data set for training: found in a store, copied to this machine, split, hashed."""

import hashlib
from contextlib import closing
from dataclasses import dataclass

from colorworker.errors import UsageError
from colorworker.store.objectstore import OpenStore
from colorworker.store.picturesets import find_shards, read_samples
from colorworker.store.sources import parse_source
from colorworker.training.intake import IntakeRules, Inventory, copy_pictures
from colorworker.training.localcopy import LocalCopy


@dataclass(frozen=True)
class Dataset:
    """Pictures in a local copy; close the copy when done."""

    inventory: Inventory
    local_copy: LocalCopy

    def sha256(self) -> str:
        """Return a hash of the pictures' keys in order. A resumed training needs the same order."""
        keys = "\n".join(f"{item.key} {item.held_out:d}" for item in self.inventory.kept)
        return hashlib.sha256(keys.encode()).hexdigest()


def open_dataset(
    text: str, local_copy: LocalCopy, rules: IntakeRules, *, opened: OpenStore, threads: int = 2
) -> Dataset:
    """Copy all pictures at a path, prefix or glob to this machine and return them.

    Raises:
        UsageError: If there is no such path, or it holds no picture and no shard.
        StoreUnavailable: If the store cannot be reached.
    """
    source = parse_source(text, opened)
    with closing(opened(source.root)) as store:
        shards = find_shards(store, source)
        if not shards:
            raise UsageError(
                text, "contains no picture and no tar shard", "Check the prefix or the pattern"
            )
        inventory = copy_pictures(read_samples(store, shards), local_copy, rules, threads=threads)
    return Dataset(inventory, local_copy)


def refuse_too_small(dataset: Dataset, text: str, batch: int) -> None:
    """Raise UsageError unless there are enough pictures for one step and for validation."""
    inventory = dataset.inventory
    left_out = f"{len(inventory.gray)} are gray and {len(inventory.broken)} do not decode"
    if inventory.broken:
        left_out += f", the first {inventory.broken[0][0]}"
    if len(inventory.train) < batch:
        raise UsageError(
            text,
            f"has {len(inventory.train)} training pictures, fewer than the {batch} of one step;"
            f" {left_out}",
            "Add pictures, or lower optimizer.batch",
        )
    if not inventory.held_out:
        raise UsageError(
            text,
            f"none of its {len(inventory.kept)} pictures is in the validation share; {left_out}",
            "Add pictures, or raise data.validation_share",
        )
