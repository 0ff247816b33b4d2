"""Tags of films and tracks: which speak of the film, and what containers call them."""

from collections.abc import Mapping

from colorworker.domain.label import Notice

QUICKTIME_LANGUAGES = {
    "fre": "fra", "deu": "ger", "nld": "dut", "swe": "sve", "ell": "gre", "isl": "ice",
    "zho": "chi", "fas": "iri", "per": "iri", "gle": "iri", "sqi": "alb", "rum": "ron",
    "cze": "ces", "slo": "slk", "mkd": "mac", "eus": "baq",
}  # fmt: skip
"""ISO 639-2 has two codes for some languages; QuickTime, as libavformat writes it, knows one."""
STALE_TAGS = ("ENCODER", "DURATION", "BPS", "NUMBER_OF_", "_STATISTICS_", "ROTATE", "HANDLER_NAME")
"""Beginnings of tags that describe the source's own encoding, not the film."""
CONTAINER_TAGS = (
    "MAJOR_BRAND", "MINOR_VERSION", "COMPATIBLE_BRANDS", "ENCODER", "SOFTWARE", "DURATION",
    "OPERATIONAL_PATTERN", "UID", "GENERATION_UID", "COMPANY_NAME", "PRODUCT_", "TOOLKIT_",
    "APPLICATION_PLATFORM",
)  # fmt: skip
"""Beginnings of tags that name the file's writer and layout: MP4's, then MXF's Identification set
(SMPTE ST 377-1)."""
VENDOR_TAGS = ("VENDOR_ID", "FILENAME", "MIMETYPE")
"""What libavformat writes of itself, and what attachments carry in another way."""


def kept_tags(metadata: Mapping[str, str], dropped: tuple[str, ...] = ()) -> dict[str, str]:
    """Return the tags that speak of the film; a track's `name`, as MP4 reads it, is its title."""
    kept = {name: value for name, value in metadata.items() if not name.upper().startswith(dropped)}
    if "name" in kept:
        kept.setdefault("title", kept.pop("name"))
    return kept


def container_tags(metadata: Mapping[str, str], notice: Notice | None) -> dict[str, str]:
    """Return the container's own tags, with the notice at the end of its comment."""
    kept = kept_tags(metadata, CONTAINER_TAGS)
    if notice:
        comments = [kept.pop(name) for name in tuple(kept) if name.upper() == "COMMENT"]
        kept["comment"] = "\n".join([*comments, notice.text])
    return kept


def film_tags(metadata: Mapping[str, str]) -> dict[str, str]:
    """Return the tags of the film's own stream.

    Matroska has the timecode in capitals, QuickTime's muxer looks for it in small letters.
    """
    return {
        ("timecode" if name == "TIMECODE" else name): value
        for name, value in kept_tags(metadata, STALE_TAGS).items()
    }


def quicktime_language(metadata: Mapping[str, str]) -> str:
    """Return a track's language by the code that QuickTime knows."""
    language = metadata.get("language", "und")
    return QUICKTIME_LANGUAGES.get(language, language)
