"""Recognize stills and films by name and by content, and choose the output's extension."""

from colorworker.domain.options import Codec, Kind, Profile
from colorworker.domain.outputkeys import suffix_of
from colorworker.media.stillformats import format_of_content, format_of_extension

# fmt: off
_FILM_NAMES = frozenset((
    "mp4", "m4v", "mov", "qt", "mkv", "mk3d", "webm", "avi", "divx", "mpg", "mpeg", "mpe", "m2p",
    "vob", "vro", "evo", "ts", "m2t", "m2ts", "mts", "tod", "trp", "mxf", "gxf", "ogv", "ogm",
    "flv", "f4v", "wmv", "asf", "3gp", "3g2", "dv", "dif", "y4m", "nut", "ivf", "rm", "rmvb",
    "m1v", "m2v", "h264", "264", "avc", "h265", "265", "hevc",
))
# fmt: on
# fmt: off
_SIDECAR_EXTENSIONS = frozenset((
    "xml", "xmp", "json", "txt", "csv", "md", "nfo", "log", "ini", "db", "srt", "vtt", "c2pa",
    "md5", "sha1", "sha256", "sha512",
))
# fmt: on
_JUNK_NAMES = frozenset((".ds_store", ".localized", ".directory"))
_APPLE_DOUBLE = "._"
"""Prefix of the files in which macOS stores attributes on other file systems (AppleDouble)."""
_COLOR_STILLS = frozenset(
    ("jpg", "jpeg", "jpe", "jfif", "png", "tif", "tiff", "webp", "jp2", "jxl")
)
"""Extensions we can write in formats that hold color."""
_COLOR_FILMS = frozenset(("mp4", "m4v", "mov", "mkv"))

_FILM_MAGIC = (
    b"\x1a\x45\xdf\xa3",  # Matroska and WebM
    b"\0\0\x01\xba",  # MPEG program stream
    b"\0\0\x01\xb3",  # MPEG video sequence
    b"\0\0\x01\xb0",  # MPEG-4 visual object sequence
    b"\0\0\0\x01\x67",  # H.264: sequence parameter set, or access unit delimiter
    b"\0\0\0\x01\x27",
    b"\0\0\0\x01\x09",
    b"\0\0\0\x01\x40\x01",  # HEVC: video parameter set, or access unit delimiter
    b"\0\0\0\x01\x46\x01",
    b"\x1f\x07\0",  # DV: header block of the first sequence
    b"\0\0\0\0\x01\xbc",  # GXF
    b".RMF",
    b"DKIF",  # IVF
    b"FLV\x01",
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11",  # ASF
    b"\x06\x0e\x2b\x34\x02\x05\x01\x01\x0d\x01\x02\x01\x01\x02",  # MXF header partition
    b"YUV4MPEG2 ",
    b"nut/multimedia container\0",
)
_OGG_FILMS = (b"\x80theora", b"OVP80\x01")
"""Markers in the first page of an Ogg file with video; without one, it is audio."""
_AUDIO_BRANDS = frozenset((b"M4A ", b"M4B ", b"M4P "))
_FILM_BOXES = frozenset(
    (b"moov", b"mdat", b"wide", b"skip", b"free", b"pnot", b"styp", b"moof", b"sidx")
)
"""First boxes of old QuickTime files, which have no `ftyp`, and of segments of a film."""
_TS_PACKET_BYTES = 188


def extension_of(key: str) -> str:
    """Return the key's extension in lower case, without the dot; empty if there is none."""
    return suffix_of(key).lower().removeprefix(".")


def kind_from_name(key: str) -> Kind | None:
    """Return the kind of file by the key's extension; None if it is unknown."""
    extension = extension_of(key)
    if format_of_extension(extension):
        return "still"
    return "film" if extension in _FILM_NAMES else None


def is_sidecar(key: str) -> bool:
    """Return whether the name shows that this file only accompanies stills and films."""
    name = key.rpartition("/")[2].lower()
    junk = name in _JUNK_NAMES or name.startswith(_APPLE_DOUBLE)
    return junk or extension_of(key) in _SIDECAR_EXTENSIONS


def kind_from_content(head: bytes) -> Kind | None:
    """Return the kind of file by its first bytes (512 are enough); None if unknown or audio."""
    if format_of_content(head):
        return "still"
    if head.startswith(_FILM_MAGIC):
        return "film"
    if head[:4] == b"OggS":
        return "film" if any(word in head for word in _OGG_FILMS) else None
    if head[:4] == b"RIFF":
        return "film" if head[8:12] == b"AVI " else None
    if head[4:8] == b"ftyp":
        brand = head[8:12]
        if brand in _AUDIO_BRANDS:
            return None
        return "film"
    if head[4:8] in _FILM_BOXES or _is_transport_stream(head):
        return "film"
    return None


def still_output_extension(extension: str, profile: Profile) -> str:
    """Return the output's extension, with its dot, for a still.

    Args:
        extension: The source's, with or without its dot, in any case.
        profile: `access` keeps formats that hold color and can be written; `archive` is always
            TIFF.
    """
    name = extension.lower().removeprefix(".")
    return f".{name}" if profile == "access" and name in _COLOR_STILLS else ".tif"


def film_output_extension(extension: str, profile: Profile, codec: Codec | None = None) -> str:
    """Return the output's extension, with its dot, for a film.

    Args:
        extension: The source's, with or without its dot, in any case.
        profile: `access` keeps MP4, QuickTime and Matroska, and writes MP4 for others; `mezzanine`
            is QuickTime, and `archive` is Matroska.
        codec: The requested codec; AV1 is not supported in QuickTime and goes to MP4.
    """
    if profile != "access":
        return ".mkv" if profile == "archive" else ".mov"
    name = extension.lower().removeprefix(".")
    if name not in _COLOR_FILMS or (name == "mov" and codec == "av1"):
        return ".mp4"
    return f".{name}"


def _is_transport_stream(head: bytes) -> bool:
    """Return whether sync bytes lie one packet apart, with or without M2TS's 4-byte timestamps."""
    for start, step in ((0, _TS_PACKET_BYTES), (4, _TS_PACKET_BYTES + 4)):
        syncs = head[start::step]
        if len(syncs) >= 2 and set(syncs) == {0x47}:
            return True
    return False
