"""The values of a job: assets, the model, and the options that determine an output."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import Annotated, Any, Literal, NamedTuple

from colorworker.domain.coloroptions import ColorOptions
from colorworker.domain.hints import InputFile
from colorworker.domain.optionfields import OptionInfo, option_fields
from colorworker.domain.provenanceoptions import ProvenanceOptions
from colorworker.domain.references import ReferenceFrame
from colorworker.domain.scanoptions import ScanOptions
from colorworker.domain.sequenceoptions import SequenceOptions
from colorworker.errors import UsageError

Kind = Literal["still", "film"]
Profile = Literal["access", "mezzanine", "archive"]
Codec = Literal["h264", "hevc", "av1", "prores", "dnxhr"]
Preset = Literal[
    "ultrafast", "superfast", "veryfast", "faster", "fast",
    "medium", "slow", "slower", "veryslow", "placebo",
]  # fmt: skip
Chroma = Literal["source", "420"]
Deinterlace = Literal["off", "bwdif"]
SizeChanges = Literal["refuse", "scale"]
Encoder = Literal["software", "nvenc"]
ColorSources = Literal["skip", "recolor"]
Label = Literal["tag", "burn", "none"]
Precision = Literal["float32", "float16", "bfloat16"]

CODECS: Mapping[Profile, tuple[Codec, ...]] = MappingProxyType(
    {"access": ("h264", "hevc", "av1"), "mezzanine": ("prores", "dnxhr"), "archive": ()}
)
"""Codecs that each profile can write films with, its default first; `archive` is always FFV1."""

HIGHEST_CRF = 51
"""Highest crf of H.264 and HEVC; AV1 goes to 63."""
DEFAULT_CRF: Mapping[Codec, int] = MappingProxyType({"h264": 18, "hevc": 20, "av1": 25})
"""Default crf for each codec of the access profile. To change one, raise `units.RECIPE`."""


@dataclass(frozen=True)
class Asset:
    """One source object, as it was listed."""

    root: str
    """URI of its store, such as `file:///archive/reels`."""
    key: str
    """Its key in the store, with `/` between parts; unique together with `root`."""
    kind: Kind
    size_bytes: int
    etag: str
    """Identifies this version of the content; every later read requires it."""
    version: str = ""
    """Version to read, for stores that keep several; empty for the latest. It is not part of an
    identity, because the ETag is."""


class PredictionSettings(NamedTuple):
    """The options that the model needs to turn its output into colors; see `Options`."""

    vividness: float
    temperature: float
    precision: Precision
    variant: int = 0


class Adjustment(NamedTuple):
    """Options for the frames with start_ms <= time < end_ms of a film; see `Excerpt` for times.

    An option that is None keeps the film's value.
    """

    start_ms: int
    end_ms: int | None
    """None for the film's end."""
    vividness: float | None = None
    temperature: float | None = None
    variant: int | None = None


