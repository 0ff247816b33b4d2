"""The Frechet distance, by both its ways, against the formula with scipy's square root."""

import numpy as np
import pytest
from scipy.linalg import sqrtm

from colorworker.evaluation import frechet
from colorworker.evaluation.frechet import Gathering, frechet_distance


def gathered(vectors, step=7):
    gathering = Gathering()
    for start in range(0, len(vectors), step):
        gathering.add(vectors[start : start + step])
    return gathering


def sets(count=200, size=6):
    generator = np.random.default_rng(0)
    one = generator.normal(size=(count, size)) @ generator.normal(size=(size, size))
    return one, 0.5 * one[::-1] + generator.normal(1, 2, (count, size))


def by_the_formula(one, other):
    first, second = np.cov(one.T), np.cov(other.T)
    root = sqrtm(first @ second).real
    gap = ((one.mean(0) - other.mean(0)) ** 2).sum()
    return gap + np.trace(first + second - 2 * root)


def test_the_distance_matches_the_formula():
    one, other = sets()

    assert frechet_distance(gathered(one), gathered(other)) == pytest.approx(
        by_the_formula(one, other), rel=1e-4
    )


def test_folding_many_vectors_does_not_change_the_distance(monkeypatch):
    one, other = sets()
    kept = frechet_distance(gathered(one), gathered(other))

    monkeypatch.setattr(frechet, "_KEPT", 20)
    folded = [gathered(vectors) for vectors in (one, other)]

    assert all(each.centered() is None for each in folded)
    assert frechet_distance(*folded) == pytest.approx(kept, rel=1e-4)


def test_fewer_vectors_than_dimensions_are_supported():
    one, other = sets(count=5, size=40)

    assert frechet_distance(gathered(one), gathered(one)) == pytest.approx(0, abs=1e-3)
    assert frechet_distance(gathered(one), gathered(other)) > 1


def test_one_vector_has_no_covariance():
    with pytest.raises(ValueError, match="at least 2"):
        frechet_distance(gathered(np.ones((1, 3))), gathered(np.ones((5, 3))))
