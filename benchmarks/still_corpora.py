"""Run folders of other projects' test pictures through the pipeline, and print a table of outcomes.

    python benchmarks/still_corpora.py FOLDER... --log OUT [--seconds 60] [--most-bytes 20000000]

Every picture is read, colored, written as the format it has or as TIFF, and checked, by the units
of a job, in a child process with a time limit. A fixed function takes the place of the network,
which does not depend on the format. Pictures in color are colored too. A refused picture that
Pillow or libvips opens completely with at least 8 x 8 pixels is counted as refused wrongly, unless
the reason is one of `ACCEPTED`.

L* of every output is compared with that of its source as Pillow reads them, which does so with code
of its own for most formats that libvips does not decode. Differences are printed, for a person to
judge: JPEG is lossy, and Pillow ignores some profiles.

The log gets a line for every file; the refused ones are to be judged by a person. Files in it are
not run again, so that a run can be done in parts (`--minutes`). The table is made of the log.
"""

import argparse
import io
import json
import math
import select
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

ROOT = Path(__file__).parents[1]
COLUMNS = ("colored", "unsupported", "damaged", "too large", "no picture", "refused wrongly",
           "crash", "hang")  # fmt: skip
CODES = {
    "source_unsupported": "unsupported",
    "source_damaged": "damaged",
    "source_too_large": "too large",
}
LEAST_SIDE = 8
MOST_COMPARED = 250_000
"""Pixels whose L* is compared, in rows and columns at equal distances."""
MEAN_ROUNDING = 0.7
"""Mean difference of L* that 8-bit codes and JPEG explain."""
ACCEPTED = (
    "it is an animation",
    "signed integers",
    "FITS pictures",
    "brighter than 1.0",
    "in floating point",
    "not numbers",
    "more than 8 bits with subsampled colors",
    "needs at least 32 per side",
)
"""Reasons for which a picture may be refused although others open it: not photographs, or rare."""


def child() -> None:
    """Answer each line of stdin, a path, with a line of JSON."""
    from colorworker.domain.options import Asset, Options
    from colorworker.domain.units import still
    from colorworker.media.filetypes import (
        extension_of,
        kind_from_content,
        kind_from_name,
        still_output_extension,
    )
    from colorworker.pipeline.context import WorkerContext
    from colorworker.pipeline.stillbatch import color_batch
    from colorworker.store.local import LocalStore
    from tests.jobharness import TOY_MODEL
    from tests.toycolorizer import ToyColorizer

    options = Options(color_sources="recolor")
    for line in sys.stdin:
        path = Path(json.loads(line))
        kind = kind_from_name(path.name)
        if kind is None:
            with path.open("rb") as file:
                kind = kind_from_content(file.read(4096))
        if kind != "still":
            answer = {"outcome": "no picture", "why": str(kind)}
        else:
            source = LocalStore(path.parent)
            with tempfile.TemporaryDirectory() as folder:
                context = WorkerContext(
                    LocalStore(Path(folder) / "out"),
                    lambda _, source=source: source,
                    lambda _: ToyColorizer(),
                    TOY_MODEL,
                    "corpus",
                )
                info = source.head(path.name)
                asset = Asset(source.uri, path.name, "still", info.size_bytes, info.etag)
                suffix = still_output_extension(extension_of(path.name), "access")
                unit = still(asset, f"a{suffix}", options, TOY_MODEL)
                (result,) = color_batch(context, [unit], 1)
                luma = difference(path, Path(folder) / "out" / f"a{suffix}")
            why = result.error
            outcome = "colored"
            if result.outcome != "succeeded":
                outcome = CODES.get(result.error_code, result.error_code)
            answer = {"outcome": outcome, "why": why, "opens": False, "luma": luma}
            if outcome not in ("colored", "too large"):
                answer["opens"] = opened_by_others(path)
        print(json.dumps(answer), flush=True)


def opened_by_others(path: Path) -> str:
    """Return which of Pillow and libvips opens the file completely, and how; empty if none."""
    import pyvips
    from PIL import Image

    warnings.simplefilter("ignore")
    try:
        with Image.open(path) as image:
            frames = getattr(image, "n_frames", 1)
            image.load()
            if min(image.size) >= LEAST_SIDE:
                return f"Pillow {image.format} {image.mode} {image.size} {frames}"
    except Exception:  # noqa: BLE001 (such files raise anything)
        pass
    try:
        image = pyvips.Image.new_from_file(str(path), fail_on="error")
        image.avg()
        if min(image.width, image.height) >= LEAST_SIDE:
            return f"libvips {image.get('vips-loader')} {image.format} {image.interpretation}"
    except pyvips.Error:
        pass
    return ""


def difference(source: Path, output: Path) -> list[float] | None:
    """Return the mean and the largest difference of L* that Pillow sees; None if it cannot tell."""
    warnings.simplefilter("ignore")
    if not output.exists():
        return None
    try:
        first, second = lightness(source), lightness(output)
    except Exception:  # noqa: BLE001 (such files raise anything)
        return None
    if first.shape != second.shape:
        return [100.0, 100.0]
    apart = np.abs(first - second)[~np.isnan(first)]
    return [round(float(apart.mean()), 2), round(float(apart.max()), 2)] if apart.size else None


