"""The input pipeline: local copy, crops, film look, hints, reproducible batches."""

from contextlib import ExitStack, closing

import numpy as np
import pytest

from colorworker.color.lab import lab_from_linear_rgb, srgb_to_linear
from colorworker.errors import UsageError
from colorworker.model.runtime import tf
from colorworker.store.memory import MemoryStore
from colorworker.training.config import HintConfig, LookConfig, PictureConfig, TrainConfig
from colorworker.training.crops import square
from colorworker.training.dataset import CopyLocation, open_dataset, refuse_unusable
from colorworker.training.feed import FeedConfig, training_feed, validation_feed
from colorworker.training.intake import IntakeRules
from colorworker.training.order import Order, Position
from colorworker.training.randomhints import random_hints
from colorworker.training.tfcolor import film_look, lab_from_linear, linear_from_codes
from tests.integration.training.pictures import codes, encoded, fill

pytestmark = pytest.mark.integration

SEED = tf.constant([3, 4], tf.int64)


@pytest.fixture
def taken_in(tmp_path, opened):
    """Return a function that copies a store's pictures to this machine."""
    with ExitStack() as stack:

        def take_in(store, **rules):
            rules = IntakeRules(**{"size": 32, "min_colorfulness": 6.0, **rules})
            location = CopyLocation(tmp_path, 1 << 30)
            dataset = open_dataset("memory", location, rules, opened=lambda _: store)
            return stack.enter_context(closing(dataset))

        yield take_in


@pytest.fixture
def opened(monkeypatch):
    """Datasets name folders or buckets; in these tests the store is in memory."""
    from colorworker.store.sources import Source
    from colorworker.training import dataset

    monkeypatch.setattr(dataset, "parse_source", lambda *_: Source(""))


def test_gray_and_broken_pictures_are_left_out_and_listed(taken_in):
    store = MemoryStore("data")
    fill(store, 20)
    store.put("a/gray.jpg", encoded(codes(1, color=False)))
    store.put("a/cut.jpg", encoded(codes(2))[:-200])
    store.put("a/text.jpg", b"not a picture")
    store.put("a/notes.txt", b"not meant to be one")
    store.put("b.png", encoded(codes(3), ".png"))
    store.put("c.tif", encoded(codes(4), ".tif"))

    inventory = taken_in(store).inventory

    assert len(inventory.kept) == 22
    assert inventory.gray == ("a/gray.jpg",)
    assert sorted(key for key, _ in inventory.broken) == ["a/cut.jpg", "a/text.jpg"]
    assert all(reason for _, reason in inventory.broken)
    assert len(inventory.colorfulness) == 23
    assert {item.key for item in inventory.kept} >= {
        "b.png",
        "c.tif",
        "train-000.tar/scene-0000.jpg",
    }


def test_large_pictures_are_downscaled_and_rotated_ones_turned_upright(taken_in):
    store = MemoryStore("data")
    store.put("large.jpg", encoded(codes(1, 300, 400)))
    store.put("tall.png", encoded(codes(2, 200, 100), ".png"))

    kept = {item.key: item.place for item in taken_in(store).inventory.kept}

    assert (kept["large.jpg"].height, kept["large.jpg"].width) == (48, 64)
    assert (kept["tall.png"].height, kept["tall.png"].width) == (96, 48)


@pytest.mark.parametrize("stored_as", ["jpeg", "pixels"])
def test_the_local_copy_holds_the_picture(taken_in, stored_as):
    store = MemoryStore("data")
    store.put("a.jpg", encoded(codes(5, 32, 32)))
    dataset = taken_in(store, stored_as=stored_as)

    recipe = FeedConfig(PictureConfig(size=32), LookConfig(), HintConfig(), 0, stored_as, False)
    [(luma, hints, chroma)] = validation_feed(dataset.local_copy, dataset.inventory.kept, 1, recipe)

    truth = lab_from_linear_rgb(srgb_to_linear(codes(5, 32, 32).astype(np.float32) / 255))
    assert np.abs((luma[0, ..., 0] + 1) * 50 - truth[..., 0]).mean() < 1.5
    assert np.abs(chroma[0] - truth[..., 1:]).mean() < 3
    assert not hints.numpy().any()


def test_an_empty_or_too_small_data_set_is_refused_with_counts(taken_in):
    store = MemoryStore("data")
    with pytest.raises(UsageError, match="no picture and no tar shard"):
        taken_in(store)
    store.put("gray.jpg", encoded(codes(1, color=False)))
    store.put("bad.jpg", b"x")

    dataset = taken_in(store)

    with pytest.raises(UsageError, match=r"1 are gray and 1 do not decode, the first bad\.jpg"):
        refuse_unusable(dataset.inventory, "memory", TrainConfig())


