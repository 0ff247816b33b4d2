"""Fixtures: films, their luma, and films colored with constant chroma from scan to assembly."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from colorworker.domain.label import Notice
from colorworker.domain.options import Options
from colorworker.domain.timeline import Timeline
from colorworker.domain.units import cut_timeline
from colorworker.domain.videoinfo import VideoInfo
from colorworker.media.codecs.decode import decode_segment
from colorworker.media.codecs.encode import PartWriter
from colorworker.media.codecs.profiles import EncoderSpec, encoder_for
from colorworker.media.containers.assemble import AssemblyResult, Part, assemble
from colorworker.media.containers.probe import scan
from colorworker.media.planes import chroma_shape, replace_chroma
from colorworker.media.synthetic import Recipe, make_film


@pytest.fixture
def film(tmp_path: Path) -> Callable[..., Path]:
    def make(name: str, **values: Any) -> Path:
        return make_film(tmp_path / name, Recipe(**values))

    return make


def luma_plane(frame: av.VideoFrame) -> np.ndarray:
    sample = np.uint16 if frame.format.components[0].bits > 8 else np.uint8
    plane = frame.planes[0]
    rows = np.frombuffer(plane, sample).reshape(plane.height, -1)
    return rows[:, : plane.width]


@pytest.fixture
def luma_hash() -> Callable[[av.VideoFrame], str]:
    return lambda frame: hashlib.sha256(luma_plane(frame).tobytes()).hexdigest()


@pytest.fixture
def shown(luma_hash) -> Callable[[Path], list[tuple[int | None, str]]]:
    def decode(path: Path) -> list[tuple[int | None, str]]:
        with av.open(str(path)) as container:
            return [(frame.pts, luma_hash(frame)) for frame in container.decode(video=0)]

    return decode


@pytest.fixture
def packets() -> Callable[[Path, str], list[bytes]]:
    def read(path: Path, kind: str) -> list[bytes]:
        with av.open(str(path)) as container:
            stream = next(stream for stream in container.streams if stream.type == kind)
            return [bytes(packet) for packet in container.demux(stream) if packet.size]

    return read


def colored(frame: av.VideoFrame, pix_fmt: str) -> av.VideoFrame:
    """Return the frame with constant chroma, written as a worker writes colors."""
    depth = frame.format.components[0].bits
    sample = np.uint16 if depth > 8 else np.uint8
    shape = chroma_shape(pix_fmt, frame.height, frame.width)
    cb, cr = (np.full(shape, code << (depth - 8), sample) for code in (100, 160))
    return replace_chroma(frame, cb, cr, pix_fmt)


class Joined:
    """Takes a film through scan, segments, parts and assembly."""

    def __init__(self, source: Path, extension: str, segment_frames: int, **options: Any) -> None:
        self.source = source
        self.output = source.with_name(f"out{extension}")
        self.segment_frames = segment_frames
        with source.open("rb") as reader:
            self.info, self.timeline = scan(reader, source.name)
        self.spec = self.encoder(Options(**options))

    info: VideoInfo
    timeline: Timeline
    spec: EncoderSpec

    def encoder(self, options: Options) -> EncoderSpec:
        return encoder_for(self.source.name, self.info, options, self.output.suffix)

    def parts(self) -> list[Part]:
        made = []
        for number, piece in enumerate(cut_timeline(self.timeline, self.segment_frames)):
            path = self.source.with_name(f"part-{number}")
            made.append(self.part(path, piece.start_pts, piece.end_pts, self.spec))
        return made

    def part(self, path: Path, start_pts: int, end_pts: int | None, spec: EncoderSpec) -> Part:
        with (
            self.source.open("rb") as reader,
            PartWriter(path, spec, self.info, self.timeline) as writer,
        ):
            for frame in decode_segment(
                reader, self.source.name, self.info, self.timeline, start_pts, end_pts
            ):
                writer.encode(colored(frame, spec.pix_fmt))
        return Part(lambda: path.open("rb"), writer.facts)

    def assemble(
        self, parts: list[Part] | None = None, notice: Notice | None = None
    ) -> AssemblyResult:
        with self.source.open("rb") as reader:
            return assemble(
                reader,
                self.source.name,
                self.parts() if parts is None else parts,
                self.output,
                self.info,
                self.timeline,
                self.spec,
                notice,
            )


@pytest.fixture
def joined() -> Callable[..., Joined]:
    def make(
        source: Path, extension: str = ".mkv", segment_frames: int = 10, **options: Any
    ) -> Joined:
        return Joined(source, extension, segment_frames, **({"profile": "archive"} | options))

    return make
