"""Metadata that libav does not model is kept in Matroska, or each loss is named.

MediaInfo reads the films back: libav compared with itself shows no difference.
"""

import io
from fractions import Fraction

import av
import pytest

from colorworker.domain.label import Notice
from colorworker.media.containers import ebml
from colorworker.media.containers.matroskachapters import clip_chapters
from colorworker.media.containers.matroskasource import read_matroska
from tests.filmbytes import with_extended_language, with_xmp
from tests.mediainfo import elements, tracks
from tests.richmatroska import CHAPTERS, FILES, make_rich_matroska

NAMES = [
    "1 Part one", "1 Erster Teil", "2 Scene inside", "1 Part two", "1 Short version",
]  # fmt: skip
"""Depth and name of every chapter."""


@pytest.fixture
def rich(tmp_path):
    return make_rich_matroska(tmp_path / "rich.mkv")


def chapter_names(path):
    found = elements(path, "Chapters")
    return [f"{depth - 3} {value}" for depth, name, value in found if name == "ChapString"]


def named(path, inside, *names):
    return [(name, value) for _, name, value in elements(path, inside) if name in names]


@pytest.mark.parametrize("profile", ["archive", "access"])
def test_matroska_keeps_what_libav_does_not_model(profile, rich, joined):
    made = joined(rich, ".mkv", profile=profile)

    result = made.assemble()

    assert result.warnings == ()
    assert chapter_names(made.output) == NAMES
    assert elements(made.output, "Chapters") == elements(rich, "Chapters")
    assert elements(made.output, "Attachments") == elements(rich, "Attachments")
    assert named(made.output, "Attachments", "FileName", "FileDescription") == [
        pair
        for name, _, _, about in FILES
        for pair in [("FileName", name), ("FileDescription", about)]
        if pair[1]
    ]
    assert named(made.output, "Tracks", "LanguageIETF") == [
        ("LanguageIETF", "de-CH"), ("LanguageIETF", "pt-BR"),
    ]  # fmt: skip
    assert [each["language"] for each in tracks(made.output, "Text")] == ["pt-BR"]
    assert [stream.detail for stream in result.streams if stream.kind == "cover"] == [
        "attached as cover.jpg",
        "attached as small_cover.png",
    ]


def test_tags_keep_language_and_nesting_without_doubles(rich, joined):
    made = joined(rich, ".mkv")

    made.assemble()

    values = [value for _, _, value in elements(made.output, "Tags")]
    for value in ("The series", "Die Reihe", "A. Person", "http://example.org", "From the vault"):
        assert values.count(value) == 1
    assert (3, "SimpleTag", "") in elements(made.output, "Tags")
    assert ("TagLanguageIETF", "de-CH") in named(made.output, "Tags", "TagLanguageIETF")
    assert "_ROOM" not in values


def test_the_notice_joins_the_sources_comment(rich, joined):
    notice = Notice("Colorized")
    made = joined(rich, ".mkv")

    made.assemble(notice=notice)

    comments = [
        value for _, name, value in elements(made.output, "Tags") if "From the vault" in value
    ]
    assert len(comments) == 1
    with av.open(str(made.output)) as container:
        assert container.metadata["COMMENT"] == f"From the vault\n{notice.text}"


@pytest.mark.parametrize(
    ("container", "profile"), [("mp4", "access"), ("mov", "access"), ("mov", "mezzanine")]
)
def test_other_containers_name_each_loss(container, profile, rich, joined):
    made = joined(rich, f".{container}", profile=profile)

    result = made.assemble()

    menu = tracks(made.output, "Menu")[0]
    shown = [value for name, value in menu.items() if name[:2].isdigit()]
    assert len(shown) == 2
    for sentence in (
        f"{container} keeps 2 of 4 chapters: only the top level of the first edition",
        f"{container} keeps one name for each chapter: 1 in other languages are lost",
        f"{container} does not keep the language de-CH, only ger, of video stream 0",
        f"{container} does not keep the language pt-BR, only por, of subtitle stream 1",
        f"{container} does not keep the tag DIRECTOR/URL",
    ):
        assert sentence in result.warnings
    covers = [stream.fate for stream in result.streams if stream.kind == "cover"]
    assert covers == (["copied"] if container == "mp4" else ["left out"]) * 2
    assert ("Yes" in tracks(made.output, "General")[0].get("cover", "")) == (container == "mp4")


