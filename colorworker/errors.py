"""The exception tree: one class for each way to handle an error, wherever it is raised.

ColorworkerError
├── UsageError              the command cannot run as given, or not on this machine: exit code 2
│   ├── WeightsRefused      not a weights file of our networks, or not the requested one
│   ├── DependencyMissing   a package is missing or does not load; the message names it
│   └── PlaceUnfit          this machine lacks disk space, write access or the like
├── ItemError               this item fails, the job continues; never retried
│   ├── KeyRefused          the name cannot safely become a path or a line of a report
│   ├── SourceUnreadable    the store does not return the bytes
│   │   └── SourceArchived  the object must be restored from an archive class first
│   ├── SourceChanged       not the object that was listed (ETag)
│   ├── SourceDamaged       a picture or film that does not decode completely
│   ├── SourceTooLarge      more pixels than the limit on decoders allows
│   ├── SourceUnsupported   valid, but outside what we can color
│   ├── OutputMismatch      the output differs from the plan, and is not published
│   ├── OutputCollision     another source or a foreign file has the output's name
│   ├── LineRefused         a manifest line that names no readable object
│   ├── HintsRefused        color hints of this item that cannot be used
│   ├── StrictFailure       colored with losses, which --strict does not accept
│   └── Quarantined         the worker died on every attempt at this item
├── ItemSkipped             nothing to do for this item; not a failure
│   ├── ReferenceUnused     a reference that belongs to no film or cannot be used
│   ├── NotMedia            neither the name nor the content is a picture or a film
│   ├── AlreadyColor        already in color
│   └── OnlyTwoTones        black and white without grays, which have no room for color
├── StoreError
│   ├── KeyMissing          no object under that key
│   ├── KeyExists           create-only put of a key that is taken
│   └── StoreUnavailable    the store does not answer; retryable
├── PlaceFailed             the worker died, not the unit; retryable elsewhere
└── HardwareMissing         this worker's engine is missing or refuses the film; retryable elsewhere

A UsageError raised while a unit runs is not about the item and never recorded against it: the
worker is retired, and the job ends when no worker is left.
"""

from typing import ClassVar


class ColorworkerError(Exception):
    """Base class. Its arguments are three facts: the object, what was seen, and the next step.

    The facts are passed to the base class unchanged, so the error survives Ray's pickling.
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
        return _plain(f"{sentence} {self.next_step}." if self.next_step else sentence)


def _plain(text: str) -> str:
    """Return the text with the letters escaped that change how terminals show others.

    Names of files and tags of films are written by anybody.
    """
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() or letter == "\n" else ascii(letter)[1:-1] for letter in text
    )


class UsageError(ColorworkerError):
    """The command cannot run as it was given, or not on this machine; never an item's failure."""

    code = "usage"


class WeightsRefused(UsageError):
    """The file does not hold weights of our networks, or not the requested ones."""

    code = "weights_refused"


class DependencyMissing(UsageError):
    """A required package is missing or does not load."""

    code = "dependency_missing"


class PlaceUnfit(UsageError):
    """This machine cannot do any unit of the job, for example because its disk is full."""

    code = "place_unfit"


class ItemError(ColorworkerError):
    """One item fails; the job continues."""

    code = "item_error"


class KeyRefused(ItemError):
    """The key cannot safely become a path or a line of a report."""

    code = "key_refused"


class SourceUnreadable(ItemError):
    """The store does not return the bytes (permission, dangling link, device error)."""

    code = "source_unreadable"


class SourceArchived(SourceUnreadable):
    """The object lies in a class such as Glacier and must be restored before it can be read."""

    code = "source_archived"


class SourceChanged(ItemError):
    """The object is no longer the one that was listed."""

    code = "source_changed"


class SourceDamaged(ItemError):
    """The content does not decode completely."""

    code = "source_damaged"


class SourceTooLarge(ItemError):
    """The header declares more pixels than the limit on decoders allows."""

    code = "source_too_large"


class SourceUnsupported(ItemError):
    """Valid content of a kind that this worker does not color."""

    code = "source_unsupported"


class OutputMismatch(ItemError):
    """The output differs from the plan and is not published."""

    code = "output_mismatch"


class OutputCollision(ItemError):
    """Another source of the job, or a file that no job wrote, has the output's name."""

    code = "output_collision"


class LineRefused(ItemError):
    """A manifest line names no object, or one outside the manifest's root."""

    code = "line_refused"


class HintsRefused(ItemError):
    """Color hints, a reference or another input that people gave for this item cannot be used."""

    code = "hints_refused"


class StrictFailure(ItemError):
    """Something of the item is lost or altered, and the option `strict` does not accept that."""

    code = "strict"


class Quarantined(ItemError):
    """The worker died on every attempt at this unit."""

    code = "quarantined"


class ItemSkipped(ColorworkerError):
    """Nothing to do for this item; not a failure."""

    code = "skipped"


class NotMedia(ItemSkipped):
    """Neither the name nor the content is that of a picture or a film."""

    code = "not_media"


class ReferenceUnused(ItemSkipped):
    """A reference picture belongs to no film of the job, or cannot be used."""

    code = "reference_unused"


class AlreadyColor(ItemSkipped):
    """The picture or film is already in color."""

    code = "already_color"


class OnlyTwoTones(ItemSkipped):
    """The picture has 1 bit per pixel: black and white, at which every color is black or white."""

    code = "two_tones"


class StoreError(ColorworkerError):
    """An object store refused a request."""

    code = "store_error"


class KeyMissing(StoreError):
    """No object has this key."""

    code = "key_missing"


class KeyExists(StoreError):
    """A create-only put found an object under its key."""

    code = "key_exists"


class StoreUnavailable(StoreError):
    """The store did not answer, or answered that it cannot serve the request now."""

    code = "store_unavailable"
    retryable = True


class PlaceFailed(ColorworkerError):
    """The worker process or its machine died while it was running a unit."""

    code = "place_failed"
    retryable = True


class HardwareMissing(ColorworkerError):
    """This worker lacks an engine that the job asks for, or the engine refuses the film."""

    code = "hardware_missing"
    retryable = True
