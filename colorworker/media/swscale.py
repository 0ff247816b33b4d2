"""Frames converted by swscale."""

from av.video.frame import VideoFrame

UNSPECIFIED = 2
_MATRICES = frozenset({0, 1, UNSPECIFIED, 4, 5, 6, 7, 9})
"""Matrix codes of H.273 that swscale (FFmpeg 8) supports."""
COLOR_TAGS = ("colorspace", "color_range", "color_primaries", "color_trc")


def reformat(
    frame: VideoFrame,
    pix_fmt: str,
    size: tuple[int, int] | None = None,
    *,
    threads: int = 1,
    interpolation: str | None = None,
) -> VideoFrame:
    """Return the frame in another pixel format or size, with its properties and color tags.

    swscale would set its own color tags, although layouts are converted without changing codes, and
    it refuses matrices that it does not know. These count as unspecified.

    Args:
        frame: Any frame; unchanged.
        pix_fmt: Pixel format of the result.
        size: Width and height of the result; by default, the frame's.
        threads: Threads of swscale, 0 for as many as there are cores. With more than one it may
            write past the end of a line into the next one, which another thread may have written
            already: from P010, that changes luma at some widths.
        interpolation: "AREA", "BILINEAR" and the like, for another size.
    """
    tags = {tag: getattr(frame, tag) for tag in COLOR_TAGS}
    if frame.colorspace not in _MATRICES:
        frame.colorspace = UNSPECIFIED
    try:
        width, height = size or (frame.width, frame.height)
        result = frame.reformat(
            width, height, pix_fmt, threads=threads, interpolation=interpolation
        )
    finally:
        frame.colorspace = tags["colorspace"]
    for tag, value in tags.items():
        setattr(result, tag, value)
    return result
