import pytest

from colorworker.media.filetypes import (
    film_output_extension,
    kind_from_content,
    kind_from_name,
    still_output_extension,
)


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("a/b/Scan 1.TIF", "still"),
        ("a.jpeg", "still"),
        ("reel.MKV", "film"),
        ("x.y/reel.m2ts", "film"),
        ("VTS_01_1.VOB", "film"),
        ("tape.dv", "film"),
        ("P1010001.ORF", "still"),
        ("scan.cin", "still"),
        ("reel.264", "film"),
        ("disc.PCD", "still"),
        ("scan.jpx", "still"),
        ("song.mod", None),
        ("notes.txt", None),
        ("jpg", None),
        (".jpg", None),
    ],
)
def test_extensions_in_any_case_determine_the_kind(key, kind):
    assert kind_from_name(key) == kind


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "still"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "still"),
        (b"MM\0*\0\0\0\x08", "still"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "still"),
        (b"IIRO\x08\0\0\0", "still"),
        (b"#?RADIANCE\n", "still"),
        (b"SIMPLE  =                    T", "still"),
        (bytes(128) + b"DICM", "still"),
        (b"\0\0\0\x20ftypavif\0\0\0\0", "still"),
        (b"FORM\0\0\1\0ILBMBMHD", "still"),
        (b"P5\n640 480\n255\n", "still"),
        (b"P1 is how this sentence begins.", None),
        (bytes(2048) + b"PCD_IPI", "still"),
        (b"\0\0\0\x20ftypisom\0\0\0\0", "film"),
        (b"\0\0\0\x20ftypM4A \0\0\0\0", None),
        (b"RIFF\0\0\0\0AVI LIST", "film"),
        (b"RIFF\0\0\0\0WAVEfmt ", None),
        (b"\x1a\x45\xdf\xa3\x01", "film"),
        (b"\0\0\x01\xba\x44\0\x04", "film"),
        (b"\0\0\0\x01\x67\x64\0\x0a", "film"),
        (b"\0\0\0\x01\x40\x01\x0c\x01", "film"),
        (b"\x1f\x07\0\xbf\xf8\x78", "film"),
        (b"OggS\0\x02" + bytes(22) + b"\x80theora\x03\x02", "film"),
        (b"OggS\0\x02" + bytes(22) + b"\x01vorbis", None),
        ((b"G" + b"\xff" * 187) * 2 + b"G", "film"),
        ((b"\0\0\0\0G" + b"\xff" * 187) * 2, "film"),
        (b"Good morning, this is a letter.", None),
        (b"BM is how this sentence begins.", None),
        (b"", None),
        (b"\0" * 512, None),
    ],
)
def test_magic_numbers_determine_the_kind(head, kind):
    assert kind_from_content(head) == kind


def test_access_keeps_still_extensions_that_hold_color_and_archive_is_tiff():
    assert still_output_extension(".JPG", "access") == ".jpg"
    assert still_output_extension("tiff", "access") == ".tiff"
    assert still_output_extension(".gif", "access") == ".tif"
    assert still_output_extension(".jp2", "access") == ".jp2"
    assert still_output_extension(".j2k", "access") == ".tif"
    assert still_output_extension(".png", "archive") == ".tif"


def test_access_keeps_film_containers_for_h264_and_archive_is_matroska():
    assert film_output_extension(".MOV", "access") == ".mov"
    for name in ("avi", "VOB", "mxf", "dv", "webm", "m2ts", "ogv", "264"):
        assert film_output_extension(name, "access") == ".mp4"
    assert film_output_extension("mp4", "archive") == ".mkv"
