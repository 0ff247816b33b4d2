"""Streams of broadcast files that begin after the part that libav probes."""

import io
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import BinaryIO, cast

import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Discard, Stream

from colorworker.errors import SourceDamaged
from colorworker.media.containers.demux import ignore_new_streams, open_source

TAIL_BYTES = 4 << 20
"""How far before the end of a file its streams are looked up once more, at most."""
LEAD_BYTES = 1 << 18
"""Where to try again if the tables that describe the streams do not follow the first packet."""
_MPEG_VIDEO = {"mpeg1video", "mpeg2video"}
"""Taken for each other if a part begins in the middle of a group of pictures."""


class OffsetReader(io.RawIOBase):
    """The part of a reader from an offset on."""

    def __init__(self, reader: BinaryIO, offset: int) -> None:
        super().__init__()
        self._reader, self._offset = reader, offset

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes."""
        return self._reader.read(size)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to a position counted from the start of the part, and return it."""
        if whence == io.SEEK_SET:
            offset += self._offset
        return self._reader.seek(offset, whence) - self._offset

    def tell(self) -> int:
        """Return the position, counted from the start of the part."""
        return self._reader.tell() - self._offset


@contextmanager
def late_streams(
    reader: BinaryIO, key: str, source: InputContainer
) -> Iterator[Mapping[int, Stream]]:
    """Yield the audio streams whose parameters are unknown in `source`, read where they begin.

    libav probes 5 MB at most; of a stream that begins later it knows no sample rate. Probing
    further would keep all packets up to there in memory, so the file is opened a second time at
    the stream's first packet.

    Args:
        reader: The file that `source` reads; its position is restored.
        key: Its name, for errors.
        source: The opened film.

    Yields:
        The streams by their index in `source`; without those that have no packets.
    """
    unknown = [stream for stream in source.streams.audio if not is_known(stream)]
    if not unknown:
        yield {}
        return
    position = reader.tell()
    with ExitStack() as opened:
        found = {}
        for index, offset in _first_packets(reader, key, [each.index for each in unknown]).items():
            identity = source.streams[index].id
            for start in (offset, max(0, offset - LEAD_BYTES)):
                stream = _stream_at(opened, reader, key, start, identity)
                if stream is not None:
                    found[index] = stream
                    break
        reader.seek(position)
        yield found


def hidden_streams(
    reader: BinaryIO,
    key: str,
    demuxer: str,
    known: Collection[int],
    offsets: Sequence[int],
) -> dict[int, str]:
    """Return the kinds of the streams, by their IDs, that PyAV never passes on.

    They appear in the middle of the file, in a table of its own. The file is opened again where
    the film has its longest gap, and near its end.

    Args:
        reader: The file; its position changes.
        key: Its name, for errors.
        demuxer: libav's name of its demuxer; a part that another one takes is not searched.
        known: IDs (in transport streams, PIDs) of the streams that are passed on.
        offsets: Byte offset of each packet of the film.
    """
    size = reader.seek(0, io.SEEK_END)
    starts = {_tail(size)}
    places = np.array([*sorted(offsets), size], np.int64)
    if len(places) > 1:
        widest = int(np.argmax(np.diff(places)))
        if places[widest + 1] - places[widest] > LEAD_BYTES:
            starts.add(int(places[widest]))
    found: dict[int, str] = {}
    for start in sorted(starts):
        try:
            part = open_source(cast(BinaryIO, OffsetReader(reader, start)), key)
            with part as container:
                found |= {
                    stream.id: stream.type
                    for stream in container.streams
                    if container.format.name == demuxer
                    and stream.id not in known
                    and _has_content(stream)
                }
        except SourceDamaged:
            continue
    return found


def other_codec(reader: BinaryIO, key: str, pid: int, codec: str) -> str:
    """Return the codec that a video stream has near the end of a file; empty if it is the same.

    libav goes on with the first one, and nothing decodes from the change on.

    Args:
        reader: The file; its position changes.
        key: Its name, for errors.
        pid: PID of the stream.
        codec: Name of its first codec.
    """
    last = _codec_at(reader, key, _tail(reader.seek(0, io.SEEK_END)), pid)
    return "" if last == codec or {last, codec} == _MPEG_VIDEO else last


def _tail(size_bytes: int) -> int:
    """Return the offset where streams are looked up once more."""
    return max(size_bytes - TAIL_BYTES, size_bytes * 3 // 4)


def _codec_at(reader: BinaryIO, key: str, offset: int, pid: int) -> str:
    """Return the codec of a video stream from an offset on; empty if it is not known there."""
    try:
        with open_source(cast(BinaryIO, OffsetReader(reader, offset)), key) as part:
            names = [
                each.codec_context.codec.canonical_name
                for each in part.streams.video
                if each.id == pid and _has_content(each)
            ]
    except SourceDamaged:
        return ""
    return names[0] if names else ""


def _has_content(stream: Stream) -> bool:
    """Return whether a stream has a picture, sound or subtitles, and is not only announced."""
    if stream.type == "video":
        return bool(getattr(stream.codec_context, "width", 0))
    if stream.type == "audio":
        return bool(getattr(stream.codec_context, "sample_rate", 0))
    return stream.type == "subtitle"


def is_known(stream: Stream) -> bool:
    """Return whether an audio stream's sample rate is known; True for other streams."""
    if stream.type != "audio" or cast(object, stream.codec_context) is None:
        return True
    return bool(cast(AudioStream, stream).codec_context.sample_rate)


def _first_packets(reader: BinaryIO, key: str, indexes: list[int]) -> dict[int, int]:
    """Return the byte offset of the first packet of each stream that has packets."""
    found: dict[int, int] = {}
    with open_source(reader, key) as container:
        for stream in container.streams:
            if stream.index not in indexes:
                stream.discard = Discard.all
        chosen = [container.streams[index] for index in indexes]
        for packet in ignore_new_streams(container.demux(chosen)):
            if packet.size and packet.pos is not None and packet.pos >= 0:
                found.setdefault(packet.stream.index, packet.pos)
            if len(found) == len(indexes):
                break
    return found


def _stream_at(
    opened: ExitStack, reader: BinaryIO, key: str, offset: int, identity: int
) -> Stream | None:
    try:
        part = cast(BinaryIO, OffsetReader(reader, offset))
        container = opened.enter_context(open_source(part, key))
    except SourceDamaged:
        return None
    return next(
        (each for each in container.streams.audio if each.id == identity and is_known(each)), None
    )