@dataclass(frozen=True)
class Options(ColorOptions, ScanOptions, ProvenanceOptions, SequenceOptions):
    """Everything that determines an output besides its source and the weights.

    Fields with an `OptionInfo` are options that users give; see `optionfields`. Options that differ
    from their defaults are part of every unit's identity; see `non_default`.
    """

    profile: Annotated[
        Profile,
        OptionInfo(
            "access: small and playable. mezzanine: for editing (ProRes or DNxHR in MOV)."
            " archive: TIFF, and FFV1 in MKV."
        ),
    ] = "access"
    codec: Annotated[
        Codec | None,
        OptionInfo(
            "Codec of films. access: h264 (default), hevc or av1. mezzanine: prores (default) or"
            " dnxhr."
        ),
    ] = None
    crf: Annotated[
        int | None,
        OptionInfo(
            "Quality of access films; lower is better. Default: 18 for H.264, 20 for HEVC, 25 for"
            " AV1.",
            setting="media",
            ge=0,
            le=63,
        ),
    ] = None
    preset: Annotated[
        Preset,
        OptionInfo(
            "Speed of the access encoder, as the name of an x264 preset; other encoders use about"
            " the same speed.",
            places=("manifest",),
            setting="media",
        ),
    ] = "fast"
    chroma: Annotated[
        Chroma,
        OptionInfo("Chroma resolution of access films: the source's, or 4:2:0 for browsers."),
    ] = "source"
    deinterlace: Annotated[
        Deinterlace,
        OptionInfo("Deinterlace with bwdif; every second line is interpolated."),
    ] = "off"
    size_changes: Annotated[
        SizeChanges,
        OptionInfo(
            "What to do with films whose frames change their size. refuse: they fail. scale: to the"
            " size of the first frame, which changes their luma."
        ),
    ] = "refuse"
    encoder: Annotated[
        Encoder,
        OptionInfo(
            "Encoder of access films. nvenc: NVIDIA's hardware encoder, which every worker needs;"
            " its files differ from those of the software encoders. Untested."
        ),
    ] = "software"
    color_sources: Annotated[
        ColorSources, OptionInfo("What to do with sources that are in color already.")
    ] = "skip"
    color_share: Annotated[
        float,
        OptionInfo(
            "Share of a picture with colors of its own above which it counts as in color. Raise it"
            " if toned or stained prints are skipped.",
            ge=0,
            le=1,
        ),
    ] = 0.01
    strict: Annotated[
        bool,
        OptionInfo(
            "Fail items of which something is lost or altered, instead of only warning: damaged or"
            " missing frames and sound, dropped tracks, metadata that is not kept.",
            changes_output=False,
        ),
    ] = False
    video_stream: Annotated[
        int | None,
        OptionInfo(
            "Stream of films to color, by its index in the report. Default: the main video stream.",
            places=("command", "manifest"),
            ge=0,
        ),
    ] = None
    """Index of the stream in its container; see `maintrack.film_stream` for the default."""
    label: Annotated[
        Label,
        OptionInfo(
            "How outputs are marked as colorized. tag: in the metadata. burn: also in a corner of"
            " the image."
        ),
    ] = "tag"
    vividness: Annotated[
        float,
        OptionInfo(
            "Strength of rare colors. 1: as trained; lower is calmer.",
            setting="model",
            ge=-1,
            le=2,
        ),
    ] = 0.8
    """Share of the training's rebalancing towards rare colors that is kept."""
    temperature: Annotated[
        float,
        OptionInfo(
            "Softmax temperature over the color bins; lower is purer, higher is grayer.",
            places=("manifest",),
            setting="model",
            ge=0.01,
            le=2,
        ),
    ] = 0.38
    """Source: R. Zhang, P. Isola, A. Efros, Colorful Image Colorization, ECCV 2016."""
    precision: Annotated[
        Precision,
        OptionInfo(
            "Precision of the network's convolutions; float16 is for GPUs. It changes colors"
            " slightly.",
            places=("plan", "manifest"),
            setting="model",
        ),
    ] = "float32"
    segment_frames: Annotated[
        int,
        OptionInfo(
            "Target number of frames per segment; the cut falls on the next keyframe.",
            places=("manifest",),
            setting="media",
            ge=1,
        ),
    ] = 480
    anchor_interval: Annotated[
        int,
        OptionInfo(
            "Maximum number of frames between two predictions; the frames in between follow"
            " optical flow.",
            places=("command", "manifest"),
            setting="media",
            ge=1,
            le=48,
        ),
    ] = 12
    """1 without settling: every frame is predicted independently."""
    settle_anchors: Annotated[
        int,
        OptionInfo(
            "Number of following intervals in the shot whose predictions are averaged into each"
            " prediction.",
            places=("manifest",),
            setting="media",
            ge=0,
            le=8,
        ),
    ] = 2
    broadcast_gamut: Annotated[
        bool,
        OptionInfo(
            "Scale the chroma of films down until R', G' and B' lie within EBU R 103, where luma"
            " allows it.",
            places=(),
            setting="media",
        ),
    ] = False
    preview: Annotated[
        bool,
        OptionInfo(
            "Only write a page with a before/after picture of every item.", places=("command",)
        ),
    ] = False
    excerpt: tuple[int, int | None] | None = None
    """Only this part of a single film: first millisecond and exclusive end; see `Excerpt`. The end
    is None for the film's end."""
    adjustments: tuple[Adjustment, ...] = ()
    """Color adjustments for parts of a single film."""
    frames_out: bool = False
    """Write an image sequence as frames again; set for sequences by `--sequences frames`."""

    def __post_init__(self) -> None:
        """Check the values, alone and together, and turn JSON's lists back into adjustments.

        Raises:
            UsageError: If an option cannot have its value, the profile does not have the codec or
                encoder, or the codec does not have the crf.
        """
        for field in option_fields(type(self)):
            value = getattr(self, field.name)
            checked = field.check(value)
            if checked is not value:
                object.__setattr__(self, field.name, checked)
        adjustments = tuple(Adjustment(*each) for each in self.adjustments)
        object.__setattr__(self, "adjustments", adjustments)
        frames = tuple(ReferenceFrame(*each) for each in self.reference_frames)
        object.__setattr__(self, "reference_frames", frames)
        object.__setattr__(self, "hint_files", tuple(InputFile(*each) for each in self.hint_files))
        if self.exemplar is not None:
            object.__setattr__(self, "exemplar", InputFile(*self.exemplar))
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
                f"the crf of H.264 and HEVC goes from 0 to {HIGHEST_CRF}",
                "Give a lower one, or choose av1",
            )

    def _check_nvenc(self) -> None:
        if self.profile != "access":
            raise UsageError(
                "encoder nvenc",
                f"it does not write profile {self.profile}",
                "Choose --profile access, or leave it out",
            )
        if self.crf == 0:
            raise UsageError(
                "crf 0",
                "NVENC ignores it and chooses a quality itself",
                "Give 1 or more, or --encoder software",
            )

    @property
    def scales(self) -> bool:
        """Whether frames of another size than the film's first one are scaled to it."""
        return self.size_changes == "scale"

    @property
    def propagates(self) -> bool:
        """Whether a frame's colors depend on other frames."""
        return self.anchor_interval > 1 or self.settle_anchors > 0

    @property
    def prediction_settings(self) -> PredictionSettings:
        """The options that the model needs. Pictures with equal ones can share a batch."""
        return PredictionSettings(self.vividness, self.temperature, self.precision, self.variant)


