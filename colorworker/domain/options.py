"""The nouns of a job: assets, the model, and the options that decide what colors come out."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from colorworker.errors import UsageError

Kind = Literal["still", "film"]
Profile = Literal["access", "mezzanine", "archive"]
Codec = Literal["h264", "hevc", "av1", "prores", "dnxhr"]
Chroma = Literal["source", "420"]
Deinterlace = Literal["off", "bwdif"]
Encoder = Literal["software", "nvenc"]
ColorSources = Literal["skip", "recolor"]
Label = Literal["tag", "burn", "none"]
Precision = Literal["float32", "float16", "bfloat16"]

CODECS: Mapping[Profile, tuple[Codec, ...]] = MappingProxyType(
    {"access": ("h264", "hevc", "av1"), "mezzanine": ("prores", "dnxhr"), "archive": ()}
)
"""Codecs of films that a profile lets one choose from, its own first; `archive` is always FFV1."""

HIGHEST_CRF = 51
"""Of H.264 and HEVC; AV1 goes to 63."""
DEFAULT_CRF: Mapping[Codec, int] = MappingProxyType({"h264": 18, "hevc": 20, "av1": 25})


@dataclass(frozen=True)
class Asset:
    """One source object, as it was listed."""

    root: str
    """URI of the store it lies in, such as `file:///archive/reels`."""
    key: str
    """Its key there, with `/` between parts; unique together with `root`."""
    kind: Kind
    size_bytes: int
    etag: str
    """The store's word for this version of the content; every later read insists on it."""
    version: str = ""
    """Of an object that its store keeps in several versions, the one to be read; empty: the last.
    No part of an identity, as the ETag is."""


@dataclass(frozen=True)
class ModelRef:
    """Which weights: where they lie and what they must hash to."""

    uri: str
    sha256: str


class Look(NamedTuple):
    """What turns a network's output into colors; see `Options`."""

    vividness: float
    temperature: float
    precision: Precision


class Adjustment(NamedTuple):
    """Colors of the frames with start_ms <= time < end_ms of a film; None leaves as it is.

    Times are those of `Excerpt`.
    """

    start_ms: int
    end_ms: int | None
    """None for the film's end."""
    vividness: float | None = None
    temperature: float | None = None


@dataclass(frozen=True)
class Options:
    """All that decides an output besides source and weights; part of every unit's identity."""

    profile: Profile = "access"
    color_sources: ColorSources = "skip"
    vividness: float = 0.8
    """Share of the training's rebalancing towards rare colors that is kept; 1 is as trained."""
    temperature: float = 0.38
    """Of the softmax over color bins (Zhang 2016); lower is purer, higher is grayer."""
    precision: Precision = "float32"
    """Of the network's convolutions; the halves change colors by a little."""
    segment_frames: int = 480
    """Target frames of a segment; the cut falls on the next keyframe."""
    anchor_interval: int = 12
    """Most frames between two predictions; what lies between is propagated. 1 with no settling:
    every frame is predicted alone."""
    settle_anchors: int = 2
    """Intervals that follow in the same shot, over whose anchors an anchor's color is averaged."""
    codec: Codec | None = None
    """Of films; None for the first of the profile's."""
    chroma: Chroma = "source"
    """Chroma planes of the access profile: as fine as the source's, or 4:2:0 as browsers want."""
    crf: int | None = None
    """Constant rate factor of the access profile; None for the codec's own default."""
    preset: str = "fast"
    """Preset of the access profile, in x264's words."""
    encoder: Encoder = "software"
    """Of the access profile's films: libav's own libraries, or NVIDIA's engine, which writes other
    bytes."""
    deinterlace: Deinterlace = "off"
    """`bwdif` makes a whole picture of each interlaced frame: every second line is then its own."""
    label: Label = "tag"
    """How outputs say that they are colorized: in their metadata, also in a corner, or not."""
    broadcast_gamut: bool = False
    """Scale films' chroma down until R', G' and B' lie within EBU R 103, where luma allows it."""
    excerpt: tuple[int, int | None] | None = None
    """Of one film: first millisecond and exclusive end, None for the film's; see `Excerpt`."""
    adjustments: tuple[Adjustment, ...] = ()
    """Of one film: stretches with colors of their own."""
    preview: bool = False
    """Only a before/after sheet of every item; nothing else is written."""

    def __post_init__(self) -> None:
        """Refuse what does not go together, and make of JSON's lists what they were.

        Raises:
            UsageError: If the profile does not have the codec or encoder, or the codec no such crf.
        """
        adjustments = tuple(Adjustment(*each) for each in self.adjustments)
        object.__setattr__(self, "adjustments", adjustments)
        codecs = CODECS[self.profile]
        if self.codec is not None and self.codec not in codecs:
            raise UsageError(
                f"codec {self.codec}",
                f"profile {self.profile} does not write it",
                f"Choose {' or '.join(codecs)}" if codecs else "Leave it out: archive is FFV1",
            )
        if self.encoder == "nvenc":
            self._check_nvenc()
        if self.crf is not None and self.crf > HIGHEST_CRF and self.codec != "av1":
            raise UsageError(
                f"crf {self.crf}",
                f"H.264 and HEVC count it from 0 to {HIGHEST_CRF}",
                "Give less, or choose av1",
            )

    def _check_nvenc(self) -> None:
        if self.profile != "access":
            raise UsageError(
                "encoder nvenc",
                f"profile {self.profile} is not written by it",
                "Choose --profile access, or leave it out",
            )
        if self.crf == 0:
            raise UsageError(
                "crf 0", "NVENC would choose for itself", "Give 1 or more, or --encoder software"
            )

    @property
    def propagates(self) -> bool:
        """Whether a frame's colors depend on those of other frames."""
        return self.anchor_interval > 1 or self.settle_anchors > 0

    @property
    def look(self) -> Look:
        """What of it the model has to know: pictures of one look can be predicted together."""
        return Look(self.vividness, self.temperature, self.precision)


def non_default(options: Options) -> dict[str, Any]:
    """Return the options that differ from their defaults, by name. Identities are made of these.

    An option that is added later leaves all identities as they are until it is set. Whoever changes
    a default must raise `units.RECIPE`. The access profile's default codec and the codec's default
    crf count as not set. A codec named for the mezzanine profile counts as set even if it is
    ProRes: without it, films of full range become DNxHR.
    """
    codec, crf = options.codec, options.crf
    if options.profile == "access":
        default = CODECS["access"][0]
        if crf == DEFAULT_CRF[codec or default]:
            crf = None
        if codec == default:
            codec = None
    options = replace(options, codec=codec, crf=crf)
    values = ((field, getattr(options, field.name)) for field in fields(options))
    return {field.name: value for field, value in values if value != field.default}


def changed(options: Options, values: Mapping[str, Any]) -> Options:
    """Return the options with these values of one item or collection.

    With a profile or codec of its own, it has the defaults of what only they decide. A profile of
    its own has an encoder of its own.

    Raises:
        UsageError: If the values do not go together.
    """
    if values.get("profile", options.profile) != options.profile:
        values = {"codec": None, "crf": None, "encoder": "software", **values}
    elif values.get("codec", options.codec) != options.codec:
        values = {"crf": None, **values}
    return replace(options, **values)
