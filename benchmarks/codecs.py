"""Compare the CPU time of decoding and encoding with the ffmpeg command.

    python benchmarks/codecs.py [--heights 480 1080] [--frames 240] [--rounds 3]

Decodes and encodes the enlarged demo film with the worker's segment decoder and part writer (luma
untouched, no colors), and with `ffmpeg`, which must be installed, with the same encoder, options
and threads. Each runs in its own process, alternating. Prints CPU seconds per 1000 frames. The
libraries differ: PyAV's wheel has its own libavcodec and libx264.
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from pipeline import ENCODERS, PROFILES, ROOT, enlarge

from colorworker.domain.options import Options
from colorworker.media.codecs.decode import decode_segment
from colorworker.media.codecs.encode import PartWriter
from colorworker.media.codecs.profiles import encoder_for
from colorworker.media.containers.probe import scan


def recode(film: Path, part: Path, profile: str) -> None:
    """Decode and encode the film the way the worker does."""
    with film.open("rb") as reader:
        info, timeline = scan(reader, film.name)
        spec = encoder_for(film.name, info, Options(profile=profile), ".mkv")
        reader.seek(0)
        frames = decode_segment(reader, film.name, info, timeline, int(timeline.pts[0]), None)
        with PartWriter(part, spec, info, timeline) as writer:
            for frame in frames:
                writer.encode(frame)


def ours(film: Path, part: Path, profile: str) -> list[str]:
    return [sys.executable, __file__, "--one", str(film), str(part), profile]


def theirs(film: Path, part: Path, profile: str) -> list[str]:
    with film.open("rb") as reader:
        info, _ = scan(reader, film.name)
    spec = encoder_for(film.name, info, Options(profile=profile), ".mkv")
    options = [word for name, value in spec.options.items() for word in (f"-{name}", value)]
    return [
        *("ffmpeg", "-v", "error", "-y", "-threads", "4", "-i", str(film), "-an"),
        *("-c:v", spec.codec, "-threads", str(spec.threads), "-pix_fmt", spec.pix_fmt),
        *("-g", str(spec.gop_size), *options, str(part)),
    ]


def cpu_of(command: list[str]) -> float:
    process = subprocess.Popen(command, cwd=ROOT)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{command[0]} ended with {os.waitstatus_to_exitcode(status)}")
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--heights", type=int, nargs="+", default=[480, 1080])
    parser.add_argument("--frames", type=int, default=240)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        recode(Path(arguments.one[0]), Path(arguments.one[1]), arguments.one[2])
        return
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True
    ).stdout.strip()
    print(f"commit {commit}, {platform.machine()}, {os.cpu_count()} cores; CPU s per 1000 frames\n")
    print("| size | encoder | ours | start of Python | ffmpeg | ours without start / ffmpeg |")
    print("|---|---|---|---|---|---|", flush=True)
    scale = 1000 / arguments.frames
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tiny = enlarge(folder / "tiny.mkv", 64, 2)
        for height in arguments.heights:
            film = enlarge(folder / f"{height}.mkv", height, arguments.frames)
            for profile in PROFILES:
                part, other = folder / "ours.nut", folder / "theirs.nut"
                taken = [
                    (
                        cpu_of(ours(film, part, profile)),
                        cpu_of(ours(tiny, part, profile)),
                        cpu_of(theirs(film, other, profile)),
                    )
                    for _ in range(arguments.rounds)
                ]
                mine, start, command = (
                    statistics.median(column) for column in zip(*taken, strict=True)
                )
                cells = [f"{height}p", ENCODERS[profile]]
                cells += [f"{value * scale:.1f}" for value in (mine, start, command)]
                cells.append(f"{(mine - start) / command:.2f}")
                print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
