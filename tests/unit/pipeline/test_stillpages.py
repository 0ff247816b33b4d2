"""TIFFs of several pages: each is colored, or kept, and stays a page with its own metadata."""

import io

import numpy as np
import pytest
import tifffile
from PIL import Image

from colorworker.color.lab import LUMINANCE_WEIGHTS, linear_to_srgb, srgb_to_linear
from colorworker.domain.options import Options
from colorworker.store.local import LocalStore
from tests.jobharness import run_toy_job

RAMP = np.linspace(0, 1, 48 * 64).reshape(48, 64)
GRAY = np.rint(RAMP * 255).astype(np.uint8)
WIDE = np.rint(RAMP[::-1, :40] * 65535).astype(np.uint16)
PAINTED = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)
PAINTED = PAINTED.repeat(4, axis=0).repeat(4, axis=1)


def tiff(pages, **form):
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer, **form) as writer:
        for number, page in enumerate(pages):
            kind = "rgb" if page.ndim == 3 else "minisblack"
            tags = [(285, 2, 0, f"page name {number}", True)]
            writer.write(page, photometric=kind, metadata=None, extratags=tags)
    return buffer.getvalue()


def run(tmp_path, data, **options):
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    (source / "album.tif").write_bytes(data)
    lines = run_toy_job(source, LocalStore(out), Options(**options))
    return lines["album.tif"], out / "album.tif"


def gray_of(rgb):
    top = np.iinfo(rgb.dtype).max
    linear = srgb_to_linear((rgb / top).astype(np.float32))
    return linear_to_srgb(linear @ LUMINANCE_WEIGHTS) * top


@pytest.mark.parametrize("form", [{}, {"byteorder": ">"}, {"bigtiff": True}], ids=str)
def test_every_page_is_colored_with_its_own_size_depth_and_tags(form, tmp_path):
    line, path = run(tmp_path, tiff([GRAY, WIDE, GRAY[:20]], **form))

    assert (line.outcome, line.warnings) == ("succeeded", ())
    assert "all 3 pages are in the output" in line.notes
    with tifffile.TiffFile(path) as file:
        pages = [page.asarray() for page in file.pages]
        names = [page.tags[285].value for page in file.pages]
    assert names == ["page name 0", "page name 1", "page name 2"]
    for page, codes in zip(pages, [GRAY, WIDE, GRAY[:20]], strict=True):
        assert (page.shape, page.dtype) == ((*codes.shape, 3), codes.dtype)
        assert np.abs(gray_of(page) - codes).max() < 1.5
        assert np.ptp(page.astype(float), axis=2).max() > 0.1 * page.max()


def test_a_page_in_color_is_kept_as_it_is(tmp_path):
    line, path = run(tmp_path, tiff([GRAY, PAINTED, GRAY]))

    assert "pages in color or with two tones are kept as they are: 2" in line.notes
    with tifffile.TiffFile(path) as file:
        np.testing.assert_array_equal(file.pages[1].asarray(), PAINTED)
        assert len(file.pages) == 3


@pytest.mark.parametrize("first", [PAINTED, GRAY > 128], ids=["color", "two tones"])
@pytest.mark.parametrize("polarity", ["positive", "negative"])
def test_a_first_page_that_needs_no_color_does_not_cost_the_others_theirs(
    first, polarity, tmp_path
):
    kept = first if first.ndim == 3 else first * np.uint8(255)

    line, path = run(tmp_path, tiff([first, GRAY, first]), polarity=polarity)

    assert line.outcome == "succeeded", line.error
    assert "pages in color or with two tones are kept as they are: 1, 3" in line.notes
    with tifffile.TiffFile(path) as file:
        pages = [page.asarray() for page in file.pages]
    np.testing.assert_array_equal(pages[0], kept)
    np.testing.assert_array_equal(pages[2], kept)
    assert np.ptp(pages[1].astype(float), axis=2).max() > 0.1 * pages[1].max()
    if polarity == "positive":
        assert np.abs(gray_of(pages[1]) - GRAY).max() < 1.5


def test_only_pages_that_need_no_color_are_skipped(tmp_path):
    line, path = run(tmp_path, tiff([GRAY > 128, PAINTED]))

    assert (line.outcome, line.error_code) == ("skipped", "two_tones")
    assert not path.exists()


def test_pages_are_the_same_in_a_second_run(tmp_path):
    data = tiff([GRAY, WIDE])
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()

    _, first = run(tmp_path / "a", data)
    _, second = run(tmp_path / "b", data)

    assert first.read_bytes() == second.read_bytes()


def test_a_damaged_page_fails_the_file_and_names_the_page(tmp_path):
    data = bytearray(tiff([GRAY, GRAY]))
    with tifffile.TiffFile(io.BytesIO(bytes(data))) as file:
        place = file.pages[1].tags[273].valueoffset
    data[place : place + 4] = b"\xff\xff\xff\x7f"

    line, path = run(tmp_path, bytes(data))

    assert line.error_code == "source_damaged"
    assert "(page 2)" in line.error
    assert not path.exists()


def test_two_tones_are_skipped_with_the_reason_or_colored_on_request(tmp_path):
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, RAMP > 0.5, photometric="minisblack", metadata=None)

    line, path = run(tmp_path, buffer.getvalue())
    assert (line.outcome, line.error_code) == ("skipped", "two_tones")
    assert "1 bit per pixel" in line.error
    assert not path.exists()

    (tmp_path / "again").mkdir()
    line, path = run(tmp_path / "again", buffer.getvalue(), color_sources="recolor")
    assert (line.outcome, path.exists()) == ("succeeded", True)


def test_a_changed_format_is_a_note_and_lost_depth_a_warning(tmp_path):
    (tmp_path / "in").mkdir()
    for name, kind in {"a.bmp": "BMP", "b": "JPEG", "c.jpe": "JPEG"}.items():
        Image.fromarray(GRAY).save(tmp_path / "in" / name, kind)
    tifffile.imwrite(tmp_path / "in" / "d.webp", WIDE)

    lines = run_toy_job(tmp_path / "in", LocalStore(tmp_path / "out"), Options())

    assert "written as TIFF: bmp is only read" in lines["a.bmp"].notes
    assert "written as TIFF: its name has no extension" in lines["b"].notes
    assert (lines["c.jpe"].output_key, lines["c.jpe"].notes) == ("c.jpe", ())
    assert (tmp_path / "out" / "c.jpe").read_bytes().startswith(b"\xff\xd8")
    assert "written as WEBP: its name ends in .webp" in lines["d.webp"].notes
    assert lines["d.webp"].warnings == ("its 16 bits are written with 8: WEBP holds no more",)
    assert tifffile.imread(tmp_path / "out" / "a.tif").shape == (48, 64, 3)
