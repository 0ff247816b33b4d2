"""Films with an exemplar or a variant: the same for all frames, and for any number of workers."""

from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
import pyvips

from colorworker.color.colordistribution import ColorDistribution
from colorworker.domain.hints import InputFile
from colorworker.domain.options import Adjustment, Options
from colorworker.executors.worker import Colorizers
from colorworker.store.local import LocalStore
from colorworker.store.memory import MemoryStore
from tests.jobharness import run_toy_job
from tests.toycolorizer import ToyColorizer

HEIGHT, WIDTH, SHOT, GOP = 64, 96, 8, 8
BINS = np.array([(a, b) for a in range(-60, 61, 20) for b in range(-60, 61, 20)], np.float32)


class Undecided(ToyColorizer):
    """Holds all colors equally possible; sees dark and bright."""

    def with_settings(self, vividness, temperature):
        return self

    def distribution(self, lightness):
        small = lightness[::4, ::4] / 100
        seen = np.stack((small, 1 - small), -1) ** 2
        seen /= np.linalg.norm(seen, axis=-1, keepdims=True)
        logits = np.zeros((*small.shape, len(BINS)), np.float32)
        return ColorDistribution(logits, BINS, seen.astype(np.float32), 0.38)


def pan(seed, level):
    """Return the luma of a shot in which the camera pans by a pixel per frame."""
    blocks = np.random.default_rng(seed).integers(-40, 40, (HEIGHT // 8, 2 * WIDTH // 8))
    wide = cv2.resize((level + blocks).astype(np.float32), (2 * WIDTH, HEIGHT))
    return [wide[:, left : left + WIDTH].clip(16, 235).astype(np.uint8) for left in range(SHOT)]


FRAMES = [*pan(1, 170), *pan(2, 70)]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("films") / "film"
    folder.mkdir()
    with av.open(str(folder / "reel.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=25, options={"g": str(GOP)})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "gray"
        stream.time_base = Fraction(1, 25)
        for index, luma in enumerate(FRAMES):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(luma), format="gray")
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return folder


def colored(source, workers=1, **options):
    """Return the planes of all frames, int (frames, 3, h, w)."""
    destination = MemoryStore("d")
    line = run_toy_job(
        source,
        destination,
        Options(profile="archive", segment_frames=GOP, **options),
        make_colorizer=Colorizers(lambda _: Undecided()),
        workers=workers,
    )["reel.mkv"]
    assert (line.outcome, line.warnings) == ("succeeded", ())
    with av.open(destination.open("reel.mkv")) as film:
        frames = [frame.to_ndarray() for frame in film.decode(video=0)]
    found = np.array(frames).reshape(-1, 3, HEIGHT, WIDTH).astype(int)
    assert (found[:, 0] == FRAMES).all()
    return found


@pytest.fixture(scope="module")
def automatic(source):
    return colored(source)


def test_an_exemplar_moves_the_colors_of_every_shot_towards_its_own(source, automatic, tmp_path):
    green = np.zeros((60, 60, 3), np.uint8)
    green[:30], green[30:] = (20, 90, 20), (140, 230, 140)
    pyvips.Image.new_from_array(green).copy(interpretation="srgb").write_to_file(
        str(tmp_path / "green.png")
    )
    store = LocalStore(tmp_path)
    info = store.list_one("green.png")
    exemplar = InputFile(store.uri, "green.png", info.etag, info.size_bytes)

    found = colored(source, exemplar=exemplar)

    for shot in (slice(0, SHOT), slice(SHOT, None)):
        chroma = found[shot, 1:].mean((2, 3))
        assert (chroma < 128).all()
        assert np.abs(chroma - automatic[shot, 1:].mean((2, 3))).max(1).min() > 8
        assert chroma.std(0).max() < 2


def test_a_variant_is_the_same_on_two_workers_and_steady_through_a_shot(source, automatic):
    one, two = colored(source, variant=2), colored(source, workers=2, variant=2)

    assert (one == two).all()
    change = one[:, 1:] - automatic[:, 1:]
    assert np.abs(change).mean((1, 2, 3)).min() > 3
    for shot in (slice(0, SHOT), slice(SHOT, None)):
        assert change[shot].mean((2, 3)).std(0).max() < 1


def test_variants_differ_from_each_other(source):
    one, other = colored(source, variant=1), colored(source, variant=3)

    assert np.abs(one[:, 1:] - other[:, 1:]).mean((1, 2, 3)).min() > 3


def test_a_shot_can_have_its_own_variant(source, automatic):
    second = Adjustment(SHOT * 40, None, variant=3)

    found, everywhere = colored(source, adjustments=(second,)), colored(source, variant=3)

    assert (found[:SHOT] == automatic[:SHOT]).all()
    assert (found[SHOT:] == everywhere[SHOT:]).all()
