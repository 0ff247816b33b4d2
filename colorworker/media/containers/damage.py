"""Count the defects of a film that can still be colored, for the report."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
import numpy.typing as npt
from av.packet import Packet

from colorworker.domain.timeline import Timeline
from colorworker.media.codecs import ffv1
from colorworker.media.containers.discontinuities import BROADCAST_CONTAINERS
from colorworker.media.containers.packettable import HAS_OWN_PTS, NO_PTS, PacketTable

HOLES_AT_MOST = 0.1
"""Maximum share of frames that follow a hole; beyond it, the frame rate counts as variable."""
PLACEHOLDER_BYTES = 10
"""MPEG-4 packets up to this size are placeholders for a frame in the previous packet (DivX)."""
EVEN_SHARE = 0.7
"""Minimum share of equal steps between frames in a film of constant rate."""
HOLE_FRAMES = 1.9
"""A step of at least this many usual steps means missing frames. Film stretched to television's
rate shows frames for 2 and 3 fields in turn, which must not count."""


@dataclass
class ScanTally:
    """Defects of one film, counted while it is scanned."""

    frames: int = 0
    damaged_packets: int = 0
    """Packets that the demuxer flagged as corrupt."""
    undecoded_packets: int = 0
    """Packets that yielded no frame when the scan decoded the film."""
    undecoded_at_start: int = 0
    """Packets that are shown before the first frame that decodes, and so are left out."""
    retimed_frames: int = 0
    """Frames whose stored pts cannot be right and was replaced."""
    retimed_seconds: float = 0.0
    """Largest difference between such a frame's time and its stored pts."""
    wrong_checksums: int = 0
    """FFV1 frames with a slice whose checksum is wrong."""
    first_wrong: int = 0
    """Number of the first such frame."""
    holes_seconds: list[tuple[float, float]] = field(default_factory=list)
    """Time and duration of every hole where frames are missing, both in seconds."""
    ragged_bytes: int = 0
    """Bytes after the last whole frame or packet."""
    missing_bytes: int = 0
    """Bytes that a header declares and the file does not have, although all frames are present."""
    restarts: int = 0
    """Restarts of the film's clock."""
    restart_seconds: float = 0.0
    """Seconds by which the clock goes back at all of them."""
    refused_start: bool = False
    """Whether the decoder refused one of the first packets."""
    hidden_streams: tuple[str, ...] = ()
    """Streams that begin in the middle of the file and are not passed on by libav."""
    _has_checksums: bool | None = None

    def add_packet(self, packet: Packet) -> None:  # type: ignore[type-arg]
        """Check the next packet of the video stream."""
        if not packet.size:
            return
        self.damaged_packets += packet.is_corrupt
        if packet.stream.codec_context.name == "ffv1":
            self._verify_checksums(bytes(packet))
        self.frames += 1

    def _verify_checksums(self, data: bytes) -> None:
        if self._has_checksums is None:
            self._has_checksums = ffv1.has_checksums(data)
        if self._has_checksums and ffv1.is_damaged(data):
            self.first_wrong = self.first_wrong if self.wrong_checksums else self.frames
            self.wrong_checksums += 1

    def find_defects(self, packets: PacketTable, size_bytes: int, ragged_bytes: int) -> None:
        """Find a cut-off end, restarts of the clock and holes, after the last packet was added."""
        whole = packets.container == "dv" and len(set(packets.sizes)) == 1
        self.ragged_bytes = size_bytes % packets.sizes[0] if whole else ragged_bytes
        self.frames = sum(packets.shown)
        self.restarts = len(packets.restarts)
        if self.restarts:
            self.restart_seconds = float(packets.restarts[-1].added * packets.time_base)
        if packets.container in BROADCAST_CONTAINERS:
            times = np.sort(packets.shown_pts())
            self.find_holes(packets.container, times, packets.time_base)

    def find_holes(self, container: str, times: npt.NDArray[np.int64], time_base: Fraction) -> None:
        """Find holes, where frames are missing, in a broadcast film of constant rate.

        Args:
            container: libav's name of the container.
            times: pts of the frames, rising; the first may be NO_PTS.
            time_base: Seconds per tick.
        """
        self.holes_seconds = []
        if container not in BROADCAST_CONTAINERS or times[0] == NO_PTS:
            return
        steps = np.diff(times)
        usual = float(np.median(steps)) if len(steps) else 0.0
        places = np.flatnonzero(steps > HOLE_FRAMES * usual)
        if len(places) > HOLES_AT_MOST * len(times):
            return
        surplus = (steps - usual) * float(time_base)
        starts = (times - times[0] + usual) * float(time_base)
        self.holes_seconds = [(float(starts[place]), float(surplus[place])) for place in places]
        # If times were spread between known ones, its neighbors took over a missing frame's time.
        longer = np.flatnonzero(steps > usual + 1)
        mostly_even = len(steps) - len(longer) >= EVEN_SHARE * len(steps)
        if not len(places) and mostly_even and steps[longer].sum() > (len(longer) + 0.5) * usual:
            self.holes_seconds = [(float(starts[longer[0]]), float(surplus[longer].sum()))]

    @property
    def needs_decode(self) -> bool:
        """Whether the film must be decoded to know its frames."""
        return bool(self.damaged_packets or self.holes_seconds or self.restarts)

    def count_left_out(self, packets: PacketTable, first: int) -> None:
        """Count the packets shown before the first frame, whose packet has the number `first`."""
        self.undecoded_at_start = int(np.sum(packets.shown_pts() < packets.times[first]))

    def count_undecoded(self, packets: PacketTable, decoded: Sequence[int | None]) -> None:
        """Count the packets that yielded no frame, in all and before the first frame.

        Args:
            packets: All packets of the film.
            decoded: Packet number of every frame; None if the decoder did not say.
        """
        numbers, first = set(decoded), decoded[0] or 0
        smallest = PLACEHOLDER_BYTES if packets.codec == "mpeg4" else 0
        missing = [
            number
            for number in range(len(packets))
            if packets.shown[number] and packets.sizes[number] > smallest and number not in numbers
        ]
        at_start = [
            number
            for number in missing
            if number < first or NO_PTS < packets.times[number] < packets.times[first]
        ]
        self.undecoded_at_start = len(at_start)
        self.undecoded_packets = len(missing) - len(at_start)

    def count_retimed(self, packets: PacketTable, timeline: Timeline) -> None:
        """Count the frames whose time differs from the pts that the container stores."""
        if timeline.stored is None or not packets.container.startswith(HAS_OWN_PTS):
            return
        stored = np.array(packets.times, np.int64)[timeline.stored.packets]
        off = np.abs(timeline.pts - stored)[stored != NO_PTS]
        self.retimed_frames = int(np.count_nonzero(off))
        self.retimed_seconds = float(off.max(initial=0) * timeline.time_base)

    def warnings(self) -> tuple[str, ...]:
        """Return one sentence per kind of defect, for the report."""
        sentences = []
        if self.damaged_packets:
            sentences.append(f"damaged packets: {self.damaged_packets} of {self.frames}")
        if self.undecoded_at_start:
            sentences.append(
                f"frames at the start that do not decode: {self.undecoded_at_start} of "
                f"{self.frames}; left out"
            )
        if self.undecoded_packets:
            sentences.append(
                f"packets without a decoded frame: {self.undecoded_packets} of {self.frames}"
            )
        if self.wrong_checksums:
            sentences.append(
                f"frames with wrong checksums: {self.wrong_checksums} of {self.frames}, first "
                f"frame {self.first_wrong}; damaged areas repeat the previous frame"
            )
        if self.holes_seconds:
            at, _ = self.holes_seconds[0]
            missing = sum(seconds for _, seconds in self.holes_seconds)
            sentences.append(
                f"places where frames are missing: {len(self.holes_seconds)}, "
                f"{missing:.2f} s in all, the first after {at:.2f} s"
            )
        if self.restarts:
            sentences.append(
                f"places where timestamps jump back: {self.restarts}, {self.restart_seconds:.2f} s "
                "in all; made continuous"
            )
        if self.retimed_frames:
            sentences.append(
                f"frames with wrong timestamps: {self.retimed_frames} of {self.frames}, by up to "
                f"{self.retimed_seconds:.2f} s; corrected"
            )
        sentences += [
            f"{stream} begins in the middle of the file and is left out"
            for stream in self.hidden_streams
        ]
        if self.ragged_bytes:
            sentences.append(f"the last {self.ragged_bytes} bytes are only part of a frame")
        if self.missing_bytes:
            sentences.append(
                f"the file is {self.missing_bytes} bytes shorter than declared, but has all frames "
                "and sound"
            )
        return tuple(sentences)
