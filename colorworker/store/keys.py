"""Keys that all stores accept, and how to print those that they refuse."""

import unicodedata

from colorworker.errors import KeyRefused, SourceUnreadable

MAX_KEY_BYTES = 1024
"""S3's limit for a key in UTF-8."""
MAX_PART_BYTES = 255
"""Limit of Linux file systems for one name in UTF-8."""

_MAX_PRINTED = 160
_LINE_BREAKING = {"Cc", "Zl", "Zp"}


def check_key(key: str) -> str:
    """Return `key` unchanged if every store can hold it below its root.

    A key consists of parts joined by `/`. Backslashes, spaces and all scripts are allowed.

    Raises:
        KeyRefused: If the key is empty, absolute, longer than 1024 bytes in UTF-8 or not valid
            UTF-8, contains a control character or line separator, or has a part that is empty,
            `.`, `..` or longer than 255 bytes.
    """
    reason = _reason_to_refuse(key)
    if reason:
        raise KeyRefused(printable(key), reason, "Rename it and run the same command again")
    return key


def refuse_version(key: str, version: str) -> None:
    """Refuse a version, for stores that keep none.

    Raises:
        SourceUnreadable: If `version` is not empty.
    """
    if version:
        raise SourceUnreadable(
            printable(key),
            f"version {printable(version)} was requested, but this store keeps no versions",
            "Omit the version",
        )


def printable(key: str) -> str:
    """Return `key` for a message: on one line, unprintable characters escaped, shortened."""
    shown = "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in key[:_MAX_PRINTED]
    )
    return f"{shown}..." if len(key) > _MAX_PRINTED else shown


def _reason_to_refuse(key: str) -> str:
    if not key:
        return "the key is empty"
    try:
        length = len(key.encode())
    except UnicodeEncodeError:
        return "the name is not valid UTF-8"
    if length > MAX_KEY_BYTES:
        return f"the key has {length} bytes, the limit is {MAX_KEY_BYTES}"
    if not key.isprintable():  # Fast, and true for nearly all keys.
        for letter in key:
            if unicodedata.category(letter) in _LINE_BREAKING:
                return f"the name contains the control character U+{ord(letter):04X}"
    if key.startswith("/"):
        return "the key is absolute but must be relative to the store's root"
    return next(filter(None, map(_reason_to_refuse_part, key.split("/"))), "")


def _reason_to_refuse_part(part: str) -> str:
    if not part:
        return "a part of the key is empty"
    if part in {".", ".."}:
        return f"a part of the key is {part!r}, which could lead out of the store's root"
    length = len(part.encode())
    if length > MAX_PART_BYTES:
        return f"a part of the name has {length} bytes, the limit is {MAX_PART_BYTES}"
    return ""
