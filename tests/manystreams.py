"""Makes a synthetic film with every kind of stream and metadata, for tests and docs."""

import io
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

import av
from av.container import InputContainer
from av.stream import Disposition, Stream

from colorworker.media.containers.outputtrack import AnyPacket
from colorworker.media.synthetic import Recipe, make_film, timed_chapters

FRAMES = 48
PTS = tuple(index * 33 + index % 3 * 5 for index in range(FRAMES))
"""pts in milliseconds, unevenly spaced."""
SUBRIP = b"1\n00:00:00,200 --> 00:00:00,700\nLa sortie des usines\n"
SUBSTATION = (
    b"[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\nFormat: Name, Fontname, Fontsize\n"
    b"Style: Default,Archive Sans,16\n\n[Events]\n"
    b"Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
    b"Dialogue: 0,0:00:00.30,0:00:00.90,Default,,0,0,0,,(a whistle) The gate opens\n"
)
CHAPTERS = (("Gate", 0, 900), ("Street", 900, 1600))
CAPTION = b"THE GATE OPENS"
FONT_TYPE = "font/ttf"
SOUND = (
    ("aac", "ger", Disposition.default, "Stereo"),
    ("ac3", "fre", Disposition.comment, "The archivist speaks"),
    ("flac", "eng", Disposition.visual_impaired, "Audio description"),
)
WORDS = (
    ("srt", SUBRIP, "fre", Disposition.forced, "Intertitles"),
    ("ass", SUBSTATION, "eng", Disposition.hearing_impaired, "With sounds"),
)


def make_film_with_all_streams(path: Path, *, caption_data: bytes = b"") -> Path:
    """Write a Matroska film of 1.6 s and return its path.

    It has H.264 video with B-frames, uneven frame times and closed captions in every frame; three
    audio and two subtitle tracks with languages, titles and dispositions; two fonts, two chapters,
    a title, a shelf mark and a timecode.

    Args:
        path: File to write.
        caption_data: Extra caption triplets for every frame, such as CEA-708.
    """
    with TemporaryDirectory() as folder:
        sources = [_pictures(Path(folder))]
        sources += [_tone(Path(folder), codec) for codec, *_ in SOUND]
        sources += [_words(io.BytesIO(text), form) for form, text, *_ in WORDS]
        try:
            _join(path, sources, caption_data)
        finally:
            for source in sources:
                source.close()
    return path


def _pictures(folder: Path) -> InputContainer:
    recipe = Recipe(b_frames=3, frames=FRAMES, pts=PTS, time_base=Fraction(1, 1000))
    return av.open(str(make_film(folder / "film.mkv", recipe)))


def _tone(folder: Path, codec: str) -> InputContainer:
    recipe = Recipe(codec="mpeg4", frames=40, sound=codec)
    return av.open(str(make_film(folder / f"{codec}.mkv", recipe)))


def _words(text: BinaryIO, form: str) -> InputContainer:
    return av.open(text, "r", format=form)


def _join(path: Path, sources: list[InputContainer], caption_data: bytes) -> None:
    chosen: list[Stream] = [sources[0].streams.video[0]]
    chosen += [source.streams.audio[0] for source in sources[1 : 1 + len(SOUND)]]
    chosen += [source.streams.subtitles[0] for source in sources[1 + len(SOUND) :]]
    named = [(language, flags, title) for _, language, flags, title in SOUND]
    named += [(language, flags, title) for *_, language, flags, title in WORDS]
    with av.open(str(path), "w") as output:
        output.metadata.update({"title": "Workers leaving", "SHELF_MARK": "R-1895/7"})
        output.set_chapters(timed_chapters(CHAPTERS))
        made = [output.add_stream_from_template(stream, opaque=True) for stream in chosen]
        made[0].metadata["timecode"] = "01:00:00:00"
        for stream, (language, flags, title) in zip(made[1:], named, strict=True):
            stream.metadata.update({"language": language, "title": title})
            stream.disposition = flags
        for weight in ("Regular", "Bold"):
            output.add_attachment(f"ArchiveSans-{weight}.ttf", FONT_TYPE, weight.encode() * 99)
        for source, stream, target in zip(sources, chosen, made, strict=True):
            for packet in source.demux(stream):
                if packet.size:
                    if target is made[0]:
                        packet = _with_captions(packet, caption_data)
                    packet.stream = target
                    output.mux(packet)


def _line_21() -> list[bytes]:
    """Return two CEA-608 letters per frame: a caption is loaded, shown, and erased later."""
    load = [b"\x14\x20"] * 2 + [b"\x14\x2e"] * 2 + [b"\x14\x70"] * 2
    text = [CAPTION[at : at + 2] for at in range(0, len(CAPTION), 2)]
    show, erase = [b"\x14\x2f"] * 2, [b"\x14\x2c"] * 2
    pairs = load + text + show + [b"\0\0"] * 15 + erase
    return pairs + [b"\0\0"] * (FRAMES - len(pairs))


def _with_captions(packet: AnyPacket, more: bytes) -> AnyPacket:
    """Return the packet with its frame's two CEA-608 letters in ATSC A/53 part 4 form."""
    letters = _line_21()[PTS.index(packet.pts or 0)]
    triplets = bytes((0xFC, *map(_odd, letters))) + more
    head = b"\xb5\x00\x31GA94\x03" + bytes((0xC0 | len(triplets) // 3, 0xFF))
    return with_message(packet, head + triplets + b"\xff")


def with_message(packet: AnyPacket, message: bytes) -> AnyPacket:
    """Return an H.264 packet (MP4 framing) with an SEI message of type 4 (ITU-T T.35) added."""
    unit = bytes((6, 4, len(message))) + message + b"\x80"
    made = av.Packet(len(unit).to_bytes(4, "big") + unit + bytes(packet))
    made.pts, made.dts, made.duration = packet.pts, packet.dts, packet.duration
    made.time_base, made.is_keyframe = packet.time_base, packet.is_keyframe
    return made


def _odd(letter: int) -> int:
    """Return a 7-bit letter with an odd parity bit."""
    return letter | (letter.bit_count() + 1) % 2 << 7
