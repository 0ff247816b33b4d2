"""`colorworker review DESTINATION`."""

import getpass
import logging
import socket
import sys
from contextlib import closing
from functools import partial
from typing import Annotated

import typer

from colorworker import job as jobs
from colorworker.color.colorizerprotocol import Colorizer
from colorworker.domain.models import ModelRef
from colorworker.errors import UsageError
from colorworker.model.weights import load, resolve
from colorworker.report.text import destination_label
from colorworker.runs.review.items import ItemCatalog
from colorworker.runs.review.pictures import Pictures
from colorworker.runs.review.server import ReviewServer
from colorworker.settings import apply_environment, load_settings, tensorflow_environment
from colorworker.store.objectstore import OpenStore
from colorworker.store.openstore import open_store

_LOOPBACK = frozenset(("127.0.0.1", "localhost", "::1"))


def review(
    destination: Annotated[
        str,
        typer.Argument(
            metavar="DESTINATION",
            help="Folder or s3:// that jobs write to.",
            show_default=False,
        ),
    ],
    job: Annotated[
        str, typer.Option(metavar="ID", help="Only the items of this job: its ID or a prefix.")
    ] = "",
    model: Annotated[
        str | None,
        typer.Option(metavar="NAME|PATH", help="Weights for previews. Default: as for colorize."),
    ] = None,
    host: Annotated[
        str,
        typer.Option(help="Address to listen on. Others than 127.0.0.1 are open to the network."),
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0: any free one.")] = 0,
    author: Annotated[
        str | None, typer.Option(help="Name saved with reviews. Default: your login name.")
    ] = None,
) -> None:
    """Start a local web page to look at results, accept or reject them, and correct colors.

    Everything is saved below DESTINATION/.colorworker/review. The next colorize or restore run
    applies it and colors only what changed. Ctrl-C ends the server.
    """
    import uvicorn

    from colorworker.runs.review.livecolors import LiveColors

    settings = load_settings()
    opened = partial(open_store, options=jobs.store_options(settings))
    with closing(opened(destination)) as store:
        reference = resolve(model or settings.model.name, opened)
        load(reference, opened)
        pictures = Pictures(store, opened)
        live = LiveColors(pictures, partial(_load, reference, opened))
        server = ReviewServer(
            store,
            destination_label(store, destination),
            ItemCatalog(store, job),
            pictures,
            live,
            author or getpass.getuser(),
        )
        listening = _listen(host, port)
        port = listening.getsockname()[1]
        shown = f"[{host}]" if ":" in host else host
        live.warm_up()
        print(f"review page: http://{shown}:{port}/?token={server.token}", flush=True)
        print("Ctrl-C ends it", file=sys.stderr)
        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
        config = uvicorn.Config(
            server.app(_LOOPBACK | {host.lower()}),
            log_level="warning",
            access_log=False,  # It would show the token.
            timeout_graceful_shutdown=3,
        )
        uvicorn.Server(config).run([listening])


def _load(model: ModelRef, opened: OpenStore) -> Colorizer:
    apply_environment(tensorflow_environment())
    from colorworker.model.colorizer import load_colorizer

    return load_colorizer(model, opened=opened)


def _listen(host: str, port: int) -> socket.socket:
    """Return a listening socket.

    Raises:
        UsageError: If the address cannot be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise UsageError(
            f"{host}:{port}", f"cannot be listened on ({error.strerror})", "Choose another --port"
        ) from error
