"""How fast the weights move at each step."""

import math


def rate_share(step: int, total_steps: int, warmup_steps: int, final_share: float) -> float:
    """Return the share of the full learning rate at a step.

    A straight rise over the first `warmup_steps`, then a half cosine from 1 to `final_share`.

    Args:
        step: 0 for the first.
        total_steps: Of the training.
        warmup_steps: Of these the rise takes at most half.
        final_share: In [0, 1], reached at the last step.

    Source:
        Loshchilov & Hutter 2017 (SGDR), equation 5, without restarts.
    """
    warmup = min(warmup_steps, total_steps // 2)
    if step < warmup:
        return (step + 1) / warmup
    progress = (step - warmup) / max(1, total_steps - 1 - warmup)
    return final_share + (1 - final_share) * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


def average_decay(step: int, decay: float) -> float:
    """Return the decay of the weights' moving average at a step.

    Lower at first, so that the average is of the last steps only and forgets where it began.

    Source:
        `num_updates` of tf.train.ExponentialMovingAverage: min(decay, (1 + t) / (10 + t)).
    """
    return min(decay, (1 + step) / (10 + step))
