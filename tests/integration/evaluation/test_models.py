"""Models of an evaluation: their rows and their names in tables."""

import numpy as np
import pytest

from colorworker.domain.options import Options
from colorworker.errors import UsageError, WeightsRefused
from colorworker.evaluation.models import models_of, short_names
from colorworker.model.weights import load, resolve, save
from colorworker.store.options import StoreOptions


def test_every_model_has_a_row_for_every_vividness():
    rows, vivid = models_of(["lite"], [0.8, 0.5], 64, Options(), StoreOptions())

    assert [row.name for row in rows] == ["lite, vividness 0.8", "lite, vividness 0.5"]
    assert [row.note for row in rows] == ["lite", "lite"]
    assert list(vivid) == ["lite"]
    assert rows[0].colorizer.working_shape(90, 90) == (64, 64)


def test_a_blend_is_measured_beside_both_models(tmp_path):
    lite = load(resolve("lite"))
    other = tmp_path / "other.npz"
    save(other, lite.architecture, lite.arrays | {"bins": lite.bins / 2})

    rows, _ = models_of(["lite", str(other)], [0.8], 64, Options(), StoreOptions(), blend=0.6)

    names = [row.name.removesuffix(", vividness 0.8") for row in rows]
    lightness = np.random.default_rng(1).uniform(0, 100, (1, 64, 64)).astype(np.float32)
    full, half, blend = (row.colorizer.predict(lightness) for row in rows)
    assert names == ["lite", "other", "0.6 lite + 0.4 other"]
    np.testing.assert_allclose(half, full / 2, atol=1e-3)
    np.testing.assert_allclose(blend, 0.8 * full, atol=1e-3)
    with pytest.raises(UsageError, match="Name two"):
        models_of(["lite"], [0.8], 64, Options(), StoreOptions(), blend=0.6)


def test_unusable_weights_are_refused_before_measuring(tmp_path):
    (tmp_path / "bad.npz").write_bytes(b"nothing")

    with pytest.raises(WeightsRefused, match=r"bad\.npz"):
        models_of([str(tmp_path / "bad.npz")], [0.8], None, Options(), StoreOptions())


def test_models_are_named_by_the_shortest_distinct_part_of_their_path():
    assert short_names(["lite", "/a/tuned.npz"]) == ["lite", "tuned"]
    assert short_names(["s3://b/one/best.npz", "/x/two/best.npz"]) == ["one/best", "two/best"]
    with pytest.raises(UsageError, match="given twice"):
        short_names(["lite", "lite"])
