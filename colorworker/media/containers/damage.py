"""What a scan finds wrong with a film that can be colored all the same, counted for the report."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
import numpy.typing as npt
from av.packet import Packet

from colorworker.media.codecs import ffv1
from colorworker.media.containers.discontinuities import BROADCAST_CONTAINERS
from colorworker.media.containers.timing import NO_PTS, PacketTable

HOLES_AT_MOST = 0.1
"""Share of frames before which frames are missing; where it is larger, the rate is variable."""
PLACEHOLDER_BYTES = 10
"""MPEG-4 packets up to this size stand for a frame that is stored in the packet before (DivX)."""
EVEN_SHARE = 0.7
"""Share of steps between frames that are alike in a film of constant rate."""
HOLE_FRAMES = 1.9
"""How many usual frames apart two frames are at least if frames are missing between them; film that
is stretched to television's rate shows frames for 2 and 3 fields in turn."""


@dataclass
class ScanTally:
    """Counts of one scanned film, filled while it is read."""

    frames: int = 0
    damaged_packets: int = 0
    """Packets with a hole or an error that the demuxer noticed."""
    undecoded_packets: int = 0
    """Packets of which no frame came when the film was decoded in the scan."""
    wrong_checksums: int = 0
    """FFV1 frames of which a slice is not as it was written."""
    first_wrong: int = 0
    """Number of the first of them."""
    holes_seconds: list[tuple[float, float]] = field(default_factory=list)
    """Where in the film frames are missing, from its start, and for how long."""
    ragged_bytes: int = 0
    """Bytes at the end that are part of a frame or packet."""
    restarts: int = 0
    """Places where the film's clock goes back."""
    refused_start: bool = False
    """Whether the decoder refused one of the first packets."""
    _has_checksums: bool | None = None

    def take(self, packet: Packet) -> None:  # type: ignore[type-arg]
        """Look at a packet of the film."""
        if not packet.size:
            return
        self.damaged_packets += packet.is_corrupt
        if packet.stream.codec_context.name == "ffv1":
            self._check(bytes(packet))
        self.frames += 1

    def _check(self, data: bytes) -> None:
        if self._has_checksums is None:
            self._has_checksums = ffv1.has_checksums(data)
        if self._has_checksums and ffv1.is_damaged(data):
            self.first_wrong = self.first_wrong if self.wrong_checksums else self.frames
            self.wrong_checksums += 1

    def look_over(self, packets: PacketTable, size_bytes: int, ragged_bytes: int) -> None:
        """Find a torn end and places where the clock jumps, once all packets were taken."""
        whole = packets.container == "dv" and len(set(packets.sizes)) == 1
        self.ragged_bytes = size_bytes % packets.sizes[0] if whole else ragged_bytes
        if packets.container in BROADCAST_CONTAINERS:
            self.restarts = len(packets.restarts)
            times = np.sort(packets.shown_pts())
            self.look_for_holes(packets.container, times, packets.time_base)

    def look_for_holes(
        self, container: str, times: npt.NDArray[np.int64], time_base: Fraction
    ) -> None:
        """Find where frames are missing in a broadcast film of constant rate.

        Args:
            container: libav's name of it.
            times: When frames are shown, rising; the first may be NO_PTS.
            time_base: Seconds a tick.
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
        # Where times were spread between known ones, a missing frame's time is its neighbors'.
        longer = np.flatnonzero(steps > usual + 1)
        mostly_even = len(steps) - len(longer) >= EVEN_SHARE * len(steps)
        if not len(places) and mostly_even and steps[longer].sum() > (len(longer) + 0.5) * usual:
            self.holes_seconds = [(float(starts[longer[0]]), float(surplus[longer].sum()))]

    @property
    def is_broken(self) -> bool:
        """Return whether packets alone may not tell what a decoder makes of the film."""
        return bool(self.damaged_packets or self.holes_seconds)

    def look_for_undecoded(self, packets: PacketTable, decoded: Sequence[int | None]) -> None:
        """Count the packets of which no frame came, from the first keyframe on.

        Those before it are leftovers of a group of pictures that was cut away.

        Args:
            packets: All of the film.
            decoded: Number of the packet of every frame; None where the decoder did not say.
        """
        numbers = set(decoded)
        smallest = PLACEHOLDER_BYTES if packets.codec == "mpeg4" else 0
        self.undecoded_packets = sum(
            bool(packets.shown[number]) and packets.sizes[number] > smallest
            for number in range(packets.first_key, len(packets))
            if number not in numbers
        )

    def warnings(self) -> tuple[str, ...]:
        """Return what a report must say about the source."""
        said = []
        if self.damaged_packets:
            said.append(f"damaged packets: {self.damaged_packets} of {self.frames}")
        if self.undecoded_packets:
            said.append(
                f"packets that give no frame of their own: {self.undecoded_packets} of "
                f"{self.frames}"
            )
        if self.wrong_checksums:
            said.append(
                f"frames with wrong checksums: {self.wrong_checksums} of {self.frames}, first "
                f"frame {self.first_wrong}; parts of them are shown as in the frame before"
            )
        if self.holes_seconds:
            at, _ = self.holes_seconds[0]
            missing = sum(seconds for _, seconds in self.holes_seconds)
            said.append(
                f"places where frames are missing: {len(self.holes_seconds)}, "
                f"{missing:.2f} s in all, the first after {at:.2f} s"
            )
        if self.restarts:
            said.append(
                f"places where the clock goes back: {self.restarts}; times go on from before"
            )
        if self.ragged_bytes:
            said.append(f"the last {self.ragged_bytes} bytes are only part of a frame")
        return tuple(said)
