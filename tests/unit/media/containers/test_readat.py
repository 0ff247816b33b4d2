"""Offsets and errors that damaged films lead to."""

import io

import pytest
from av.error import InvalidDataError

from colorworker.errors import SourceDamaged
from colorworker.media.containers.demux import open_source
from colorworker.media.containers.readat import read_at
from colorworker.media.synthetic import Recipe, make_film


@pytest.mark.parametrize("offset", [-1, 9, 2**63 - 1, 2**63, 2**64, 2**70])
def test_nothing_is_read_where_no_file_can_be(offset):
    assert read_at(io.BytesIO(b"12345678"), offset, 4) == b""


def test_an_error_of_libav_while_a_source_is_read_is_one_of_the_source(tmp_path):
    path = make_film(tmp_path / "a.mkv", Recipe(frames=2))

    with (
        path.open("rb") as reader,
        pytest.raises(
            SourceDamaged, match=r"^a\.mkv: it cannot be read \(libav says: Invalid data"
        ),
        open_source(reader, "a.mkv"),
    ):
        raise InvalidDataError(1094995529, "Invalid data found when processing input")
