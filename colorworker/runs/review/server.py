"""The web server of the review page: routes, access, and errors as one sentence each.

Only items of the destination's reports can be addressed, by the hash of their names, so no request
can name a file. Everything needs the token, and changes also need the page's own origin.
"""

import json
import logging
import secrets
from collections.abc import Iterator
from contextlib import suppress
from importlib import resources
from typing import Any, Protocol

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from colorworker import __version__
from colorworker.domain.coloroptions import MAX_VARIANTS
from colorworker.domain.hints import parse_hints
from colorworker.errors import ColorworkerError, HintsRefused, KeyMissing, UsageError
from colorworker.report.itemlines import SHEET_COLUMNS, ItemLine
from colorworker.report.text import visible
from colorworker.runs.review.access import Guard, error_answer
from colorworker.runs.review.items import ItemCatalog, ReviewItem, parse_filter
from colorworker.runs.review.pictures import Pictures
from colorworker.runs.review.requestvalues import byte_range, json_body, number
from colorworker.runs.review.reviews import (
    Review,
    ReviewConflict,
    file_key,
    save_hints,
    save_review,
)
from colorworker.store.objectstore import ObjectStore

logger = logging.getLogger(__name__)

PAGE_ITEMS = 100
"""Items per answer."""
_BLOCK = 1 << 18
_STATIC = {"review.js": "text/javascript", "review.css": "text/css"}
_PLAYABLE = {".mp4": "video/mp4", ".m4v": "video/mp4", ".webm": "video/webm"}


class PaintedColors(Protocol):
    """Colors small versions of items while a person paints; see `livecolors.LiveColors`."""

    def preview(self, item: ReviewItem, frame: int, hints: list[Any], variant: int = 0) -> bytes:
        """Return the item in color with these hints or alternative colors, as a small JPEG."""
        ...

    def suggest(self, item: ReviewItem, frame: int, x: float, y: float) -> list[dict[str, Any]]:
        """Return the likely colors at a pixel of the full-size picture, with probabilities."""
        ...


