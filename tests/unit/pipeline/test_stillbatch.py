"""Batches of pictures: one prediction, an outcome for each picture, and none left open."""

import threading

import numpy as np
import pytest
import pyvips

from colorworker.domain.options import Asset, Options
from colorworker.domain.units import still
from colorworker.pipeline import stillbatch
from colorworker.pipeline.context import WorkerContext
from colorworker.pipeline.stillbatch import color_batch
from colorworker.store.memory import MemoryStore
from tests.jobharness import TOY_MODEL
from tests.toycolorizer import ToyColorizer

OPTIONS = Options()


class Source(MemoryStore):
    """A store that records the readers it has opened."""

    def __init__(self):
        super().__init__("source")
        self.readers = []

    def open(self, key, **pins):
        reader = super().open(key, **pins)
        self.readers.append(reader)
        return reader


def png(height, width, seed):
    rows, columns = np.mgrid[0:height, 0:width]
    gray = ((rows * (seed + 2) + columns * 3) % 256).astype(np.uint8)
    return bytes(pyvips.Image.new_from_array(gray).write_to_buffer(".png"))


@pytest.fixture
def source():
    store = Source()
    for number in range(10):
        shape = (40, 60) if number % 2 else (60, 40)
        store.put(f"{number}.png", png(*shape, number))
    return store


def units(source):
    found = sorted(source.list(), key=lambda info: info.key)
    assets = [Asset(source.uri, i.key, "still", i.size_bytes, i.etag) for i in found]
    return [still(asset, asset.key, OPTIONS, TOY_MODEL) for asset in assets]


def run(source, destination, colorizer):
    context = WorkerContext(destination, lambda _: source, lambda _: colorizer, TOY_MODEL, "test")
    return color_batch(context, units(source), 1)


def test_pictures_of_one_shape_are_one_batch_and_keep_their_order(source):
    toy, destination = ToyColorizer(), MemoryStore("destination")

    results = run(source, destination, toy)

    assert [result.record.source_key for result in results] == [f"{n}.png" for n in range(10)]
    assert sorted(toy.batches) == [(1, 32, 48), (1, 48, 32), (4, 32, 48), (4, 48, 32)]
    assert all(destination.get(f"{n}.png") for n in range(10))
    assert all(result.record.seconds["predict"] >= 0 for result in results)
    assert all(reader.closed for reader in source.readers)


def test_a_batch_gives_every_picture_the_colors_it_gets_alone(source):
    together, alone = MemoryStore("together"), MemoryStore("alone")

    run(source, together, ToyColorizer())
    for unit in units(source):
        context = WorkerContext(
            alone, lambda _: source, lambda _: ToyColorizer(), TOY_MODEL, "test"
        )
        color_batch(context, [unit], 1)

    assert all(together.get(f"{n}.png") == alone.get(f"{n}.png") for n in range(10))


def test_a_damaged_picture_does_not_fail_its_batch(source):
    source.put("4.png", source.get("4.png")[:60])

    results = run(source, MemoryStore("destination"), ToyColorizer())

    assert [result.outcome for result in results] == ["succeeded"] * 4 + ["failed"] + [
        "succeeded"
    ] * 5
    assert results[4].error_code == "source_damaged"


def test_finished_pictures_are_found_without_loading_a_model(source):
    destination = MemoryStore("destination")
    run(source, destination, ToyColorizer())

    results = run(source, destination, None)

    assert all(result.resumed for result in results)


def test_large_pictures_are_colored_one_by_one(source, monkeypatch):
    monkeypatch.setattr(stillbatch, "_SMALL_BYTES", 0)
    toy = ToyColorizer()

    run(source, MemoryStore("destination"), toy)

    assert [shape[0] for shape in toy.batches] == [1] * 10


def test_an_unexpected_exception_leaves_no_picture_open(source):
    class Broken(ToyColorizer):
        def predict(self, lightness, known=None):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(source, MemoryStore("destination"), Broken())

    assert all(reader.closed for reader in source.readers)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("still")]
