"""Destinations to verify, made by toy jobs, and a check of them on threads."""

from contextlib import closing

import numpy as np
import pyvips

from colorworker.domain.options import Options
from colorworker.domain.workersettings import WorkerSettings
from colorworker.media.synthetic import Recipe, make_film
from colorworker.pipeline.context import WorkerContext
from colorworker.runs.fixity.checking import Checking
from colorworker.runs.fixity.passes import Choices, continued_pass, end_pass, new_pass
from colorworker.store.openstore import open_store
from tests.jobharness import TOY_MODEL, run_toy_job
from tests.threadexecutor import ThreadExecutor
from tests.toycolorizer import ToyColorizer

FRAMES = 24


def save_sources(folder, film=True):
    """Write two pictures and, unless told otherwise, an FFV1 film of 24 frames."""
    (folder / "sub").mkdir(parents=True)
    gray = (np.add.outer(np.arange(48), np.arange(64)) % 256).astype(np.uint8)
    for name in ("a.tif", "sub/b.png"):
        pyvips.Image.new_from_array(gray).write_to_file(str(folder / name))
        gray = gray[::-1]
    if film:
        make_film(folder / "reel.mkv", Recipe(codec="ffv1", width=64, height=48, frames=FRAMES))
    return folder


def color(sources, store, keep_parts=False, **options):
    chosen = Options(profile="archive", segment_frames=12, **options)
    return run_toy_job(sources, store, chosen, keep_parts=keep_parts)


def context_of(store):
    return WorkerContext(
        destination=store,
        open_source=open_store,
        colorizer=lambda _: ToyColorizer(),
        model=TOY_MODEL,
        worker="test",
        settings=WorkerSettings(),
    )


def verify(store, executor=None, stopping=lambda: False, **choices):
    """Check a destination, to the end of the pass; return the totals."""
    chosen = Choices(**choices)
    current = continued_pass(store, chosen) or new_pass(store, chosen)
    with closing(executor or ThreadExecutor(context_of(store))) as running:
        checking = Checking(store, running, current, chosen)
        if checking.run(stopping):
            end_pass(store, current, checking.totals)
    return checking.totals


def findings(store, **choices):
    """Return (key, code) and the sentence of everything that a check finds."""
    return {(found.key, found.code): str(found) for found in verify(store, **choices).findings}


def flip(path, at):
    """Flip one bit of a byte of a file, at this share of its length."""
    data = bytearray(path.read_bytes())
    data[int(len(data) * at)] ^= 1
    path.write_bytes(data)