class ReviewServer:
    """Answers the requests of the review page."""

    def __init__(
        self,
        destination: ObjectStore,
        label: str,
        catalog: ItemCatalog,
        pictures: Pictures,
        live: PaintedColors,
        author: str,
    ) -> None:
        """Set up the routes.

        Args:
            destination: Where outputs and reviews are.
            label: The destination as people know it.
            catalog: Its items.
            pictures: Reads sources and outputs.
            live: Colors previews.
            author: Name that is saved with reviews, unless the page gives another one.
        """
        self._destination = destination
        self._label = label
        self._catalog = catalog
        self._pictures = pictures
        self._live = live
        self._author = author
        self.token = secrets.token_urlsafe(24)

    def app(self, hosts: frozenset[str]) -> Starlette:
        """Return the application.

        Args:
            hosts: Accepted names of this server in the Host header, in lower case and without a
                port. Others are refused, because a foreign page may have given its own name to
                this address (DNS rebinding).
        """
        routes = [
            Route("/", self._page),
            Route("/static/{name}", self._static),
            Route("/api/items", self._list),
            Route("/api/items/{identity}", self._item),
            Route("/api/items/{identity}/review", self._save, methods=["POST"]),
            Route("/api/items/{identity}/preview", self._preview, methods=["POST"]),
            Route("/api/items/{identity}/suggest", self._suggest),
            Route("/media/{identity}/thumbnail", self._thumbnail),
            Route("/media/{identity}/shots", self._shot_sheet),
            Route("/media/{identity}/film", self._film),
            Route("/media/{identity}/{which}.jpg", self._picture),
        ]
        guard = Middleware(Guard, token=self.token, hosts=hosts)
        handlers: Any = {ColorworkerError: _sentence, Exception: _unexpected}
        return Starlette(routes=routes, middleware=[guard], exception_handlers=handlers)

    async def _page(self, _: Request) -> Response:
        html = _static_text("index.html")
        return Response(html, media_type="text/html; charset=utf-8")

    async def _static(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in _STATIC:
            raise KeyMissing("page", "there is no such file", "Load the page again")
        return Response(_static_text(name), media_type=f"{_STATIC[name]}; charset=utf-8")

    async def _list(self, request: Request) -> Response:
        query = request.query_params
        wanted = parse_filter(query.get("filter", "all"))
        offset = number(query.get("offset", "0"), "offset", 0, 10**9)
        found = await run_in_threadpool(self._catalog.select, wanted, query.get("text", "")[:500])
        return JSONResponse(
            {
                "destination": visible(self._label),
                "author": self._author,
                "version": __version__,
                "counts": self._catalog.counts(),
                "total": len(found),
                "items": [_summary(item) for item in found[offset : offset + PAGE_ITEMS]],
            }
        )

    async def _item(self, request: Request) -> Response:
        item = await self._get(request)
        return JSONResponse(await run_in_threadpool(self._details, item))

    def _details(self, item: ReviewItem) -> dict[str, Any]:
        line = item.line
        facts = _summary(item) | {
            "hints": self._read_hints(item),
            "variant": item.review.variant,
            "author": item.review.author,
            "saved_at": item.review.saved_at,
            "warnings": [visible(warning) for warning in line.warnings],
            "error": visible(line.error),
            "shots": _shots(line),
            "sheet": _sheet(line),
            "playable": _extension(line.output_key) in _PLAYABLE,
            "width": line.width,
            "height": line.height,
        }
        try:
            size = self._pictures.size(item)
        except ColorworkerError as error:
            return facts | {"picture_problem": visible(str(error))}
        return facts | {"width": size.width, "height": size.height}

    async def _save(self, request: Request) -> Response:
        item = await self._get(request)
        sent = await json_body(request)
        hints = await run_in_threadpool(self._save_hints, item, sent.get("hints", {}))
        review = Review(
            item.line.root,
            item.line.key,
            verdict=sent.get("verdict", "unreviewed"),
            comment=str(sent.get("comment", "")),
            hints=hints,
            variant=number(sent.get("variant") or 0, "variant", 0, MAX_VARIANTS),
            version=number(sent.get("version"), "version", 0, 999_998),
        )
        author = str(sent.get("author") or self._author)
        saved = await run_in_threadpool(save_review, self._destination, review, author)
        logger.info("%s: %s by %s", item.line.key, saved.verdict, saved.author)
        return await self._item(request)

    def _save_hints(self, item: ReviewItem, sent: Any) -> dict[str, str]:
        """Store the hints of each frame, and return the names of their files.

        Raises:
            UsageError: If they are not lists of hints by frame.
            HintsRefused: If a hint is invalid.
        """
        if not isinstance(sent, dict) or not all(isinstance(each, list) for each in sent.values()):
            raise UsageError("hints", "they are not lists by frame", "Load the page again")
        painted = {frame: json.dumps(hints).encode() for frame, hints in sent.items() if hints}
        if painted:
            size = self._pictures.size(item)
            for data in painted.values():
                parse_hints(data, item.line.key, size.width, size.height)
        return {
            frame: save_hints(self._destination, item.identity, data)
            for frame, data in painted.items()
        }

    def _read_hints(self, item: ReviewItem) -> dict[str, Any]:
        """Return the hints of each frame; those that are gone or damaged are left out."""
        found = {}
        for frame, name in item.review.hints.items():
            with suppress(KeyMissing, ValueError):
                data = self._destination.get(file_key(item.identity, name))
                found[frame] = json.loads(data)
        return found

    async def _preview(self, request: Request) -> Response:
        item = await self._get(request)
        sent = await json_body(request)
        frame = number(sent.get("frame", 0), "frame", 0, 10**9)
        hints = sent.get("hints", [])
        if not isinstance(hints, list):
            raise UsageError("hints", "they are not a list", "Load the page again")
        variant = number(sent.get("variant") or 0, "variant", 0, MAX_VARIANTS)
        jpeg = await run_in_threadpool(self._live.preview, item, frame, hints, variant)
        return Response(jpeg, media_type="image/jpeg")

    async def _suggest(self, request: Request) -> Response:
        item = await self._get(request)
        query = request.query_params
        frame = number(query.get("frame", "0"), "frame", 0, 10**9)
        x, y = (number(query.get(axis), axis, 0, 10**6) for axis in "xy")
        found = await run_in_threadpool(self._live.suggest, item, frame, x, y)
        return JSONResponse({"colors": found})

    async def _thumbnail(self, request: Request) -> Response:
        item = await self._get(request)
        keys = item.line.thumbnail_keys
        index = number(request.query_params.get("n", "0"), "n", 0, 10**6)
        if index >= len(keys):
            raise KeyMissing(item.line.key, "has no such picture", "Colorize it again")
        return await self._stored_jpeg(keys[index])

    async def _shot_sheet(self, request: Request) -> Response:
        item = await self._get(request)
        if item.line.shot_sheet is None:
            raise KeyMissing(item.line.key, "has no pictures of its shots", "Colorize it again")
        return await self._stored_jpeg(item.line.shot_sheet.key)

    async def _stored_jpeg(self, key: str) -> Response:
        data = await run_in_threadpool(self._destination.get, key)
        return Response(data, media_type="image/jpeg")

    async def _picture(self, request: Request) -> Response:
        item = await self._get(request)
        which = request.path_params["which"]
        if which not in {"source", "output"}:
            raise KeyMissing(item.line.key, "there is no such picture", "Load the page again")
        query = request.query_params
        frame = number(query.get("frame", "0"), "frame", 0, 10**9)
        side = number(query.get("side", "8192"), "side", 16, 8192)
        jpeg = await run_in_threadpool(self._pictures.jpeg, item, which, frame, side)
        return Response(jpeg, media_type="image/jpeg")

    async def _film(self, request: Request) -> Response:
        """Return the output film or a range of it, so that players can seek."""
        item = await self._get(request)
        key = item.line.output_key
        kind = _PLAYABLE.get(_extension(key))
        if kind is None:
            raise KeyMissing(item.line.key, "browsers do not play its format", "Use the frames")
        info = await run_in_threadpool(self._destination.head, key)
        wanted = byte_range(request.headers.get("range", ""), info.size_bytes)
        if wanted is None:
            return Response(
                status_code=416, headers={"content-range": f"bytes */{info.size_bytes}"}
            )
        start, end = wanted
        headers = {
            "accept-ranges": "bytes",
            "content-length": str(end - start),
            "content-range": f"bytes {start}-{end - 1}/{info.size_bytes}",
        }
        blocks = _blocks(self._destination, key, info.etag, start, end)
        status = 206 if "range" in request.headers else 200
        return StreamingResponse(blocks, status, headers, media_type=kind)

    async def _get(self, request: Request) -> ReviewItem:
        return await run_in_threadpool(self._catalog.get, request.path_params["identity"])


def _summary(item: ReviewItem) -> dict[str, Any]:
    line, review = item.line, item.review
    return {
        "id": item.identity,
        "key": visible(line.key),
        "kind": line.kind,
        "outcome": line.outcome,
        "verdict": review.verdict,
        "comment": review.comment,
        "version": review.version,
        "hinted": sum(len(hints) for hints in review.hints.values()),
        "problem": visible(item.problem),
        "warned": bool(line.warnings),
        "pictures": len(line.thumbnail_keys),
    }


def _shots(line: ItemLine) -> list[dict[str, Any]]:
    """Return the shots of a film, with the index of each one's first whole frame."""
    found, frame = [], 0
    for shot in line.shots:
        found.append(
            {
                "number": shot.number,
                "frame": frame,
                "frames": shot.frames,
                "seconds": shot.start_seconds,
                "transition": shot.transition,
            }
        )
        frame += shot.frames
    return found


def _sheet(line: ItemLine) -> dict[str, int] | None:
    sheet = line.shot_sheet
    if sheet is None:
        return None
    return {"width": sheet.width, "height": sheet.height, "columns": SHEET_COLUMNS}


def _blocks(store: ObjectStore, key: str, etag: str, start: int, end: int) -> Iterator[bytes]:
    with store.open(key, etag=etag) as reader:
        reader.seek(start)
        while start < end and (block := reader.read(min(_BLOCK, end - start))):
            start += len(block)
            yield block


def _extension(key: str) -> str:
    return f".{key.rpartition('.')[2].lower()}"


def _static_text(name: str) -> str:
    return resources.files("colorworker.runs.review").joinpath("static", name).read_text("utf-8")


async def _sentence(_: Request, error: Exception) -> Response:
    statuses = {KeyMissing: 404, ReviewConflict: 409, UsageError: 400, HintsRefused: 400}
    status = next((code for kind, code in statuses.items() if isinstance(error, kind)), 502)
    return error_answer(status, visible(str(error)))


async def _unexpected(_: Request, error: Exception) -> Response:
    logger.error("the review page failed", exc_info=error)
    return error_answer(
        500, f"Unexpected error: {type(error).__name__}. See the log of the server."
    )
