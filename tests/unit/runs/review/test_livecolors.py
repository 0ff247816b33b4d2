"""Previews show what the next run will do, and cost no second prediction."""

import json

import numpy as np
import pytest
import pyvips

from colorworker.color.colordistribution import ColorDistribution
from colorworker.color.knowncolors import apply_known_colors
from colorworker.domain.entries import Entry, plan_lines
from colorworker.domain.hints import InputFile
from colorworker.domain.options import Options
from colorworker.errors import KeyMissing, SourceUnsupported
from colorworker.executors.worker import Colorizers
from colorworker.media.synthetic import Recipe, make_film
from colorworker.pipeline.context import WorkerContext
from colorworker.report.itemlines import line_to_json
from colorworker.runs.review.items import ItemCatalog
from colorworker.runs.review.livecolors import LiveColors, Painted
from colorworker.runs.review.pictures import Pictures
from colorworker.runs.review.rememberednetwork import RememberedNetwork
from colorworker.runs.review.reviews import save_reference
from colorworker.store.local import LocalStore
from tests.jobharness import TOY_MODEL, folder_entries, run_toy_job

JOB = f".colorworker/jobs/{'0' * 16}"
BINS = np.array([(a, b) for a in range(-60, 61, 20) for b in range(-60, 61, 20)], np.float32)
BLUE = {"x": 60, "y": 40, "radius": 4, "color": "#2030f0"}


class CountingNetwork:
    """Colors everything brown, holds all colors possible, and counts what it is asked."""

    uses_bins = True

    def __init__(self):
        self.predicted = self.distributed = 0

    def with_settings(self, vividness, temperature):
        return self

    def working_shape(self, height, width):
        return (64, 96)

    def predict(self, lightness, known=None):
        self.predicted += len(lightness)
        ab = np.full((*lightness.shape, 2), 15, np.float32)
        pairs = zip(lightness, ab, known or [()] * len(ab), strict=True)
        return np.stack([apply_known_colors(*each) for each in pairs])

    def distribution(self, lightness):
        self.distributed += 1
        small = lightness[::4, ::4] / 100
        seen = np.stack((small, 1 - small), -1) ** 2
        seen /= np.linalg.norm(seen, axis=-1, keepdims=True)
        logits = np.zeros((*small.shape, len(BINS)), np.float32)
        return ColorDistribution(logits, BINS, seen.astype(np.float32), 0.38)


def png(rgb):
    image = pyvips.Image.new_from_array(np.ascontiguousarray(rgb, np.uint8))
    return bytes(image.copy(interpretation="srgb").pngsave_buffer())


def film_luma(_):
    rows, columns = np.mgrid[0:64, 0:96]
    return np.where((rows - 20) ** 2 + (columns - 30) ** 2 < 200, 190, 70 + columns // 2).astype(
        np.uint16
    )


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """A picture, one with hints of its own, one with an exemplar, and a film, all colored."""
    folder = tmp_path_factory.mktemp("sources")
    ramp = np.tile(np.linspace(60, 220, 120).astype(np.uint8), (80, 1))
    for name in ("a.png", "hinted.png", "toned.png"):
        pyvips.Image.new_from_array(ramp).write_to_file(str(folder / name))
    framed = np.full((160, 240), 235, np.uint8)
    rows, columns = np.mgrid[0:112, 0:180]
    framed[24:136, 30:210] = 60 + (rows * 7 + columns * 3) % 97
    pyvips.Image.new_from_array(framed).write_to_file(str(folder / "framed.png"))
    (folder / "hinted.hints.json").write_text(json.dumps([BLUE]))
    (folder / "green.png").write_bytes(png(np.full((40, 40, 3), (40, 170, 60))))
    make_film(folder / "film.mp4", Recipe(frames=12, width=96, height=64), film_luma)
    sources, store = LocalStore(folder), LocalStore(tmp_path_factory.mktemp("colored"))

    def file(name):
        info = sources.list_one(name)
        return InputFile(sources.uri, name, info.etag, info.size_bytes)

    own = {
        "hinted.png": (("hint_files", (file("hinted.hints.json"),)),),
        "toned.png": (("exemplar", file("green.png")), ("reference_strength", 1.0)),
    }
    entries = [
        Entry(**{**vars(each), "own_options": own.get(each.key, ())})
        for each in folder_entries(folder, Options())
        if each.key.endswith(("a.png", "d.png", "film.mp4"))
    ]
    lines = run_toy_job(
        folder, store, Options(), entries=[each for each in entries if not each.own_options]
    )
    plain = {**lines, **dict.fromkeys(own, lines["a.png"])}
    store.put(f"{JOB}/plan.jsonl", b"".join(plan_lines(entries, Options(), TOY_MODEL)))
    reported = []
    for entry in entries:
        values = {
            **vars(plain[entry.key]),
            "key": entry.key,
            "own_options": dict(entry.own_options),
        }
        reported.append(line_to_json(type(plain[entry.key])(**values)))
    store.put(f"{JOB}/report/report.jsonl", b"".join(reported))
    store.put(f"{JOB}/report/report.html", b"")
    return sources, store