def non_default(options: Options) -> dict[str, Any]:
    """Return the options that differ from their defaults, by name. Identities are hashes of these.

    So a new option does not change any identity until it is set. To change a default, raise
    `units.RECIPE`. The access profile's default codec and the codec's default crf count as not set,
    and so do options that only judge outputs or say where something lies. A codec named for the
    mezzanine profile counts as set even if it is ProRes: without it, films of full range become
    DNxHR.
    """
    codec, crf = options.codec, options.crf
    if options.profile == "access":
        default = CODECS["access"][0]
        if crf == DEFAULT_CRF[codec or default]:
            crf = None
        if codec == default:
            codec = None
    values = {**vars(options), "codec": codec, "crf": crf, **options.given_identity()}
    # An adjustment without a variant has the identity that it had before there were variants.
    values["adjustments"] = tuple(
        each if each.variant is not None else each[:4] for each in options.adjustments
    )
    judging = {
        field.name for field in option_fields(type(options)) if not field.info.changes_output
    }
    if not options.reference_frames:
        values["references_reach"] = Options.references_reach
    return {
        field.name: values[field.name]
        for field in fields(options)
        if values[field.name] != field.default and field.name not in judging
    }


def override(options: Options, values: Mapping[str, Any]) -> Options:
    """Return the options with some values replaced; None leaves an option unchanged.

    Raises:
        UsageError: If a name is not an option, or the values contradict each other.
    """
    known = {field.name for field in fields(options)}
    for name in values:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"Did you mean {close[0]}" if close else f"Use {', '.join(sorted(known))}"
            raise UsageError(f"option {name}", "is not known", hint)
    return replace(options, **{name: value for name, value in values.items() if value is not None})


def with_item_options(options: Options, values: Mapping[str, Any]) -> Options:
    """Return the options with the values that an item or a collection sets.

    If it sets another profile or codec, the options that depend on these have their defaults.

    Raises:
        UsageError: If the values do not go together.
    """
    if values.get("profile", options.profile) != options.profile:
        values = {"codec": None, "crf": None, "encoder": "software", **values}
    elif values.get("codec", options.codec) != options.codec:
        values = {"crf": None, **values}
    return replace(options, **values)
