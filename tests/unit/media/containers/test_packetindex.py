"""In containers without reliable pts, frames are identified by packet and found by one seek."""

import pytest

from colorworker.domain.units import cut_timeline
from colorworker.media.codecs.decode import decode_segment
from colorworker.media.containers import seek
from colorworker.media.containers.probe import scan

OPEN_GOP = {"x264-params": "open-gop=1:bframes=3:b-pyramid=normal:scenecut=0"}

FILMS = {
    "mpeg1.mpg": {"codec": "mpeg1video", "b_frames": 2},
    "large.mpg": {
        "codec": "mpeg2video",
        "b_frames": 2,
        "width": 352,
        "height": 288,
        "options": {"qmin": "2", "qmax": "2"},
    },
    "mpeg2.vob": {"codec": "mpeg2video", "b_frames": 2},
    "mpeg2.ts": {"codec": "mpeg2video", "b_frames": 2},
    "mpeg4.avi": {"codec": "mpeg4", "b_frames": 2},
    "h264.avi": {"options": OPEN_GOP},
    "h264.mxf": {"options": OPEN_GOP},
    "h264.ts": {"options": OPEN_GOP},
    "h264.mpg": {"options": OPEN_GOP},
    "film.h264": {"options": OPEN_GOP},
    "film.m1v": {"codec": "mpeg1video", "b_frames": 2},
}


@pytest.fixture
def opened(monkeypatch):
    names = []
    real = seek.open_container

    def counting(reader, key, *options):
        names.append(key)
        return real(reader, key, *options)

    monkeypatch.setattr(seek, "open_container", counting)
    return names


@pytest.mark.parametrize("name", FILMS)
def test_every_segment_finds_its_frames_with_one_seek(name, film, shown, luma_hash, opened):
    path = film(name, **FILMS[name])
    with path.open("rb") as reader:
        info, timeline = scan(reader, name)
        pieces = cut_timeline(timeline, 10)

        frames = [
            (frame.pts, luma_hash(frame))
            for piece in pieces
            for frame in decode_segment(
                reader, name, info, timeline, piece.start_pts, piece.end_pts, lookahead=3
            )
            if piece.end_pts is None or frame.pts < piece.end_pts
        ]

    assert len(opened) == len(pieces) > 3
    assert [pts for pts, _ in frames] == timeline.pts.tolist()
    assert [luma for _, luma in frames] == [luma for _, luma in shown(path)]


def test_a_frame_not_found_by_its_anchor_is_decoded_from_the_start(film, shown, luma_hash, opened):
    path = film("film.ts", codec="mpeg2video", b_frames=2)
    with path.open("rb") as reader:
        info, timeline = scan(reader, path.name)
        timeline.stored.anchors[2, 2] += 1
        start = int(timeline.keyframes[2])
        frames = decode_segment(reader, path.name, info, timeline, start, None)
        lumas = [luma_hash(frame) for frame in frames]

    first = int(timeline.pts.searchsorted(start))
    assert lumas == [luma for _, luma in shown(path)][first:]
    assert len(opened) == 2
