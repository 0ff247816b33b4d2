"""Find out whether the unit of a busy Ray actor still advances."""

import time
from typing import Any

import ray
from ray.exceptions import RayError

from colorworker.executors.silence import Silence

_QUESTIONS_PER_BOUND = 10
"""Rare enough for a thousand actors, with a bound of minutes."""


class ActorWatch:
    """Asks an actor from time to time whether its unit advances.

    An actor that does not answer, because it is suspended or native code holds Python's lock, is as
    silent as one whose unit does not advance.
    """

    def __init__(self, actor: Any, bound_seconds: float) -> None:
        """Begin to watch when the actor gets a unit.

        Args:
            actor: A UnitActor.
            bound_seconds: How long the unit may make no progress.
        """
        self._actor, self._bound_seconds = actor, bound_seconds
        self._silence = Silence()
        self._question: Any = None
        self._asked = time.monotonic()

    def has_stalled(self) -> bool:
        """Return whether there was no progress for too long; call it at least once a second."""
        now = time.monotonic()
        if self._question is not None:
            self._take_answer()
        elif now - self._asked > self._bound_seconds / _QUESTIONS_PER_BOUND:
            self._question, self._asked = self._actor.silence.remote(), now
        return self._silence.seconds() > self._bound_seconds

    def _take_answer(self) -> None:
        answered, _ = ray.wait([self._question], timeout=0, fetch_local=False)
        if not answered:
            return
        question, self._question = self._question, None
        try:
            self._silence.begin(ray.get(question))
        except RayError:  # The result of the unit tells what happened to the actor.
            return