@pytest.fixture
def network():
    return CountingNetwork()


@pytest.fixture
def live(archive, network):
    sources, store = archive
    remembered = RememberedNetwork(network)
    context = WorkerContext(
        store, lambda _: sources, Colorizers(lambda _: remembered), TOY_MODEL, "review"
    )
    return LiveColors(Pictures(store, lambda _: sources), context)


@pytest.fixture
def items(archive):
    return {each.line.key: each for each in ItemCatalog(archive[1]).select("all")}


def rgb(jpeg):
    return pyvips.Image.new_from_buffer(jpeg, "").numpy().astype(int)


def blueness(jpeg, x=0.5, y=0.5):
    """Return blue minus red at a place given in shares of width and height."""
    picture = rgb(jpeg)
    height, width, _ = picture.shape
    pixel = picture[int(y * height), int(x * width)]
    return int(pixel[2] - pixel[0])


def test_ten_strokes_cost_one_prediction_and_color_their_places(live, items, network):
    hints = []
    for number in range(10):
        hints.append({**BLUE, "x": 10 * number + 10})
        jpeg = live.preview(items["a.png"], Painted(hints=list(hints)))

    assert (network.predicted, network.distributed) == (1, 0)
    assert blueness(jpeg) > 60
    assert blueness(live.preview(items["a.png"], Painted())) < 0


def test_the_border_of_a_scan_is_gray_as_in_its_output(live, items):
    framed = items["framed.png"]

    assert np.ptp(rgb(live.preview(framed, Painted()))[:12], axis=2).max() < 4
    assert abs(blueness(live.preview(framed, Painted()))) > 10
    painted = {**BLUE, "x": 8, "y": 80}
    assert blueness(live.preview(framed, Painted(hints=[painted])), x=8 / 240) > 15


def test_likely_colors_and_variants_share_one_distribution(live, items, network):
    live.suggest(items["a.png"], 0, 30, 30)
    found = live.suggest(items["a.png"], 0, 60, 40)
    sheet = [live.preview(items["a.png"], Painted(variant=number, side=96)) for number in range(5)]

    assert len(found) == 5
    assert (network.predicted, network.distributed) == (1, 1)
    assert len({bytes(each) for each in sheet}) == 5
    assert rgb(sheet[0]).shape == (64, 96, 3)


def test_hints_beside_the_source_and_the_exemplar_of_the_job_are_in_the_preview(live, items):
    green = rgb(live.preview(items["toned.png"], Painted())).mean((0, 1))

    assert blueness(live.preview(items["hinted.png"], Painted())) > 60
    assert green[1] > green[0] + 10


def test_a_dropped_picture_colors_the_preview_of_its_frame(live, items, archive):
    luma = film_luma(0)
    data = png(np.dstack((luma * 0.3, luma * 0.5, np.minimum(luma * 1.2, 255))))
    film = items["film.mp4"]
    name = save_reference(archive[1], film.identity, ".png", data)

    assert live.match_reference(film, 3, name, data) == ""
    assert blueness(live.preview(film, Painted(3, reference=name))) > 40
    assert blueness(live.preview(film, Painted(3))) < 0


def test_a_dropped_picture_that_shows_another_scene_is_a_warning(live, items):
    film, luma = items["film.mp4"], film_luma(0)
    mirrored = np.dstack((luma * 0.3, luma * 0.5, luma))[:, ::-1]
    other = np.random.default_rng(0).integers(0, 255, (8, 12)).repeat(8, 0).repeat(8, 1)
    colored = np.dstack((other * 0.3, other * 0.5, other))

    assert live.match_reference(film, 3, "x", png(mirrored)) == (
        "The picture is a mirror image of frame 3."
    )
    assert "does not look like frame 3 (correlation" in live.match_reference(
        film, 3, "x", png(colored)
    )


def test_gray_pictures_and_names_of_other_files_are_refused(live, items):
    film = items["film.mp4"]

    with pytest.raises(SourceUnsupported, match="it is gray"):
        live.match_reference(film, 3, "x", png(np.dstack([film_luma(0)] * 3)))
    with pytest.raises(KeyMissing, match="there is no such picture"):
        live.preview(film, Painted(3, reference="../../../film.mp4"))
