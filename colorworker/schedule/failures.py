"""The sources of a plan that have failed: list them, or forget them so that they are retried."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

from colorworker.domain.schedule import Failure, RestorationPlan
from colorworker.errors import UsageError
from colorworker.runs.stateversion import check_state
from colorworker.schedule.planstate import CollectionState
from colorworker.store.objectstore import OpenStore
from colorworker.store.sources import glob_filter


@dataclass(frozen=True)
class PlanFailure:
    """A failed source of a plan."""

    collection: str
    failure: Failure
    parked: bool
    """True if it has failed too often to be retried; False if it waits for its next attempt."""


def list_failures(plan: RestorationPlan, opened: OpenStore) -> Iterator[PlanFailure]:
    """Yield the failures of all collections, sorted by key within each.

    Args:
        plan: The plan.
        opened: Opens a destination.
    """
    for _, found in _failures(plan, opened):
        yield found


def forget_failures(
    plan: RestorationPlan, opened: OpenStore, pattern: str
) -> Iterator[PlanFailure]:
    """Forget the failures of the keys that match, and yield them; the next run retries them.

    Args:
        plan: The plan.
        opened: Opens a destination.
        pattern: Glob for keys.

    Raises:
        UsageError: At the end, if no failure matched.
    """
    chosen, count = glob_filter([pattern]), 0
    for state, found in _failures(plan, opened):
        if chosen(found.failure.key):
            count += 1
            state.forget(found.failure)
            yield found
    if not count:
        raise UsageError(
            f"--unpark {pattern}", "matches no key that has failed", "Look at --failures"
        )


def _failures(
    plan: RestorationPlan, opened: OpenStore
) -> Iterator[tuple[CollectionState, PlanFailure]]:
    for collection in plan.collections:
        with closing(opened(collection.destination)) as store:
            check_state(store, collection.destination)
            state = CollectionState(store, plan.name, collection.name)
            for failure in sorted(state.failures(), key=lambda item: (item.key, item.last_at)):
                parked = failure.failures >= plan.retry.attempts
                yield state, PlanFailure(collection.name, failure, parked)
