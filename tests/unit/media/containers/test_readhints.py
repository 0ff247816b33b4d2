"""Readers are told how far a segment reads, and fetch little more than that."""

import io

import pytest

from colorworker.domain.units import cut_timeline
from colorworker.media.codecs.decode import decode_segment
from colorworker.media.containers import demux
from colorworker.media.containers.probe import scan
from colorworker.media.containers.readhints import hint_read_all, hint_read_end
from colorworker.media.synthetic import Recipe, make_film
from colorworker.store.blockreader import BlockReader

BLOCK = 1 << 10
LOOKAHEAD = 4


@pytest.mark.parametrize("form", ["mp4", "mp4 faststart", "mkv", "avi"])
def test_segments_read_little_more_than_their_frames(tmp_path, monkeypatch, form):
    monkeypatch.setattr(demux, "BUFFER_BYTES", BLOCK)
    extension, _, movflags = form.partition(" ")
    recipe = Recipe(
        codec="mjpeg", pix_fmt="yuvj420p", width=160, height=120, frames=240, color_range=2,
        options={"q": "2"}, sound="mp2" if extension == "avi" else "aac",
        container_options={"movflags": movflags} if movflags else {},
    )  # fmt: skip
    path = make_film(tmp_path / f"film.{extension}", recipe)
    data, sent = path.read_bytes(), []

    def read_range(offset, length):
        sent.append(length)
        return data[offset : offset + length]

    with path.open("rb") as reader:
        info, timeline = scan(reader, path.name)
    cuts = cut_timeline(timeline, 60)
    for each in cuts:
        reader = BlockReader(read_range, len(data), name=path.name, block_bytes=BLOCK)
        frames = decode_segment(
            reader, path.name, info, timeline, each.start_pts, each.end_pts, lookahead=LOOKAHEAD
        )
        assert sum(1 for _ in frames) in {60, 60 + LOOKAHEAD}

    ahead = (len(cuts) - 1) * (LOOKAHEAD + 8) / 240
    assert len(cuts) == 4
    headers = len(cuts) * 16 * BLOCK
    assert sum(sent) <= (1.1 + ahead) * len(data) + headers


def test_a_local_file_gets_no_hints_and_keeps_its_position():
    file = io.BytesIO(b"film")
    file.seek(2)

    hint_read_end(file, 3)
    hint_read_all(file)

    assert file.read() == b"lm"
