"""The clips of the format matrix: small films in every container and codec common in archives.

Nearly all have a sample aspect ratio of 16:15, because that is lost most often.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from av.video.format import VideoFormat

from colorworker.media.synthetic import Recipe, make_film
from tests.filmbytes import (
    CROP,
    HIDDEN,
    clock_on_keyframes_only,
    with_a_crop,
    with_a_hidden_frame,
    with_an_undecodable_start,
    with_display_aspect,
    with_dts_for_pts,
    with_one_pts_twice,
    with_two_edits,
)
from tests.filmfields import make_film_of_fields
from tests.filmsound import Track, make_film_with_sound, tones

WIDE = Fraction(16, 15)
VARIABLE = [0, 20, 60, 101, 201, 221, 262, 362, 382, 422, 522, 563]
VARIABLE_MS = tuple(ms + 600 * turn for turn in range(3) for ms in VARIABLE)
"""pts of 36 frames that are shown for 20, 40, 41 and 100 ms in turn."""
UNCUT = MappingProxyType({"avoid_negative_ts": "disabled"})
UNSAID = {"sample_aspect_ratio": None}
SQUARE = {"sample_aspect_ratio": 1}


SILENT = {"color_range": 0, "colorspace": 2, "color_primaries": 2, "color_trc": 2, "field_order": 1}
"""Values of a recipe that signal nothing."""
CODECS = {
    "libx264": "h264",
    "libx265": "hevc",
    "libsvtav1": "av1",
    "libvpx": "vp8",
    "libvpx-vp9": "vp9",
    "prores_ks": "prores",
    "wrapped_avframe": "rawvideo",
    "v308": "rawvideo",
    "v410": "rawvideo",
    "libx264rgb": "h264",
}
"""Codec name for each encoder."""


@dataclass(frozen=True, eq=False)
class Clip:
    """A film: how it is made, and what a scan must report about it."""

    name: str
    codec: str
    about: str
    recipe: Recipe
    said: Mapping[str, Any] = field(default_factory=dict)
    mangle: Callable[[Path], None] | None = None
    hidden: Collection[int] = ()
    """Numbers of frames that are stored but never shown."""
    warned: Sequence[str] = ()
    """Beginnings of the warnings that the archive copy must have."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Options that the film needs to be colored."""

    @property
    def container(self) -> str:
        """The file's extension."""
        return self.name.rpartition(".")[2]

    @property
    def seconds(self) -> list[Fraction]:
        """Time of each shown frame in seconds after the first."""
        time_base = self.recipe.time_base or 1 / self.recipe.rate
        ticks = self.recipe.pts or range(self.recipe.frames)
        shown = [tick for number, tick in enumerate(ticks) if number not in self.hidden]
        return [(tick - shown[0]) * time_base for tick in shown]

    @property
    def truth(self) -> dict[str, Any]:
        """What a scan must report about the film."""
        recipe, asked = self.recipe, {}
        for name, silent in SILENT.items():
            if getattr(recipe, name) != silent:
                asked[name] = getattr(recipe, name)
        return {
            "codec": CODECS.get(recipe.codec, recipe.codec),
            "width": recipe.width,
            "height": recipe.height,
            "pix_fmt": recipe.pix_fmt,
            "sample_aspect_ratio": recipe.sample_aspect_ratio,
            "rotation": recipe.rotation,
            "mirrored": recipe.mirrored,
            **asked,
            **self.said,
        }

    def make(self, folder: Path) -> Path:
        """Write the film and return its path."""
        path = make_film(folder / self.name, self.recipe)
        if self.mangle is not None:
            self.mangle(path)
        return path


