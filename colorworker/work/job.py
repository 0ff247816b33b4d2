"""The nouns of a job: assets, the model, and the options that decide what colours come out."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

Kind = Literal["still", "film"]
Profile = Literal["access", "archive"]
ColourSources = Literal["skip", "recolour"]
Precision = Literal["float32", "float16", "bfloat16"]


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


@dataclass(frozen=True)
class ModelRef:
    """Which weights: where they lie and what they must hash to."""

    uri: str
    sha256: str


class Look(NamedTuple):
    """What turns a network's output into colours; see `Options`."""

    vividness: float
    temperature: float
    precision: Precision


@dataclass(frozen=True)
class Options:
    """All that decides an output besides source and weights; part of every unit's identity."""

    profile: Profile = "access"
    colour_sources: ColourSources = "skip"
    vividness: float = 0.8
    """Share of the training's rebalancing towards rare colours that is kept; 1 is as trained."""
    temperature: float = 0.38
    """Of the softmax over colour bins (Zhang 2016); lower is purer, higher is greyer."""
    precision: Precision = "float32"
    """Of the network's convolutions; the halves change colours by a little."""
    segment_frames: int = 240
    """Target frames of a segment; the cut falls on the next keyframe."""
    anchor_interval: int = 6
    """Frames between two predictions; what lies between is propagated."""
    settle_anchors: int = 3
    """Intervals that follow in the same shot, over whose anchors an anchor's colour is averaged."""
    crf: int = 18
    """Constant rate factor of the access profile's H.264."""
    preset: str = "fast"
    """x264 preset of the access profile."""
    preview: bool = False
    """Only a before/after sheet of every item; nothing else is written."""

    @property
    def look(self) -> Look:
        """What of it the model has to know: pictures of one look can be predicted together."""
        return Look(self.vividness, self.temperature, self.precision)
