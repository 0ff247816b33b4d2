"""Estimate how long a job takes and how much it writes, from measured rates.

The cost of an item is linear: a constant, plus a cost per frame and per megapixel of each frame.
The rates are measured on a machine (`estimate.calibrate`). The amount of work comes from the
headers of a sample of the sources (`estimate.sampling`). Seconds here are those of one worker;
several workers share them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from colorworker.domain.jsonvalues import from_json
from colorworker.domain.options import Kind, Profile

BORDER_SHARE = 0.35
"""Cost of a look-ahead frame as a share of a frame's cost. Look-ahead frames are decoded beyond the
end of a segment for the colors at its border; they are not encoded, and few are predicted. 30 of
them took 0.17 and 0.22 s of CPU at 480p (960 frames in 8 segments and in one, commit 6ddb9ec), a
frame 16 ms with FFV1 and 20 ms with x264."""

LOSSLESS = frozenset(
    ("ffv1", "ffvhuff", "huffyuv", "magicyuv", "png", "r210", "rawvideo", "tiff", "utvideo", "v210")
)
"""Lossless formats and codecs, whose sources have all their grain."""
LEAST_SHARE, MOST_SHARE = 0.25, 2.0
"""Limits for the bytes written per megapixel, relative to the measured source. A clean picture has
few bytes and its output still needs some; a source with very many may just have a high bit rate."""


@dataclass(frozen=True, order=True)
class CostClass:
    """Pictures or films with the same rates: those of one format or codec and profile."""

    kind: Kind
    form: str
    """Extension of a picture without its dot; libav's name of a film's codec."""
    samples: str
    """Bits of a picture, `8` or `16`; pixel format of a film."""
    profile: Profile = "access"
    """Profile of the output."""

    @property
    def name(self) -> str:
        """Return its name, such as `film/access/h264/yuv420p`."""
        return f"{self.kind}/{self.profile}/{self.form}/{self.samples}"

    @property
    def family(self) -> tuple[Kind, Profile, bool]:
        """Return a key shared by classes with similar time and output size."""
        return self.kind, self.profile, self.form in LOSSLESS


@dataclass(frozen=True)
class Rate:
    """The cost of one class of work for one worker, in seconds of wall time."""

    item_seconds: float
    frame_seconds: float
    megapixel_seconds: float
    """Per megapixel of one frame."""
    megapixel_bytes: float
    """Bytes written per megapixel of one frame."""
    first_seconds: float = 0.0
    """Additional time for the first items on a worker, which builds tables for them."""
    source_bytes: float = 0.0
    """Bytes of the measured source per megapixel of one frame; 0 if the size of a source does not
    predict the size of its output."""

    def seconds(self, frames: float, megapixels: float) -> float:
        """Return the seconds for an item with this number of frames and megapixels per frame."""
        each = self.frame_seconds + self.megapixel_seconds * megapixels
        return self.item_seconds + frames * each

    def written(self, megapixels: float, source_bytes: float) -> float:
        """Return the bytes written for an item.

        They scale with the bytes of the source, because grain, edges and motion cost every encoder
        about the same.

        Args:
            megapixels: Total of all frames.
            source_bytes: Bytes of the source that hold pictures.
        """
        share = 1.0
        if self.source_bytes and megapixels:
            share = source_bytes / megapixels / self.source_bytes
        return self.megapixel_bytes * megapixels * min(MOST_SHARE, max(LEAST_SHARE, share))


@dataclass(frozen=True)
class Calibration:
    """Rates of one machine, with one set of weights and options."""

    measured_at: str
    """UTC, ISO 8601."""
    start_seconds: float
    """Time to load the model and predict once."""
    rates: Mapping[str, Rate] = field(default_factory=dict)
    """By the name of the class."""

    def rate(self, cost_class: CostClass) -> tuple[Rate, bool] | None:
        """Return the rate of a class or of the most similar one, and whether the class has it.

        None if no class of this kind was measured.
        """
        if found := self.rates.get(cost_class.name):
            return found, True

        def likeness(name: str) -> tuple[bool, ...]:
            _, profile, form, samples = name.split("/")
            is_lossless = form in LOSSLESS
            return (
                profile == cost_class.profile,
                form == cost_class.form,
                is_lossless == cost_class.family[-1],
                samples == cost_class.samples,
            )

        alike = [name for name in sorted(self.rates) if name.split("/")[0] == cost_class.kind]
        return (self.rates[max(alike, key=likeness)], False) if alike else None


@dataclass(frozen=True)
class SourceSample:
    """Facts about one source from its header."""

    cost_class: CostClass
    size_bytes: int
    frames: int
    megapixels: float
    """Size of one frame."""
    film_seconds: float = 0.0
    segments: int = 1
    picture_bytes: float = 0.0
    """Bytes of the source that belong to the pictures counted in `frames`."""
    other_bytes: float = 0.0
    """Bytes of its sound, if the header has them; they are written too."""


@dataclass(frozen=True)
class SourceGroup:
    """Sources of one kind and extension, of which some were sampled."""

    kind: Kind
    items: int
    size_bytes: int
    samples: tuple[SourceSample, ...] = ()


@dataclass(frozen=True)
class MediaEstimate:
    """The estimate for the pictures of a job, or for its films."""

    items: int = 0
    frames: int = 0
    film_seconds: float = 0.0
    work_seconds: float = 0.0
    """Time that one worker needs."""
    bytes_out: int = 0
    sampled: int = 0
    """Items whose headers were read; the others are extrapolated."""


@dataclass(frozen=True)
class Estimate:
    """The estimate for a job."""

    stills: MediaEstimate = MediaEstimate()
    films: MediaEstimate = MediaEstimate()
    start_seconds: float = 0.0
    """Time to start each worker."""
    longest_seconds: float = 0.0
    """Time for the longest item, or segment of a film, which workers cannot share."""
    workers: int = 1
    """Units at a time; 0 if that is not known."""
    measured_at: str = ""
    """When the machine was calibrated; UTC, ISO 8601."""
    approximated: tuple[str, ...] = ()
    """Classes that could not be measured; the rates of similar ones are used for them."""

    @property
    def work_seconds(self) -> float:
        """Time that one worker needs, without the start."""
        return self.stills.work_seconds + self.films.work_seconds

    @property
    def bytes_out(self) -> int:
        """Bytes of all outputs."""
        return self.stills.bytes_out + self.films.bytes_out

    def wall_seconds(self, workers: int | None = None) -> float:
        """Return the wall time with this number of workers, each like the calibrated machine's."""
        shared = self.work_seconds / max(1, self.workers if workers is None else workers)
        return self.start_seconds + max(shared, self.longest_seconds)


