"""A colored film beside its source, on small lossless films."""

import io

import av
import numpy as np
import pytest

from colorworker.errors import OutputMismatch, SourceDamaged, SourceUnsupported
from colorworker.evaluation.filmpairs import film_rows


def film(count=7, share=1.0, height=48, width=64):
    """Return a lossless film of a color pattern that moves 2 pixels a frame, less colorful."""
    rows, columns = np.mgrid[0:height, 0 : width + 2 * count]
    wide = np.stack(
        [
            128 + 60 * np.sin(columns / 5 + phase) + 30 * np.cos(rows / (4 + phase))
            for phase in range(3)
        ],
        -1,
    )
    wide = wide.mean(-1, keepdims=True) * (1 - share) + wide * share
    out = io.BytesIO()
    with av.open(out, "w", format="matroska") as container:
        stream = container.add_stream("ffv1", rate=24)
        stream.width, stream.height, stream.pix_fmt = width, height, "bgr0"
        for index in range(count):
            codes = np.ascontiguousarray(wide[:, 2 * index : 2 * index + width]).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(codes, format="rgb24")))
        container.mux(stream.encode(None))
    out.seek(0)
    return out


def rows_of(colored, source, **options):
    return film_rows("ours.mkv", colored, "source.mkv", source, **options)


def test_a_color_source_is_used_as_the_truth():
    truth, gray, ours = rows_of(film(share=0.5), film())

    assert [truth.coloring, gray.coloring, ours.coloring] == ["truth", "gray", "colored"]
    assert truth.scores.ab_rmse == pytest.approx(0, abs=1e-6)
    assert 0 < ours.scores.ab_rmse < gray.scores.ab_rmse
    assert gray.scores.colorfulness == pytest.approx(0, abs=0.1)
    assert gray.scores.flicker == pytest.approx(0, abs=0.05)
    assert truth.scores.frames == ours.scores.frames == 7
    assert truth.scores.cdc is not None


def test_a_gray_source_gives_no_chroma_errors():
    gray, ours = rows_of(film(), film(share=0))

    assert [gray.coloring, ours.coloring] == ["gray", "colored"]
    assert gray.scores.ab_rmse is ours.scores.ab_rmse is None
    assert ours.scores.colorfulness > 5


def test_films_of_different_length_are_refused():
    with pytest.raises(OutputMismatch, match=r"ours.mkv ends after 5 frames"):
        rows_of(film(count=5), film(count=7))


def test_measuring_can_be_limited_to_the_first_frames():
    told = []

    rows = rows_of(film(count=5), film(count=7), limit=5, progress=told.append)

    assert rows[0].scores.frames == 5
    assert told == [1, 2, 3, 4, 5]


def test_a_file_that_is_no_film_or_too_small_fails_as_an_item():
    with pytest.raises(SourceDamaged):
        rows_of(io.BytesIO(b"no film"), film())
    with pytest.raises(SourceUnsupported, match="64 x 8"):
        rows_of(film(height=8), film(height=8))
