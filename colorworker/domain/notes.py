"""The report's sentences about an item: warnings, and notes about what is harmless.

A warning says that material is lost or altered: sound that does not decode, damaged frames, a track
or a tag that the output cannot hold. `--strict` fails the items that have one. A note says that
something is worth knowing but nothing is lost. The code that finds it decides which of both it is:
a plain string is a warning, a `Note` is a note.
"""

from collections.abc import Iterable


class Note(str):
    """A sentence for the report about something that neither loses nor alters material."""

    __slots__ = ()


def split_notes(sentences: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the warnings and the notes, in order, each sentence once and as a plain string."""
    found = list(dict.fromkeys(sentences))
    return (
        tuple(each for each in found if not isinstance(each, Note)),
        tuple(str(each) for each in found if isinstance(each, Note)),
    )
