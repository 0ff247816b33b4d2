"""Scans: what lies around the photograph keeps its color, and negatives become positives."""

import re

import cv2
import numpy as np
import pytest
import pyvips

from colorworker.domain import units
from colorworker.domain.options import Asset, Options
from colorworker.store.local import LocalStore
from tests.jobharness import TOY_MODEL, run_toy_job
from tests.toycolorizer import ToyColorizer


class Seeing(ToyColorizer):
    """Keeps the lightness that it saw; colors everything green."""

    seen = ()

    def working_shape(self, height, width):
        return (64, 96) if width >= height else (96, 64)

    def predict(self, lightness, known=None):
        Seeing.seen = [*Seeing.seen, *lightness]
        return np.broadcast_to(np.float32([-40, 30]), (*lightness.shape, 2)).copy()


@pytest.fixture
def sources(tmp_path):
    made = tmp_path / "sources"
    made.mkdir()
    return made


def photograph(height=160, width=240, low=20, high=230):
    random = np.random.default_rng(3)
    codes = np.zeros((height, width), np.float32)
    for cells in (3, 7, 20):
        codes += (
            cv2.resize(random.random((cells, cells)).astype(np.float32), (width, height)) / cells
        )
    codes -= codes.min()
    return low + codes * ((high - low) / codes.max())


def color(sources, codes, **options):
    """Color a picture; return its line, its output, and what the network saw of it."""
    codes = np.ascontiguousarray(codes)
    image = pyvips.Image.new_from_array(codes)
    kind = "srgb" if codes.ndim == 3 else "grey16" if codes.dtype == np.uint16 else "b-w"
    image.copy(interpretation=kind).write_to_file(str(sources / "scan.png"))
    Seeing.seen = []
    outputs = sources.with_name("outputs")
    (line,) = run_toy_job(
        sources, LocalStore(outputs), Options(**options), make_colorizer=lambda _: Seeing()
    ).values()
    output = outputs / "scan.png"
    return line, output if output.exists() else None, Seeing.seen


def lab(path):
    image = pyvips.Image.new_from_file(str(path))
    image = image.colourspace("srgb") if image.bands == 1 else image
    return image.colourspace("lab").numpy()


def framed(color_of_frame):
    frame = np.empty((240, 340, 3), np.uint8)
    frame[:] = color_of_frame
    frame[30:190, 50:290] = photograph()[..., None]
    return frame


def test_a_mount_keeps_its_color_and_is_not_seen_by_the_network(sources):
    line, output, (seen,) = color(sources, framed((236, 224, 190)))

    before, after = lab(sources / "scan.png"), lab(output)
    outside = np.ones(before.shape[:2], bool)
    outside[22:198, 42:298] = False
    assert np.abs(after - before)[outside].max() < 2
    assert np.hypot(*np.moveaxis(after[40:180, 60:280, 1:], -1, 0)).mean() > 15
    assert seen.std() > 10
    assert not (np.abs(seen[:3] - before[5, 5, 0]) < 2).all()
    (note,) = line.notes
    share = int(re.search(r"takes (\d+)% of the picture", note)[1])
    assert share == pytest.approx(100 * 160 * 240 / (240 * 340), abs=3)


def test_borders_are_colored_if_that_is_asked_for(sources):
    line, output, (seen,) = color(sources, framed((225, 225, 225)), borders="color")

    assert np.abs(seen[:3] - seen[0, 0]).max() < 1
    assert np.hypot(*np.moveaxis(lab(output)[:10, :, 1:], -1, 0)).min() > 5
    assert not line.notes


def test_a_gray_border_stays_gray(sources):
    _, output, _ = color(sources, framed((120, 120, 120)))

    assert np.abs(lab(output)[:20, :, 1:]).max() < 1.5


def test_a_negative_becomes_a_positive_in_color(sources):
    negative = photograph().astype(np.uint8)

    line, output, (seen,) = color(sources, negative, polarity="negative")

    before, after = lab(sources / "scan.png")[..., 0], lab(output)[..., 0]
    assert np.abs(after - (100 - before)).max() < 0.6
    small = cv2.resize(100 - before, seen.shape[::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(seen - small).mean() < 1
    assert any("inverted" in note for note in line.notes)


def test_the_color_of_a_negatives_base_is_gone(sources):
    negative = (photograph()[..., None] * np.array([1.0, 0.75, 0.5])).astype(np.uint8)

    _, output, _ = color(sources, negative, polarity="negative")

    before, after = lab(sources / "scan.png"), lab(output)
    assert np.abs(after[..., 0] - (100 - before[..., 0])).max() < 1
    hue = np.degrees(np.arctan2(after[..., 2].mean(), after[..., 1].mean()))
    assert hue == pytest.approx(np.degrees(np.arctan2(30, -40)), abs=8)


def test_a_scan_of_narrow_range_is_leveled_for_the_network_only(sources):
    narrow = (photograph(low=100, high=140) * 257).astype(np.uint16)

    _, output, (seen,) = color(sources, narrow)

    assert np.ptp(seen) > 80
    written = pyvips.Image.new_from_file(str(output))
    source = pyvips.Image.new_from_file(str(sources / "scan.png"))
    before, after = (image.colourspace("lab")[0].numpy() for image in (source, written))
    assert np.ptp(before) < 20
    assert np.abs(after - before).max() < 0.05


def test_scan_options_do_not_recolor_films():
    film = Asset("file:///archive", "reel.mkv", "film", 100, "etag")
    other = Options(borders="color", polarity="negative")

    first, second = (units.scan(film, "reel.mkv", each, TOY_MODEL) for each in (Options(), other))

    assert first == second


def perforated(edge, hole):
    """Return a frame of film between rows of perforations."""
    codes = np.full((240, 340), edge, np.uint8)
    codes[44:196, 14:326] = photograph(152, 312, low=30, high=min(225, 4 * edge))
    for top in (12, 208):
        for left in range(10, 320, 30):
            codes[top : top + 20, left : left + 15] = hole
    return codes


def test_a_frame_of_negative_film_is_refused_with_advice(sources):
    line, output, seen = color(sources, perforated(edge=235, hole=255))

    assert output is None
    assert not seen
    assert line.error_code == "source_unsupported"
    assert "it is a negative" in line.error
    assert "--polarity negative" in line.error


@pytest.mark.parametrize("polarity", ["positive", "negative"])
def test_who_names_the_polarity_is_believed(sources, polarity):
    _, output, _ = color(sources, perforated(edge=235, hole=255), polarity=polarity)

    before, after = lab(sources / "scan.png")[..., 0], lab(output)[..., 0]
    expected = 100 - before if polarity == "negative" else before
    assert np.abs(after - expected).max() < 0.6


def test_a_frame_of_positive_film_is_colored_without_its_edge(sources):
    _, output, _ = color(sources, perforated(edge=8, hole=250))

    after = lab(output)
    assert np.abs(after[:36, :, 1:]).max() < 1.5
    assert np.hypot(*np.moveaxis(after[60:180, 40:300, 1:], -1, 0)).mean() > 15
