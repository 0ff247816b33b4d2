"""How a training ended, read back from its output; no TensorFlow."""

import json

from colorworker.errors import KeyMissing, UsageError
from colorworker.store.objectstore import ObjectStore
from colorworker.training.events import Ending

RESULT = "result.json"


def result_of(store: ObjectStore) -> Ending:
    """Return how the training with this output ended.

    Raises:
        UsageError: If it has not ended, or what it wrote cannot be read.
    """
    subject = f"{store.uri}/{RESULT}"
    try:
        said = json.loads(store.get(RESULT))
        return Ending(**{**said, "resumed_at": tuple(said["resumed_at"])})
    except KeyMissing as error:
        raise UsageError(subject, "is missing: the training has not ended", "Run it again") from (
            error
        )
    except (ValueError, TypeError, KeyError) as error:
        raise UsageError(subject, f"does not read as a result ({error})", "Run it again") from error
