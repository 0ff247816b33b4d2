"""Whole jobs inside the test's process: real codecs and stores, a toy colorizer, no Ray."""

from contextlib import closing

from colorworker.domain.excerpt import Excerpt, excerpt_entries
from colorworker.domain.models import ModelRef
from colorworker.domain.workersettings import WorkerSettings
from colorworker.driver import Job, run_job
from colorworker.inputs.listing import OpenSource, list_entries
from colorworker.inputs.referencefolders import apply_references
from colorworker.media.stills.referencepicture import check_header
from colorworker.pipeline.context import WorkerContext
from colorworker.store.local import LocalStore
from colorworker.store.openstore import open_store
from colorworker.store.sources import Source
from tests.threadexecutor import ThreadExecutor
from tests.toycolorizer import ToyColorizer

MAX_PIXELS = WorkerSettings.max_pixels
TOY_MODEL = ModelRef("toy", "0" * 64)


def folder_entries(folder, options):
    """Return the job entries of everything in a folder, as the command line lists them."""
    source = OpenSource(Source(str(folder)), LocalStore(folder))
    entries = list_entries([source], options)
    if options.excerpt:
        entries = excerpt_entries(entries, Excerpt(*options.excerpt))
    return list(apply_references(entries, options, open_store, check_header, MAX_PIXELS))


def run_toy_job(
    folder,
    destination,
    options,
    *,
    entries=None,
    make_colorizer=None,
    workers=1,
    max_attempts=3,
    **settings,
):
    """Color a folder and return the report's lines by key, in the order they were reported.

    Args:
        folder: The sources.
        destination: Store for the outputs and the job's state.
        options: The job's options.
        entries: Entries to color; by default all of the folder.
        make_colorizer: Called with a look; by default it makes a `ToyColorizer`.
        workers: Workers in this process.
        max_attempts: Attempts per unit.
        settings: Fields of `WorkerSettings`, such as `keep_parts`.
    """
    store = LocalStore(folder)
    entries = folder_entries(folder, options) if entries is None else entries
    context = WorkerContext(
        destination=destination,
        open_source=lambda uri: store if uri in {"", store.uri} else open_store(uri),
        colorizer=make_colorizer or (lambda _: ToyColorizer()),
        model=TOY_MODEL,
        worker="test",
        settings=WorkerSettings(**settings),
    )
    lines = []
    with closing(ThreadExecutor(context, workers)) as executor:
        job = Job("job", entries, options, TOY_MODEL, max_attempts=max_attempts)
        run_job(job, executor, line=lines.append)
    return {line.key: line for line in lines}
