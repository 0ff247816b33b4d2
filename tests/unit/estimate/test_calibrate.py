"""Calibration runs the pipeline with a toy colorizer, and every cost class gets a rate."""

from dataclasses import replace

import numpy as np
import pytest

from colorworker.domain.costs import Calibration, CostClass, Rate
from colorworker.domain.models import ModelRef
from colorworker.domain.options import Options
from colorworker.errors import SourceUnsupported
from colorworker.estimate import calibrate as calibrating
from colorworker.estimate.calibrate import Bench, calibrate
from colorworker.estimate.samplemedia import (
    cloud_texture,
    make_reel,
    make_still,
    predicts_output_size,
)
from colorworker.executors.worker import open_context
from colorworker.media.containers.headers import film_header
from colorworker.media.stills.vips import open_still
from tests.threadexecutor import ThreadExecutor
from tests.toycolorizer import ToyColorizer


@pytest.fixture
def small(monkeypatch, tmp_path):
    """Make the material tiny and the model a toy."""
    for name in ("_SMALL", "_SMALL_STILL"):
        monkeypatch.setattr(calibrating, name, (48, 32))
    for name in ("_LARGE", "_LARGE_STILL"):
        monkeypatch.setattr(calibrating, name, (96, 64))
    for name, frames in (("_FEW", 3), ("_SHORT", 5), ("_LONG", 6)):
        monkeypatch.setattr(calibrating, name, frames)

    def toy_executor(spec, workers):
        return ThreadExecutor(open_context(spec, lambda _: ToyColorizer()), workers)

    monkeypatch.setattr(calibrating, "LocalExecutor", toy_executor)
    return Bench(ModelRef("lite", "0" * 64), Options(), 1, 2, scratch=tmp_path)


def test_every_kind_of_work_gets_a_rate_and_no_scratch_files_remain(small, tmp_path):
    cost_classes = [
        CostClass("film", "mpeg2video", "yuv420p"),
        CostClass("film", "ffv1", "yuv420p", "archive"),
        CostClass("still", "tiff", "16", "archive"),
    ]
    said = []

    found = calibrate(cost_classes, small, said.append)

    assert list(found.rates) == [cost_class.name for cost_class in cost_classes]
    for rate in found.rates.values():
        assert all(number >= 0 for number in vars(rate).values())
        assert rate.megapixel_seconds > 0
        assert rate.megapixel_bytes > 0
        assert rate.seconds(10, 1.0) > 0
    assert [line.split()[1] for line in said] == list(found.rates)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("cost_class", "tells"),
    [
        (CostClass("still", "jpeg", "8"), True),
        (CostClass("still", "tiff", "8", "mezzanine"), True),
        (CostClass("film", "h264", "yuv420p"), True),
        (CostClass("film", "h264", "yuv420p", "archive"), True),
        (CostClass("film", "h264", "yuv420p", "mezzanine"), False),
        (CostClass("film", "ffv1", "gray", "archive"), True),
        (CostClass("film", "ffv1", "gray"), False),
        (CostClass("film", "mpeg2video", "yuv420p"), False),
    ],
)
def test_output_bytes_follow_source_bytes_where_neither_has_a_bit_rate(cost_class, tells):
    assert predicts_output_size(cost_class) is tells


def test_the_calibration_stores_source_bytes_beside_output_bytes(small, warm):
    cost_classes = [CostClass("film", "ffv1", "gray", "archive"), CostClass("still", "jpeg", "8"),
              CostClass("film", "mpeg2video", "yuv420p")]  # fmt: skip

    film, still, rated = calibrate(cost_classes, small).rates.values()

    # Gray with grain takes 0.5 to 1.5 bytes a pixel without loss, color more; so small a film has
    # a header that counts.
    assert 0.5e6 < film.source_bytes < 3e6
    assert film.megapixel_bytes > film.source_bytes
    assert still.source_bytes > 0
    assert rated.source_bytes == 0


@pytest.fixture
def warm(monkeypatch):
    """Leave out the first film, for which tables of colors are built."""
    monkeypatch.setattr(calibrating._Machine, "warm_up", lambda _: 1.0)


def test_every_worker_gets_the_same_amount_of_work(small, warm):
    two = replace(small, workers=2)
    cost_class = CostClass("still", "png", "8")

    alone, together = (
        calibrate([cost_class], bench).rates[cost_class.name] for bench in (small, two)
    )

    assert together.megapixel_bytes == pytest.approx(alone.megapixel_bytes)


def test_known_rates_stay_and_unmakeable_material_is_left_out(small, warm):
    known = Calibration("", 1.0, {"still/access/jpeg/8": Rate(1.0, 0.0, 0.0, 0.0)})
    vc1 = CostClass("film", "vc1", "yuv420p")
    # H.264 keeps 8 and 10 bits only.
    deep = CostClass("film", "ffv1", "yuv420p12le", "access")

    found = calibrate([vc1, deep], small, known=known)

    assert found.rates == known.rates


def test_no_new_measurement_starts_after_a_minute(small, warm, monkeypatch):
    monkeypatch.setattr(calibrating, "BUDGET_SECONDS", 0.0)
    cost_classes = [CostClass("still", "png", "8"), CostClass("still", "jpeg", "8")]

    assert list(calibrate(cost_classes, small).rates) == ["still/access/png/8"]


@pytest.mark.parametrize(
    ("codec", "pix_fmt"),
    [("h264", "yuv420p"), ("mpeg2video", "yuv422p"), ("ffv1", "gray"), ("ffv1", "yuv422p10le"),
     ("mpeg4", "yuv420p"), ("mjpeg", "yuvj420p"), ("prores", "yuv422p10le")],
)  # fmt: skip
def test_sample_films_have_the_requested_properties(tmp_path, codec, pix_fmt):
    film = make_reel(tmp_path, "0", CostClass("film", codec, pix_fmt), 96, 64, 4)

    with film.open("rb") as reader:
        header = film_header(reader, film.name)

    assert (header.codec, header.pix_fmt, header.frames) == (codec, pix_fmt, 4)


@pytest.mark.parametrize(("form", "bits"), [("jpeg", 8), ("png", 16), ("tiff", 8), ("webp", 8)])
def test_sample_pictures_have_the_requested_properties(tmp_path, form, bits):
    path = make_still(tmp_path, "0", CostClass("still", form, str(bits)), 96, 64)

    with path.open("rb") as reader, open_still(reader, path.name, max_pixels=10**6) as picture:
        assert (picture.info.loader, picture.info.bit_depth) == (form, bits)


def test_unsupported_sample_formats_are_refused(tmp_path):
    with pytest.raises(SourceUnsupported):
        make_still(tmp_path, "0", CostClass("still", "gif", "8"), 8, 8)
    with pytest.raises(SourceUnsupported):
        make_reel(tmp_path, "0", CostClass("film", "h264", "no such format"), 64, 64, 2)


def test_sample_textures_look_alike_at_every_size():
    small, large = cloud_texture(128, 96), cloud_texture(512, 384)

    for found in (small, large):
        assert found.mean() == pytest.approx(127, abs=6)
        assert found.std() == pytest.approx(48, abs=4)
    assert np.array_equal(cloud_texture(64, 48), cloud_texture(64, 48))
