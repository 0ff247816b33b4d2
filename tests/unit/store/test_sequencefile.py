"""A sequence as one QuickTime file, as libav reads it."""

from fractions import Fraction

import av
import numpy as np
import pytest

from colorworker.domain.sequences import sequence_version
from colorworker.errors import SourceChanged
from colorworker.store.local import LocalStore
from colorworker.store.sequencefile import open_version, version_info
from tests.sequences import write_sequence

RATE = Fraction(24000, 1001)


def opened(folder, key, etag=None, rate=RATE):
    return open_version(LocalStore(folder), key, etag=etag, version=sequence_version(rate))


def luma_of(reader):
    with av.open(reader) as film:
        return [frame.to_ndarray(format="gray") for frame in film.decode(video=0)]


def test_libav_reads_all_frames_at_their_exact_times(tmp_path):
    written = write_sequence(tmp_path, 5, first=98)

    with opened(tmp_path, "scan_%04d.png") as reader, av.open(reader) as film:
        stream = film.streams.video[0]
        frames = list(film.decode(stream))
        assert stream.average_rate == RATE

    assert [frame.pts * frame.time_base for frame in frames] == [n / RATE for n in range(5)]
    for frame, codes in zip(frames, written, strict=True):
        assert np.array_equal(frame.to_ndarray(), codes)


def test_the_frame_before_a_gap_is_shown_longer(tmp_path):
    write_sequence(tmp_path, 5)
    (tmp_path / "scan_0003.png").unlink()

    with opened(tmp_path, "scan_%04d.png", rate=Fraction(24)) as reader, av.open(reader) as film:
        times = [packet.pts for packet in film.demux(video=0) if packet.size]

    assert times == [0, 1, 3, 4]


def test_any_range_can_be_read(tmp_path):
    write_sequence(tmp_path, 3)
    with opened(tmp_path, "scan_%04d.png") as reader:
        whole = reader.read()

        for start, length in [(0, 10), (600, 700), (len(whole) - 5, 50)]:
            reader.seek(start)
            assert reader.read(length) == whole[start : start + length]

    assert whole.endswith((tmp_path / "scan_0003.png").read_bytes())


@pytest.mark.parametrize("change", ["edited", "added", "removed"])
def test_a_sequence_that_has_changed_since_it_was_listed_is_refused(tmp_path, change):
    write_sequence(tmp_path, 4)
    version = sequence_version(RATE)
    etag = version_info(LocalStore(tmp_path), "scan_%04d.png", version).etag

    if change == "removed":
        (tmp_path / "scan_0004.png").unlink()
    else:
        name = "scan_0002.png" if change == "edited" else "scan_0005.png"
        (tmp_path / name).write_bytes(b"other")

    with pytest.raises(SourceChanged, match="frames were added, removed or changed"):
        opened(tmp_path, "scan_%04d.png", etag)
    assert version_info(LocalStore(tmp_path), "scan_%04d.png", version).etag != etag