BASE = Recipe(frames=36, gop_size=9, b_frames=2, sample_aspect_ratio=WIDE)
H264_OPEN = replace(
    BASE, options={"x264-params": "open-gop=1:bframes=3:b-pyramid=normal:scenecut=0"}
)
H264_CLOSED = replace(BASE, b_frames=3, options={"x264-params": "scenecut=0"})
X265 = "log-level=none:pools=1:frame-threads=1:scenecut=0:bframes=3:open-gop={}"
HEVC_OPEN = replace(BASE, codec="libx265", options={"x265-params": X265.format(1)})
HEVC_CLOSED = replace(BASE, codec="libx265", options={"x265-params": X265.format(0)})
MPEG2 = replace(BASE, codec="mpeg2video", sample_aspect_ratio=Fraction(4, 3))
MPEG1 = replace(BASE, codec="mpeg1video", sample_aspect_ratio=None)
MPEG4 = replace(BASE, codec="mpeg4")
INTRA = replace(BASE, gop_size=1, b_frames=0)
FFV1 = replace(INTRA, codec="ffv1", options={"level": "3", "slicecrc": "1"})
PRORES = replace(INTRA, codec="prores_ks", pix_fmt="yuv422p10le")
MJPEG = replace(INTRA, codec="mjpeg", pix_fmt="yuvj420p")
DNXHR = replace(
    INTRA,
    codec="dnxhd",
    pix_fmt="yuv422p",
    width=256,
    height=120,
    frames=12,
    options={"profile": "dnxhr_hq"},
)
UYVY = replace(INTRA, codec="rawvideo", pix_fmt="uyvy422")
YUY2 = replace(UYVY, pix_fmt="yuyv422")
V210 = replace(INTRA, codec="v210", pix_fmt="yuv422p10le")
DV = replace(INTRA, codec="dvvideo", width=720, height=576, frames=9, sample_aspect_ratio=None)
DV_NTSC = replace(DV, height=480, pix_fmt="yuv411p", rate=Fraction(30000, 1001))
AV1 = replace(BASE, codec="libsvtav1", width=64, height=64, options={"preset": "12"})
VP9 = replace(BASE, codec="libvpx-vp9", options={"cpu-used": "8", "deadline": "realtime"})
VP8 = replace(VP9, codec="libvpx")
VARIABLE_RATE = {"pts": VARIABLE_MS, "time_base": Fraction(1, 1000)}
CLOCK = Fraction(1, 90000)
FRAME = Fraction(1, 25)
WRAPPING = tuple(2**33 - 20 * 3600 + 3600 * index for index in range(36))
PAL, NTSC = {"sample_aspect_ratio": Fraction(16, 15)}, {"sample_aspect_ratio": Fraction(8, 9)}
BT601 = {"color_range": 1, "colorspace": 6, "color_primaries": 6, "color_trc": 6}
BT709 = {"color_range": 1, "colorspace": 1, "color_primaries": 1, "color_trc": 1}
BT709_FULL = BT709 | {"color_range": 2}
BT2020 = {"color_range": 1, "colorspace": 9, "color_primaries": 9, "color_trc": 14}
PQ, HLG = BT2020 | {"color_trc": 16}, BT2020 | {"color_trc": 18}


def rgb_clip(
    name: str, codec: str, about: str, encoder: str, pix_fmt: str, stored: str = ""
) -> Clip:
    """Return a film whose frames decode to RGB or to a palette: to `stored`, if not `pix_fmt`."""
    depth = VideoFormat(pix_fmt).components[0].bits
    said = {
        "pix_fmt": "gray" if depth == 8 else f"gray{depth}le",
        "rgb_format": stored or pix_fmt,
        "color_range": 2,
        "colorspace": 6,
        # libav does not write the aspect ratio of FFV1 films in RGB.
        **({} if name.endswith(".mov") or encoder == "libx264rgb" else UNSAID),
    }
    return Clip(name, codec, about, replace(INTRA, codec=encoder, pix_fmt=pix_fmt), said)


def with_another_size_inside(path: Path) -> None:
    """Replace the film by three of a third of its frames, the second one wider and higher."""
    third = replace(H264_CLOSED, frames=12)
    recipes = (third, replace(third, width=80, height=64), third)
    parts = [make_film(path, recipe).read_bytes() for recipe in recipes]
    path.write_bytes(b"".join(parts))


