"""Who may talk to the review server: holders of its token, from its own page, by its own name."""

import hashlib
import secrets
from contextlib import suppress
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

_SECURITY = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self';"
    " img-src 'self' blob: data:; media-src 'self'; connect-src 'self'; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


class Guard:
    """Refuses requests without the token, for other hosts, or from other pages."""

    def __init__(self, app: ASGIApp, token: str, hosts: frozenset[str]) -> None:
        self._app = app
        self._token = token
        self._hosts = hosts
        # Browsers send the cookies of a host to all its ports, so each server has its own name.
        name = hashlib.sha256(token.encode()).hexdigest()[:12]
        self._cookie = f"colorworker_review_{name}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on; every answer gets the security headers."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        response = self._refusal(request)
        if response is not None:
            response.headers.update(_SECURITY)
            await response(scope, receive, send)
            return

        async def secured(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message["headers"],
                    *((name.encode(), value.encode()) for name, value in _SECURITY.items()),
                ]
            await send(message)

        await self._app(scope, receive, secured)

    def _refusal(self, request: Request) -> Response | None:
        if not self._is_ours(request.headers.get("host", "")):
            return error_answer(403, "This server was addressed by another name.")
        origin = request.headers.get("origin")
        if origin and origin.partition("://")[2] != request.headers.get("host"):
            return error_answer(403, "The request came from another page.")
        given = request.query_params.get("token")
        if request.url.path == "/" and given and self._matches(given):
            # The token leaves the address bar, and is not sent to other sites.
            response = RedirectResponse("/", 303)
            response.set_cookie(self._cookie, self._token, httponly=True, samesite="strict")
            return response
        if not self._matches(request.cookies.get(self._cookie, "")):
            sentence = "Open the address that colorworker review has printed."
            if request.url.path == "/":
                return PlainTextResponse(sentence, 401)
            return error_answer(401, sentence)
        return None

    def _is_ours(self, host: str) -> bool:
        """Return whether a Host header names this server.

        Addresses always do: only a name can be pointed at another machine (DNS rebinding).
        """
        name = ""
        with suppress(ValueError):
            name = urlsplit(f"//{host}").hostname or ""
            return bool(ip_address(name))
        return name in self._hosts

    def _matches(self, given: str) -> bool:
        return secrets.compare_digest(given.encode(), self._token.encode())


def error_answer(status: int, sentence: str) -> JSONResponse:
    """Return an error as one sentence of JSON."""
    return JSONResponse({"error": sentence}, status)
