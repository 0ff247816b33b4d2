"""Check, before any frame is colored, that an output can hold a film's times and tracks."""

import io
from fractions import Fraction
from itertools import islice
from typing import Any, BinaryIO

import av
import numpy as np
from av.error import FFmpegError

from colorworker.domain.timeline import Timeline
from colorworker.domain.videoinfo import VideoInfo
from colorworker.errors import SourceUnsupported
from colorworker.media.codecs.profiles import EncoderSpec
from colorworker.media.containers.demux import libav_message, open_source
from colorworker.media.containers.latestreams import late_streams
from colorworker.media.containers.maintrack import film_stream
from colorworker.media.containers.sourceheader import read_source_header
from colorworker.media.containers.streamcopy import copy_streams
from colorworker.media.containers.verify import rescale

MATROSKA_TICK = Fraction(1, 1000)
"""Time base of libav's Matroska muxer."""
LONGEST_TICKS = (1 << 31) - 1
"""Longest duration of a frame in MP4 and QuickTime files, in ticks (ISO/IEC 14496-12, 8.6.1.2)."""
TRIED_PACKETS, TRIED_BYTES = 256, 1 << 23
"""Most packets and bytes of a film's other tracks that are written to try a container."""


class _Discarded(io.RawIOBase):
    """A file that keeps no bytes, only its position and size."""

    def __init__(self) -> None:
        super().__init__()
        self._place = self._size = 0

    def writable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def write(self, data: Any) -> int:
        """Move on by the size of the data."""
        self._place += len(data)
        self._size = max(self._size, self._place)
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to a position and return it."""
        self._place = offset + (0, self._place, self._size)[whence]
        return self._place

    def tell(self) -> int:
        """Return the position."""
        return self._place


def check_times(key: str, timeline: Timeline, container: str) -> None:
    """Check that a container can give every frame a time of its own.

    Args:
        key: The film's name, for errors.
        timeline: Timeline of the frames to write.
        container: The output's muxer.

    Raises:
        SourceUnsupported: If two frames would get the same time, or one would be shown for too
            long.
    """
    pts, time_base = timeline.pts, timeline.time_base
    steps = np.diff(pts)
    if len(steps) == 0:
        return
    shortest, longest = int(steps.argmin()), int(steps.argmax())
    if container == "matroska" and steps[shortest] * time_base < MATROSKA_TICK:
        scale = time_base / MATROSKA_TICK
        origin = min(0, int(pts[0]))
        ticks = [rescale(each - origin, scale) for each in pts.tolist()]
        if bool(np.any(np.diff(ticks) == 0)):
            raise SourceUnsupported(
                key,
                f"frames {shortest} and {shortest + 1} are shown "
                f"{float(steps[shortest] * time_base * 1000):.3f} ms apart, and Matroska stores "
                "times in whole milliseconds",
                "Use --profile mezzanine, which keeps the times exactly",
            )
    if container != "matroska" and steps[longest] > LONGEST_TICKS:
        raise SourceUnsupported(
            key,
            f"frame {longest} is shown for {float(steps[longest] * time_base):.0f} s, longer than "
            f"{container} can store",
            "Use --profile archive, or cut the film there",
        )


def check_tracks(
    reader: BinaryIO, key: str, info: VideoInfo, timeline: Timeline, spec: EncoderSpec
) -> None:
    """Check that a container takes a film's other tracks, by writing their first packets.

    Args:
        reader: The film, seekable; stays open.
        key: Its name, for errors.
        info: The film's properties, from `scan`.
        timeline: Timeline of the whole film.
        spec: The encoder and the container of the output.

    Raises:
        SourceUnsupported: If libav's muxer or an encoder for sound refuses a track.
    """
    header = read_source_header(reader)
    with open_source(reader, key) as source, late_streams(reader, key, source) as late:
        film = film_stream(source, key, info.stream_index)
        if len(source.streams) == 1:
            return
        try:
            with av.open(_Discarded(), "w", format=spec.container) as output:
                copied = copy_streams(source, film, output, spec, Fraction(0), late, header=header)
                if not copied.tracks:
                    return
                output.start_encoding()
                left = TRIED_BYTES
                for packet in islice(copied.packets(source, timeline), TRIED_PACKETS):
                    left -= packet.size
                    copied.mux(output, packet)
                    if left < 0:
                        break
        except (FFmpegError, ValueError) as error:
            said = libav_message(error) if isinstance(error, FFmpegError) else str(error)
            raise SourceUnsupported(
                key,
                f"{spec.container} does not take its sound, subtitles and other tracks ({said})",
                "Use another --profile, or remux the film without the track first",
            ) from error
