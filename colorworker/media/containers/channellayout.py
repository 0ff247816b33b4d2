"""Channel layouts of audio streams, in the order in which encoders take channels."""

import ctypes
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from av.audio.codeccontext import AudioCodecContext
from av.audio.layout import AudioLayout

# fmt: off
NATIVE_ORDER = (
    "FL", "FR", "FC", "LFE", "BL", "BR", "FLC", "FRC", "BC", "SL", "SR", "TC", "TFL", "TFC",
    "TFR", "TBL", "TBC", "TBR", "DL", "DR", "WL", "WR", "SDL", "SDR", "LFE2", "TSL", "TSR",
    "BFC", "BFL", "BFR", "SSL", "SSR", "TTL", "TTR",
)
# fmt: on
"""libav's channels in native order (AVChannel)."""
ASSUMED = {1: "mono", 2: "stereo", 3: "3.0", 4: "quad", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
"""Layouts that FLAC (RFC 9639, section 9.1.3) and WAV files mean if they only give a number."""


@dataclass(frozen=True)
class ChannelLayout:
    """The channels of an audio stream."""

    channels: int
    name: str = ""
    """A name that libav parses, with the channels in native order; empty if unspecified."""
    order: tuple[int, ...] = ()
    """Index of each channel of `name` in the source; empty if the source is in native order."""
    described: str = ""
    """libav's description of the source's own layout."""

    def reorder(self, samples: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
        """Return samples of shape (n, channels) with the channels in native order."""
        return samples[:, list(self.order)] if self.order else samples


def channel_layout(context: AudioCodecContext) -> ChannelLayout:
    """Return the channel layout in a stream's header.

    PyAV 18.1's `AudioLayout` copies the pointer to the map of a custom layout (common in MOV) and
    frees that map with itself, so the codec context frees it again and the process aborts.
    Therefore the object is never released: about 100 bytes per call.
    """
    layout = context.layout
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(layout))
    names = [channel.name for channel in layout.channels]
    count = len(names)
    if not count:
        return ChannelLayout(0)
    if names == ["NONE"] * count:
        return ChannelLayout(count, {1: "mono", 2: "stereo"}.get(count, ""), (), layout.name)
    if len(set(names)) < count or not set(names) <= set(NATIVE_ORDER):
        return ChannelLayout(count, "", (), layout.name)
    sorted_names = sorted(names, key=NATIVE_ORDER.index)
    native = AudioLayout("+".join(sorted_names)).name
    order = tuple(names.index(name) for name in sorted_names)
    return ChannelLayout(
        count,
        "+".join(sorted_names) if "channels" in native else native,
        order if names != sorted_names else (),
        layout.name,
    )


def forget_layout(context: AudioCodecContext, layout: ChannelLayout) -> None:
    """Make a decoder that is not open yet give frames without a custom layout.

    Frames of custom layouts crash PyAV when they are freed; see `channel_layout`.
    """
    if not layout.name or layout.order or " (" in layout.described:
        context.layout = f"{layout.channels}C"
