"""SOURCE arguments that name a manifest: `manifest:LOCATION` with an optional `#root=ROOT`."""

from typing import NamedTuple

from colorworker.errors import UsageError

PREFIX = "manifest:"
_ROOT = "#root="


class ManifestUri(NamedTuple):
    """Where a manifest lies, and the root of the keys it names."""

    uri: str
    """A path, or the URI of an object."""
    root: str
    """Empty: the manifest itself decides."""


def is_manifest(source: str) -> bool:
    """Return whether a SOURCE argument names a manifest."""
    return source.startswith(PREFIX)


def parse_manifest_uri(source: str) -> ManifestUri:
    """Return the parts of `manifest:LOCATION#root=ROOT`.

    Raises:
        UsageError: If it names no file.
    """
    uri, _, root = source.removeprefix(PREFIX).partition(_ROOT)
    if not uri or uri.endswith("/"):
        raise UsageError(
            source, "it names no file", f"Write it as {PREFIX}s3://bucket/folder/keys.csv"
        )
    return ManifestUri(uri, root.rstrip("/") if "://" in root else root)


def format_manifest_uri(where: ManifestUri) -> str:
    """Return the SOURCE argument that `parse_manifest_uri` parses."""
    return f"{PREFIX}{where.uri}" + (f"{_ROOT}{where.root}" if where.root else "")
