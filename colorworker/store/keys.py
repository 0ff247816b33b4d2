"""Which keys are accepted, by every store alike, and how to show those that are not."""

import unicodedata

from colorworker.errors import KeyRefused, SourceUnreadable

MAX_KEY_BYTES = 1024
"""S3's bound on a key, UTF-8."""
MAX_PART_BYTES = 255
"""Bound of Linux file systems on one name, UTF-8."""

_LONGEST_SHOWN = 160
_LINE_BREAKING = {"Cc", "Zl", "Zp"}


def check_key(key: str) -> str:
    """Return `key` unchanged if every store can hold it below its root.

    A key is one or more parts joined by `/`. Backslashes, spaces and any script are fine.

    Raises:
        KeyRefused: If the key is empty, absolute, longer than 1024 bytes in UTF-8 or not to be
            written in UTF-8, holds a control character or line separator, or a part of it is
            empty, `.`, `..` or longer than 255 bytes.
    """
    reason = _reason_to_refuse(key)
    if reason:
        raise KeyRefused(printable(key), reason, "Rename it and run the same command again")
    return key


def refuse_version(key: str, version: str) -> None:
    """Refuse what names a version, for stores that keep none.

    Raises:
        SourceUnreadable: If `version` is not empty.
    """
    if version:
        raise SourceUnreadable(
            printable(key),
            f"version {printable(version)} was asked for, and this store keeps no versions",
            "Leave out the version",
        )


def printable(key: str) -> str:
    """Return `key` on one line: what cannot be shown is escaped, what is long is shortened."""
    shown = "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in key[:_LONGEST_SHOWN]
    )
    return f"{shown}..." if len(key) > _LONGEST_SHOWN else shown


def _reason_to_refuse(key: str) -> str:
    if not key:
        return "the key is empty"
    try:
        length = len(key.encode())
    except UnicodeEncodeError:
        return "the name is not valid UTF-8"
    if length > MAX_KEY_BYTES:
        return f"the key is {length} bytes long, at most {MAX_KEY_BYTES} are allowed"
    if not key.isprintable():  # Fast, and true of nearly every key.
        for letter in key:
            if unicodedata.category(letter) in _LINE_BREAKING:
                return f"the name holds the control character U+{ord(letter):04X}"
    if key.startswith("/"):
        return "the key is absolute, it must be relative to the store's root"
    return next(filter(None, map(_reason_to_refuse_part, key.split("/"))), "")


def _reason_to_refuse_part(part: str) -> str:
    if not part:
        return "a part of the key is empty"
    if part in {".", ".."}:
        return f"a part of the key is {part!r}, which could lead out of the store's root"
    length = len(part.encode())
    if length > MAX_PART_BYTES:
        return f"a part of the name is {length} bytes long, at most {MAX_PART_BYTES} are allowed"
    return ""
