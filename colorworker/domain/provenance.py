"""What a sidecar says about an output, and the record of the sidecars of a unit."""

import json
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import quote

from colorworker.domain.jsonvalues import from_json, to_json
from colorworker.domain.models import ModelRef
from colorworker.domain.options import Asset, Options, non_default
from colorworker.domain.outputkeys import suffix_of
from colorworker.domain.records import FilmInfo, Record, StillInfo

SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
"""IPTC Digital Source Type of color copies. The vocabulary defines it as augmentation by a
generative model. The other candidate, `algorithmicallyEnhanced`, is for corrections that leave the
content as it is, like sharpening; invented colors are more than that.

Source:
    IPTC NewsCodes, https://cv.iptc.org/newscodes/digitalsourcetype/ (as of 2024-10-23).
"""
SIDECAR_SUFFIXES: Mapping[str, str] = {"json": ".provenance.json", "premis": ".premis.xml"}
"""What is appended to an output's key, by the kind of sidecar."""
_MEDIA_TYPES = {
    ".jp2": "image/jp2",
    ".jxl": "image/jxl",
    ".mkv": "video/matroska",
    ".mov": "video/quicktime",
    ".webp": "image/webp",
}


class FileFacts(NamedTuple):
    """A file, as a sidecar identifies it."""

    uri: str
    """URI of a source; key of an output below its destination."""
    name: str
    """Key below its root."""
    sha256: str
    size_bytes: int
    media_type: str


class ModelFacts(NamedTuple):
    """A network, by its file."""

    name: str
    sha256: str


@dataclass(frozen=True)
class Provenance:
    """Where an output comes from; depends on its record and the options only."""

    output: FileFacts
    source: FileFacts
    source_etag: str
    unit_id: str
    colored_at: str
    """UTC, ISO 8601."""
    software: str
    """Version of colorworker; `unknown` for records of early versions."""
    models: tuple[ModelFacts, ...]
    options: Mapping[str, Any]
    """Options that differ from their defaults, and the profile."""
    width: int
    height: int
    frames: int
    """1 for a picture."""
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    rights: str
    digital_source_type: str = SOURCE_TYPE


def provenance_of(record: Record, asset: Asset, options: Options, model: ModelRef) -> Provenance:
    """Return the provenance of an output.

    Raises:
        ValueError: If the record is not that of a colored picture or film.
    """
    info = record.info
    if not isinstance(info, StillInfo | FilmInfo) or not record.output_key:
        raise ValueError(f"the record of unit {record.unit_id} names no output")
    return Provenance(
        FileFacts(
            record.output_key,
            record.output_key,
            record.sha256,
            record.size_bytes,
            media_type(record.output_key),
        ),
        FileFacts(
            _uri(record.source_root or asset.root, record.source_key),
            record.source_key,
            info.source_sha256,
            asset.size_bytes,
            media_type(record.source_key),
        ),
        record.source_etag,
        record.unit_id,
        record.created_at,
        record.software or "unknown",
        model_facts(model),
        {"profile": options.profile, **non_default(options)},
        info.width,
        info.height,
        info.frames if isinstance(info, FilmInfo) else 1,
        info.warnings,
        info.notes,
        options.rights,
    )


def model_facts(model: ModelRef) -> tuple[ModelFacts, ...]:
    """Return name and hash of each network; places on this machine are left out."""
    return tuple(
        ModelFacts(part.uri.rstrip("/").rpartition("/")[2], part.sha256) for part in model.parts
    )


def _uri(root: str, key: str) -> str:
    """Return the URI of a source. Those of folders are percent-encoded, like their root."""
    shown = quote(key, errors="surrogateescape") if root.startswith("file:") else key
    return f"{root.rstrip('/')}/{shown}"


def media_type(key: str) -> str:
    """Return the media type of a file by its extension."""
    known = _MEDIA_TYPES.get(suffix_of(key).lower())
    return known or mimetypes.guess_type(key)[0] or "application/octet-stream"


@dataclass(frozen=True)
class SidecarFile:
    """A file beside an output."""

    key: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True)
class SidecarRecord:
    """The sidecars of one unit. Unlike a done-record, it is replaced when they are."""

    unit_id: str
    files: tuple[SidecarFile, ...]


def sidecars_to_json(record: SidecarRecord) -> bytes:
    """Return the record as UTF-8 JSON."""
    return json.dumps(to_json(record), indent=1).encode()


def sidecars_from_json(data: bytes) -> SidecarRecord:
    """Return the record that `sidecars_to_json` wrote.

    Raises:
        ValueError: If it is not one.
    """
    return from_json(SidecarRecord, json.loads(data))
