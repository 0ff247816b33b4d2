"""Pictures with an exemplar, a variant, a sheet of variants or a map of certainty."""

import numpy as np
import pytest
import pyvips

from colorworker.color.colordistribution import ColorDistribution
from colorworker.domain.hints import InputFile
from colorworker.domain.options import Asset, Options
from colorworker.domain.units import still
from colorworker.executors.worker import Colorizers
from colorworker.pipeline.context import WorkerContext
from colorworker.pipeline.stillbatch import color_batch
from colorworker.store.memory import MemoryStore
from tests.jobharness import TOY_MODEL
from tests.toycolorizer import ToyColorizer

BINS = np.array([(a, b) for a in range(-60, 61, 20) for b in range(-60, 61, 20)], np.float32)


class Undecided(ToyColorizer):
    """Holds all colors equally possible; sees dark and bright."""

    def with_settings(self, vividness, temperature):
        return self

    def distribution(self, lightness):
        rows, columns = lightness.shape[0] // 4, lightness.shape[1] // 4
        small = lightness[::4, ::4][:rows, :columns] / 100
        seen = np.stack((small, 1 - small), -1) ** 2
        seen /= np.linalg.norm(seen, axis=-1, keepdims=True)
        logits = np.zeros((rows, columns, len(BINS)), np.float32)
        return ColorDistribution(logits, BINS, seen.astype(np.float32), 0.38)


def png(array):
    image = pyvips.Image.new_from_array(array)
    return bytes(image.copy(interpretation="srgb").write_to_buffer(".png"))


@pytest.fixture
def source():
    picture = np.full((80, 120), 60, np.uint8)
    picture[20:60, 30:90] = 180
    store = MemoryStore("source")
    store.put("a.png", bytes(pyvips.Image.new_from_array(picture).write_to_buffer(".png")))
    green = np.zeros((60, 60, 3), np.uint8)
    green[:] = (40, 160, 40)
    store.put("green.png", png(green))
    return store


def run(source, destination, **options):
    info = source.head("a.png")
    asset = Asset(source.uri, "a.png", "still", info.size_bytes, info.etag)
    unit = still(asset, "out/a.png", Options(**options), TOY_MODEL)
    context = WorkerContext(
        destination, lambda _: source, Colorizers(lambda _: Undecided()), TOY_MODEL, "test"
    )
    (result,) = color_batch(context, [unit], 1)
    return result


def rgb(store, key):
    return pyvips.Image.new_from_buffer(store.get(key), "").numpy().astype(int)


def test_a_sheet_and_a_map_lie_beside_the_output(source):
    destination = MemoryStore("destination")

    result = run(source, destination, variants=3, confidence=True)

    assert result.outcome == "succeeded"
    sheet = rgb(destination, "out/a.variants.jpg")
    assert sheet.shape == (32, 4 * 48 + 3 * 4, 3)
    cells = [sheet[:, number * 52 : number * 52 + 48] for number in range(4)]
    assert all(np.abs(cells[0] - cell)[15:].mean() > 2 for cell in cells[1:])
    assert rgb(destination, "out/a.confidence.png").max() <= 1
    assert result.record.info.certainty == pytest.approx(0, abs=0.01)
    assert run(source, MemoryStore("other")).record.info.certainty is None


def test_the_chosen_variant_is_written(source):
    first, third = MemoryStore("first"), MemoryStore("third")

    run(source, first)
    run(source, third, variant=3)

    assert np.abs(rgb(first, "out/a.png") - rgb(third, "out/a.png")).mean() > 2


def test_sheets_are_replaced_by_later_runs_but_no_other_files(source):
    ours, foreign = MemoryStore("ours"), MemoryStore("foreign")
    foreign.put("out/a.variants.jpg", b"not ours")

    run(source, ours, variants=1)
    again = run(source, ours, variants=2)
    refused = run(source, foreign, variants=2)

    assert again.outcome == "succeeded"
    assert (refused.outcome, refused.error_code) == ("failed", "output_collision")
    assert foreign.get("out/a.variants.jpg") == b"not ours"


def test_an_exemplar_gives_its_colors(source):
    info = source.head("green.png")
    exemplar = InputFile(source.uri, "green.png", info.etag, info.size_bytes)
    destination = MemoryStore("destination")

    result = run(source, destination, exemplar=exemplar, reference_strength=1.0)

    assert result.outcome == "succeeded"
    body = rgb(destination, "out/a.png")[30:50, 40:80]
    assert (body[..., 1] - body[..., 0]).min() > 20


def test_an_exemplar_that_is_no_picture_fails_by_name(source):
    info = source.put("words.txt", b"no picture")
    exemplar = InputFile(source.uri, "words.txt", info.etag, info.size_bytes)

    result = run(source, MemoryStore("destination"), exemplar=exemplar)

    assert result.error_code == "hints_refused"
    assert result.error.startswith("words.txt: the reference cannot be read")
