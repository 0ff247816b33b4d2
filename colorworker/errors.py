"""The exception tree. A class per reaction, not per place; facts in `args`, words in `__str__`.

ColorworkerError
├── UsageError              the command cannot start: exit code 2
│   ├── WeightsRefused      not our weights, or not the ones that were named
│   └── DependencyMissing   an optional package is not installed; says which
├── ItemError               this item fails, the job goes on; never retried
│   ├── KeyRefused          a name that cannot safely become a path or a report line
│   ├── SourceUnreadable    the store will not give us the bytes
│   ├── SourceChanged       not the object that was listed (ETag)
│   ├── SourceDamaged       named as a picture or a film, but does not decode whole
│   ├── SourceTooLarge      more pixels than the bound on decoders allows
│   ├── SourceUnsupported   sound, but outside what we can color
│   ├── OutputMismatch      what we wrote is not what the plan promised: nothing is published
│   ├── OutputCollision     two sources would be written under one name
│   ├── LineRefused         a line of a manifest that names nothing we could read
│   └── Quarantined         the place died under it too often
├── ItemSkipped             nothing to do for this item, and that is no failure
│   ├── NotMedia            neither its name nor its content is a picture or a film
│   └── AlreadyColor       in color already
├── StoreError
│   ├── KeyMissing          no object under that key
│   ├── KeyExists           create-only put of a key that is taken
│   └── StoreUnavailable    the store is away; retryable
├── PlaceFailed             the worker died, not the unit; retryable elsewhere
└── HardwareMissing         this worker lacks an engine that was asked for; retryable elsewhere
"""

from typing import ClassVar


class ColorworkerError(Exception):
    """What went wrong, as three facts: the object, what was seen, and what to do next.

    The facts are the constructor's arguments as they are, so the error survives pickling by Ray.
    """

    code: ClassVar[str] = "error"
    """Stable name for reports; never translated."""
    retryable: ClassVar[bool] = False
    """True when the same unit may succeed if tried again."""

    def __init__(self, subject: str, seen: str, next_step: str = "") -> None:
        super().__init__(subject, seen, next_step)
        self.subject = subject
        self.seen = seen
        self.next_step = next_step

    def __str__(self) -> str:
        sentence = f"{self.subject}: {self.seen}."
        return f"{sentence} {self.next_step}." if self.next_step else sentence


class UsageError(ColorworkerError):
    """The command cannot start as it was given."""

    code = "usage"


class WeightsRefused(UsageError):
    """The file is not a set of weights of this network, or not the one that was named."""

    code = "weights_refused"


class DependencyMissing(UsageError):
    """An optional package is needed and not installed."""

    code = "dependency_missing"


class ItemError(ColorworkerError):
    """One item fails; the job goes on."""

    code = "item_error"


class KeyRefused(ItemError):
    """The key cannot safely become a path or a line of a report."""

    code = "key_refused"


class SourceUnreadable(ItemError):
    """The store will not give the bytes (permission, dangling link, device error)."""

    code = "source_unreadable"


class SourceChanged(ItemError):
    """The object is no longer the one that was listed."""

    code = "source_changed"


class SourceDamaged(ItemError):
    """The content does not decode whole."""

    code = "source_damaged"


class SourceTooLarge(ItemError):
    """The header promises more than the bound on decoders allows."""

    code = "source_too_large"


class SourceUnsupported(ItemError):
    """Sound content of a form this worker does not color."""

    code = "source_unsupported"


class OutputMismatch(ItemError):
    """The output does not hold what the plan promised; it is not published."""

    code = "output_mismatch"


class OutputCollision(ItemError):
    """Two sources would be written under one name."""

    code = "output_collision"


class LineRefused(ItemError):
    """A line of a manifest names no object, or none that may be named there."""

    code = "line_refused"


class Quarantined(ItemError):
    """The unit was being worked on each time its worker died."""

    code = "quarantined"


class ItemSkipped(ColorworkerError):
    """Nothing to do for this item; not a failure."""

    code = "skipped"


class NotMedia(ItemSkipped):
    """Neither the name nor the content is that of a picture or a film."""

    code = "not_media"


class AlreadyColor(ItemSkipped):
    """The picture or film is in color already."""

    code = "already_color"


class StoreError(ColorworkerError):
    """An object store said no."""

    code = "store_error"


class KeyMissing(StoreError):
    """No object has this key."""

    code = "key_missing"


class KeyExists(StoreError):
    """A create-only put met an object under its key."""

    code = "key_exists"


class StoreUnavailable(StoreError):
    """The store did not answer, or answered that it cannot now."""

    code = "store_unavailable"
    retryable = True


class PlaceFailed(ColorworkerError):
    """The worker process or its machine failed while it held a unit."""

    code = "place_failed"
    retryable = True


class HardwareMissing(ColorworkerError):
    """This worker's machine lacks an engine that the job asks for, or it refuses the film."""

    code = "hardware_missing"
    retryable = True
