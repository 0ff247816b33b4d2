"""Check that memory does not grow with a film's length: peak memory of a short and a long film.

    python benchmarks/memory.py [--seconds 10 300] [--film docs/demo/reels/big-buck-bunny.mp4]
        [--workers 1]

Each film is the given one, repeated by stream copy. Memory is the sum over all processes of a job,
looked at ten times a second. One worker by default: a film of one segment keeps only one busy.
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import av
from command import peak_of

ROOT = Path(__file__).parents[1]


def repeat(source: Path, target: Path, seconds: float) -> int:
    """Repeat the source's video stream until it lasts `seconds`; return the number of frames."""
    frames = 0
    offset = 0
    with av.open(str(target), "w") as output:
        stream = None
        while True:
            with av.open(str(source)) as film:
                video = film.streams.video[0]
                if stream is None:
                    stream = output.add_stream_from_template(video)
                end = offset
                for packet in film.demux(video):
                    if packet.size == 0:
                        continue
                    packet.pts += offset
                    packet.dts += offset
                    end = max(end, packet.pts + packet.duration)
                    packet.stream = stream
                    output.mux(packet)
                    frames += 1
                offset = end
                if offset * Fraction(video.time_base) >= seconds:
                    return frames


def peak_mib(film: Path, destination: Path, workers: int) -> tuple[float, float]:
    """Colorize the film; return the peak memory of all processes in MiB, and wall seconds."""
    command = [sys.executable, "-m", "colorworker", "colorize", str(film), str(destination)]
    command += ["--workers", str(workers), "--quiet"]
    start = time.monotonic()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    peak = peak_of(process)
    if process.returncode:
        raise SystemExit(f"the job on {film} ended with {process.returncode}")
    return peak, time.monotonic() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, nargs=2, default=(10.0, 300.0))
    parser.add_argument("--film", type=Path, default=ROOT / "docs/demo/reels/big-buck-bunny.mp4")
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True
    ).stdout.strip()
    print(f"commit {commit}, {platform.machine()}, {os.cpu_count()} cores")
    peaks = []
    with tempfile.TemporaryDirectory() as folder:
        for seconds in options.seconds:
            film = Path(folder, f"{seconds:g}s.mp4")
            frames = repeat(options.film, film, seconds)
            peak, wall = peak_mib(film, Path(folder, f"color-{seconds:g}"), options.workers)
            peaks.append(peak)
            print(
                f"{seconds:6g} s, {frames:6d} frames: peak {peak:7.0f} MiB, {wall:6.1f} s",
                flush=True,
            )
    print(f"long / short: {peaks[1] / peaks[0]:.3f}")


if __name__ == "__main__":
    main()
