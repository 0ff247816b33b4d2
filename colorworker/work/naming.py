"""Which key an output gets."""

from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import PurePosixPath

from colorworker.work.job import Asset


def output_key(key: str, extension: str, *, keep_extension: bool) -> str:
    """Return the source's key with the output's extension.

    An extension that differs from the source's only by case stays as the source spells it.

    Args:
        key: The source's key.
        extension: The output's, with its dot, in lower case.
        keep_extension: Leave the source's extension in front (`reel.avi.mkv`).
    """
    path = PurePosixPath(key)
    if keep_extension:
        return key + extension
    if path.suffix.lower() == extension:
        return key
    return str(path.with_suffix(extension))


def output_keys(assets: Iterable[Asset], extension: Callable[[Asset], str]) -> list[str]:
    """Return an output key for every asset, in order; an empty one where no free name is left.

    Where two assets would meet in one name, both keep their source's extension in front. Assets
    with the very same key (from two sources) cannot be told apart by that: the first has the name.
    """
    listed = list(assets)
    plain = [output_key(asset.key, extension(asset), keep_extension=False) for asset in listed]
    meetings = Counter(plain)
    taken: set[str] = set()
    keys = []
    for asset, candidate in zip(listed, plain, strict=True):
        key = candidate
        if meetings[candidate] > 1:
            key = output_key(asset.key, extension(asset), keep_extension=True)
        # A kept extension can run into another source's plain name, so the plain name counts too.
        if key in taken or (key != candidate and meetings[key] > 0):
            key = ""
        taken.add(key)
        keys.append(key)
    return keys
