"""Calibrations as JSON files in the user's cache folder, one per machine, weights and options.

A file that is damaged or belongs to another machine is ignored, and the machine measured again.
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
"""Options that do not change any rate, or by which rates are stored separately anyway."""


def default_folder() -> Path:
    """Return the default folder for calibrations."""
    return Path.home() / ".cache" / "colorworker"


def circumstances(bench: Bench) -> dict[str, Any]:
    """Return everything a calibration depends on, as JSON values."""
    set_options = non_default(bench.options)
    options = {name: value for name, value in set_options.items() if name not in _NO_COST}
    return {
        "machine": platform.node(),
        "processor": _processor(),
        "cores": usable_cores(),
        "weights_sha256": bench.model.identity,
        "options": options,
        "workers": bench.workers,
        "threads": bench.threads,
        "batch_stills": bench.batch_stills,
        "version": f"{__version__}, recipe {RECIPE}, material {EDITION}",
    }


class CalibrationFile:
    """The file of one set of circumstances."""

    def __init__(self, folder: Path, bench: Bench) -> None:
        """Determine the file's name; nothing is read or written yet."""
        self._circumstances = circumstances(bench)
        text = json.dumps(self._circumstances, sort_keys=True)
        self.path = folder / f"calibration-{hashlib.sha256(text.encode()).hexdigest()[:16]}.json"

    def read(self) -> Calibration | None:
        """Return the stored calibration; None if there is none or it is damaged (logged)."""
        try:
            values = json.loads(self.path.read_bytes())
            if values["circumstances"] != self._circumstances:
                raise ValueError("it was made under other conditions")
            return _calibration(values["calibration"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            logger.warning("%s: ignored because it is damaged (%r)", self.path, error)
            return None

    def write(self, calibration: Calibration) -> None:
        """Store a calibration. If that fails, it is logged and the job goes on."""
        values = {"circumstances": self._circumstances, "calibration": asdict(calibration)}
        draft = self.path.with_name(f"{uuid.uuid4().hex}.tmp")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            draft.write_text(json.dumps(values, indent=1))
            draft.replace(self.path)
        except OSError as error:
            logger.warning("%s: the calibration could not be stored (%s)", self.path, error)
            with suppress(OSError):
                draft.unlink()


def _calibration(values: dict[str, Any]) -> Calibration:
    rates = {name: Rate(**rate) for name, rate in values["rates"].items()}
    numbers = [values["start_seconds"]]
    for rate in rates.values():
        numbers += vars(rate).values()
    # The comparison also rejects NaN.
    if not all(isinstance(number, int | float) and 0 <= number < 1e12 for number in numbers):
        raise ValueError("it contains an invalid number")
    return Calibration(str(values["measured_at"]), float(values["start_seconds"]), rates)


def _processor() -> str:
    """Return the processor's name, if the system provides it."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor()
