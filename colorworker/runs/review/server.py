"""The web server of the review page: routes, access, and errors as one sentence each.

Only items of the destination's reports can be addressed, by the hash of their names, so no request
can name a file. Everything needs the token, and changes also need the page's own origin.
"""

import logging
import secrets
from importlib import resources
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from colorworker import __version__
from colorworker.errors import ColorworkerError, HintsRefused, ItemError, KeyMissing, UsageError
from colorworker.report.text import visible
from colorworker.runs.review.access import Guard, error_answer
from colorworker.runs.review.itemfacts import details, summary
from colorworker.runs.review.items import ItemCatalog, ReviewItem, parse_filter
from colorworker.runs.review.mediaroutes import MediaRoutes
from colorworker.runs.review.paintroutes import PaintedColors, PaintRoutes
from colorworker.runs.review.pictures import Pictures
from colorworker.runs.review.requestvalues import item_of, json_body, number
from colorworker.runs.review.reviews import ReviewConflict, save_review
from colorworker.runs.review.saving import read_hints, review_of
from colorworker.store.objectstore import ObjectStore

logger = logging.getLogger(__name__)

PAGE_ITEMS = 100
"""Items per answer."""
_STATIC = {
    "review.js": "text/javascript",
    "films.js": "text/javascript",
    "keys.js": "text/javascript",
    "painting.js": "text/javascript",
    "review.css": "text/css",
}


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
        self._author = author
        self._painting = PaintRoutes(destination, catalog, live)
        self._media = MediaRoutes(destination, catalog, pictures)
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
            *self._painting.routes(),
            *self._media.routes(),
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
        if "reread" in query:
            await run_in_threadpool(self._catalog.reread)
        found = await run_in_threadpool(self._catalog.select, wanted, query.get("text", "")[:500])
        return JSONResponse(
            {
                "destination": visible(self._label),
                "author": self._author,
                "version": __version__,
                "counts": self._catalog.counts(),
                "total": len(found),
                "items": [summary(item) for item in found[offset : offset + PAGE_ITEMS]],
            }
        )

    async def _item(self, request: Request) -> Response:
        item = await item_of(request, self._catalog, fresh=True)
        return JSONResponse(await run_in_threadpool(self._details, item))

    def _details(self, item: ReviewItem) -> dict[str, Any]:
        return details(item, self._pictures, read_hints(self._destination, item))

    async def _save(self, request: Request) -> Response:
        item = await item_of(request, self._catalog)
        sent = await json_body(request)
        review = await run_in_threadpool(review_of, self._destination, self._pictures, item, sent)
        author = str(sent.get("author") or self._author)
        saved = await run_in_threadpool(save_review, self._destination, review, author)
        logger.info("%s: %s by %s", item.line.key, saved.verdict, saved.author)
        return await self._item(request)


def _static_text(name: str) -> str:
    return resources.files("colorworker.runs.review").joinpath("static", name).read_text("utf-8")


async def _sentence(_: Request, error: Exception) -> Response:
    statuses = {
        KeyMissing: 404,
        ReviewConflict: 409,
        UsageError: 400,
        HintsRefused: 400,
        ItemError: 422,
    }
    status = next((code for kind, code in statuses.items() if isinstance(error, kind)), 502)
    return error_answer(status, visible(str(error)))


async def _unexpected(_: Request, error: Exception) -> Response:
    logger.error("the review page failed", exc_info=error)
    return error_answer(
        500, f"Unexpected error: {type(error).__name__}. See the log of the server."
    )
