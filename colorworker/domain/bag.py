"""Names and text files of a BagIt bag.

Source:
    The BagIt File Packaging Format, https://www.rfc-editor.org/rfc/rfc8493. The version that bags
    declare is 0.97, as the Library of Congress's own bagit-python does: in 1.0, percent signs of
    names are encoded, which that program does not decode.
"""

from collections.abc import Mapping

from colorworker.errors import UsageError

PAYLOAD = "data/"
"""Prefix of the payload: all outputs of a bag."""
DECLARATION = "bagit.txt"
INFO = "bag-info.txt"
MANIFEST = "manifest-sha256.txt"
TAG_MANIFEST = "tagmanifest-sha256.txt"
TAG_FILES = (DECLARATION, INFO, MANIFEST)
"""What the tag manifest lists."""
DECLARED = b"BagIt-Version: 0.97\nTag-File-Character-Encoding: UTF-8\n"


def manifest_line(sha256: str, key: str) -> str:
    """Return a line of a manifest with its newline. Keys hold no line breaks."""
    return f"{sha256}  {key}\n"


def parse_manifest_line(line: str) -> tuple[str, str]:
    """Return SHA-256 and key of a line of a manifest.

    Raises:
        ValueError: If it is not one.
    """
    sha256, _, key = line.rstrip("\r\n").partition(" ")
    key = key.lstrip(" *")
    if len(sha256) != 64 or not key:
        raise ValueError(f"{line!r:.80} is not a line of a manifest")
    return sha256.lower(), key


def updated_info(before: str, ours: Mapping[str, str]) -> str:
    """Return the text of `bag-info.txt` with our labels set and those of people kept.

    Args:
        before: The text as it is; may be empty.
        ours: Values by label, in the order in which new ones are added.
    """
    labels = {label.lower() for label in ours}
    kept, is_ours = [], False
    for line in before.splitlines():
        if not line[:1].isspace():  # else it continues the line before
            is_ours = line.partition(":")[0].strip().lower() in labels
        if line.strip() and not is_ours:
            kept.append(line)
    return "".join(f"{line}\n" for line in [*kept, *(f"{name}: {ours[name]}" for name in ours)])


def refuse_other_bag(label: str, *, is_ours: bool, root_files: set[str], wanted: bool) -> None:
    """Check whether a job fits a destination that may be a bag.

    Args:
        label: The destination, for the error.
        is_ours: Whether a job made it a bag.
        root_files: Names of the text files in its root.
        wanted: Whether the job is to keep it a bag.

    Raises:
        UsageError: If it is a bag of another program, or a bag that the job would not update.
    """
    if is_ours and not wanted:
        raise UsageError(
            label,
            "an earlier job made it a BagIt bag, which this job would not update",
            "Add --bag, or choose another destination",
        )
    others = sorted(
        name
        for name in root_files
        if name == DECLARATION or name.startswith(("manifest-", "tagmanifest-"))
    )
    if wanted and others and not is_ours:
        raise UsageError(
            label,
            f"it is a bag that no job made ({others[0]} is there)",
            "Choose another destination",
        )
