"""Which objects a manifest may name: those below one root."""

import re
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import unquote_to_bytes

from colorworker.errors import KeyRefused, LineRefused
from colorworker.store.keys import check_key, printable
from colorworker.store.openstore import S3_SCHEME, split_s3

_NO_ESCAPE = re.compile("%(?![0-9A-Fa-f]{2})")


@dataclass(frozen=True)
class Scope:
    """A root, and the keys below it."""

    root: str
    """`s3://bucket`, `s3://bucket/prefix`, or a folder."""

    def key_in_bucket(self, bucket: str, key: str) -> str:
        """Return the key below the root of an object that is named by bucket and whole key.

        Raises:
            LineRefused: If it lies elsewhere, or its key cannot safely become a path.
        """
        own, prefix = self._place
        if bucket != own:
            raise LineRefused(
                "",
                f"it names the bucket {printable(bucket)!r}, and all others {own!r}",
                "Give each bucket a manifest of its own",
            )
        if not key.startswith(prefix):
            raise LineRefused(
                "",
                f"the key {printable(key)!r} does not lie below {self.root}",
                "Correct it, or name another root",
            )
        return self.checked_key(key[len(prefix) :])

    def checked_key(self, key: str) -> str:
        """Return a key below the root unchanged.

        Raises:
            LineRefused: If it cannot safely become a path.
        """
        try:
            return check_key(key)
        except KeyRefused as error:
            seen = f"the key {printable(key)!r} is refused: {error.seen}"
            raise LineRefused("", seen, "Correct the key, or rename the object") from error

    @cached_property
    def _place(self) -> tuple[str, str]:
        """Bucket, and what keys begin with."""
        if not self.root.startswith(S3_SCHEME):
            return "", ""
        bucket, prefix = split_s3(self.root)
        return bucket, f"{prefix}/" if prefix else ""


def decode_key(key: str) -> str:
    """Return the key that S3 writes down in URL encoding, a space as `+` or `%20`.

    Raises:
        LineRefused: If it is no such encoding, or that of no UTF-8 text.

    Source:
        S3 User Guide, "Specifying a manifest" and "Amazon S3 Inventory list": keys in CSV are
        URL-encoded. Inventories write a space as `+`:
        https://github.com/cloud-custodian/cloud-custodian/issues/1997
    """
    if "%" not in key:
        return key.replace("+", " ")
    if found := _NO_ESCAPE.search(key):
        raise LineRefused(
            "",
            f"{printable(key[found.start() : found.start() + 3])!r} in the key is no URL encoding",
            "Write a percent sign as %25",
        )
    try:
        return unquote_to_bytes(key.replace("+", " ")).decode()
    except UnicodeDecodeError as error:
        raise LineRefused(
            "", f"the key {printable(key)!r} decodes to what is not UTF-8", "Encode it from UTF-8"
        ) from error
