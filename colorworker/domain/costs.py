"""How long a job will take and how much it will write: plain arithmetic over measured rates.

What a piece of work costs is a straight line: so much an item, so much a frame, so much a megapixel
of a frame. The lines are measured on a machine (`estimating.calibrate`); how much work there is, is
read from the headers of a sample of the sources (`estimating.survey`). Seconds here are those of
one worker; several share them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from colorworker.domain.options import Kind, Profile

BORDER_SHARE = 0.35
"""Of a frame's cost: that of a frame decoded behind a segment's end only for the border's color.
It is not encoded, and few are predicted. A border of 30 of them cost 0.17 and 0.22 s of CPU at 480p
(960 frames in 8 segments and in one, commit 6ddb9ec), a frame 16 ms with FFV1 and 20 with x264."""

LOSSLESS = frozenset(
    ("ffv1", "ffvhuff", "huffyuv", "magicyuv", "png", "r210", "rawvideo", "tiff", "utvideo", "v210")
)
"""Forms of sources that hold every code of their pictures, grain and all."""
LEAST_SHARE, MOST_SHARE = 0.25, 2.0
"""Bounds of what is written for a source beside what was for the measured one. A clean picture has
few bytes and still costs some; one of very many may only have been given a high rate."""


@dataclass(frozen=True, order=True)
class CostClass:
    """A sort of work whose cost is one line: all pictures or films of one form."""

    kind: Kind
    form: str
    """A picture's extension without its dot; a film's codec as libav calls it."""
    samples: str
    """`8` or `16` bits of a picture; a film's pixel format."""
    profile: Profile = "access"
    """Of the output."""

    @property
    def name(self) -> str:
        """Return all of it as one word: `film/access/h264/yuv420p`."""
        return f"{self.kind}/{self.profile}/{self.form}/{self.samples}"

    @property
    def family(self) -> tuple[Kind, Profile, bool]:
        """Return what pieces share that cost and write about as much."""
        return self.kind, self.profile, self.form in LOSSLESS


@dataclass(frozen=True)
class Rate:
    """What one piece costs one worker. Seconds are of wall time."""

    item_seconds: float
    frame_seconds: float
    megapixel_seconds: float
    """For a megapixel of one frame."""
    megapixel_bytes: float
    """Written, for a megapixel of one frame."""
    first_seconds: float = 0.0
    """More than that, of the first items on a worker: tables are built for them."""
    source_bytes: float = 0.0
    """Of the source that was measured, for a megapixel of one frame; 0 where from a source's bytes
    nothing follows for what is written."""

    def seconds(self, frames: float, megapixels: float) -> float:
        """Return the cost of an item of so many frames of so many megapixels each."""
        each = self.frame_seconds + self.megapixel_seconds * megapixels
        return self.item_seconds + frames * each

    def written(self, megapixels: float, source_bytes: float) -> float:
        """Return the bytes written for so many megapixels of all frames.

        Encoders find in a picture about what those before them have found: grain, edges, motion.
        """
        share = 1.0
        if self.source_bytes and megapixels:
            share = source_bytes / megapixels / self.source_bytes
        return self.megapixel_bytes * megapixels * min(MOST_SHARE, max(LEAST_SHARE, share))


@dataclass(frozen=True)
class Calibration:
    """The rates of one machine, for one set of weights and options."""

    measured_at: str
    """UTC, ISO 8601."""
    start_seconds: float
    """Until the first item is under way: the model is loaded and has predicted once."""
    rates: Mapping[str, Rate] = field(default_factory=dict)
    """By the piece's name."""

    def rate(self, piece: CostClass) -> tuple[Rate, bool] | None:
        """Return a piece's rate and whether it is its own; else that of one like it; else None."""
        if found := self.rates.get(piece.name):
            return found, True

        def likeness(name: str) -> tuple[bool, ...]:
            _, profile, form, samples = name.split("/")
            is_lossless = form in LOSSLESS
            return (
                profile == piece.profile,
                form == piece.form,
                is_lossless == piece.family[-1],
                samples == piece.samples,
            )

        alike = [name for name in sorted(self.rates) if name.split("/")[0] == piece.kind]
        return (self.rates[max(alike, key=likeness)], False) if alike else None


@dataclass(frozen=True)
class SourceSample:
    """What the header of one source says."""

    piece: CostClass
    size_bytes: int
    frames: int
    megapixels: float
    """Of one frame."""
    film_seconds: float = 0.0
    segments: int = 1
    picture_bytes: float = 0.0
    """Of the source, those of the pictures that are counted in `frames`."""
    other_bytes: float = 0.0
    """Of its sound, as far as its header says; it is written too."""


@dataclass(frozen=True)
class SourceGroup:
    """Sources of one kind and extension, of which some were looked at."""

    kind: Kind
    items: int
    size_bytes: int
    samples: tuple[SourceSample, ...] = ()


@dataclass(frozen=True)
class MediaEstimate:
    """What is to be expected of a job's pictures, or of its films."""

    items: int = 0
    frames: int = 0
    film_seconds: float = 0.0
    work_seconds: float = 0.0
    """Of one worker."""
    bytes_out: int = 0
    sampled: int = 0
    """Items whose headers were read; from them follows the rest."""


