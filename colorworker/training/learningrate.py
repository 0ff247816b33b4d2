"""Learning-rate schedule and decay of the weights' moving average."""

import math


def rate_share(step: int, total_steps: int, warmup_steps: int, final_share: float) -> float:
    """Return the learning rate of a step as a share of the full rate.

    Linear warm-up over the first `warmup_steps`, then half a cosine from 1 to `final_share`.

    Args:
        step: Step number, 0 for the first.
        total_steps: Steps of the training.
        warmup_steps: Steps of the warm-up; at most half of all steps are used.
        final_share: Share at the last step, in [0, 1].

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

    It starts low, so that the average forgets the initial weights quickly.

    Source:
        `num_updates` of tf.train.ExponentialMovingAverage: min(decay, (1 + t) / (10 + t)).
    """
    return min(decay, (1 + step) / (10 + step))
