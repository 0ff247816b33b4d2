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
from colorworker.domain.models import ModelChoice
from colorworker.errors import UsageError
from colorworker.executors.worker import Colorizers, load_network, open_context
from colorworker.model.networks import check_model, resolve_model
from colorworker.report.text import destination_label
from colorworker.runs.review.items import ItemCatalog
from colorworker.runs.review.pictures import Pictures
from colorworker.runs.review.server import ReviewServer
from colorworker.runs.stateversion import check_state
from colorworker.settings import apply_environment, load_settings, tensorflow_environment
from colorworker.store.openstore import open_store

_ANY = frozenset(("0.0.0.0", "::"))  # noqa: S104  # only compared
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
    from colorworker.runs.review.rememberednetwork import RememberedNetwork

    settings = load_settings()
    apply_environment(tensorflow_environment())
    stores = jobs.store_options(settings)
    opened = partial(open_store, options=stores)
    chosen = resolve_model(
        ModelChoice(model or settings.model.name, settings.model.profile), opened
    )
    check_model(chosen, opened, run=False)
    spec = jobs.worker_spec(settings, chosen, stores, destination)
    colorizers = Colorizers(lambda asked: RememberedNetwork(load_network(spec, asked)))
    with closing(opened(destination)) as store:
        check_state(store, destination)
        pictures = Pictures(store, opened)
        live = LiveColors(pictures, open_context(spec, colorizers))
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
        # The names by which other machines may reach a server that listens on all addresses.
        names = {socket.gethostname(), socket.getfqdn()} if host in _ANY else {host}
        shown = socket.gethostname() if host in _ANY else f"[{host}]" if ":" in host else host
        live.warm_up()
        print(f"review page: http://{shown}:{port}/?token={server.token}", flush=True)
        print("Ctrl-C ends it", file=sys.stderr)
        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
        config = uvicorn.Config(
            server.app(_LOOPBACK | {name.lower() for name in names}),
            log_level="warning",
            access_log=False,  # It would show the token.
            timeout_graceful_shutdown=3,
        )
        uvicorn.Server(config).run([listening])


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