def estimate(
    groups: Iterable[SourceGroup],
    calibration: Calibration,
    *,
    workers: int,
    lookahead_frames: int,
) -> Estimate:
    """Return the estimate for a job.

    Sources that were not sampled are assumed to have as many frames and pixels per byte as the
    samples of their group. A group without samples is assumed to be like all sources of its kind.

    Args:
        groups: The sources to process.
        calibration: Calibration of the machine.
        workers: Number of units at a time.
        lookahead_frames: Frames decoded beyond each segment for the colors at its end.
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
        tuple(sorted(cost.approximated)),
    )


class _Cost:
    """Applies rates to samples; collects the longest item and the classes without own rates."""

    def __init__(self, calibration: Calibration, lookahead_frames: int) -> None:
        self._calibration, self._lookahead = calibration, lookahead_frames
        self.longest = 0.0
        self.approximated: set[str] = set()
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
        """Return the fixed seconds, those that depend on the length, and the bytes written."""
        found = self._calibration.rate(sample.cost_class)
        if found is None:
            return 0.0, 0.0, 0.0
        rate, is_own = found
        if is_own:
            self.first_seconds[sample.cost_class.name] = rate.first_seconds
        else:
            self.approximated.add(sample.cost_class.name)
        borders = (sample.segments - 1) * self._lookahead * BORDER_SHARE
        whole = rate.seconds(sample.frames + borders, sample.megapixels)
        # Several workers share a film's segments, but not one segment, the scan or the assembly.
        self.longest = max(self.longest, whole / sample.segments)
        if not is_own and sample.cost_class.kind == "film":
            # The measured source has another codec, so its size cannot be compared.
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
    """Return the estimate that `jsonvalues.to_json` wrote; None if it is missing or damaged."""
    try:
        return from_json(Estimate, values)
    except ValueError:
        return None
