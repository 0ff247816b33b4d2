"""A film is hashed while it is scanned; a remote file is read once."""

import hashlib
import io
import os

import numpy as np
import pytest

from colorworker.media.containers.probe import scan
from colorworker.media.synthetic import Recipe, make_film
from colorworker.pipeline.hashing import HashingReader, open_rereadable
from colorworker.store.blockreader import BlockReader

DATA = np.random.default_rng(0).bytes(5000)
READS = {
    "nothing": [],
    "from start to end": [(0, 5000)],
    "in pieces": [(start, 100) for start in range(0, 5000, 100)],
    "the end first": [(4900, 100), (0, 5000)],
    "beginning, index, then on": [(0, 64), (4000, 1000), (48, 2000), (2048, 3000)],
    "with gaps": [(0, 10), (20, 10), (5, 10), (400, 5000)],
    "beyond the end": [(0, 100), (6000, 10)],
}


class Counted(io.BytesIO):
    got = 0

    def read(self, size=-1):
        data = super().read(size)
        self.got += len(data)
        return data


@pytest.mark.parametrize("reads", READS.values(), ids=READS.keys())
def test_the_hash_covers_the_whole_file_whatever_was_read(reads):
    reader = HashingReader(Counted(DATA))

    for offset, size in reads:
        assert reader.seek(offset) == offset
        assert reader.read(size) == DATA[offset : offset + size]
        assert reader.tell() == min(offset + size, max(offset, len(DATA)))

    assert reader.sha256() == hashlib.sha256(DATA).hexdigest()
    assert reader.sha256() == hashlib.sha256(DATA).hexdigest()


def test_seeking_relative_to_the_position_and_the_end_works():
    reader = HashingReader(io.BytesIO(DATA))

    assert reader.seek(-10, os.SEEK_END) == 4990
    assert reader.read() == DATA[-10:]


@pytest.mark.parametrize("form", ["mp4", "mp4 faststart", "mkv", "avi"])
def test_a_scanned_film_is_hashed_without_being_read_again(tmp_path, form):
    extension, _, movflags = form.partition(" ")
    recipe = Recipe(
        codec="mjpeg", pix_fmt="yuvj420p", width=320, height=240, frames=200,
        container_options={"movflags": movflags} if movflags else {},
    )  # fmt: skip
    data = make_film(tmp_path / f"film.{extension}", recipe).read_bytes()
    inner = Counted(data)
    reader = HashingReader(inner)

    scan(reader.as_file(), "film")
    scanned = inner.got

    assert reader.sha256() == hashlib.sha256(data).hexdigest()
    assert inner.got - scanned <= 0.05 * len(data) + 1000


def test_a_remote_file_is_read_once_however_often_it_is_used(tmp_path):
    data = DATA * (1 + (17 << 20) // len(DATA))
    ranges = []

    def read_range(offset, length):
        ranges.append((offset, length))
        return data[offset : offset + length]

    reader = BlockReader(read_range, len(data), name="scan.tif", cache_bytes=1 << 20)
    with open_rereadable(reader, tmp_path) as (held, sha256):
        assert held.read() == data
        held.seek(0)
        assert held.read() == data
        assert sha256 == hashlib.sha256(data).hexdigest()

    assert sum(length for _, length in ranges) == len(data)
    assert list(tmp_path.iterdir()) == []


def test_a_local_file_is_not_copied(tmp_path):
    path = tmp_path / "scan.tif"
    path.write_bytes(DATA)

    with path.open("rb") as file, open_rereadable(file, tmp_path) as (held, sha256):
        assert held is file
        assert (held.read(), sha256) == (DATA, hashlib.sha256(DATA).hexdigest())
