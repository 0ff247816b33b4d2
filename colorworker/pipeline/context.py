"""State shared by all units on one worker: stores, colorizers, model, settings."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast

from colorworker.color.colorizerprotocol import Colorizer
from colorworker.color.exemplar import Exemplar
from colorworker.domain.hints import InputFile
from colorworker.domain.models import ModelRef
from colorworker.domain.options import Asset, PredictionSettings
from colorworker.domain.timeline import Timeline
from colorworker.domain.videoinfo import VideoInfo
from colorworker.domain.workersettings import WorkerSettings
from colorworker.errors import StoreUnavailable
from colorworker.pipeline.phasetimer import PhaseTimer
from colorworker.pipeline.predictions import Predictions
from colorworker.pipeline.sequenceframes import frame_converter, frames_named, open_asset
from colorworker.pipeline.unitprogress import UnitProgress, WatchedReader
from colorworker.store.objectstore import ObjectStore
from colorworker.store.scratchfiles import ScratchFiles, temporary_name
from colorworker.store.sequencefile import ConvertFrame, InspectFrame


@dataclass(frozen=True)
class WorkerContext:
    """Everything that the units of one job need on one worker."""

    destination: ObjectStore
    open_source: Callable[[str], ObjectStore]
    """Opens the store of a source from its root."""
    colorizer: Callable[[PredictionSettings], Colorizer]
    """Loads the model on first use, so that a finished job never loads one."""
    model: ModelRef
    worker: str
    """Name of the worker, for records."""
    settings: WorkerSettings = field(default_factory=WorkerSettings)
    progress: UnitProgress = field(default_factory=UnitProgress)
    """Shows whether the unit that is running advances."""

    exemplars: dict[InputFile, Exemplar] = field(default_factory=dict, compare=False)
    """Pictures to take colors from that were read last."""
    predictions: Predictions = field(default_factory=Predictions, compare=False)
    """What its network was given so far."""
    timers: dict[str, PhaseTimer] = field(default_factory=dict, compare=False)
    """Timers of the units that are running, by unit id."""
    scans: dict[str, tuple[VideoInfo, Timeline]] = field(default_factory=dict, compare=False)
    """The scan that was read last, by its id; see `scan.scan_of_film`."""

    def timer(self, unit_id: str) -> PhaseTimer:
        """Return a new timer for a unit. Its phases become part of the unit's result."""
        self.timers[unit_id] = timer = PhaseTimer(step=self.progress.step)
        return timer

    @contextmanager
    def temporary(self, extension: str) -> Iterator[Path]:
        """Provide a path for a temporary file, which is removed at the end in any case."""
        path = self.scratch_folder() / temporary_name(extension)
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    def scratch_folder(self) -> Path:
        """Return the folder for temporary files; create it if necessary."""
        folder = self.settings.scratch or self.destination.scratch()
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def scratch_files(self) -> ScratchFiles:
        """Return where this process keeps temporary files.

        A folder that cannot be made holds none, and is left out: whatever needs it says why.
        """
        folders: set[str] = set()
        for made in (self.scratch_folder, self.destination.scratch):
            with suppress(OSError, StoreUnavailable):
                folders.add(str(made()))
        return ScratchFiles(tuple(folders))

    @contextmanager
    def source(
        self,
        asset: Asset,
        inspect: InspectFrame | None = None,
        convert: ConvertFrame | None = None,
    ) -> Iterator[BinaryIO]:
        """Open an asset for reading, in the version that was listed.

        `inspect` and `convert` get the frames of an image sequence; see `open_version`.

        Raises:
            SourceChanged: If the object is no longer the one that was listed.
        """
        store = self.open_source(asset.root)
        reader = open_asset(
            store,
            asset.key,
            etag=asset.etag,
            version=asset.version,
            inspect=inspect,
            convert=convert or frame_converter(asset.key, asset.version, self.temporary),
        )
        with reader, frames_named(store, asset):
            yield cast(BinaryIO, WatchedReader(reader, self.progress.step))
