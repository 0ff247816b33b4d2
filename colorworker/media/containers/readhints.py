"""Tell readers over a network how far they will be read, so that they fetch that and no more."""

from typing import BinaryIO, Protocol, cast

from av.video.stream import VideoStream

FRAMES_IN_FLIGHT = 8
"""Packets that decoders take in before they give a frame back: for reordering, and one a thread."""


class Foretold(Protocol):
    """What readers over a network have besides a file's methods."""

    def expect_end(self, offset: int) -> None:
        """Take note that reading will end at about this byte; 0 for nobody knows."""
        ...


def is_remote(reader: BinaryIO) -> bool:
    """Return whether every read costs a request and every byte is moved over a network."""
    return hasattr(reader, "expect_end")


def foretell(reader: BinaryIO, end_offset: int) -> None:
    """Say at which byte reading will about end, to a reader that wants to know; 0: nobody knows."""
    if is_remote(reader):
        cast(Foretold, reader).expect_end(end_offset)


def foretell_all(reader: BinaryIO) -> None:
    """Say that all of it will be read; the reader's position stays."""
    position = reader.tell()
    foretell(reader, reader.seek(0, 2))
    reader.seek(position)


def offset_after(stream: VideoStream, last_pts: int, frame_ticks: int) -> int:
    """Return at about which byte the packets end that frames up to `last_pts` are decoded from.

    Between two entries of the container's index it is interpolated; 0 where the index does not
    reach that far, or there is none.
    """
    entries = stream.index_entries
    wanted = last_pts + FRAMES_IN_FLIGHT * frame_ticks
    after = entries.search_timestamp(wanted, backward=False, any_frame=True)
    if after <= 0:
        return 0
    before, behind = entries[after - 1], entries[after]
    span = max(1, behind.timestamp - before.timestamp)
    share = min(1.0, max(0.0, (wanted - before.timestamp) / span))
    return before.pos + round((behind.pos - before.pos) * share)
