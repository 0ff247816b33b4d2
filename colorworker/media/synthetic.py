"""Make small gray films with known content, for calibration, hardware probes and tests."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, cast

import av
import numpy as np
import numpy.typing as npt
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.codec.context import Flags
from av.container import OutputContainer
from av.filter import Graph
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from colorworker.media.codecs.threadpriority import encode_frame
from colorworker.media.repack import planar_format
from colorworker.media.swscale import reformat

if TYPE_CHECKING:
    from av.container.core import Chapter  # of its stubs only

SAMPLE_RATE = 48_000
SET_FIELD = {2: "tff", 3: "bff"}
"""libavfilter's setfield mode for each AVFieldOrder."""
SOUND_BLOCK = 1024


@dataclass(frozen=True)
class Recipe:
    """The properties of a synthetic film. The file's extension determines the container."""

    codec: str = "libx264"
    pix_fmt: str = "yuv420p"
    width: int = 64
    height: int = 48
    frames: int = 48
    rate: Fraction = Fraction(25)
    gop_size: int = 12
    b_frames: int = 0
    options: Mapping[str, str] = field(default_factory=dict)
    container_options: Mapping[str, str] = field(default_factory=dict)
    pts: Sequence[int] | None = None
    """pts of the frames in ticks of `time_base`; None for a constant rate."""
    time_base: Fraction | None = None
    """None for one tick per frame."""
    shots: int = 2
    sound: str | None = None
    """Audio encoder for a sine tone, such as `aac` or `pcm_s16le`; None for no audio."""
    sample_aspect_ratio: Fraction | None = None
    color_range: int = 0
    colorspace: int = 2
    color_primaries: int = 2
    color_trc: int = 2
    field_order: int = 1
    """1 progressive, 2 interlaced with the top field first, 3 with the bottom field first."""
    rotation: int = 0
    mirrored: bool = False
    """Whether left and right are swapped before the rotation."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    chapters: Sequence[tuple[str, int, int]] = ()
    """Title, start and end in milliseconds."""


Picture = Callable[[int], npt.NDArray[np.uint16]]
"""Returns the luma codes, (height, width), of the frame with an index."""


def make_film(path: Path, recipe: Recipe, picture: Picture | None = None) -> Path:
    """Write a film of moving gray stripes, every frame different, and return its path.

    Args:
        path: The file; its extension determines the container.
        recipe: The film's properties.
        picture: Returns the luma of each frame, instead of stripes.
    """
    with av.open(str(path), "w", container_options=dict(recipe.container_options)) as output:
        write_film(output, recipe, picture)
    return path


def timed_chapters(named: Iterable[tuple[str, int, int]]) -> "list[Chapter]":
    """Return chapters in PyAV's form from (title, start, end), in milliseconds."""
    return [
        {
            "id": number,
            "start": start,
            "end": end,
            "time_base": Fraction(1, 1000),
            "metadata": {"title": title},
        }
        for number, (title, start, end) in enumerate(named)
    ]


def write_film(output: OutputContainer, recipe: Recipe, picture: Picture | None = None) -> None:
    """Write a film as `make_film` does, into an open container."""
    output.metadata.update(recipe.metadata)
    stream = _picture_stream(output, recipe)
    sound = None if recipe.sound is None else _sound_stream(output, recipe.sound)
    if recipe.chapters:
        output.set_chapters(timed_chapters(recipe.chapters))
    time_base = recipe.time_base or 1 / recipe.rate
    flag_fields = _field_flagger(recipe, time_base)
    tone = iter(()) if sound is None else _tone(recipe.frames / recipe.rate)
    for index in range(recipe.frames):
        pts = index if recipe.pts is None else recipe.pts[index]
        codes = _stripes(recipe, index) if picture is None else picture(index)
        output.mux(encode_frame(stream, flag_fields(_frame(recipe, codes, pts, time_base))))
        if sound is not None:
            for _ in range(int(SAMPLE_RATE / recipe.rate / SOUND_BLOCK) + 1):
                block = next(tone, None)
                if block is not None:
                    output.mux(sound.encode(block))
    output.mux(stream.encode(None))
    if sound is not None:
        for block in tone:
            output.mux(sound.encode(block))
        output.mux(sound.encode(None))


def striped_luma(
    width: int, height: int, index: int, shot: int = 0, depth: int = 8
) -> npt.NDArray[np.uint16]:
    """Return the luma codes of striped frame `index`, uint16 (height, width), in limited range."""
    rows, columns = np.mgrid[0:height, 0:width]
    stripes = (columns * (3 + shot) + rows * 2 + index * 5 + shot * 70) % 200 + 20
    codes: npt.NDArray[np.uint16] = (stripes << (depth - 8)).astype(np.uint16)
    return codes


