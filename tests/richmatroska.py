"""Makes a small Matroska film with metadata that libav does not model."""

from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import numpy as np
from av.codec.context import CodecContext

from colorworker.media.containers import ebml
from colorworker.media.containers.ebml import Node, master, number
from colorworker.media.containers.matroska import ROOM_TAG, HeaderChanges, complete_header
from colorworker.media.containers.matroskachapters import TIME_END, TIME_START
from colorworker.media.containers.matroskasource import (
    ATOM,
    ATTACHED_FILE,
    CHAPTER_BCP47,
    CHAPTER_LANGUAGE,
    CHAPTER_STRING,
    CODEC_ID,
    CODEC_PRIVATE,
    DISPLAY,
    EDITION,
    FILE_DESCRIPTION,
    FILE_NAME,
    LANGUAGE_BCP47,
    SIMPLE_TAG,
    TAG_NAME,
    TRACK_ENTRY,
    MatroskaSource,
    read_matroska,
)
from colorworker.media.containers.matroskatags import TAG, TARGETS
from colorworker.media.containers.probe import scan
from colorworker.media.synthetic import Recipe, make_film
from tests.manystreams import SUBRIP

TAG_STRING, TAG_BCP47, TARGET_VALUE, EDITION_UID, CHAPTER_UID = (
    0x4487,
    0x447B,
    0x68CA,
    0x45BC,
    0x73C4,
)
SECOND = 1_000_000_000
WEBVTT_HEAD = b"WEBVTT\n\nKind: captions"


def text(name: int, value: str) -> Node:
    return Node(name, value.encode())


def chapter(uid: int, start: float, end: float, names: dict[str, str], *inner: Node) -> Node:
    displays = [
        master(
            DISPLAY,
            (
                text(CHAPTER_STRING, name),
                text(CHAPTER_LANGUAGE, {"en": "eng", "de": "ger"}[language]),
                text(CHAPTER_BCP47, language),
            ),
        )
        for language, name in names.items()
    ]
    times = number(TIME_START, round(start * SECOND)), number(TIME_END, round(end * SECOND))
    return master(ATOM, (number(CHAPTER_UID, uid), *times, *displays, *inner))


CHAPTERS = master(
    ebml.CHAPTERS,
    (
        master(
            EDITION,
            (
                number(EDITION_UID, 71),
                chapter(
                    1,
                    0,
                    1,
                    {"en": "Part one", "de": "Erster Teil"},
                    chapter(2, 0.4, 0.8, {"en": "Scene inside"}),
                ),
                chapter(3, 1, 1.9, {"en": "Part two"}),
            ),
        ),
        master(EDITION, (number(EDITION_UID, 72), chapter(4, 0.2, 1.8, {"en": "Short version"}))),
    ),
)
"""Two editions, four chapters, one of them nested, one of them with two names."""


def simple(name: str, value: str, language: str, *inner: Node) -> Node:
    values = text(TAG_NAME, name), text(TAG_STRING, value), text(TAG_BCP47, language)
    return master(SIMPLE_TAG, (*values, *inner))


TAGS = master(
    ebml.TAGS,
    (
        master(
            TAG,
            (
                master(TARGETS, (number(TARGET_VALUE, 70),)),
                simple("TITLE", "The series", "en"),
                simple("TITLE", "Die Reihe", "de-CH"),
            ),
        ),
        master(
            TAG,
            (
                master(TARGETS, ()),
                simple("DIRECTOR", "A. Person", "und", simple("URL", "http://example.org", "und")),
                simple("COMMENT", "From the vault", "en"),
            ),
        ),
    ),
)
"""A title in two languages for the series, and a nested tag."""


def picture(codec: str) -> bytes:
    """Return a small picture file."""
    encoder = CodecContext.create(codec, "w")
    encoder.width = encoder.height = 16
    encoder.pix_fmt = "yuvj420p" if codec == "mjpeg" else "gray"
    encoder.time_base = Fraction(1, 25)
    frame = av.VideoFrame.from_ndarray(np.full((16, 16), 90, np.uint8), format="gray")
    frame = frame.reformat(format=encoder.pix_fmt)
    return b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])


FILES = (
    ("cover.jpg", "image/jpeg", "mjpeg", "front"),
    ("small_cover.png", "image/png", "png", ""),
    ("märz notes.txt", "text/plain", "", "found in the can"),
)
"""Name, type, codec of a picture, and description."""


LANGUAGES = {0: "de-CH", 1: "pt-BR"}


def make_rich_matroska(path: Path, *, webvtt: bool = False) -> Path:
    """Write a Matroska film of 1.9 s with a subtitle track; return its path.

    It has `CHAPTERS`, `TAGS` and `FILES`, and languages with regions.

    Args:
        path: File to write.
        webvtt: Store the subtitles as mkvmerge stores WebVTT, which libav does not know.
    """
    subtitle_text = path.with_suffix(".srt")
    subtitle_text.write_bytes(SUBRIP)
    with TemporaryDirectory() as folder:
        film = make_film(Path(folder) / "film.mkv", Recipe(codec="mpeg4", frames=48))
        with av.open(str(film)) as one, av.open(str(subtitle_text)) as other:
            _join(path, one, other)
    with path.open("rb") as reader:
        info, _ = scan(reader, path.name)
        written = read_matroska(reader)
    assert written is not None
    assert written.attachments is not None
    described = [
        file.replaced(text(FILE_DESCRIPTION, about)) if about else file
        for file in written.attachments.find_all(ATTACHED_FILE)
        for name, _, _, about in FILES
        if file.text(FILE_NAME) == name
    ]
    words = [text(LANGUAGE_BCP47, "pt-BR")]
    if webvtt:
        words += [text(CODEC_ID, "S_TEXT/WEBVTT"), Node(CODEC_PRIVATE, WEBVTT_HEAD)]
    source = MatroskaSource(
        tracks=(
            master(TRACK_ENTRY, (text(LANGUAGE_BCP47, "de-CH"),)),
            master(TRACK_ENTRY, words),
        ),
        chapters=CHAPTERS,
        attachments=master(ebml.ATTACHMENTS, described),
        tags=TAGS,
    )
    complete_header(path, HeaderChanges(info, source, (0, 1), LANGUAGES, (1,) if webvtt else ()))
    return path


def _join(path: Path, *sources: av.container.InputContainer) -> None:
    with av.open(str(path), "w") as output:
        output.metadata[ROOM_TAG] = " " * 2000
        for name, mime_type, codec, _ in FILES:
            output.add_attachment(name, mime_type, picture(codec) if codec else b"Reel 3 of 4")
        made = [output.add_stream_from_template(each.streams[0], opaque=True) for each in sources]
        for target, language in zip(made, ("ger", "por"), strict=True):
            target.metadata["language"] = language
        for source, target in zip(sources, made, strict=True):
            for packet in source.demux(source.streams[0]):
                if packet.size:
                    packet.stream = target
                    output.mux(packet)
