"""The version of a destination's state, so that no program misreads what a newer one has written.

Raise `VERSION` when programs that know only the one before would misread the state: a record that
they cannot parse, a key with another meaning. New files and fields that they ignore need no new
version. Every version reads the state of all earlier ones.
"""

import json
from contextlib import suppress

from colorworker import __version__
from colorworker.errors import KeyExists, KeyMissing, UsageError
from colorworker.report.text import destination_label
from colorworker.state import STATE
from colorworker.store.objectstore import ObjectStore

VERSION = 1
"""The version that this program writes."""
STATE_FILE = f"{STATE}/state.json"
"""Key of the file with the version. State without it is older than versions, and counts as 0."""


def check_state(store: ObjectStore, destination: str) -> int:
    """Return the version of a destination's state; 0 if there is none, or no state at all.

    Args:
        store: The destination.
        destination: Its path or URI as the user gave it.

    Raises:
        UsageError: If a newer program wrote it, or the version cannot be read.
    """
    try:
        data = store.get(STATE_FILE)
    except KeyMissing:
        return 0
    try:
        values = json.loads(data)
        version, writer = int(values["version"]), str(values.get("colorworker", "?"))
        if version < 1:
            raise ValueError(version)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UsageError(
            destination_label(store, destination),
            f"{STATE_FILE} is damaged, so the version of its state is unknown",
            f"Restore this file from a backup. If colorworker {__version__} or older wrote"
            " everything there, delete it",
        ) from error
    if version > VERSION:
        raise UsageError(
            destination_label(store, destination),
            f"its state ({STATE}/) has version {version}, written by colorworker {writer};"
            f" colorworker {__version__} knows versions up to {VERSION}",
            "Upgrade colorworker, or use another destination",
        )
    return version


def write_state_version(store: ObjectStore, destination: str) -> None:
    """Write the version before anything else is written, unless it is there already.

    Raises:
        UsageError: See `check_state`.
    """
    found = check_state(store, destination)
    if found < VERSION:
        values = {"version": VERSION, "colorworker": __version__}
        # Another run may write the same at the same time.
        with suppress(KeyExists):
            store.put(STATE_FILE, json.dumps(values).encode(), create_only=not found)
