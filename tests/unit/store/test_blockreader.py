"""The block reader: few requests, few extra bytes, bounded memory, correct bytes."""

import io
import random
import zlib

import av
import numpy as np
import pytest
import pyvips

from colorworker.errors import ColorworkerError, SourceChanged, StoreUnavailable
from colorworker.media.synthetic import Recipe, make_film
from colorworker.store.blockcache import BlockCache
from colorworker.store.blockreader import ATTEMPTS, BLOCK_BYTES, BlockReader

MIB = 1 << 20


class Remote:
    """Bytes with counted ranged reads, which can be made to break."""

    def __init__(self, data, spoil=lambda _, piece: piece):
        self.data = data
        self.ranges = []
        self._spoil = spoil

    def read_range(self, offset, length):
        self.ranges.append((offset, length))
        piece = self._spoil(len(self.ranges), self.data[offset : offset + length])
        self.sent = getattr(self, "sent", 0) + len(piece)
        return piece

    def reader(self, **options):
        self.pauses = []
        return BlockReader(
            self.read_range, len(self.data), name="film", sleep=self.pauses.append, **options
        )


def noise(size, seed=0):
    return np.random.default_rng(seed).bytes(size)


def test_a_block_reader_reads_and_seeks_like_a_file():
    data = noise(3 * MIB + 17)
    remote, file, choose = Remote(data), io.BytesIO(data), random.Random(1)
    reader = remote.reader(block_bytes=1 << 16, cache_bytes=5 << 16)

    for _ in range(400):
        place = choose.choice([(choose.randrange(len(data) + 9), 0), (-choose.randrange(99), 2)])
        size = choose.choice([0, 1, 1000, 70_000, 800_000])
        assert reader.seek(*place) == file.seek(*place)
        assert reader.read(size) == file.read(size)
        assert reader.tell() == file.tell()
    reader.seek(5)
    assert reader.read() == data[5:]
    assert reader.read(1) == b""


def test_blocks_are_read_on_demand_and_only_once():
    remote = Remote(noise(4 * MIB))
    reader = remote.reader()

    reader.seek(3 * MIB)
    assert remote.ranges == []
    reader.read(10)
    reader.seek(3 * MIB + 500)
    reader.read(10)

    assert remote.ranges == [(3 * MIB, BLOCK_BYTES)]


def test_a_known_first_block_is_not_read_again():
    data = noise(2 * BLOCK_BYTES)
    remote = Remote(data)

    assert remote.reader(first=data[:BLOCK_BYTES]).read() == data

    assert remote.ranges == [(BLOCK_BYTES, BLOCK_BYTES)]


def test_an_incomplete_first_block_is_read_again():
    data = noise(2 * MIB)
    remote = Remote(data)

    assert remote.reader(first=data[:1000]).read() == data

    assert remote.sent == len(data)


def test_sequential_reads_grow_up_to_a_limit():
    remote = Remote(noise(64 * MIB))
    reader = remote.reader()

    while reader.read(100_000):
        pass

    lengths = [length / MIB for _, length in remote.ranges]
    assert lengths[:-1] == sorted(lengths[:-1])
    assert (lengths[0] <= 1 / 4, max(lengths)) == (True, 4)
    assert len(lengths) <= 30
    assert remote.sent == len(remote.data)


