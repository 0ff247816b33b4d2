"""How a manifest is named among sources: `manifest:LOCATION`, perhaps with `#root=ROOT`."""

from typing import NamedTuple

from colorworker.errors import UsageError

PREFIX = "manifest:"
_ROOT = "#root="


class ManifestUri(NamedTuple):
    """Where a manifest lies, and below which root it may name objects."""

    uri: str
    """A path, or the URI of an object."""
    root: str
    """Empty: what the manifest itself says."""


def is_manifest(source: str) -> bool:
    """Tell whether a SOURCE argument names a manifest, not what is to be colored."""
    return source.startswith(PREFIX)


def parse_manifest_uri(source: str) -> ManifestUri:
    """Return what `manifest:...` says.

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
    """Return what `location` takes."""
    return f"{PREFIX}{where.uri}" + (f"{_ROOT}{where.root}" if where.root else "")
