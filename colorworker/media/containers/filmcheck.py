"""Check a written film by its packets: number of frames, and checksums of FFV1 slices."""

from dataclasses import dataclass
from fractions import Fraction
from typing import BinaryIO

from av.error import FFmpegError

from colorworker.errors import SourceDamaged
from colorworker.media.containers.damage import ScanTally
from colorworker.media.containers.demux import ignore_new_streams, libav_message, open_container
from colorworker.media.containers.demux import select_stream as select
from colorworker.media.containers.maintrack import film_stream


@dataclass(frozen=True)
class FilmCheck:
    """What the packets of a film show."""

    frames: int = 0
    wrong_checksums: int = 0
    """FFV1 frames with a slice whose checksum is wrong."""
    first_wrong: int = 0
    """Number of the first such frame, from 0."""
    first_wrong_seconds: float = 0.0
    """Its time."""
    error: str = ""
    """Why the film does not open or demux; empty if it does."""


def check_film(reader: BinaryIO, key: str) -> FilmCheck:
    """Read all packets of a film that colorworker wrote.

    Nothing is decoded: a decoder checks the same checksums, and replaces a bad slice without
    saying so.

    Args:
        reader: The film, seekable.
        key: Its name, for errors.
    """
    tally, rate = ScanTally(), Fraction(0)
    try:
        with open_container(reader, key) as container:
            stream = select(container, film_stream(container, key, 0))
            rate = Fraction(stream.average_rate or 0)
            for packet in ignore_new_streams(container.demux(stream)):
                if packet.size and not packet.is_discard:
                    tally.add_packet(packet)
    except FFmpegError as error:
        return _checked(tally, rate, libav_message(error))
    except SourceDamaged as error:
        return _checked(tally, rate, error.seen)
    return _checked(tally, rate, "")


def _checked(tally: ScanTally, rate: Fraction, error: str) -> FilmCheck:
    seconds = float(tally.first_wrong / rate) if rate else 0.0
    return FilmCheck(tally.frames, tally.wrong_checksums, tally.first_wrong, seconds, error)
