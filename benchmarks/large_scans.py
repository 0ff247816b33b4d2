"""Color very large scans: peak memory over that of a small picture, and seconds by phase.

    python benchmarks/large_scans.py [--kinds gray16 rgb16-tiled gray8] [--folder /tmp]

The scans are made with libvips: TIFFs of 100 megapixels and 16 bits (gray in strips, RGB in tiles),
a JPEG of 100 megapixels, and a TIFF of one gigapixel and 8 bits. Each is colored in a process of
its own, by the code of a worker and with the packaged network, after a picture of 256 x 256 of the
same kind, whose memory stands for that of the model. Memory is the process's resident set. Prints
one row of a table per kind.
"""

import argparse
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyvips

from colorworker.domain.models import ModelRef
from colorworker.domain.options import Asset, Options
from colorworker.domain.units import still
from colorworker.executors.worker import Colorizers
from colorworker.model.colorizer import load_colorizer
from colorworker.model.weights import resolve
from colorworker.pipeline.context import WorkerContext
from colorworker.pipeline.stillbatch import color_batch
from colorworker.store.local import LocalStore

ROOT = Path(__file__).parents[1]
SMALL = 256
KINDS = {
    "gray8-12mp": (4_096, 3_072, 1, 8, False),
    "gray16": (12_000, 8_400, 1, 16, False),
    "rgb16-tiled": (12_000, 8_400, 3, 16, True),
    "gray8-jpeg": (12_000, 8_400, 1, 8, False),
    "gray8": (32_000, 31_250, 1, 8, False),
}
"""Width, height, bands, bits, and whether it is tiled."""


def make_scan(kind: str, path: Path, side: int | None = None) -> None:
    """Write a scan of this kind; if `side` is given, a square one of that size."""
    width, height, bands, bits, tiled = KINDS[kind]
    width, height = (side, side) if side else (width, height)
    rows, columns = np.mgrid[0:512, 0:512] / 512 * 2 * np.pi
    wave = 0.5 + 0.2 * np.sin(rows) + 0.2 * np.cos(2 * columns)
    noisy = wave + np.random.default_rng(0).normal(0, 0.02, wave.shape)
    top, kinds = (255, np.uint8) if bits == 8 else (65535, np.uint16)
    tile = np.repeat((noisy.clip(0, 1) * top).astype(kinds)[..., None], bands, axis=2)
    image = pyvips.Image.new_from_array(np.ascontiguousarray(tile))
    image = image.replicate(-(-width // 512), -(-height // 512)).crop(0, 0, width, height)
    names = {(1, 8): "b-w", (1, 16): "grey16", (3, 8): "srgb", (3, 16): "rgb16"}
    image = image.copy(interpretation=names[bands, bits])
    if path.suffix == ".jpg":
        image.jpegsave(str(path), Q=90)
    else:
        image.tiffsave(str(path), bigtiff=True, tile=tiled, tile_width=256, tile_height=256)


def suffix(kind: str) -> str:
    """Return the extension of scans of this kind."""
    return ".jpg" if kind.endswith("jpeg") else ".tif"


def resident_mib(field: str) -> float:
    """Return `VmRSS` or `VmHWM` (its peak) of this process in MiB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) / 1024
    raise SystemExit(f"/proc/self/status has no {field}")


def color_one(folder: Path, key: str, context: WorkerContext, ref: ModelRef) -> dict[str, float]:
    """Color one picture of a folder; return its seconds by phase."""
    source = LocalStore(folder)
    info = source.head(key)
    asset = Asset(source.uri, key, "still", info.size_bytes, info.etag)
    (result,) = color_batch(context, [still(asset, key, Options(), ref)], 1)
    if result.record is None:
        raise SystemExit(f"{key}: {result.error}")
    return dict(result.record.seconds)


def measure(folder: Path, kind: str) -> None:
    """Color the small and the large scan of a folder in this process and print a row."""
    ref = resolve("lite")
    colorizer = load_colorizer(ref, threads=1)
    source = LocalStore(folder)
    context = WorkerContext(
        LocalStore(folder / "color"), lambda _: source, Colorizers(lambda _: colorizer), ref, "here"
    )
    color_one(folder, f"small{suffix(kind)}", context, ref)
    before = resident_mib("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # resets VmHWM
    wall, cpu = time.monotonic(), cpu_seconds()
    large = f"large{suffix(kind)}"
    seconds = color_one(folder, large, context, ref)
    wall, cpu = time.monotonic() - wall, cpu_seconds() - cpu
    width, height, bands, bits, tiled = KINDS[kind]
    phases = ", ".join(f"{name} {value:.1f}" for name, value in seconds.items())
    out = (folder / "color" / large).stat().st_size / 1e6
    print(
        f"| {kind} | {width} x {height} x {bands}, {bits} bit, {'tiles' if tiled else suffix(kind)}"
        f" | {before:.0f} | {resident_mib('VmHWM') - before:.0f} | {phases} | {wall:.0f}"
        f" | {cpu:.0f} | {out:.0f} |",
        flush=True,
    )


def cpu_seconds() -> float:
    """Return the CPU seconds of all threads of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kinds", nargs="+", choices=sorted(KINDS), default=list(KINDS))
    parser.add_argument("--folder", type=Path, help="for the scans; needs 6 GB for a gigapixel")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(options.folder, options.measure)
        return
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True
    ).stdout.strip()
    print(f"commit {commit}, {platform.machine()}, {os.cpu_count()} cores")
    print("| kind | scan | model MiB | peak over it, MiB | seconds | wall | CPU | output MB |")
    print("|---|---|--:|--:|---|--:|--:|--:|", flush=True)
    for kind in options.kinds:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            make_scan(kind, Path(folder, f"large{suffix(kind)}"))
            make_scan(kind, Path(folder, f"small{suffix(kind)}"), SMALL)
            Path(folder, "color").mkdir()
            command = [sys.executable, __file__, "--folder", folder, "--measure", kind]
            subprocess.run(command, cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
