"""Previews, likely colors and reference frames: what people use while they correct colors."""

import io
from typing import Any, NamedTuple, Protocol

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from colorworker.domain.coloroptions import MAX_VARIANTS
from colorworker.errors import KeyMissing, UsageError
from colorworker.media.stills.referencepicture import check_header
from colorworker.runs.review.items import ItemCatalog, ReviewItem
from colorworker.runs.review.livecolors import MAX_REFERENCE_PIXELS, SHOWN_SIDE, Painted
from colorworker.runs.review.requestvalues import body, frame_index, item_of, json_body, number
from colorworker.runs.review.reviews import file_key, is_reference_name, save_reference
from colorworker.store.objectstore import ObjectStore

MAX_REFERENCE_BYTES = 64 << 20
"""Maximum size of a picture that is dropped on a frame, in bytes."""
_PNG = b"\x89PNG"


class PaintedColors(Protocol):
    """Colors small versions of items while a person paints; see `livecolors.LiveColors`."""

    def preview(self, item: ReviewItem, painted: Painted) -> bytes:
        """Return the item in color with what a person has changed, as a small JPEG."""
        ...

    def suggest(self, item: ReviewItem, frame: int, x: float, y: float) -> list[dict[str, Any]]:
        """Return the likely colors at a pixel of the full-size picture, with probabilities."""
        ...

    def match_reference(self, item: ReviewItem, frame: int, name: str, data: bytes) -> str:
        """Return a warning about a colored picture that may not show a frame."""
        ...


class PaintRoutes(NamedTuple):
    """Answers requests of people who correct colors."""

    destination: ObjectStore
    catalog: ItemCatalog
    live: PaintedColors

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/api/items/{identity}/preview", self._preview, methods=["POST"]),
            Route("/api/items/{identity}/suggest", self._suggest),
            Route("/api/items/{identity}/reference", self._drop, methods=["POST"]),
            Route("/media/{identity}/reference/{name}", self._reference),
        ]

    async def _preview(self, request: Request) -> Response:
        item = await item_of(request, self.catalog)
        sent = await json_body(request)
        hints = sent.get("hints", [])
        if not isinstance(hints, list):
            raise UsageError("hints", "they are not a list", "Load the page again")
        painted = Painted(
            frame_index(sent.get("frame", 0)),
            hints,
            number(sent.get("variant") or 0, "variant", 0, MAX_VARIANTS),
            str(sent.get("reference") or ""),
            number(sent.get("side", SHOWN_SIDE), "side", 16, SHOWN_SIDE),
        )
        jpeg = await run_in_threadpool(self.live.preview, item, painted)
        return Response(jpeg, media_type="image/jpeg")

    async def _suggest(self, request: Request) -> Response:
        item = await item_of(request, self.catalog)
        query = request.query_params
        frame = frame_index(query.get("frame", "0"))
        x, y = (number(query.get(axis), axis, 0, 10**6) for axis in "xy")
        found = await run_in_threadpool(self.live.suggest, item, frame, x, y)
        return JSONResponse({"colors": found})

    async def _drop(self, request: Request) -> Response:
        """Store a colored picture for a frame; saving the review makes it count."""
        item = await item_of(request, self.catalog)
        frame = frame_index(request.query_params.get("frame"))
        if item.line.kind != "film":
            raise UsageError(item.line.key, "is not a film", "Paint hints, or use --reference")
        data = await body(request, MAX_REFERENCE_BYTES)
        return JSONResponse(await run_in_threadpool(self._store, item, frame, data))

    def _store(self, item: ReviewItem, frame: int, data: bytes) -> dict[str, str]:
        name = "The dropped picture"
        check_header(io.BytesIO(data), name, MAX_REFERENCE_PIXELS)
        warning = self.live.match_reference(item, frame, name, data)
        extension = ".png" if data.startswith(_PNG) else ".jpg"
        saved = save_reference(self.destination, item.identity, extension, data)
        return {"name": saved, "warning": warning}

    async def _reference(self, request: Request) -> Response:
        """Return a picture that was dropped, as it was sent."""
        item = await item_of(request, self.catalog)
        name = request.path_params["name"]
        if not is_reference_name(name):
            raise KeyMissing("reference", "there is no such picture", "Load the page again")
        data = await run_in_threadpool(self.destination.get, file_key(item.identity, name))
        kind = "image/png" if name.endswith(".png") else "image/jpeg"
        return Response(data, media_type=kind)