RGB_CLIPS = (
    rgb_clip("animation.mov", "QuickTime Animation", "RGB", "qtrle", "rgb24"),
    rgb_clip("animation-alpha.mov", "QuickTime Animation", "RGB, opaque alpha", "qtrle", "argb"),
    rgb_clip("palette.mov", "QuickTime Animation", "palette", "qtrle", "gray", "pal8"),
    rgb_clip("r210.mov", "uncompressed", "RGB, 10 bit", "r210", "gbrp10le"),
    rgb_clip("png.mov", "PNG", "RGB, 16 bit", "png", "rgb48be"),
    rgb_clip("cinepak.mov", "Cinepak", "RGB", "cinepak", "rgb24"),
    rgb_clip("rgb.avi", "uncompressed", "RGB", "rawvideo", "bgr24"),
    rgb_clip("huffyuv-rgb.avi", "HuffYUV", "RGB", "huffyuv", "rgb24", "bgr0"),
    rgb_clip("ffv1-rgb.mkv", "FFV1", "RGB", "ffv1", "bgr0"),
    rgb_clip("ffv1-rgb10.mkv", "FFV1", "RGB, 10 bit", "ffv1", "gbrp10le"),
    rgb_clip("ffv1-rgb12.mkv", "FFV1", "RGB, 12 bit", "ffv1", "gbrp12le"),
    rgb_clip("ffv1-rgb14.mkv", "FFV1", "RGB, 14 bit", "ffv1", "gbrp14le"),
    rgb_clip("ffv1-rgb16.mkv", "FFV1", "RGB, 16 bit", "ffv1", "gbrp16le"),
    rgb_clip("h264-rgb.mkv", "H.264", "RGB", "libx264rgb", "rgb24", "gbrp"),
    rgb_clip("rgb48.nut", "uncompressed", "RGB, 16 bit", "rawvideo", "rgb48le"),
    Clip(
        "v308.mov",
        "uncompressed",
        "packed 4:4:4",
        replace(UYVY, codec="v308", pix_fmt="yuv444p"),
    ),
    Clip(
        "v410.mov",
        "uncompressed",
        "packed 4:4:4, 10 bit",
        replace(UYVY, codec="v410", pix_fmt="yuv444p10le"),
    ),
    Clip(
        "sizes.h264",
        "H.264",
        "size changes twice, scaled",
        H264_CLOSED,
        mangle=with_another_size_inside,
        options={"size_changes": "scale"},
        warned=("segment 1: 9 of 12 frames have another size", "segment 2: 3 of 12 frames have"),
    ),
)


def joined_recordings(path: Path) -> None:
    """Replace a film by two recordings joined with `cat`, whose clocks overlap by 0.4 s."""
    halves = [
        make_film(
            path.with_name(f"{start}-{path.name}"),
            replace(MPEG2, frames=18, pts=tuple(range(start, start + 18)), time_base=FRAME),
        )
        for start in (0, 8)
    ]
    path.write_bytes(b"".join(half.read_bytes() for half in halves))
    for half in halves:
        half.unlink()


def film_of_fields(path: Path) -> None:
    """Replace a film by one whose fields are stored as packets of their own."""
    make_film_of_fields(path, 36)


def late_sound(path: Path) -> None:
    """Replace a film by one whose sound begins after libav has probed its streams."""
    track = Track("mp2", "stereo", tones("stereo", np.int16, 1.0), start_seconds=Fraction(9))
    make_film_with_sound(path, [track], frames=250)


