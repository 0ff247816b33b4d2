"""Keys of outputs."""


def output_key(key: str, extension: str, *, keep_extension: bool) -> str:
    """Return the source's key with the output's extension.

    If the extensions differ in case only, the source's is kept.

    Args:
        key: The source's key.
        extension: The output's, with its dot, in lower case.
        keep_extension: Keep the source's extension as well (`reel.avi.mkv`).
    """
    if keep_extension:
        return key + extension
    own = suffix_of(key)
    return key if own.lower() == extension else key.removesuffix(own) + extension


def suffix_of(key: str) -> str:
    """Return the same as `PurePosixPath(key).suffix`, in a tenth of the time."""
    name = key.rpartition("/")[2]
    place = name.rfind(".")
    return name[place:] if 0 < place < len(name) - 1 else ""
