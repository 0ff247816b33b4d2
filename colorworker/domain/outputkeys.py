"""Keys of outputs."""

import hashlib
import unicodedata


def output_key(key: str, extension: str, *, keep_extension: bool) -> str:
    """Return the source's key with the output's extension.

    If the extensions differ in case only, the source's is kept.

    Args:
        key: The source's key.
        extension: The output's, with its dot, in lower case.
        keep_extension: Keep the source's extension as well (`reel.avi.mkv`).
    """
    if keep_extension:
        return key + extension
    own = suffix_of(key)
    return key if own.lower() == extension else key.removesuffix(own) + extension


def numbered_key(key: str, extension: str) -> str:
    """Return the output's key with six hex digits that depend only on the source's key.

    For sources whose output would otherwise be the same file as another's: `scan~3f9a21.tif`.
    """
    digits = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:6]
    return f"{key.removesuffix(suffix_of(key))}~{digits}{extension}"


def folded(key: str) -> str:
    """Return the same text for all keys that may name one file on macOS, Windows or SMB shares.

    These keys differ only in case or in how accented letters are composed (NFC or NFD).

    Source:
        The Unicode Standard, section 3.13.5, canonical caseless matching.
    """
    if key.isascii():
        return key.lower()
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", key).casefold())


def suffix_of(key: str) -> str:
    """Return the same as `PurePosixPath(key).suffix`, in a tenth of the time."""
    name = key.rpartition("/")[2]
    place = name.rfind(".")
    return name[place:] if 0 < place < len(name) - 1 else ""