CLIPS = (
    Clip("h264-open.mp4", "H.264", "open GOPs, B-pyramid", H264_OPEN),
    Clip("h264-closed.mp4", "H.264", "closed GOPs, B-frames", H264_CLOSED),
    Clip(
        "h264-edit.mp4",
        "H.264",
        "edit list, negative times",
        replace(H264_CLOSED, pts=tuple(range(-10, 26)), container_options=UNCUT),
        hidden=range(10),
    ),
    Clip(
        "h264-edits.mp4",
        "H.264",
        "edit list of two pieces",
        replace(H264_OPEN, frames=20),
        mangle=with_two_edits,
    ),
    Clip("h264-vfr.mp4", "H.264", "variable rate", replace(H264_OPEN, **VARIABLE_RATE)),
    Clip(
        "h264-fragments.mp4",
        "H.264",
        "fragmented",
        replace(H264_OPEN, container_options={"movflags": "frag_keyframe+empty_moov"}),
    ),
    Clip("h264-turned.mov", "H.264", "rotation of 90", replace(H264_OPEN, rotation=90)),
    Clip("h264-mirrored.mov", "H.264", "mirrored", replace(H264_OPEN, mirrored=True)),
    Clip("h264-422.mov", "H.264", "4:2:2, 10 bit", replace(H264_OPEN, pix_fmt="yuv422p10le")),
    Clip("h264-601.mp4", "H.264", "BT.601, limited", replace(H264_OPEN, **BT601)),
    Clip("h264-709.mp4", "H.264", "BT.709, limited", replace(H264_OPEN, **BT709)),
    Clip(
        "h264-full.mp4",
        "H.264",
        "BT.709, full range",
        replace(H264_OPEN, pix_fmt="yuvj420p", **BT709_FULL),
    ),
    Clip(
        "h264-2020.mp4",
        "H.264",
        "BT.2020, 10 bit",
        replace(H264_OPEN, pix_fmt="yuv420p10le", **BT2020),
    ),
    Clip("hevc-open.mp4", "HEVC", "open GOPs", HEVC_OPEN),
    Clip(
        "hevc-closed.mov",
        "HEVC",
        "closed GOPs, 10 bit",
        replace(HEVC_CLOSED, pix_fmt="yuv420p10le"),
    ),
    Clip("hevc-pq.mp4", "HEVC", "PQ, 10 bit", replace(HEVC_OPEN, pix_fmt="yuv420p10le", **PQ)),
    Clip("hevc-hlg.mp4", "HEVC", "HLG, 10 bit", replace(HEVC_OPEN, pix_fmt="yuv420p10le", **HLG)),
    Clip("hevc-444.mp4", "HEVC", "4:4:4, 12 bit", replace(HEVC_OPEN, pix_fmt="yuv444p12le")),
    Clip("mpeg2.mp4", "MPEG-2", "B-frames", MPEG2),
    Clip("mpeg4.m4v", "MPEG-4 ASP", "B-frames", MPEG4),
    Clip("mpeg4-tilted.mp4", "MPEG-4 ASP", "rotation of 30", replace(MPEG4, rotation=30)),
    Clip("mpeg4.3gp", "MPEG-4 ASP", "no B-frames", replace(MPEG4, b_frames=0)),
    Clip("dv.mov", "DV", "PAL, 4:2:0", DV, PAL),
    Clip("dv-ntsc.mov", "DV", "NTSC, 4:1:1", DV_NTSC, NTSC),
    Clip("prores.mov", "ProRes", "4:2:2, 10 bit", PRORES),
    Clip("prores-fields.mov", "ProRes", "top field first", replace(PRORES, field_order=2)),
    Clip(
        "prores-444.mov",
        "ProRes",
        "4:4:4",
        replace(PRORES, pix_fmt="yuv444p10le", options={"profile": "4444"}),
        {"pix_fmt": "yuv444p12le"},
    ),
    Clip("2vuy.mov", "uncompressed", "packed 4:2:2", UYVY, {"pix_fmt": "yuv422p"}),
    Clip("mjpeg.mov", "MJPEG", "full range", MJPEG),
    Clip("dnxhr.mov", "DNxHR", "4:2:2", DNXHR),
    Clip(
        "dnxhr-10.mov",
        "DNxHR",
        "4:2:2, 10 bit",
        replace(DNXHR, pix_fmt="yuv422p10le", options={"profile": "dnxhr_hqx"}),
    ),
    Clip("av1.mp4", "AV1", "10 bit", replace(AV1, pix_fmt="yuv420p10le")),
    Clip("vp9.mp4", "VP9", "", VP9),
    Clip("ffv1.mp4", "FFV1", "", FFV1),
    Clip("h264-open.mkv", "H.264", "open GOPs, variable rate", replace(H264_OPEN, **VARIABLE_RATE)),
    Clip(
        "h264-gray.mkv", "H.264", "gray", replace(H264_OPEN, pix_fmt="gray"), {"pix_fmt": "yuv420p"}
    ),
    Clip(
        "h264-odd.mkv",
        "H.264",
        "4:4:4, odd size",
        replace(H264_OPEN, pix_fmt="yuv444p", width=65, height=49),
    ),
    Clip(
        "h264-fields.mkv",
        "H.264",
        "top field first",
        replace(H264_OPEN, field_order=2, options={"x264-params": "tff=1:open-gop=1:scenecut=0"}),
    ),
    Clip(
        "h264-refresh.mkv",
        "H.264",
        "intra refresh, no keyframes",
        replace(H264_CLOSED, b_frames=0, options={"x264-params": "intra-refresh=1:bframes=0"}),
    ),
    Clip(
        "h264-transposed.mkv",
        "H.264",
        "mirrored, rotation of 90",
        replace(H264_OPEN, mirrored=True, rotation=90),
    ),
    Clip("hevc.mkv", "HEVC", "open GOPs, gray, 10 bit", replace(HEVC_OPEN, pix_fmt="gray10le")),
    Clip("mpeg2.mkv", "MPEG-2", "4:2:2, B-frames", replace(MPEG2, pix_fmt="yuv422p")),
    Clip("mpeg4.mkv", "MPEG-4 ASP", "B-frames", MPEG4),
    Clip("prores.mkv", "ProRes", "4:2:2, 10 bit", PRORES, mangle=with_display_aspect),
    Clip("mjpeg.mkv", "MJPEG", "4:2:2, full range", replace(MJPEG, pix_fmt="yuvj422p")),
    Clip(
        "ffv1-gray.mkv", "FFV1", "gray", replace(FFV1, pix_fmt="gray"), mangle=with_display_aspect
    ),
    Clip(
        "ffv1-gray16.mkv",
        "FFV1",
        "gray, 16 bit",
        replace(FFV1, pix_fmt="gray16le"),
        mangle=with_display_aspect,
    ),
    Clip(
        "ffv1-10.mkv",
        "FFV1",
        "4:2:2, 10 bit, GOPs",
        replace(FFV1, pix_fmt="yuv422p10le", gop_size=5),
        mangle=with_display_aspect,
    ),
    Clip(
        "ffv1-12.mkv",
        "FFV1",
        "4:4:4, 12 bit",
        replace(FFV1, pix_fmt="yuv444p12le"),
        mangle=with_display_aspect,
    ),
    Clip(
        "ffv1-odd.mkv",
        "FFV1",
        "odd size",
        replace(FFV1, width=65, height=49),
        mangle=with_display_aspect,
    ),
    Clip(
        "ffv1-fields.mkv",
        "FFV1",
        "bottom field first",
        replace(FFV1, field_order=3),
        mangle=with_display_aspect,
    ),
    Clip("ffv1-cropped.mkv", "FFV1", "cropped", FFV1, {"crop": CROP}, mangle=with_a_crop),
    Clip(
        "ffv1-late.mkv",
        "FFV1",
        "starts late, variable rate",
        replace(FFV1, pts=tuple(1234 + ms for ms in VARIABLE_MS), time_base=Fraction(1, 1000)),
        mangle=with_display_aspect,
    ),
    Clip("av1.mkv", "AV1", "", AV1, mangle=with_display_aspect),
    Clip("vp9.webm", "VP9", "", VP9, mangle=with_display_aspect),
    Clip("vp8.webm", "VP8", "a hidden frame", VP8, mangle=with_a_hidden_frame, hidden=[HIDDEN]),
    Clip("av1.webm", "AV1", "", AV1, mangle=with_display_aspect),
    Clip("h264.avi", "H.264", "open GOPs, times unordered", H264_OPEN),
    Clip("mpeg4.avi", "MPEG-4 ASP", "B-frames, times unordered", MPEG4),
    Clip("mpeg4-closed.avi", "MPEG-4 ASP", "no B-frames", replace(MPEG4, b_frames=0)),
    Clip("mpeg2.avi", "MPEG-2", "B-frames, times unordered", MPEG2),
    Clip("dv.avi", "DV", "PAL, 4:2:0", DV, PAL),
    Clip("dv-ntsc.avi", "DV", "NTSC, 4:1:1", DV_NTSC, NTSC),
    Clip("ffv1.avi", "FFV1", "", FFV1, UNSAID),
    Clip("mjpeg.avi", "MJPEG", "full range", MJPEG),
    Clip("yuy2.avi", "uncompressed", "packed 4:2:2", YUY2, {"pix_fmt": "yuv422p", **UNSAID}),
    Clip("v210.mov", "uncompressed", "4:2:2, 10 bit", V210),
    Clip(
        "huffyuv.avi",
        "HuffYUV",
        "4:2:2",
        replace(INTRA, codec="huffyuv", pix_fmt="yuv422p"),
        UNSAID,
    ),
    Clip("h264.ts", "H.264", "open GOPs", H264_OPEN),
    Clip(
        "h264-vfr.ts",
        "H.264",
        "variable rate",
        replace(H264_OPEN, pts=tuple(90 * ms for ms in VARIABLE_MS), time_base=CLOCK),
    ),
    Clip(
        "h264-sparse.ts",
        "H.264",
        "times on keyframes only",
        H264_CLOSED,
        mangle=clock_on_keyframes_only,
    ),
    Clip(
        "h264-wrap.ts",
        "H.264",
        "clock passes 2^33",
        replace(H264_CLOSED, pts=WRAPPING, time_base=CLOCK),
    ),
    Clip("hevc.ts", "HEVC", "open GOPs", HEVC_OPEN),
    Clip("mpeg2-fields.ts", "MPEG-2", "top field first", replace(MPEG2, field_order=2)),
    Clip("mpeg4.ts", "MPEG-4 ASP", "B-frames", MPEG4),
    Clip("h264.m2ts", "H.264", "open GOPs", H264_OPEN),
    Clip("mpeg1.mpg", "MPEG-1", "B-frames, times missing", MPEG1, SQUARE),
    Clip("mpeg2.mpg", "MPEG-2", "B-frames, times missing", MPEG2),
    Clip(
        "mpeg2-large.mpg",
        "MPEG-2",
        "a time a frame",
        replace(MPEG2, width=352, height=288, options={"qmax": "2", "qmin": "2"}),
        {"sample_aspect_ratio": Fraction(16, 11)},
    ),
    Clip(
        "mpeg2-fields.vob",
        "MPEG-2",
        "bottom field first, times missing",
        replace(MPEG2, field_order=3),
    ),
    Clip("h264.mpg", "H.264", "times missing", H264_OPEN),
    Clip("mpeg2.mxf", "MPEG-2", "B-frames", MPEG2),
    Clip("h264.mxf", "H.264", "open GOPs, times wrong", H264_OPEN),
    Clip("dnxhr.mxf", "DNxHR", "4:2:2", DNXHR, SQUARE),
    Clip("prores.mxf", "ProRes", "4:2:2, 10 bit", PRORES),
    Clip("dv.mxf", "DV", "PAL, 4:2:0", DV, PAL),
    Clip("ffv1.mxf", "FFV1", "", FFV1),
    Clip("jpeg2000.mxf", "JPEG 2000", "4:2:2", replace(INTRA, codec="jpeg2000", pix_fmt="yuv422p")),
    Clip("dv.dv", "DV", "PAL, 4:2:0", DV, PAL),
    Clip("film.h264", "H.264", "raw stream, no times", H264_OPEN),
    Clip("film.hevc", "HEVC", "raw stream, no times", HEVC_OPEN),
    Clip("film.m2v", "MPEG-2", "raw stream, no times", MPEG2),
    Clip("film.m1v", "MPEG-1", "raw stream, no times", MPEG1, SQUARE),
    Clip("film.y4m", "raw pictures", "", replace(INTRA, codec="wrapped_avframe"), UNSAID),
    Clip("av1.ivf", "AV1", "", AV1, SQUARE),
    Clip("ffv1.nut", "FFV1", "", FFV1, UNSAID),
    Clip("h264.flv", "H.264", "open GOPs", H264_OPEN),
    *RGB_CLIPS,
    Clip("wmv2.wmv", "WMV 8", "", replace(BASE, codec="wmv2", b_frames=0)),
    Clip(
        "h264-dts.mp4",
        "H.264",
        "decoding times only",
        H264_CLOSED,
        mangle=with_dts_for_pts,
        warned=["frames with wrong timestamps: "],
    ),
    Clip(
        "h264-twice.mp4",
        "H.264",
        "one time twice",
        H264_CLOSED,
        mangle=with_one_pts_twice,
        warned=["frames with wrong timestamps: 1 of 36, by up to 0.04 s"],
    ),
    Clip(
        "h264-start.mkv",
        "H.264",
        "first keyframe damaged",
        H264_CLOSED,
        mangle=with_an_undecodable_start,
        hidden=range(9),
        warned=["frames at the start that do not decode: 9 of 36"],
    ),
    Clip(
        "h264-before-0.mkv",
        "H.264",
        "starts before 0",
        replace(H264_CLOSED, pts=tuple(range(-3, 33)), container_options=UNCUT),
    ),
    Clip(
        "mpeg2-joined.ts",
        "MPEG-2",
        "joined recordings, clock goes back 0.4 s",
        MPEG2,
        mangle=joined_recordings,
        warned=["damaged packets: 1 of 36", "places where timestamps jump back: 1, "],
    ),
    Clip(
        "mpeg2-joined.vob",
        "MPEG-2",
        "joined recordings, clock goes back 0.4 s",
        MPEG2,
        mangle=joined_recordings,
        warned=["places where timestamps jump back: 1, "],
    ),
    Clip(
        "h264-fields.ts",
        "H.264",
        "a packet per field (PAFF)",
        replace(BASE, width=32, height=32, sample_aspect_ratio=None),
        mangle=film_of_fields,
    ),
    Clip(
        "late-sound.ts",
        "MPEG-2",
        "sound from 9 s on",
        replace(MPEG2, width=96, height=64, frames=250, sample_aspect_ratio=None),
        SQUARE,
        mangle=late_sound,
    ),
)
