"""Calibrations in files of the user's cache folder, one a machine, weights and options.

A file is JSON. One that is damaged, or of another machine, is measured anew, never trusted.
"""

import hashlib
import json
import logging
import platform
import uuid
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from colorworker import __version__
from colorworker.domain.costs import Calibration, Rate
from colorworker.domain.options import non_default
from colorworker.domain.units import RECIPE
from colorworker.estimate.calibrate import Bench
from colorworker.estimate.samplemedia import EDITION
from colorworker.executors.cores import usable_cores

logger = logging.getLogger(__name__)

_NO_COST = frozenset(
    (
        "profile", "color_sources", "vividness", "temperature", "segment_frames", "preview",
        "label", "excerpt", "adjustments",
    )
)  # fmt: skip
"""Of the job's options, those that change no rate, or by which rates are told apart anyway."""


def default_folder() -> Path:
    """Return where calibrations are kept unless a setting says otherwise."""
    return Path.home() / ".cache" / "colorworker"


def circumstances(bench: Bench) -> dict[str, Any]:
    """Return all that a calibration holds for, as JSON values."""
    set_options = non_default(bench.options)
    options = {name: value for name, value in set_options.items() if name not in _NO_COST}
    return {
        "machine": platform.node(),
        "processor": _processor(),
        "cores": usable_cores(),
        "weights_sha256": bench.model.sha256,
        "options": options,
        "workers": bench.workers,
        "threads": bench.threads,
        "batch_stills": bench.batch_stills,
        "version": f"{__version__}, recipe {RECIPE}, material {EDITION}",
    }


class Kept:
    """The file of one set of circumstances."""

    def __init__(self, folder: Path, bench: Bench) -> None:
        """Name the file; it is neither read nor written yet."""
        self._circumstances = circumstances(bench)
        text = json.dumps(self._circumstances, sort_keys=True)
        self.path = folder / f"calibration-{hashlib.sha256(text.encode()).hexdigest()[:16]}.json"

    def read(self) -> Calibration | None:
        """Return what is kept; None where there is nothing, or nothing sound, which is said."""
        try:
            values = json.loads(self.path.read_bytes())
            if values["circumstances"] != self._circumstances:
                raise ValueError("it is of other circumstances")
            return _calibration(values["calibration"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            logger.warning("%s: not used, it is damaged (%r)", self.path, error)
            return None

    def write(self, calibration: Calibration) -> None:
        """Keep a calibration; a folder that cannot be written costs measuring again, and no job."""
        values = {"circumstances": self._circumstances, "calibration": asdict(calibration)}
        draft = self.path.with_name(f"{uuid.uuid4().hex}.tmp")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            draft.write_text(json.dumps(values, indent=1))
            draft.replace(self.path)
        except OSError as error:
            logger.warning("%s: the calibration was not kept (%s)", self.path, error)
            with suppress(OSError):
                draft.unlink()


def _calibration(values: dict[str, Any]) -> Calibration:
    rates = {name: Rate(**rate) for name, rate in values["rates"].items()}
    numbers = [values["start_seconds"]]
    for rate in rates.values():
        numbers += vars(rate).values()
    # NaN is not at least 0 either.
    if not all(isinstance(number, int | float) and 0 <= number < 1e12 for number in numbers):
        raise ValueError("a number in it is none")
    return Calibration(str(values["measured_at"]), float(values["start_seconds"]), rates)


def _processor() -> str:
    """Return the processor's name where the system tells it."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor()
