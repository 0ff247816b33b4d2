"""PartWriter writes reproducible parts and refuses wrong frames."""

import hashlib

import av
import pytest

from colorworker.domain.options import Options
from colorworker.errors import OutputMismatch
from colorworker.media.codecs.decode import decode_segment
from colorworker.media.codecs.encode import PartWriter, reorder_depth
from colorworker.media.codecs.profiles import encoder_for
from colorworker.media.containers.probe import scan


def test_the_same_frames_make_the_same_archive_bytes(film, tmp_path):
    path = film("film.mp4", b_frames=2)
    digests = []
    for name in ("one", "two"):
        with path.open("rb") as reader:
            info, timeline = scan(reader, path.name)
            spec = encoder_for(path.name, info, Options(profile="archive"), ".mkv")
            with PartWriter(tmp_path / name, spec, info, timeline) as writer:
                for frame in decode_segment(reader, path.name, info, timeline, 0, None):
                    writer.encode(frame)
        with av.open(str(tmp_path / name)) as container:
            stored = b"".join(bytes(packet) for packet in container.demux(video=0))
        digests.append(hashlib.sha256(stored).hexdigest())

    assert digests[0] == digests[1]
    assert writer.facts.frame_count == 48


def test_parts_of_one_film_have_one_header_whatever_is_in_them(film, joined):
    made = joined(film("film.mp4", b_frames=2, frames=60), ".mp4", profile="access")

    facts = [part.facts for part in made.parts()]

    assert len({fact.extradata_sha256 for fact in facts}) == 1
    assert sum(fact.frame_count for fact in facts) == 60


def test_a_frame_of_another_format_is_refused_instead_of_converted(film, tmp_path):
    path = film("film.mkv", codec="ffv1", gop_size=1, pix_fmt="gray", frames=3)
    with path.open("rb") as reader:
        info, timeline = scan(reader, path.name)
        spec = encoder_for(path.name, info, Options(profile="archive"), ".mkv")
        frame = next(decode_segment(reader, path.name, info, timeline, 0, None))

        with (
            PartWriter(tmp_path / "part", spec, info, timeline) as writer,
            pytest.raises(OutputMismatch, match=r"gray.*instead of 64 x 48 yuv444p"),
        ):
            writer.encode(frame)


def test_an_abandoned_part_has_no_facts(film, tmp_path):
    path = film("film.mp4", frames=3)
    with path.open("rb") as reader:
        info, timeline = scan(reader, path.name)
    spec = encoder_for(path.name, info, Options(), ".mp4")
    writer = PartWriter(tmp_path / "part", spec, info, timeline)

    with pytest.raises(KeyboardInterrupt), writer:
        raise KeyboardInterrupt

    with pytest.raises(ValueError, match="not finished"):
        writer.facts  # noqa: B018


@pytest.mark.parametrize(
    ("stored", "depth"), [([0, 1, 2], 0), ([0, 3, 1, 2], 1), ([0, 4, 2, 1, 3], 2), ([], 0)]
)
def test_reorder_depth_is_the_largest_delay_of_a_packet(stored, depth):
    assert reorder_depth(stored) == depth
