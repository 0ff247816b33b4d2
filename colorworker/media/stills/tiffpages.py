"""Find the picture of a TIFF among its directories: thumbnails and masks are not it.

Source:
    TIFF 6.0, section 8 (NewSubfileType, ExtraSamples, PlanarConfiguration); Adobe TIFF Technical
    Note 1 (SubIFDs); TIFF/EP and DNG (photometric interpretations of camera raw).
"""

import struct
from dataclasses import dataclass, field
from typing import BinaryIO

from colorworker.media.stills.labpixels import LabKind
from colorworker.media.stills.tiffdirectories import Form, Tag, header, raw_entries, read_tag

_NEW_SUBFILE_TYPE, _SUBFILE_TYPE = 254, 255
_COMPRESSION, _PHOTOMETRIC, _ORIENTATION, _SAMPLES, _PLANAR = 259, 262, 274, 277, 284
_SAMPLE_FORMAT = 339
_WIDTH, _HEIGHT, _ROWS, _TILE_HEIGHT = 256, 257, 278, 323
_X_RESOLUTION, _TILE_WIDTH, _SUB_IFDS, _EXTRA_SAMPLES = 282, 322, 330, 338
_REDUCED, _MASK = 1, 4
"""Bits of NewSubfileType."""
_OLD_REDUCED = 2
"""Value of SubfileType."""
_CAMERA_RAW = frozenset((32803, 34892))
"""Photometric interpretations: color filter array, linear raw."""
_SEPARATE = 2
_RGB = 2
_OTHER_COLORS = {10: "ITU L*a*b*", 32844: "LogL", 32845: "LogLuv"}
_COMPRESSION_NAMES = {
    6: "6 (old-style JPEG)",
    34676: "34676 (SGI Log)",
    34677: "34677 (SGI Log)",
    34712: "34712 (JPEG 2000)",
    34887: "34887 (LERC)",
    50001: "50001 (WebP)",
    50002: "50002 (JPEG XL)",
}
_COLOR_BANDS = {0: 1, 1: 1, 2: 3, 3: 3, 4: 1, 5: 4, 6: 3, 8: 3, 9: 3}
"""By photometric interpretation."""
_BITS, _STRIPS, _STRIP_BYTES, _TILES, _TILE_BYTES, _JPEG_TABLES = 258, 273, 279, 324, 325, 347
_WANTED = frozenset(
    (
        *(_NEW_SUBFILE_TYPE, _SUBFILE_TYPE, _BITS, _COMPRESSION, _PHOTOMETRIC, _STRIPS),
        *(_ORIENTATION, _SAMPLES, _STRIP_BYTES, _PLANAR, _TILE_WIDTH, _TILES, _TILE_BYTES),
        *(_SUB_IFDS, _EXTRA_SAMPLES, _JPEG_TABLES, _X_RESOLUTION, _SAMPLE_FORMAT),
        *(_WIDTH, _HEIGHT, _ROWS, _TILE_HEIGHT),
    )
)
_JPEG = 7
_COMPRESSIONS = frozenset((1, 2, 3, 4, 5, _JPEG, 8, 32773, 32946))
"""Those that libvips' libtiff decodes: none, fax, LZW, JPEG, Deflate, PackBits."""
RECOMPRESSED = frozenset((34925, 50000))
"""LZMA and Zstandard, which become Deflate before libvips reads them."""
_DEPTHS = frozenset((1, 2, 4, 8, 16))
_SIGNED = 2
_FLOAT = 3
_DOUBLE = 64
_WHOLE_BYTE = 8
_CLEAR_SAMPLES = (1, 3)
"""Numbers of samples that are gray or RGB even if the file does not say so."""
_LAB: dict[int, LabKind] = {8: "cielab", 9: "icclab"}
_MAX_DIRECTORIES = 1000
_MAX_VALUE_BYTES = 1 << 24