def lightness(path: Path) -> npt.NDArray[np.float64]:
    """Return L* of a picture, upright, as Pillow and Little CMS read it; NaN if fully transparent.

    Raises:
        Exception: Of any kind, if Pillow does not open it or cannot tell what its samples mean.
    """
    from PIL import Image, ImageCms, ImageOps

    with Image.open(path) as image:
        image.load()
        image = ImageOps.exif_transpose(image)
        step = math.ceil(math.sqrt(image.width * image.height / MOST_COMPARED))
        image = image.resize((image.width // step, image.height // step), Image.Resampling.NEAREST)
        profile = image.info.get("icc_profile")
        clear = np.asarray(image.convert("RGBA"))[..., 3] == 0 if is_transparent(image) else None
        if image.mode.startswith("I"):
            if profile:
                raise ValueError("Little CMS does not read such samples through Pillow")
            code = np.asarray(image, np.float64)[..., None] / 65535
        elif image.mode == "F":
            raise ValueError("samples without a known white")
        else:
            image = image.convert(image.mode if image.mode in ("L", "CMYK", "LAB") else "RGB")
            if profile:
                embedded = ImageCms.ImageCmsProfile(io.BytesIO(profile))
                srgb = ImageCms.createProfile("sRGB")
                intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
                image = ImageCms.profileToProfile(image, embedded, srgb, intent, outputMode="RGB")
            elif image.mode == "LAB":
                return np.asarray(image, np.float64)[..., 0] / 2.55
            code = np.asarray(image.convert("RGB"), np.float64) / 255
    linear = np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)
    weights = (0.2126, 0.7152, 0.0722) if code.shape[-1] == 3 else (1.0,)
    luminance = linear @ np.array(weights)
    found = np.where(luminance > 216 / 24389, 116 * np.cbrt(luminance) - 16, luminance * 24389 / 27)
    return found if clear is None else np.where(clear, np.nan, found)


def is_transparent(image: Any) -> bool:
    """Return whether a picture of Pillow may have transparent pixels."""
    return image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info


class Child:
    """A process that colors pictures, and is started again if it dies."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.process: subprocess.Popen | None = None

    def run(self, path: Path) -> dict:
        if self.process is None:
            self.process = subprocess.Popen(
                [sys.executable, __file__, "--child"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=ROOT,
                text=True,
            )
        self.process.stdin.write(json.dumps(str(path)) + "\n")
        self.process.stdin.flush()
        ready, _, _ = select.select([self.process.stdout], [], [], self.seconds)
        line = self.process.stdout.readline() if ready else ""
        if line:
            return json.loads(line)
        outcome = "crash" if ready else "hang"
        self.stop()
        return {"outcome": outcome, "why": outcome}

    def stop(self) -> None:
        if self.process:
            self.process.kill()
            self.process.communicate()
            self.process = None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--most-bytes", type=int, default=20_000_000)
    parser.add_argument("--minutes", type=float, default=1e9, help="stop after this time")
    parser.add_argument("--log", type=Path)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child()
        return
    end = time.monotonic() + arguments.minutes * 60
    worker = Child(arguments.seconds)
    known = read_log(arguments.log)
    left = 0
    with arguments.log.open("a") as log:
        for path in files_of(arguments.folders, arguments.most_bytes):
            if str(path) in known:
                continue
            if time.monotonic() > end:
                left += 1
                continue
            answer = worker.run(path)
            known[str(path)] = answer
            log.write(json.dumps({"path": str(path), "counted": counted(answer), **answer}) + "\n")
            log.flush()
    worker.stop()
    print_table(arguments.folders, known)
    print_differences(arguments.folders, known)
    if left:
        print(f"{left} files are left: run the same command again")


def read_log(path: Path) -> dict[str, dict]:
    """Return the answers of earlier runs, by the path of the file."""
    if not path.exists():
        return {}
    lines = (json.loads(line) for line in path.read_text().splitlines())
    return {line["path"]: line for line in lines}


def files_of(folders: list[Path], most_bytes: int) -> Iterator[Path]:
    """Yield the files of all folders that are neither empty nor too large."""
    for folder in folders:
        for path in sorted(folder.absolute().rglob("*")):
            if path.is_file() and 0 < path.stat().st_size <= most_bytes:
                yield path


def counted(answer: dict) -> str:
    """Return the column of the table in which a file is counted."""
    accepted = any(reason in answer["why"] for reason in ACCEPTED)
    if answer.get("opens") and not accepted:
        return "refused wrongly"
    return answer["outcome"] if answer["outcome"] in COLUMNS else "crash"


def print_table(folders: list[Path], known: dict[str, dict]) -> None:
    """Print a row for each folder and one for all of them."""
    print("| suite | files |", " | ".join(COLUMNS), "|")
    print("|---|--:|", "|".join(["--:"] * len(COLUMNS)), "|")
    total: Counter = Counter()
    for folder in folders:
        inside = f"{folder.absolute()}/"
        counts = Counter(counted(each) for path, each in known.items() if path.startswith(inside))
        total += counts
        print(row(folder.name, counts))
    print(row("**all**", total))


def print_differences(folders: list[Path], known: dict[str, dict]) -> None:
    """Print how many pictures Pillow compared, and those that differ by more than rounding."""
    for folder in folders:
        inside = f"{folder.absolute()}/"
        compared = {
            path.removeprefix(inside): each["luma"]
            for path, each in sorted(known.items())
            if path.startswith(inside) and each.get("luma")
        }
        print(f"{folder.name}: L* of {len(compared)} pictures compared")
        for path, (mean, most) in compared.items():
            if mean > MEAN_ROUNDING:
                print(f"  mean {mean}, at most {most}: {path}")


def row(name: str, counts: Counter) -> str:
    numbers = " | ".join(str(counts[column]) for column in COLUMNS)
    return f"| {name} | {counts.total()} | {numbers} |"


if __name__ == "__main__":
    main()