@dataclass(frozen=True)
class Estimate:
    """What is to be expected of a job."""

    stills: MediaEstimate = MediaEstimate()
    films: MediaEstimate = MediaEstimate()
    start_seconds: float = 0.0
    """Of every worker, whatever its share of the work."""
    longest_seconds: float = 0.0
    """Of the work that only one worker after another can do: the longest item in one piece."""
    workers: int = 1
    """Units worked on at a time; 0 where that is not known."""
    measured_at: str = ""
    """When the machine was measured; UTC, ISO 8601."""
    likened: tuple[str, ...] = ()
    """Pieces whose cost is that of another, because they cannot be made for measuring."""

    @property
    def work_seconds(self) -> float:
        """Of one worker, without the start."""
        return self.stills.work_seconds + self.films.work_seconds

    @property
    def bytes_out(self) -> int:
        """Of all outputs."""
        return self.stills.bytes_out + self.films.bytes_out

    def wall_seconds(self, workers: int | None = None) -> float:
        """Return how long it takes so many workers, each like those that were measured."""
        shared = self.work_seconds / max(1, self.workers if workers is None else workers)
        return self.start_seconds + max(shared, self.longest_seconds)


def estimate(
    groups: Iterable[SourceGroup],
    calibration: Calibration,
    *,
    workers: int,
    lookahead_frames: int,
) -> Estimate:
    """Return what is to be expected.

    Within a group what was not looked at is like what was: as many frames and pixels a byte. A
    group of which nothing could be read is like all of its kind.

    Args:
        groups: Of what is to be done.
        calibration: Of the machine.
        workers: Units worked on at a time.
        lookahead_frames: Decoded behind each segment for the colors at its end.
    """
    groups = list(groups)
    cost = _Cost(calibration, lookahead_frames)
    parts = {}
    for kind in ("still", "film"):
        own = [group for group in groups if group.kind == kind and group.items]
        everything = tuple(sample for group in own for sample in group.samples)
        parts[kind] = _summed([cost.part(group, group.samples or everything) for group in own])
    return Estimate(
        parts["still"],
        parts["film"],
        calibration.start_seconds + sum(cost.first_seconds.values()),
        cost.longest,
        workers,
        calibration.measured_at,
        tuple(sorted(cost.likened)),
    )


class _Cost:
    """Applies rates to samples, and remembers the longest piece and what was likened."""

    def __init__(self, calibration: Calibration, lookahead_frames: int) -> None:
        self._calibration, self._lookahead = calibration, lookahead_frames
        self.longest = 0.0
        self.likened: set[str] = set()
        self.first_seconds: dict[str, float] = {}

    def part(self, group: SourceGroup, samples: tuple[SourceSample, ...]) -> MediaEstimate:
        seen_bytes = sum(sample.size_bytes for sample in samples)
        if not samples or not seen_bytes:
            return MediaEstimate(group.items)
        by_count, by_bytes = group.items / len(samples), group.size_bytes / seen_bytes
        items = frames = film_seconds = rest = out = 0.0
        for sample in samples:
            each, more, written = self._of(sample)
            items += each
            rest += more
            out += written
            frames += sample.frames
            film_seconds += sample.film_seconds
        return MediaEstimate(
            group.items,
            round(frames * (by_bytes if group.kind == "film" else by_count)),
            film_seconds * by_bytes,
            items * by_count + rest * by_bytes,
            round(out * by_bytes),
            len(samples) if group.samples else 0,
        )

    def _of(self, sample: SourceSample) -> tuple[float, float, float]:
        """Return seconds that do not depend on its length, those that do, and bytes written."""
        found = self._calibration.rate(sample.piece)
        if found is None:
            return 0.0, 0.0, 0.0
        rate, is_own = found
        if is_own:
            self.first_seconds[sample.piece.name] = rate.first_seconds
        else:
            self.likened.add(sample.piece.name)
        borders = (sample.segments - 1) * self._lookahead * BORDER_SHARE
        whole = rate.seconds(sample.frames + borders, sample.megapixels)
        # Its segments go to several workers; its scan, one segment and its assembly do not.
        self.longest = max(self.longest, whole / sample.segments)
        if not is_own and sample.piece.kind == "film":
            # Codecs need unequal numbers of bytes for the same pictures.
            rate = replace(rate, source_bytes=0.0)
        written = rate.written(sample.frames * sample.megapixels, sample.picture_bytes)
        return rate.item_seconds, whole - rate.item_seconds, written + sample.other_bytes


def _summed(parts: Iterable[MediaEstimate]) -> MediaEstimate:
    total = MediaEstimate()
    for part in parts:
        total = MediaEstimate(
            **{name: getattr(total, name) + value for name, value in vars(part).items()}
        )
    return total


def estimate_from_json(values: Any) -> Estimate | None:
    """Return the estimate that `asdict` made, of newer versions too; None where it is none."""
    try:
        known = {name: values[name] for name in Estimate.__dataclass_fields__ if name in values}
        for name in ("stills", "films"):
            part = known[name]
            known[name] = MediaEstimate(
                **{n: part[n] for n in MediaEstimate.__dataclass_fields__ if n in part}
            )
        known["likened"] = tuple(known.get("likened", ()))
        return Estimate(**known)
    except (TypeError, KeyError):
        return None
