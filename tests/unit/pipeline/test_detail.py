"""Detail: parts of large pictures are predicted too, and only add what is small."""

import numpy as np
import pytest
import pyvips

from colorworker.domain.options import Asset, Options
from colorworker.domain.units import still
from colorworker.pipeline.context import WorkerContext
from colorworker.pipeline.stillbatch import color_batch
from colorworker.store.memory import MemoryStore
from tests.jobharness import TOY_MODEL
from tests.toycolorizer import ToyColorizer

SIDE = 64


class Shortsighted(ToyColorizer):
    """Colors what is bright and at least 3 pixels wide red, and all else bluish."""

    def working_shape(self, height, width):
        return (SIDE, 3 * SIDE // 2) if width > height else (SIDE, SIDE)

    def predict(self, lightness, known=None):
        self.batches.append(lightness.shape)
        bright = lightness > 60
        wide = bright & np.roll(bright, 1, 2) & np.roll(bright, -1, 2)
        wide |= np.roll(wide, 1, 2) | np.roll(wide, -1, 2)
        ab = np.empty((*lightness.shape, 2), np.float32)
        ab[:] = (0, -10)
        ab[wide] = (40, 30)
        return ab


def picture(height=512, width=768):
    """Return gray codes with bright squares that are 1.5 pixels wide for the network."""
    codes = np.full((height, width), 90, np.uint8)
    for top in range(40, height - 40, 96):
        for left in range(40, width - 40, 96):
            codes[top : top + 12, left : left + 12] = 180
    return codes


def color(codes, **options):
    """Return the a* and b* of the output, and the colorizer."""
    source, destination, toy = MemoryStore("source"), MemoryStore("color"), Shortsighted()
    source.put("a.png", bytes(pyvips.Image.new_from_array(codes).write_to_buffer(".png")))
    info = source.head("a.png")
    asset = Asset(source.uri, "a.png", "still", info.size_bytes, info.etag)
    unit = still(asset, "a.png", Options(**options), TOY_MODEL)
    context = WorkerContext(destination, lambda _: source, lambda _: toy, TOY_MODEL, "test")
    (result,) = color_batch(context, [unit], 1)
    assert result.record is not None, result.error
    image = pyvips.Image.new_from_buffer(destination.get("a.png"), "")
    return image.colourspace("lab").numpy()[..., 1:], toy


def test_small_things_get_their_color_only_with_detail():
    codes = picture()
    small = codes > 150

    whole, _ = color(codes)
    detailed, _ = color(codes, detail=4)

    assert whole[small][:, 0].mean() < 5
    assert detailed[small][:, 0].mean() > 8
    assert np.abs(detailed[~small] - whole[~small]).mean() < 3


def test_mean_colors_stay_those_of_the_whole():
    codes = picture()

    whole, _ = color(codes)
    detailed, _ = color(codes, detail=4)

    assert np.abs(detailed.mean((0, 1)) - whole.mean((0, 1))).max() < 1


@pytest.mark.parametrize(("detail", "most"), [(1, 1), (2, 1 + 24), (4, 1 + 24 + 75)])
def test_the_number_of_predictions_is_bounded(detail, most):
    _, toy = color(picture(512, 2048), detail=detail)

    assert sum(batch[0] for batch in toy.batches) <= most
    assert (len(toy.batches) > 1) == (detail > 1)


def test_pictures_of_about_the_networks_size_are_only_seen_whole():
    _, toy = color(picture(100, 150), detail=4)

    assert len(toy.batches) == 1


def test_own_colors_and_borders_get_no_detail():
    codes = picture()
    framed = np.full((592, 848), 250, np.uint8)
    framed[40:552, 40:808] = codes
    before, _ = color(framed)
    after, toy = color(framed, detail=4)

    assert len(toy.batches) > 1
    outside = np.ones(framed.shape, bool)
    outside[24:568, 24:824] = False
    assert np.abs(after[outside]).max() < 1.5
    assert np.abs(before[outside]).max() < 1.5