def _picture_stream(output: OutputContainer, recipe: Recipe) -> VideoStream:
    stream = cast(VideoStream, output.add_stream(recipe.codec, rate=recipe.rate))
    context = stream.codec_context
    context.width, context.height, context.pix_fmt = recipe.width, recipe.height, recipe.pix_fmt
    context.time_base = recipe.time_base or 1 / recipe.rate
    context.gop_size, context.max_b_frames = recipe.gop_size, recipe.b_frames
    context.color_range, context.colorspace = recipe.color_range, recipe.colorspace
    context.color_primaries, context.color_trc = recipe.color_primaries, recipe.color_trc
    if recipe.field_order in SET_FIELD:
        context.field_order = recipe.field_order
        context.flags |= Flags.interlaced_dct | Flags.interlaced_me
    context.thread_count = 1
    context.options = dict(recipe.options)
    if recipe.sample_aspect_ratio is not None:
        context.sample_aspect_ratio = recipe.sample_aspect_ratio
    if recipe.rotation or recipe.mirrored:
        stream.set_display_matrix(display_matrix(recipe.rotation, mirrored=recipe.mirrored))
    return stream


def display_matrix(degrees: float, *, mirrored: bool = False) -> tuple[int, ...]:
    """Return the display matrix that turns a picture counterclockwise, mirrored before if asked."""
    one = 1 << 16
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    first = (-cos, sin) if mirrored else (cos, -sin)
    a, b, c, d = (round(each * one) for each in (*first, sin, cos))
    return a, b, 0, c, d, 0, 0, 0, 1 << 30


def _stripes(recipe: Recipe, index: int) -> npt.NDArray[np.uint16]:
    depth = VideoFormat(recipe.pix_fmt).components[0].bits
    shot = index * recipe.shots // recipe.frames
    return striped_luma(recipe.width, recipe.height, index, shot, depth)


def _frame(
    recipe: Recipe, picture: npt.NDArray[np.uint16], pts: int, time_base: Fraction
) -> VideoFrame:
    frame = VideoFrame(recipe.width, recipe.height, planar_format(recipe.pix_fmt))
    depth = frame.format.components[0].bits
    sample = np.uint8 if depth == 8 else np.uint16
    for number, plane in enumerate(frame.planes):
        row_samples = plane.line_size // np.dtype(sample).itemsize
        codes = np.full((plane.height, row_samples), 1 << (depth - 1), sample)
        if number == 0:
            codes[:, : recipe.width] = picture
        plane.update(codes.tobytes())
    if frame.format.name != recipe.pix_fmt:
        frame = reformat(frame, recipe.pix_fmt)
    frame.pts, frame.time_base = pts, time_base
    return frame


def _field_flagger(recipe: Recipe, time_base: Fraction) -> Callable[[VideoFrame], VideoFrame]:
    """Return a function that flags frames as interlaced, because PyAV can only read that flag."""
    if recipe.field_order not in SET_FIELD:
        return lambda frame: frame
    graph = Graph()
    source = graph.add_buffer(
        width=recipe.width,
        height=recipe.height,
        format=VideoFormat(recipe.pix_fmt),
        time_base=time_base,
    )
    flag, sink = graph.add("setfield", SET_FIELD[recipe.field_order]), graph.add("buffersink")
    source.link_to(flag)
    flag.link_to(sink)
    graph.configure()

    def flagged(frame: VideoFrame) -> VideoFrame:
        graph.vpush(frame)
        return graph.vpull()

    return flagged


def _sound_stream(output: OutputContainer, codec: str) -> AudioStream:
    stream = cast(AudioStream, output.add_stream(codec, rate=SAMPLE_RATE))
    stream.codec_context.layout = "stereo"
    return stream


def _tone(seconds: Fraction) -> Iterator[AudioFrame]:
    total = int(seconds * SAMPLE_RATE)
    for start in range(0, total, SOUND_BLOCK):
        times = np.arange(start, min(start + SOUND_BLOCK, total)) / SAMPLE_RATE
        wave = (np.sin(2 * np.pi * 440 * times) * 8000).astype(np.int16)
        block = AudioFrame.from_ndarray(np.repeat(wave, 2)[np.newaxis], "s16", "stereo")
        block.sample_rate, block.pts = SAMPLE_RATE, start
        block.time_base = Fraction(1, SAMPLE_RATE)
        yield block
