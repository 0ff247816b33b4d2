"""Read the result of a training from its output, without TensorFlow."""

import json

from colorworker.errors import KeyMissing, UsageError
from colorworker.store.objectstore import ObjectStore
from colorworker.training.events import TrainingResult

RESULT = "result.json"


def result_of(store: ObjectStore) -> TrainingResult:
    """Return the result of the training that wrote this output.

    Raises:
        UsageError: If the training has not ended or its result cannot be read.
    """
    subject = f"{store.uri}/{RESULT}"
    try:
        said = json.loads(store.get(RESULT))
        return TrainingResult(**{**said, "resumed_at": tuple(said["resumed_at"])})
    except KeyMissing as error:
        raise UsageError(subject, "is missing: the training has not ended", "Run it again") from (
            error
        )
    except (ValueError, TypeError, KeyError) as error:
        raise UsageError(subject, f"is not a valid result ({error})", "Run it again") from error