@pytest.mark.parametrize(
    "how",
    [
        PictureConfig(size=64),
        PictureConfig(size=64, rotation=20, shear=10, zoom=0.5),
        PictureConfig(size=64, fit="pad"),
        PictureConfig(size=64, fit="pad", rotation=20, shear=10, zoom=0.5),
    ],
    ids=["crop", "crop-warped", "pad", "pad-warped"],
)
def test_a_square_has_its_size_and_is_reproducible_from_the_seed(how):
    picture = tf.constant(codes(1, 48, 90))

    first, again, other = (
        square(picture, how, seed, moved=True) for seed in (SEED, SEED, SEED + 1)
    )

    assert first.shape == (64, 64, 3)
    assert first.dtype == tf.uint8
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_without_augmentation_a_square_is_the_center_or_the_picture_on_white():
    picture = codes(1, 32, 64)
    crop = square(tf.constant(picture), PictureConfig(size=32), SEED, moved=False).numpy()
    pad = square(tf.constant(picture), PictureConfig(size=64, fit="pad"), SEED, moved=False).numpy()

    assert np.array_equal(crop, picture[:, 16:48])
    assert np.array_equal(pad[16:48], picture)
    assert (pad[:15] == 255).all()
    assert (pad[-15:] == 255).all()


def test_a_crop_never_reaches_outside_the_picture():
    white_inside = tf.fill([40, 60, 3], tf.constant(7, tf.uint8))

    for number in range(20):
        how = PictureConfig(size=32, zoom=1.0)
        result = square(white_inside, how, SEED + number, moved=True)
        assert (result.numpy() == 7).all()


def test_lab_conversion_matches_numpy():
    picture = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3), np.uint8)

    lab = lab_from_linear(linear_from_codes(tf.constant(picture))).numpy()

    truth = lab_from_linear_rgb(srgb_to_linear(picture.astype(np.float32) / 255))
    assert np.abs(lab - truth).max() < 0.01


def test_film_look_stays_in_range_and_does_only_what_is_configured():
    rgb = linear_from_codes(tf.constant(np.stack([codes(n) for n in range(8)])))
    lightness = lab_from_linear(rgb)[..., :1]

    same = film_look(rgb, lightness, response=0, gamma=0, soft=0, grain=0, seed=SEED)
    film, again = (
        film_look(rgb, lightness, response=1, gamma=0.3, soft=1, grain=5, seed=SEED).numpy()
        for _ in range(2)
    )

    assert np.abs(same - lightness).max() < 1e-4
    assert np.array_equal(film, again)
    assert film.min() >= 0
    assert film.max() <= 100
    assert (np.abs(film - lightness).reshape(8, -1).mean(1) > 1).all()


def test_soft_focus_removes_detail_and_leaves_the_mean_lightness():
    noise = tf.random.stateless_uniform([200, 32, 32, 1], SEED, 20, 80)
    rgb = tf.zeros([200, 32, 32, 3])

    soft = film_look(rgb, noise, response=0, gamma=0, soft=0.5, grain=0, seed=SEED).numpy()

    detail = soft.std((1, 2, 3)) / noise.numpy().std((1, 2, 3))
    assert np.abs(soft.mean((1, 2, 3)) - noise.numpy().mean((1, 2, 3))).max() < 1
    assert 0.35 < (detail > 0.999).mean() < 0.65
    assert (detail < 0.6).mean() > 0.2


def test_random_hints_are_true_colors_and_half_of_the_pictures_have_none():
    chroma = tf.random.stateless_normal([400, 32, 32, 2], SEED) * 20

    hints = random_hints(chroma, none=0.5, dense=0.1, most_points=10, seed=SEED).numpy()

    mask = hints[..., 2]
    truth = tf.nn.avg_pool2d(chroma, 4, 4, "VALID").numpy() / 110
    assert hints.shape == (400, 8, 8, 3)
    assert set(np.unique(mask)) == {0.0, 1.0}
    assert np.allclose(hints[..., :2], truth * mask[..., None])
    assert 0.4 < (mask.sum((1, 2)) == 0).mean() < 0.75
    assert (mask.mean((1, 2)) > 0.5).any()


def test_batches_do_not_depend_on_where_reading_starts(taken_in):
    store = MemoryStore("data")
    fill(store, 30)
    dataset = taken_in(store)
    pictures, local_copy = dataset.inventory.kept, dataset.local_copy
    order = Order(len(pictures), 4, seed=2)
    recipe = FeedConfig(
        PictureConfig(size=32, rotation=5), LookConfig(), HintConfig(), 2, parallel=True
    )

    whole = list(training_feed(local_copy, pictures, order.indices(Position(1)), 7, recipe))
    rest = list(training_feed(local_copy, pictures, order.indices(Position(1, 4)), 11, recipe))

    assert len(whole) == 7
    assert [tensor.shape for tensor in whole[0]] == [(4, 32, 32, 1), (4, 8, 8, 3), (4, 32, 32, 2)]
    for late, early in zip(rest, whole[4:], strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(late, early, strict=True))
    assert not np.array_equal(whole[0][0], whole[1][0])
