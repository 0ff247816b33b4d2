"""Values from requests, each checked before it is used."""

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from colorworker.domain.parsing import parse_json
from colorworker.errors import UsageError
from colorworker.report.text import visible
from colorworker.runs.review.items import ItemCatalog, ReviewItem

MAX_BODY = 2 << 20
"""Maximum size of a request's body in bytes."""


async def item_of(request: Request, catalog: ItemCatalog, *, fresh: bool = False) -> ReviewItem:
    """Return the item that a request's path names; see `ItemCatalog.get`.

    Raises:
        KeyMissing: If there is none.
    """
    return await run_in_threadpool(catalog.get, request.path_params["identity"], fresh=fresh)


async def body(request: Request, most: int) -> bytes:
    """Return a request's body, whose size is limited while it is read.

    Raises:
        UsageError: If it has more than `most` bytes.
    """
    data = bytearray()
    async for block in request.stream():
        data += block
        if len(data) > most:
            raise UsageError("request", f"is larger than {most >> 20} MiB", "Send less")
    return bytes(data)


async def json_body(request: Request) -> dict[str, Any]:
    """Return the JSON object in a request's body.

    Raises:
        UsageError: If it is too large, or not a JSON object.
    """
    try:
        sent = parse_json(await body(request, MAX_BODY))
    except ValueError as error:
        raise UsageError("request", "is not JSON", "Load the page again") from error
    if not isinstance(sent, dict):
        raise UsageError("request", "is not a JSON object", "Load the page again")
    return sent


def number(text: Any, name: str, least: int, most: int) -> int:
    """Return an integer in a range.

    Raises:
        UsageError: If the text is none, or out of range.
    """
    try:
        value = int(float(text))
    except (TypeError, ValueError, OverflowError) as error:
        raise UsageError(
            name, f"{visible(str(text))[:40]!r} is not a number", "Give one"
        ) from error
    if not least <= value <= most:
        raise UsageError(name, f"{value} is out of range", f"Give {least} to {most}")
    return value


def frame_index(text: Any) -> int:
    """Return the index of a frame of a film, counted from 0.

    Raises:
        UsageError: If the text is none.
    """
    return number(text, "frame", 0, 999_999_999)


def byte_range(header: str, size: int) -> tuple[int, int] | None:
    """Return the (start, end) of a Range header, all for none; None if it cannot be satisfied."""
    if not header.startswith("bytes=") or "," in header:
        return (0, size)
    first, _, last = header.removeprefix("bytes=").partition("-")
    try:
        if first:
            start, end = int(first), int(last) + 1 if last else size
        else:
            start, end = max(0, size - int(last)), size
    except ValueError:
        return (0, size)
    return (start, min(end, size)) if 0 <= start < min(end, size) else None
