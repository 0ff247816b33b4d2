"""The objects that a manifest may name: those below one root."""

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
        """Return the key relative to the root, from a bucket and a full key.

        Raises:
            LineRefused: If the object lies elsewhere, or its key cannot safely become a path.
        """
        own, prefix = self._bucket_and_prefix
        if bucket != own:
            raise LineRefused(
                "",
                f"it names the bucket {printable(bucket)!r}, all others name {own!r}",
                "Write a manifest for each bucket",
            )
        if not key.startswith(prefix):
            raise LineRefused(
                "",
                f"the key {printable(key)!r} does not lie below {self.root}",
                "Correct it, or name another root",
            )
        return self.checked_key(key[len(prefix) :])

    def checked_key(self, key: str) -> str:
        """Return a key relative to the root unchanged.

        Raises:
            LineRefused: If it cannot safely become a path.
        """
        try:
            return check_key(key)
        except KeyRefused as error:
            seen = f"the key {printable(key)!r} is refused: {error.seen}"
            raise LineRefused("", seen, "Correct the key, or rename the object") from error

    @cached_property
    def _bucket_and_prefix(self) -> tuple[str, str]:
        """The root's bucket, and its prefix with a `/` at the end; both empty for a folder."""
        if not self.root.startswith(S3_SCHEME):
            return "", ""
        bucket, prefix = split_s3(self.root)
        return bucket, f"{prefix}/" if prefix else ""


def decode_key(key: str) -> str:
    """Return a key from its URL encoding, in which a space is `+` or `%20`.

    Raises:
        LineRefused: If it is not URL-encoded, or not UTF-8.

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
            f"{printable(key[found.start() : found.start() + 3])!r} in the key is not a URL escape",
            "Write a percent sign as %25",
        )
    try:
        return unquote_to_bytes(key.replace("+", " ")).decode()
    except UnicodeDecodeError as error:
        raise LineRefused(
            "",
            f"the key {printable(key)!r} is not UTF-8 once decoded",
            "URL-encode the UTF-8 bytes of the key",
        ) from error
