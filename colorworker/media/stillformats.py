"""Formats of pictures: their names, file name extensions and first bytes.

Most of them are not supported. They are known so that a folder with such pictures is reported as
not done, and so that the report names the format.
"""

# fmt: off
_FORMATS: tuple[tuple[str, str, tuple[bytes, ...]], ...] = (
    ("JPEG", "jpg jpeg jpe jfif jif mpo jps", (b"\xff\xd8\xff",)),
    ("PNG", "png apng", (b"\x89PNG\r\n\x1a\n",)),
    ("TIFF", "tif tiff btf", (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")),
    ("WebP", "webp", ()),
    ("GIF", "gif", (b"GIF87a", b"GIF89a")),
    ("Netpbm", "pbm pgm ppm pnm pfm",
     (b"P1\n", b"P2\n", b"P3\n", b"P4\n", b"P5\n", b"P6\n", b"Pf\n", b"PF\n")),
    ("PAM", "pam", (b"P7\n",)),
    ("BMP", "bmp dib", ()),
    ("JPEG 2000", "jp2 j2k j2c jpc jpf jpx jpm jph jhc",
     (b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51")),
    ("JPEG XL", "jxl", (b"\0\0\0\x0cJXL \r\n\x87\n", b"\xff\x0a")),
    ("JPEG-LS", "jls", ()),
    ("JPEG XR", "jxr wdp hdp", (b"II\xbc\x01",)),
    ("HEIF", "heic heif hif", ()),
    ("AVIF", "avif", ()),
    ("DPX", "dpx", (b"SDPX", b"XPDS")),
    ("Cineon", "cin", (b"\x80\x2a\x5f\xd7", b"\xd7\x5f\x2a\x80")),
    ("OpenEXR", "exr", (b"\x76\x2f\x31\x01",)),
    ("Radiance HDR", "", (b"#?RADIANCE", b"#?RGBE")),
    ("Photoshop", "psd psb", (b"8BPS",)),
    ("Photo CD", "pcd", ()),
    ("FITS", "fits fts", (b"SIMPLE  =",)),
    ("DICOM", "dcm", ()),
    ("DDS", "dds", (b"DDS \x7c\0\0\0",)),
    ("PCX", "pcx dcx", ()),
    ("TGA", "tga", ()),
    ("PICT", "pict pct", ()),
    ("SGI", "sgi", (b"\x01\xda\0", b"\x01\xda\1")),
    ("Sun Raster", "ras", (b"\x59\xa6\x6a\x95",)),
    ("Windows icon", "ico cur", ()),
    ("Apple icon", "icns", (b"icns\0",)),
    ("MIFF", "miff", (b"id=ImageMagick",)),
    ("JNG", "jng mng", (b"\x8bJNG\r\n\x1a\n", b"\x8aMNG\r\n\x1a\n")),
    ("IFF", "iff lbm ilbm", ()),
    ("XCF", "xcf", (b"gimp xcf",)),
    ("QOI", "qoi", (b"qoif",)),
    ("BPG", "bpg", (b"BPG\xfb",)),
    ("FlashPix", "fpx", ()),
    ("camera raw", "dng cr2 cr3 crw nef nrw arw orf ori rw2 raf pef srw x3f iiq 3fr mrw kdc dcr erf"
     " mos fff gpr rwl",
     (b"IIRO", b"IIRS", b"MMOR", b"IIU\0", b"FUJIFILMCCD-RAW", b"FOVb", b"\0MRM",
      b"II\x1a\0\0\0HEAPCCDR")),
)
# fmt: on
_BY_EXTENSION = {each: name for name, extensions, _ in _FORMATS for each in extensions.split()}
_BY_MAGIC = tuple((magic, name) for name, _, magics in _FORMATS for magic in magics)
_MAGIC = tuple(magic for magic, _ in _BY_MAGIC)
_BMP_HEADERS = (b"\x0c", b"(", b"4", b"8", b"l", b"|")
"""Possible header sizes of a BMP, 12 to 124 bytes."""
_BRANDS = {
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"mif1"), "HEIF"),
    **dict.fromkeys((b"avif", b"avis"), "AVIF"),
    b"crx ": "camera raw",
}
_ELSEWHERE = ((128, b"DICM", "DICOM"), (2048, b"PCD_IPI", "Photo CD"))
"""Formats whose magic number is not at the beginning: place, number, name."""
_IFF_FORMS = frozenset(
    ((b"FORM", b"ILBM"), (b"FORM", b"PBM "), (b"FORM", b"ACBM"), (b"FOR4", b"CIMG"))
)
"""The Amiga's, and Maya's."""


def format_of_extension(extension: str) -> str:
    """Return the name of a picture format, such as `JPEG 2000`; empty if there is none.

    Args:
        extension: In lower case, without the dot.
    """
    return _BY_EXTENSION.get(extension, "")


def format_of_content(head: bytes) -> str:
    """Return the name of a picture format by its first bytes; empty if it is none.

    Args:
        head: 512 bytes are enough for all formats but Photo CD, which needs 2055.
    """
    if head.startswith(_MAGIC):
        return next(name for magic, name in _BY_MAGIC if head.startswith(magic))
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WebP"
    if head[4:8] == b"ftyp":
        return _format_of_brands(head)
    if (head[:4], head[8:12]) in _IFF_FORMS:
        return "IFF"
    # `BM`, a reserved field of 0, and a known header size.
    if head[:2] == b"BM" and head[6:10] == b"\0" * 4 and head[14:15] in _BMP_HEADERS:
        return "BMP"
    found = (name for at, magic, name in _ELSEWHERE if head[at : at + len(magic)] == magic)
    return next(found, "")


def _format_of_brands(head: bytes) -> str:
    """Return the name of a format of ISO boxes by its main brand, and by the others if it is vague.

    Source: ISO/IEC 14496-12, 4.3 (ftyp); 23008-12, 10 (`mif1`, whatever the codec).
    """
    brand, end = head[8:12], int.from_bytes(head[:4], "big")
    others = {head[place : place + 4] for place in range(16, min(end, len(head)), 4)}
    return "AVIF" if brand == b"mif1" and b"avif" in others else _BRANDS.get(brand, "")
