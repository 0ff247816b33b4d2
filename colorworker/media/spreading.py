"""Let likelihoods spread between neighbors that belong together."""

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_PRIOR = 0.002
"""Weight of a cell's own likelihood, where that of its likeness to a neighbor is 1."""
_SEED = 10.0
"""The same for cells under the stroke."""
_ITERATIONS, _PRECISION = 500, 1e-5


def spread(own: Doubles, under: Mask, across: Doubles, down: Doubles) -> Doubles:
    """Return the likelihoods after they have spread between cells that belong together.

    They minimize the sum over cells of weight * (x - own)^2, plus the sum over neighbors of
    passage * difference^2; by conjugate gradients, preconditioned with the diagonal.

    Args:
        own: Likelihood of each cell by itself, (rows, columns).
        under: Cells under the stroke; their own likelihood is 1.
        across: Passage between neighbors along rows, (rows, columns - 1).
        down: Passage between neighbors along columns, (rows - 1, columns).
    """
    own = np.where(under, 1.0, own)
    weight = np.where(under, _SEED, _PRIOR)

    def apply(x: Doubles) -> Doubles:
        y = weight * x
        flow = across * np.diff(x, axis=1)
        y[:, 1:] += flow
        y[:, :-1] -= flow
        flow = down * np.diff(x, axis=0)
        y[1:] += flow
        y[:-1] -= flow
        return y

    diagonal = weight.copy()
    diagonal[:, 1:] += across
    diagonal[:, :-1] += across
    diagonal[1:] += down
    diagonal[:-1] += down
    x = own.copy()
    rest = weight * own - apply(x)
    step = scaled = rest / diagonal
    length = float((rest * scaled).sum())
    for _ in range(_ITERATIONS):
        if np.abs(scaled).max() < _PRECISION:
            break
        applied = apply(step)
        share = length / float((step * applied).sum())
        x = x + share * step
        rest = rest - share * applied
        scaled = rest / diagonal
        new = float((rest * scaled).sum())
        step, length = scaled + new / length * step, new
    return x
