"""Jobs on films with several video streams, and on films that are mostly damaged."""

import av
import pytest

from colorworker.domain.options import Options
from colorworker.media.synthetic import Recipe, make_film
from colorworker.store.local import LocalStore
from tests.filmmatrix import scan_and_decode
from tests.jobharness import run_toy_job
from tests.unit.media.containers.test_maintrack import ANGLE, FILM, joined_tracks

OPTIONS = {"profile": "archive", "segment_frames": 8, "anchor_interval": 3, "settle_anchors": 1}


def job_line(tmp_path, *, options=None, **settings):
    chosen = Options(**OPTIONS, **(options or {}))
    outputs = LocalStore(tmp_path / "outputs")
    (line,) = run_toy_job(tmp_path / "sources", outputs, chosen, **settings).values()
    return line


@pytest.fixture
def sources(tmp_path):
    folder = tmp_path / "sources"
    folder.mkdir()
    return folder


@pytest.mark.parametrize(("asked", "colored"), [(None, 0), (0, 0), (1, 1)])
def test_the_chosen_stream_is_colored(asked, colored, sources, tmp_path):
    path = joined_tracks(tmp_path / "film.mkv", FILM, ANGLE)
    path.rename(sources / "film.mkv")

    line = job_line(tmp_path, options={"video_stream": asked})

    assert [stream.fate for stream in line.streams] == [
        "colored" if index == colored else "copied" for index in range(2)
    ]
    film = scan_and_decode(tmp_path / "outputs" / line.output_key)
    assert (film.info.width, film.info.height) == [(64, 48), (80, 48)][colored]
    assert len(film.lumas) == 20


def test_a_stream_that_does_not_exist_fails_the_film_by_its_index(sources, tmp_path):
    make_film(sources / "film.mkv", FILM)

    line = job_line(tmp_path, options={"video_stream": 3})

    assert line.outcome == "failed"
    assert "its stream 3 is not video (video streams: 0)" in line.error


@pytest.mark.parametrize("accepted", [False, True])
def test_a_film_of_which_most_frames_are_damaged_fails_unless_that_is_accepted(
    accepted, sources, tmp_path
):
    path = make_film(sources / "film.mkv", Recipe(codec="mpeg4", frames=24, gop_size=12))
    with av.open(str(path)) as container:
        packets = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    data = path.read_bytes()
    for packet in packets[1:]:
        half = len(packet) // 2
        data = data.replace(packet, packet[:half] + bytes(len(packet) - half))
    path.write_bytes(data)

    line = job_line(tmp_path, repeat_damaged=accepted)

    if accepted:
        assert line.error == ""
        assert any("are damaged in the source" in said for said in line.warnings)
    else:
        assert line.outcome == "failed"
        assert "of 24 frames are damaged; it may be encrypted" in line.error
        assert "COLORWORKER_MEDIA__REPEAT_DAMAGED=true" in line.error