@pytest.mark.parametrize(
    ("extension", "codec_id"), [(".mkv", "S_TEXT/WEBVTT"), (".mp4", "tx3g"), (".mov", "text")]
)
def test_webvtt_as_mkvmerge_writes_it_is_kept_or_converted(extension, codec_id, tmp_path, joined):
    is_kept = extension == ".mkv"
    source = make_rich_matroska(tmp_path / "words.mkv", webvtt=True)
    made = joined(source, extension, profile="access")

    result = made.assemble()

    assert result.streams[1].fate == ("copied" if is_kept else "recoded")
    assert tracks(made.output, "Text")[0]["codec_id"] == codec_id
    with av.open(str(source)) as before, av.open(str(made.output)) as after:
        stored = [bytes(packet) for packet in before.demux(before.streams[1]) if packet.size]
        found = [bytes(packet) for packet in after.demux(after.streams[1]) if packet.size]
    assert any(b"La sortie des usines" in each for each in found)
    assert not is_kept or found == stored


@pytest.mark.parametrize("extension", [".mkv", ".mp4"])
def test_the_region_of_a_language_in_mp4_is_kept_in_matroska(extension, film, joined):
    source = film("film.mp4", codec="mpeg4", frames=6)
    with_extended_language(source, b"fr-CA")
    made = joined(source, extension, profile="access")

    result = made.assemble()

    lost = "mp4 does not keep the language fr-CA, only und, of video stream 0"
    if extension == ".mkv":
        assert tracks(made.output, "Video")[0]["language"] == "fr-CA"
        assert result.warnings == ()
    else:
        assert result.warnings == (lost,)


@pytest.mark.parametrize("place", ["file", "user data"])
@pytest.mark.parametrize("extension", [".mkv", ".mov"])
def test_xmp_of_quicktime_files_is_reported_as_lost(extension, place, film, joined):
    source = film("film.mov", codec="mpeg4", frames=6)
    with_xmp(source, in_user_data=place == "user data")
    made = joined(source, extension, profile="access")

    result = made.assemble()

    assert "the XMP metadata of the file is not kept" in result.warnings


def test_chapters_of_an_excerpt_are_clipped_at_every_level():
    clipped = clip_chapters(CHAPTERS, Fraction("0.5"), Fraction("1.2"))

    assert clipped is not None
    text = ebml.encode(clipped)
    assert [text.count(name.split(" ", 1)[1].encode()) for name in NAMES] == [1] * len(NAMES)
    edition = next(clipped.find_all(0x45B9))
    spans = [(atom.number(0x91), atom.number(0x92)) for atom in edition.find_all(0xB6)]
    assert spans == [(0, 500_000_000), (500_000_000, 700_000_000)]
    inner = next(next(edition.find_all(0xB6)).find_all(0xB6))
    assert (inner.number(0x91), inner.number(0x92)) == (0, 300_000_000)


def test_chapters_outside_an_excerpt_are_left_out():
    clipped = clip_chapters(CHAPTERS, Fraction("1.85"), Fraction("1.9"))

    assert clipped is not None
    assert b"Part two" in ebml.encode(clipped)
    assert b"Short version" not in ebml.encode(clipped)


@pytest.mark.parametrize("cut", range(0, 400, 7))
def test_cut_headers_are_read_as_far_as_they_go(cut, rich):
    data = rich.read_bytes()[:cut]

    read_matroska(io.BytesIO(data))
