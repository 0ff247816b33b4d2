"""Compare the estimate of a dry run with the time that the job then takes, for 30 mixed items.

    python benchmarks/estimate.py [--archive FOLDER] [--executors local ray] [--profile access]
        [--workers N]

Makes twenty pictures (JPEG, PNG, TIFF, 8 and 16 bits, 0.3 to 12 megapixels) and ten films (H.264,
MPEG-2 and FFV1, 360p to 1080p, 2 to 8 s) from the demo archive and adds grain, because enlarged
pictures have none. They share nothing else with the material that calibration uses. Then it runs
`colorize --dry-run --calibrate` in one process and `colorize` in another. The table comes from the
state of the run, which holds the estimate and the time taken.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pyvips

ROOT = Path(__file__).parents[1]
PHOTOGRAPHS = sorted((ROOT / "docs/demo/photographs").iterdir())
REEL = ROOT / "docs/demo/reels/big-buck-bunny.mp4"
GRAIN = 3.0
"""Standard deviation of the grain, in 8-bit codes."""
STILLS = [
    (suffix, megapixels)
    for suffix in (".jpg", ".png", ".tif", ".16.tif")
    for megapixels in (0.3, 1, 3, 6, 12)
]
FILMS = [
    ("libx264", "yuv420p", 360, 192),
    ("libx264", "yuv420p", 480, 144),
    ("libx264", "yuv420p", 720, 96),
    ("libx264", "yuv420p", 1080, 48),
    ("mpeg2video", "yuv420p", 480, 120),
    ("mpeg2video", "yuv420p", 576, 96),
    ("mpeg2video", "yuv420p", 720, 48),
    ("ffv1", "gray", 480, 120),
    ("ffv1", "yuv422p10le", 576, 72),
    ("ffv1", "gray", 720, 48),
]


def make_archive(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, (suffix, megapixels) in enumerate(STILLS):
        photograph = pyvips.Image.new_from_file(str(PHOTOGRAPHS[number % len(PHOTOGRAPHS)]))
        gray = photograph.colourspace("b-w").extract_band(0).cast("uchar")
        scale = (megapixels * 1e6 / (gray.width * gray.height)) ** 0.5
        large = gray.resize(scale, kernel="lanczos3")
        grain = pyvips.Image.gaussnoise(large.width, large.height, sigma=GRAIN, mean=0, seed=number)
        large = (large + grain).cast("uchar")
        if suffix == ".16.tif":
            large = (large * 257).cast("ushort").copy(interpretation="grey16")
        large.write_to_file(str(folder / f"{number:02d}{suffix}"))
    for number, film in enumerate(FILMS):
        make_reel(folder / f"{number:02d}.mkv", *film)


def make_reel(target: Path, codec: str, pix_fmt: str, height: int, frames: int) -> None:
    """Write the demo reel, without color, in another codec and size, starting at another frame."""
    rng = np.random.default_rng(height)
    with av.open(str(REEL)) as source, av.open(str(target), "w") as output:
        video = source.streams.video[0]
        width = round(video.width * height / video.height / 2) * 2
        stream = output.add_stream(codec, rate=Fraction(24))
        stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
        stream.codec_context.gop_size = 1 if codec == "ffv1" else 24
        if codec == "libx264":
            stream.codec_context.options = {"crf": "18", "preset": "veryfast"}
        if codec == "mpeg2video":
            stream.codec_context.bit_rate = round(0.6 * width * height * 24)
        for index, frame in enumerate(islice(_repeated(source), frames)):
            codes = frame.reformat(width, height, "gray").to_ndarray()
            grain = GRAIN * rng.standard_normal(codes.shape, np.float32)
            codes = np.clip(codes + grain, 0, 255).astype(np.uint8)
            gray = av.VideoFrame.from_ndarray(codes, "gray").reformat(format=pix_fmt)
            gray.pict_type, gray.pts, gray.time_base = 0, index, Fraction(1, 24)
            output.mux(stream.encode(gray))
        output.mux(stream.encode(None))


def _repeated(source):
    while True:
        source.seek(0)
        yield from source.decode(video=0)


def colorize(archive: Path, destination: Path, executor: str, *options: str) -> None:
    command = [
        sys.executable, "-m", "colorworker", "colorize", str(archive), str(destination),
        "--executor", executor, *options,
    ]  # fmt: skip
    subprocess.run(command, cwd=ROOT, check=True, stdout=sys.stderr)


def row(destination: Path, executor: str) -> str:
    (state,) = (destination / ".colorworker/jobs").glob("*/runs/*.json")
    run = json.loads(state.read_bytes())
    found = run["comparison"]
    seconds, took = found["expected_seconds"], found["seconds"]
    cells = [executor, f"{seconds:.0f}", f"{took:.0f}", f"{took / seconds:.2f}"]
    cells += [f"{found[name] / 1e6:.1f}" for name in ("expected_bytes", "bytes_out")]
    return f"| {' | '.join([*cells, str(run['counts']['items_done'])])} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--archive", type=Path, help="existing archive, or where to make it")
    parser.add_argument("--executors", nargs="+", default=["local"])
    parser.add_argument("--profile", default="access")
    parser.add_argument("--workers", type=int, help="default: as in jobs")
    arguments = parser.parse_args()
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True
    ).stdout.strip()
    print(f"commit {commit}, {platform.machine()}, {os.cpu_count()} cores, {arguments.profile}\n")
    print("| run by | expected s | took s | ratio | expected MB | wrote MB | items |")
    print(f"|{'---|' * 7}", flush=True)
    with tempfile.TemporaryDirectory() as name:
        archive = arguments.archive or Path(name) / "archive"
        if not archive.exists():
            make_archive(archive)
        for executor in arguments.executors:
            destination = Path(name) / executor
            options = ["--profile", arguments.profile]
            options += ["--workers", str(arguments.workers)] if arguments.workers else []
            colorize(archive, destination, executor, "--dry-run", "--calibrate", *options)
            colorize(archive, destination, executor, "--quiet", *options)
            print(row(destination, executor), flush=True)


if __name__ == "__main__":
    main()
