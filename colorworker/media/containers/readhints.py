"""Tell network readers how far they will be read, so that they fetch no more than that."""

from typing import BinaryIO, Protocol, cast

from av.video.stream import VideoStream

FRAMES_IN_FLIGHT = 8
"""Packets a decoder takes before it returns a frame: for reordering, and one per thread."""


class SupportsReadHints(Protocol):
    """A network reader: a file that also takes hints about how far it will be read."""

    def expect_end(self, offset: int) -> None:
        """Expect reading to end at about this byte; 0 if unknown."""
        ...


def is_remote(reader: BinaryIO) -> bool:
    """Return whether every read costs a request over a network."""
    return hasattr(reader, "expect_end")


def hint_read_end(reader: BinaryIO, end_offset: int) -> None:
    """Tell a network reader at about which byte reading will end; 0 if unknown."""
    if is_remote(reader):
        cast(SupportsReadHints, reader).expect_end(end_offset)


def hint_read_all(reader: BinaryIO) -> None:
    """Tell a network reader that the whole file will be read; the position does not change."""
    position = reader.tell()
    hint_read_end(reader, reader.seek(0, 2))
    reader.seek(position)


def estimate_end_offset(stream: VideoStream, last_pts: int, frame_ticks: int) -> int:
    """Return the approximate byte offset after all packets needed to decode up to `last_pts`.

    The offset is interpolated between two entries of the container's index. It is 0 if the index
    does not reach that far or is missing.

    Args:
        stream: The video stream, in an open container.
        last_pts: pts of the last frame to decode, in ticks of the stream.
        frame_ticks: Duration of a frame in ticks.
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
