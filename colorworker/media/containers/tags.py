"""Metadata tags of films and tracks: which to keep, and how each container names them."""

from collections.abc import Mapping, MutableMapping

from colorworker.domain.label import Notice

QUICKTIME_LANGUAGES = {
    "fre": "fra", "deu": "ger", "nld": "dut", "swe": "sve", "ell": "gre", "isl": "ice",
    "zho": "chi", "fas": "iri", "per": "iri", "gle": "iri", "sqi": "alb", "rum": "ron",
    "cze": "ces", "slo": "slk", "mkd": "mac", "eus": "baq",
}  # fmt: skip
"""ISO 639-2 has two codes for some languages; libavformat's QuickTime muxer knows only one."""
STALE_TAGS = (
    "ENCODER", "DURATION", "BPS", "NUMBER_OF_", "_STATISTICS_", "ROTATE", "HANDLER_NAME",
    "ALPHA_MODE",
)  # fmt: skip
"""Prefixes of tags that describe the source's encoding rather than the film."""
CONTAINER_TAGS = (
    "MAJOR_BRAND", "MINOR_VERSION", "COMPATIBLE_BRANDS", "ENCODER", "SOFTWARE", "DURATION",
    "OPERATIONAL_PATTERN", "UID", "GENERATION_UID", "COMPANY_NAME", "PRODUCT_", "TOOLKIT_",
    "APPLICATION_PLATFORM",
)  # fmt: skip
"""Prefixes of tags that describe the file's writer and layout: those of MP4, then those of MXF's
Identification set (SMPTE ST 377-1)."""
TIMECODE = "timecode"
"""Name of the tag, in lower case."""
VENDOR_TAGS = ("VENDOR_ID", "FILENAME", "MIMETYPE")
"""Tags that libavformat writes by itself, and attachment tags that are carried separately."""


def filter_tags(metadata: Mapping[str, str], dropped: tuple[str, ...] = ()) -> dict[str, str]:
    """Return the tags without those whose names start with an excluded prefix.

    A track's `name`, as libavformat reads it from MP4, becomes its `title`.
    """
    kept = {name: value for name, value in metadata.items() if not name.upper().startswith(dropped)}
    if "name" in kept:
        kept.setdefault("title", kept.pop("name"))
    return kept


def container_tags(metadata: Mapping[str, str], notice: Notice | None) -> dict[str, str]:
    """Return the container's tags, with the notice appended to its comment."""
    kept = filter_tags(metadata, CONTAINER_TAGS)
    if notice:
        comments = [kept.pop(name) for name in tuple(kept) if name.upper() == "COMMENT"]
        kept["comment"] = "\n".join([*comments, notice.text])
    return kept


def video_stream_tags(metadata: Mapping[str, str]) -> dict[str, str]:
    """Return the tags of the film's video stream.

    Matroska spells the timecode tag in capitals; the QuickTime muxer expects lower case.
    """
    return {
        ("timecode" if name == "TIMECODE" else name): value
        for name, value in filter_tags(metadata, STALE_TAGS).items()
    }


def quicktime_language(metadata: Mapping[str, str]) -> str:
    """Return a track's language code as QuickTime spells it; `und` if there is none."""
    language = metadata.get("language", "und")
    return QUICKTIME_LANGUAGES.get(language, language)


def drop_timecodes(*tags: MutableMapping[str, str]) -> bool:
    """Remove the timecode from all tags; return whether there was one."""
    found = [(each, name) for each in tags for name in each if name.casefold() == TIMECODE]
    for each, name in found:
        del each[name]
    return bool(found)