@dataclass(frozen=True)
class Directory:
    """One IFD, by what the choice of a picture needs.

    Attributes:
        page: Number of its IFD in the main chain.
        sub: Number among the SubIFDs of that IFD; None for the IFD itself.
        offset: Where it lies in the file.
        tags: Its tags with short values, by number.
    """

    page: int
    sub: int | None
    offset: int
    tags: dict[int, Tag] = field(repr=False)

    def number(self, tag: int, default: int) -> int:
        """Return the first number of a tag."""
        values = self.tags[tag].numbers if tag in self.tags else ()
        return values[0] if values else default

    @property
    def is_picture(self) -> bool:
        """Whether it is neither a smaller version nor a mask of another picture."""
        kind = self.number(_NEW_SUBFILE_TYPE, 0)
        return not kind & (_REDUCED | _MASK) and self.number(_SUBFILE_TYPE, 0) != _OLD_REDUCED

    @property
    def color_bands(self) -> int:
        """Bands of color as libvips returns them; 0 if that is unknown."""
        return _COLOR_BANDS.get(self.number(_PHOTOMETRIC, -1), 0)

    @property
    def extra_samples(self) -> tuple[int, ...]:
        """Meaning of each band after those of color: 0 unspecified, 1 and 2 transparency."""
        extra = max(0, self.number(_SAMPLES, 1) - self.color_bands) if self.color_bands else 0
        given = self.tags[_EXTRA_SAMPLES].numbers if _EXTRA_SAMPLES in self.tags else ()
        return (*given, *(0,) * extra)[:extra]

    @property
    def lab(self) -> LabKind:
        """How its codes are L*a*b*; empty if they are not."""
        return _LAB.get(self.number(_PHOTOMETRIC, 1), "")

    @property
    def unsupported(self) -> str:
        """What about its pixels cannot be read correctly; empty if nothing."""
        photometric = self.number(_PHOTOMETRIC, 1)
        if self.number(_SAMPLE_FORMAT, 1) == _SIGNED:
            return "its samples are signed integers"
        if _TILE_WIDTH in self.tags and self.number(_BITS, 1) == _DOUBLE:
            # OpenImageIO garbles them.
            return "its samples are tiles of 64-bit floats"
        if _PHOTOMETRIC not in self.tags and self.number(_SAMPLES, 1) not in _CLEAR_SAMPLES:
            return "it does not say what its samples mean (tag 262 is missing)"
        if photometric in _OTHER_COLORS:
            return f"its colors are {_OTHER_COLORS[photometric]}"
        return ""

    @property
    def bits(self) -> int:
        """Bits of the first sample."""
        return self.number(_BITS, 1)

    @property
    def is_min_white(self) -> bool:
        """Whether 0 is white."""
        return self.number(_PHOTOMETRIC, 1) == 0

    @property
    def is_camera_raw(self) -> bool:
        """Whether its pixels are those of a camera's sensor."""
        return self.number(_PHOTOMETRIC, 1) in _CAMERA_RAW

    @property
    def is_recompressed(self) -> bool:
        """Whether another compression lets libvips read it."""
        return self.number(_COMPRESSION, 1) in RECOMPRESSED

    @property
    def unusual(self) -> str:
        """Why libvips does not read it correctly although it may be intact; empty if it does."""
        samples = self.number(_SAMPLES, 1)
        if _PHOTOMETRIC not in self.tags:
            return "it does not say what its samples mean (tag 262 is missing)"
        compression = self.number(_COMPRESSION, 1)
        if compression not in _COMPRESSIONS and compression not in RECOMPRESSED:
            name = _COMPRESSION_NAMES.get(compression, str(compression))
            return f"its TIFF compression {name} is not supported"
        depths = (self.tags[_BITS].numbers if _BITS in self.tags else ()) or (1,)
        if not _DEPTHS.issuperset(depths) or len(set(depths)) > 1:
            return f"its depth of {', '.join(map(str, depths))} bits per sample is not supported"
        if self.number(_SAMPLE_FORMAT, 1) == _FLOAT:
            return f"its floats of {depths[0]} bits are not supported"
        if samples > 1 and depths[0] < _WHOLE_BYTE:
            return f"its {samples} samples of {depths[0]} bits are not supported"
        separate = self.number(_PLANAR, 1) == _SEPARATE and samples > 1
        if separate and (_TILE_WIDTH in self.tags or self.color_bands == 1):
            return "its samples are stored in separate planes"
        return ""

    @property
    def is_jpeg(self) -> bool:
        """Whether the picture is compressed as JPEG."""
        return self.number(_COMPRESSION, 1) == _JPEG

    @property
    def parts(self) -> list[tuple[int, int]]:
        """Offset and length of each strip or tile; empty if they are not in the directory."""
        offsets, sizes = (_TILES, _TILE_BYTES) if _TILES in self.tags else (_STRIPS, _STRIP_BYTES)
        if offsets not in self.tags or sizes not in self.tags:
            return []
        return list(zip(self.tags[offsets].numbers, self.tags[sizes].numbers, strict=False))

    @property
    def part_bytes(self) -> int:
        """Bytes of a decompressed strip or tile, at most."""
        width, height = self.number(_WIDTH, 0), self.number(_HEIGHT, 0)
        if _TILE_WIDTH in self.tags:
            width, height = self.number(_TILE_WIDTH, 0), self.number(_TILE_HEIGHT, 0)
        rows = min(height, self.number(_ROWS, height))
        bits = self.number(_BITS, 1) * self.number(_SAMPLES, 1)
        return -(-width * bits // 8) * rows

    @property
    def jpeg_tables(self) -> bytes:
        """Tables that its JPEGs share, themselves an abbreviated JPEG; may be empty."""
        return self.tags[_JPEG_TABLES].data if _JPEG_TABLES in self.tags else b""


@dataclass(frozen=True)
class TiffPage:
    """The picture of a TIFF.

    Attributes:
        directory: Its IFD.
        pictures: Number of pictures of full size in the file.
        left_out: Number of directories that are neither this picture nor smaller versions.
        orientation: EXIF orientation, from the first IFD if the picture has none; 0 if unknown.
    """

    directory: Directory
    pictures: int
    left_out: int
    orientation: int

    @property
    def has_resolution(self) -> bool:
        """Whether the picture says how large its pixels are."""
        return _X_RESOLUTION in self.directory.tags

    @property
    def load_options(self) -> dict[str, int]:
        """Options of libvips' loader; empty if the picture is what it loads anyway."""
        sub = {} if self.directory.sub is None else {"subifd": self.directory.sub}
        page = {"page": self.directory.page} if self.directory.page else {}
        return {**page, **sub}


def called_rgb(reader: BinaryIO, offset: int | None) -> tuple[int, bytes]:
    """Return which bytes of a TIFF to change, and to which, so that its pixels are called RGB.

    Args:
        reader: The file.
        offset: The directory, which has a photometric interpretation; None for the first one.
    """
    form, first = header(reader, 0)
    start = first if offset is None else offset
    _, entries = raw_entries(reader, form, start)
    reader.seek(0)
    number = [form.entry.unpack(entry)[0] for entry in entries].index(_PHOTOMETRIC)
    field = form.entry.size - form.word_bytes
    place = start + struct.calcsize(form.entry_count) + number * form.entry.size + field
    return place, struct.pack(f"{form.order}H", _RGB)


def find_page(reader: BinaryIO, number: int = 0) -> TiffPage | None:
    """Return a picture of a TIFF; None if its directories are damaged.

    Args:
        reader: The file.
        number: Which of its pictures of full size, from 0.
    """
    try:
        form, offset = header(reader, 0)
        chain = _chain(reader, form, offset)
        pictures = [directory for directory in chain if directory.is_picture]
        if not pictures:
            below = [sub for directory in chain for sub in _subs(reader, form, directory)]
            pictures = [directory for directory in below if directory.is_picture] or chain[:1]
            chain += below
    except (struct.error, ValueError, KeyError):
        return None
    if number >= len(pictures):
        return None
    chosen, first = pictures[number], chain[0 if len(pictures) == 1 else pictures[number].page]
    masks = [item for item in chain if item.number(_NEW_SUBFILE_TYPE, 0) & _MASK]
    orientation = chosen.number(_ORIENTATION, 0) or first.number(_ORIENTATION, 0)
    return TiffPage(chosen, len(pictures), len(masks), orientation)


def _chain(reader: BinaryIO, form: Form, offset: int) -> list[Directory]:
    found: list[Directory] = []
    seen: set[int] = set()
    while offset and offset not in seen and len(found) < _MAX_DIRECTORIES:
        seen.add(offset)
        try:
            link, tags = _tags(reader, form, offset)
        except (struct.error, ValueError):
            if found:
                break
            raise
        found.append(Directory(len(found), None, offset, tags))
        offset = link
    return found


def _subs(reader: BinaryIO, form: Form, directory: Directory) -> list[Directory]:
    offsets = directory.tags[_SUB_IFDS].numbers if _SUB_IFDS in directory.tags else ()
    return [
        Directory(directory.page, number, offset, _tags(reader, form, offset)[1])
        for number, offset in enumerate(offsets)
    ]


def _tags(reader: BinaryIO, form: Form, offset: int) -> tuple[int, dict[int, Tag]]:
    link, entries = raw_entries(reader, form, offset)
    wanted = (entry for entry in entries if form.entry.unpack(entry)[0] in _WANTED)
    tags = (read_tag(reader, form, 0, entry, _MAX_VALUE_BYTES) for entry in wanted)
    return link, {tag.number: tag for tag in tags if tag}
