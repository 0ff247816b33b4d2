"""Pictures and films of items, as the page shows them."""

from collections.abc import Iterator
from typing import NamedTuple

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from colorworker.errors import KeyMissing
from colorworker.runs.review.items import ItemCatalog
from colorworker.runs.review.pictures import Pictures
from colorworker.runs.review.requestvalues import byte_range, frame_index, item_of, number
from colorworker.store.objectstore import ObjectStore

_BLOCK = 1 << 18
_PLAYABLE = {".mp4": "video/mp4", ".m4v": "video/mp4", ".webm": "video/webm"}


def is_playable(key: str) -> bool:
    """Return whether browsers play a film."""
    return _extension(key) in _PLAYABLE


class MediaRoutes(NamedTuple):
    """Answers requests for pictures and films."""

    destination: ObjectStore
    """Where outputs and thumbnails are."""
    catalog: ItemCatalog
    pictures: Pictures

    def routes(self) -> list[Route]:
        """Return the routes, all below /media."""
        return [
            Route("/media/{identity}/thumbnail", self._thumbnail),
            Route("/media/{identity}/shots", self._shot_sheet),
            Route("/media/{identity}/film", self._film),
            Route("/media/{identity}/{which}.jpg", self._picture),
        ]

    async def _thumbnail(self, request: Request) -> Response:
        item = await item_of(request, self.catalog)
        keys = item.line.thumbnail_keys
        index = number(request.query_params.get("n", "0"), "n", 0, 10**6)
        if index >= len(keys):
            raise KeyMissing(item.line.key, "has no such picture", "Colorize it again")
        return await self._stored_jpeg(keys[index])

    async def _shot_sheet(self, request: Request) -> Response:
        item = await item_of(request, self.catalog)
        if item.line.shot_sheet is None:
            raise KeyMissing(item.line.key, "has no pictures of its shots", "Colorize it again")
        return await self._stored_jpeg(item.line.shot_sheet.key)

    async def _stored_jpeg(self, key: str) -> Response:
        data = await run_in_threadpool(self.destination.get, key)
        return Response(data, media_type="image/jpeg")

    async def _picture(self, request: Request) -> Response:
        item = await item_of(request, self.catalog)
        which = request.path_params["which"]
        if which not in {"source", "output"}:
            raise KeyMissing(item.line.key, "there is no such picture", "Load the page again")
        frame = frame_index(request.query_params.get("frame", "0"))
        side = number(request.query_params.get("side", "8192"), "side", 16, 8192)
        jpeg = await run_in_threadpool(self.pictures.jpeg, item, which, frame, side)
        return Response(jpeg, media_type="image/jpeg")

    async def _film(self, request: Request) -> Response:
        """Return the output film or a range of it, so that players can seek."""
        item = await item_of(request, self.catalog)
        key = item.line.output_key
        if not is_playable(key):
            raise KeyMissing(item.line.key, "browsers do not play its format", "Use the frames")
        info = await run_in_threadpool(self.destination.head, key)
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
        blocks = _blocks(self.destination, key, info.etag, start, end)
        status = 206 if "range" in request.headers else 200
        return StreamingResponse(blocks, status, headers, media_type=_PLAYABLE[_extension(key)])


def _blocks(store: ObjectStore, key: str, etag: str, start: int, end: int) -> Iterator[bytes]:
    with store.open(key, etag=etag) as reader:
        reader.seek(start)
        while start < end and (block := reader.read(min(_BLOCK, end - start))):
            start += len(block)
            yield block


def _extension(key: str) -> str:
    return f".{key.rpartition('.')[2].lower()}"
