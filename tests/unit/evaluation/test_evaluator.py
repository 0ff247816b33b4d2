"""A whole evaluation on toy colorizers: rows, baselines, sweeps, sheets, broken pictures."""

import numpy as np
import pytest

from colorworker.errors import UsageError
from colorworker.evaluation.candidates import Candidate
from colorworker.evaluation.evaluator import HINT_COUNTS, VIVIDNESS, EvaluationScope, evaluate
from colorworker.evaluation.passes import point_hints, spread_choice
from colorworker.evaluation.pictures import Broken, Pictures, Truth, batches
from colorworker.evaluation.samplesheets import choose
from colorworker.evaluation.table import markdown
from colorworker.store.memory import MemoryStore
from colorworker.store.picturesets import find_shards


def silent(_what, _done, _total):
    pass


PLAIN = EvaluationScope(sweep_pictures=0)


def measure(pictures, models, plan=PLAIN, vivid=None, extractors=None):
    return evaluate(
        "truth", pictures, models, extractors or {}, plan, vivid=vivid or {}, progress=silent
    )


@pytest.fixture
def truths(pictures):
    return [each for each in pictures.read() if isinstance(each, Truth)]


@pytest.fixture
def half(truths, tools):
    return Candidate("half", tools["Scaled"](truths, 0.5), sha256="ab" * 32)


def test_a_broken_picture_is_listed_and_left_out(pictures):
    found = measure(pictures, []).evaluation

    assert found.pictures == 6
    assert [key for key, _ in found.broken] == ["2-broken.png"]
    assert found.keys == ("0.png", "1.png", "2.png", "3.png", "4.png", "5.png")


def test_gray_and_constant_mean_are_always_measured(pictures, half):
    rows = measure(pictures, [half]).evaluation.rows

    assert [row.name for row in rows] == ["gray", "constant mean", "half"]


def test_half_the_chroma_gives_half_the_error(pictures, half):
    gray, mean, model = measure(pictures, [half]).evaluation.rows

    assert model.ab_rmse == pytest.approx(gray.ab_rmse / 2, rel=1e-4)
    assert mean.ab_rmse < gray.ab_rmse
    assert model.ciede2000 < mean.ciede2000
    assert gray.colorfulness == 0
    assert model.seconds_per_picture is not None
    assert gray.seconds_per_picture is None


def test_the_constant_mean_is_the_best_constant(pictures, truths):
    _, mean = measure(pictures, []).evaluation.rows
    flat = np.concatenate([np.float64(t.chroma.reshape(-1, 2)) for t in truths[:5]])

    # Every picture has the same weight, so with one of another size this is near, not equal.
    assert mean.ab_rmse == pytest.approx(np.sqrt(flat.var(axis=0).mean()), rel=0.1)


def test_two_runs_give_identical_numbers(pictures, half):
    first, second = (
        measure(
            pictures, [half], EvaluationScope(sweep_pictures=3), {"half": lambda _: half}
        ).evaluation
        for _ in range(2)
    )

    assert first.each == second.each
    assert first.hints == second.hints
    assert markdown(first) == markdown(second)


def test_more_hints_reduce_the_error_and_include_the_earlier_ones(pictures, truths, half):
    found = measure(pictures, [half], EvaluationScope(sweep_pictures=4)).evaluation
    (sweep,) = found.hints
    few, many = (point_hints(truths[0], count, seed=0).weight > 0 for count in (3, 30))

    assert [each.setting for each in sweep.points] == list(HINT_COUNTS)
    assert np.all(np.diff([each.ciede2000 for each in sweep.points]) < 0)
    assert few.sum() == 3
    assert many.sum() == 30
    assert not (few & ~many).any()
    assert found.sweep_pictures == 4


def test_models_with_a_vividness_get_a_vividness_sweep(pictures, truths, tools):
    def at(vividness):
        return Candidate("model", tools["Scaled"](truths, vividness))

    found = measure(
        pictures, [at(0.8)], EvaluationScope(sweep_pictures=2), {"model": at}
    ).evaluation
    (sweep,) = found.vividness

    assert [each.setting for each in sweep.points] == list(VIVIDNESS)
    assert min(sweep.points, key=lambda each: each.ciede2000).setting == 1