@pytest.mark.parametrize("megabytes", [1, 3, 10, 20, 50])
def test_a_reader_that_stops_has_read_at_most_a_quarter_and_a_block_extra(megabytes):
    remote = Remote(noise(64 * MIB))
    reader = remote.reader()
    reader.seek(5 * MIB)

    for _ in range(megabytes * 10):
        reader.read(MIB // 10)

    assert remote.sent <= 1.25 * megabytes * MIB + MIB


def test_memory_stays_within_its_limit():
    remote = Remote(bytes(40 * MIB))
    reader = remote.reader(cache_bytes=4 * MIB)

    reader.readinto(bytearray(40 * MIB))

    assert max(length for _, length in remote.ranges) < 4 * MIB
    reader.seek(36 * MIB)
    before = len(remote.ranges)
    reader.read(4 * MIB)
    assert len(remote.ranges) == before
    reader.seek(0)
    reader.read(1)
    assert len(remote.ranges) == before + 1


def test_an_empty_object_needs_no_read():
    remote = Remote(b"")

    assert remote.reader().read() == b""
    assert remote.ranges == []


def test_after_a_broken_read_only_the_rest_is_requested():
    remote = Remote(noise(4 * MIB), lambda _, piece: piece[: len(piece) // 2 + 1])

    assert remote.reader(block_bytes=64).read(1000) == remote.data[:1000]

    assert len(remote.ranges) > 2 * 1000 / 8 / 64
    assert remote.sent < 1000 + 64


def test_data_that_never_arrives_is_a_retryable_error():
    remote = Remote(noise(MIB), lambda *_: b"")
    reader = remote.reader()

    with pytest.raises(StoreUnavailable) as said:
        reader.read(10)

    assert len(remote.ranges) == ATTEMPTS
    assert remote.pauses == sorted(remote.pauses)
    assert sum(remote.pauses) < 15
    assert said.value.retryable
    assert f"{BLOCK_BYTES} of {BLOCK_BYTES} bytes" in str(said.value)


def test_a_response_that_is_too_long_is_cut():
    remote = Remote(noise(MIB), lambda _, piece: piece + b"more")

    assert remote.reader().read() == remote.data


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """An MP4 of about 9 MB with its index at the end, as cameras write it."""
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    recipe = Recipe(
        codec="mjpeg", pix_fmt="yuvj420p", width=640, height=480, frames=400, options={"q": "2"},
        container_options={"movflags": "0"}, sound="aac", color_range=2,
    )  # fmt: skip
    data = make_film(path, recipe).read_bytes()
    assert data.rfind(b"moov") > len(data) // 2
    return data


def packets(reader, buffer_size=MIB):
    with av.open(reader, buffer_size=buffer_size) as container:
        return [
            (packet.stream.index, packet.pts, zlib.crc32(bytes(packet)))
            for packet in container.demux()
            if packet.size
        ]


def test_demuxing_a_film_reads_few_extra_bytes(film):
    remote = Remote(film)

    found = packets(remote.reader())

    assert found == packets(io.BytesIO(film))
    assert remote.sent <= 1.15 * len(film)
    assert len(remote.ranges) <= len(film) / MIB + 4


def test_demuxing_with_a_small_cache_reads_few_extra_bytes(film):
    remote = Remote(film)

    found = packets(remote.reader(cache_bytes=3 * MIB))

    assert found == packets(io.BytesIO(film))
    assert remote.sent <= 1.15 * len(film) + 2 * MIB
    assert len(remote.ranges) <= len(film) / MIB + 4


def test_a_film_is_demuxed_completely_although_reads_keep_breaking(film):
    choose = random.Random(3)
    remote = Remote(
        film, lambda number, piece: piece[: choose.randrange(len(piece))] if number % 2 else piece
    )

    assert packets(remote.reader()) == packets(io.BytesIO(film))


@pytest.mark.parametrize("form", ["mp4", "mp4 faststart", "mp4 frag_keyframe+empty_moov", "mkv"])
def test_a_film_that_changes_while_it_is_read_is_an_error(tmp_path, form):
    extension, _, movflags = form.partition(" ")
    recipe = Recipe(
        width=160, height=120, frames=200, gop_size=20,
        container_options={"movflags": movflags} if movflags else {},
    )  # fmt: skip
    data = make_film(tmp_path / f"film.{extension}", recipe).read_bytes()
    small = {"block_bytes": 2048, "cache_bytes": 8192}
    whole = Remote(data)
    packets(whole.reader(**small), 1024)

    def broken(after):
        def read_range(offset, length):
            nonlocal after
            after -= 1
            if after < 0:
                raise SourceChanged("film", "changed")
            return data[offset : offset + length]

        return BlockReader(read_range, len(data), name="film", **small)

    assert len(whole.ranges) > 5
    for after in range(len(whole.ranges)):
        with pytest.raises(ColorworkerError):
            packets(broken(after), 1024)


@pytest.mark.parametrize("extension", [".tif", ".png", ".jpg"])
def test_a_picture_is_read_in_blocks(extension):
    rng = np.random.default_rng(0)
    image = pyvips.Image.new_from_array(rng.integers(0, 255, (900, 1200), np.uint8))
    remote = Remote(image.write_to_buffer(extension))
    reader = remote.reader(block_bytes=1 << 16)

    source = pyvips.SourceCustom()
    source.on_read(reader.read)
    source.on_seek(reader.seek)
    read = pyvips.Image.new_from_source(source, "", access="sequential", fail_on="error")

    assert read.avg() == pyvips.Image.new_from_buffer(remote.data, "").avg()
    assert remote.sent <= 1.15 * len(remote.data) + (1 << 16)


def test_bytes_before_the_expected_end_come_in_large_reads_and_none_beyond_it():
    remote = Remote(noise(12 * MIB))
    reader = remote.reader()
    reader.seek(2 * MIB)

    reader.expect_end(8 * MIB + 1)
    while reader.tell() < 8 * MIB:
        reader.read(100_000)

    assert remote.ranges == [
        (2 * MIB, 4 * MIB), (6 * MIB, 2 * MIB + BLOCK_BYTES)
    ]  # fmt: skip
    reader.read(BLOCK_BYTES)
    assert remote.ranges[2:] == [(8 * MIB + BLOCK_BYTES, BLOCK_BYTES)]


def test_gaps_that_cost_less_than_a_request_do_not_end_a_sequence():
    remote = Remote(noise(32 * MIB))
    reader = remote.reader()

    for offset in range(0, 32 * MIB, 300_000):
        reader.seek(offset)
        reader.read(1000)

    assert len(remote.ranges) <= 32
    assert remote.sent <= len(remote.data)


def test_blocks_read_before_the_first_expected_end_are_passed_on():
    remote, cache = Remote(noise(8 * MIB)), BlockCache(MIB)

    def reader():
        return remote.reader(known=cache.get("film"), keep=lambda new: cache.add("film", new))

    for _ in range(2):
        opened = reader()
        for offset in (0, 7 * MIB):
            opened.seek(offset)
            assert opened.read(1000) == remote.data[offset : offset + 1000]
        opened.expect_end(4 * MIB)
        opened.seek(3 * MIB)
        opened.read(1000)

    assert [offset for offset, _ in remote.ranges] == [0, 7 * MIB, 3 * MIB, 3 * MIB]
    assert reader().read() == remote.data


def test_the_block_cache_evicts_the_least_recently_used_object():
    cache = BlockCache(100)
    cache.add("a", {0: bytes(40)})
    cache.add("b", {0: bytes(40)})
    cache.get("a")

    cache.add("c", {3: bytes(40)})
    cache.add("c", {4: bytes(10)})
    cache.add("d", {0: bytes(101)})

    assert cache.get("b") == cache.get("d") == {}
    cache.add("a", {1: bytes(60)})
    cache.add("c", {0: bytes(40)})
    assert cache.get("c") == {0: bytes(40)}