def test_sheets_show_best_median_and_worst(pictures, half):
    result = measure(pictures, [half], EvaluationScope(sweep_pictures=0, strips=2))
    found = result.evaluation
    ranked = [key for _, key in sorted(zip(found.each["half"], found.keys, strict=True))]

    assert [strip.key for strip in result.sheets["best"]] == ranked[:2]
    assert [strip.key for strip in result.sheets["median"]] == ranked[2:4]
    assert [strip.key for strip in result.sheets["worst"]] == ranked[-2:]
    labels = [label for label, _ in result.sheets["best"][0].cells]
    assert labels[:2] == ["truth", "gray"]
    assert labels[2].startswith("half: ")


def test_a_feature_extractor_adds_a_frechet_column(pictures, half):
    def mean_color(rgb):
        return rgb.reshape(len(rgb), -1, 3).mean(1)

    found = measure(pictures, [half], extractors={"lite_frechet": mean_color}).evaluation
    gray, _, model = found.rows

    assert 0 < model.lite_frechet < gray.lite_frechet
    assert "Lite0 Fréchet" in markdown(found)
    assert "FID" not in markdown(found)


def test_kinds_and_true_colors_get_tables_of_their_own(tools):
    store = MemoryStore("truth")
    for index, kind in enumerate(("face", "sky", "face")):
        store.put(f"{kind}/{index}.png", tools["png"](index))
    store.put("alone.png", tools["png"](3))
    pictures = Pictures(store, find_shards(store))
    truths = list(pictures.read())
    half = Candidate("half", tools["Scaled"](truths, 0.5), sha256="ab" * 32)

    found = measure(pictures, [half]).evaluation
    kinds = [(row.kind, row.name, row.pictures) for row in found.kinds]
    errors = dict(zip(found.keys, found.each["half"], strict=True))
    face = next(row for row in found.kinds if (row.kind, row.name) == ("face", "half"))

    assert kinds == [
        (kind, name, count)
        for kind, count in (("face", 2), ("sky", 1))
        for name in ("gray", "constant mean", "half")
    ]
    assert face.ciede2000 == pytest.approx((errors["face/0.png"] + errors["face/2.png"]) / 2)
    for row in found.colors:
        if row.name == "half":
            assert row.chroma == pytest.approx(row.true_chroma / 2, rel=1e-3)
    assert sum(row.share for row in found.colors if row.name == "half" and row.color != "skin") == (
        pytest.approx(1)
    )
    assert "| face | half | 2 |" in markdown(found)
    assert "| skin | half |" in markdown(found)


def test_an_empty_data_set_is_an_error_with_the_reason(pictures):
    store = MemoryStore("bad")
    broken = Pictures(store, [each for each in pictures.shards if "broken" in each.key])
    alone = Pictures(pictures.store, broken.shards)

    with pytest.raises(UsageError, match=r"none of the 1 pictures.*2-broken.png"):
        measure(alone, [])
    with pytest.raises(UsageError, match="no pictures"):
        measure(Pictures(store, []), [])


def test_pictures_too_small_for_ssim_are_listed(tools):
    store = MemoryStore("small")
    store.put("a.png", tools["png"](0, 8, 40))
    (found,) = Pictures(store, list(store.list())).read()

    assert isinstance(found, Broken)
    assert "40 x 8 pixels" in found.error


def test_large_pictures_are_measured_at_a_bounded_size(tools):
    store = MemoryStore("large")
    store.put("a.png", tools["png"](0, 60, 200))
    (found,) = Pictures(store, list(store.list()), long_side=100).read()

    assert found.rgb.shape == (30, 100, 3)


def test_each_batch_has_pictures_of_one_shape(truths):
    assert [len(batch) for batch in batches(iter(truths), 2)] == [2, 2, 1, 1]


def test_pictures_of_a_sweep_are_evenly_spaced():
    assert spread_choice(range(10), 3) == {0, 3, 6}
    assert spread_choice([4, 7], 5) == {4, 7}
    assert spread_choice([4, 7], 0) == frozenset()


def test_sheets_of_few_pictures_show_all_of_them():
    assert choose([5], [1.0], 4) == {"best": [5], "median": [5], "worst": [5]}
