"""Films of every profile and codec, joined from parts, keep every frame's time."""

from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest

from colorworker.domain.options import Options
from colorworker.media.containers.lostmetadata import lost_picture_tags
from colorworker.media.containers.probe import scan
from colorworker.media.filetypes import film_output_extension

UNEVEN = [7 + index * 33 + index % 3 * 5 for index in range(24)]
"""pts in milliseconds; the film starts late."""
CHOICES = [
    ("access", "h264", ".mp4", "yuv422p10le", "h264", "yuv422p10le"),
    ("access", "hevc", ".mkv", "yuv420p12le", "hevc", "yuv420p12le"),
    ("access", "hevc", ".mov", "yuv422p", "hevc", "yuv422p"),
    ("access", "av1", ".mp4", "yuv420p10le", "av1", "yuv420p10le"),
    ("access", "av1", ".mov", "gray", "av1", "yuv420p"),
    ("mezzanine", "prores", ".mkv", "yuv420p", "prores", "yuv422p10le"),
    # libav decodes all ProRes 4444 as 12 bits.
    ("mezzanine", "prores", ".mp4", "yuv444p10le", "prores", "yuv444p12le"),
    ("mezzanine", "dnxhr", ".mkv", "gray", "dnxhd", "yuv422p10le"),
    ("mezzanine", "dnxhr", ".mov", "yuv444p", "dnxhd", "yuv444p10le"),
    ("archive", None, ".mov", "yuv411p", "ffv1", "yuv411p"),
]


@pytest.mark.parametrize(
    ("profile", "codec", "source", "pix_fmt", "written", "written_as"), CHOICES
)
def test_parts_of_every_codec_join_into_a_film_with_the_sources_times(
    profile, codec, source, pix_fmt, written, written_as, film, joined
):
    path = film(
        "film.mkv",
        codec="ffv1",
        gop_size=1,
        width=256,
        height=128,
        frames=24,
        pix_fmt=pix_fmt,
        pts=UNEVEN,
        time_base=Fraction(1, 1000),
    )
    made = joined(
        path,
        film_output_extension(source, profile, codec),
        segment_frames=9,
        profile=profile,
        codec=codec,
        preset="veryfast",
    )

    result = made.assemble()

    with made.output.open("rb") as reader:
        info, timeline = scan(reader, made.output.name)
    np.testing.assert_allclose(timeline.pts * float(timeline.time_base) * 1000, UNEVEN, atol=1e-6)
    assert (info.codec, info.pix_fmt) == (written, written_as)
    assert result.warnings == ()


def test_hevc_in_mp4_has_the_tag_that_apple_players_require(film, joined):
    made = joined(film("film.mp4"), ".mp4", profile="access", codec="hevc", preset="ultrafast")

    made.assemble()

    with av.open(str(made.output)) as container:
        assert container.streams.video[0].codec_tag == "hvc1"


@pytest.mark.parametrize("codec", ["h264", "hevc", "av1"])
def test_access_films_keep_mastering_display_and_content_light(codec, film, joined):
    made = joined(film("film.mp4", frames=12), ".mp4", profile="access", codec=codec)
    display = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"
    made.info = replace(made.info, mastering_display=display, content_light="1000,400")
    made.spec = made.encoder(Options(codec=codec, preset="veryfast"))

    made.assemble()

    with made.output.open("rb") as reader:
        info, _ = scan(reader, made.output.name)
    assert (info.mastering_display, info.content_light) == (display, "1000,400")


@pytest.mark.parametrize("place", ["left", "center", "topleft"])
@pytest.mark.parametrize(
    ("profile", "codec", "extension"),
    [("access", "h264", ".mp4"), ("access", "hevc", ".mkv"), ("archive", None, ".mkv")],
)
def test_the_chroma_location_is_kept(place, profile, codec, extension, film, joined):
    source = film("film.mkv", frames=4, options={"chroma_sample_location": place})
    made = joined(source, extension, profile=profile, codec=codec, preset="ultrafast")

    made.assemble()

    with made.output.open("rb") as reader:
        info, _ = scan(reader, made.output.name)
    assert made.info.chroma_location == place
    assert info.chroma_location == place


@pytest.mark.parametrize(
    ("codec", "lost"), [("prores", ("mov does not keep the film's color range",)), (None, ())]
)
def test_changed_color_tags_are_reported(codec, lost, film, joined):
    source = film(
        "film.mkv", codec="ffv1", gop_size=1, width=256, height=128, frames=4, color_range=2
    )
    made = joined(source, ".mov", profile="mezzanine", codec=codec)

    assert made.assemble().warnings[1:] == lost


def test_reserved_codes_of_primaries_and_transfer_are_nothing_to_lose(film):
    path = film("film.mkv", frames=2)
    with path.open("rb") as reader:
        info, _ = scan(reader, path.name)

    silent = replace(info, color_primaries=0, color_trc=0)
    lost = replace(info, color_primaries=9, color_trc=16)

    assert lost_picture_tags(silent, path, "matroska") == []
    assert lost_picture_tags(lost, path, "matroska") == [
        "matroska does not keep the film's primaries",
        "matroska does not keep the film's transfer",
    ]


@pytest.mark.parametrize(("of_film", "warned"), [(True, False), (False, True)])
def test_a_time_of_creation_that_tracks_repeat_from_the_film_is_not_lost(
    of_film, warned, film, joined
):
    path = film("film.mp4", frames=4, metadata={"creation_time": "2016-06-26T07:04:43.000000Z"})
    if not of_film:
        data = bytearray(path.read_bytes())
        at = data.index(b"mvhd") + 8
        data[at : at + 4] = bytes(4)
        path.write_bytes(data)

    warnings = joined(path, ".mkv", profile="archive").assemble().warnings

    assert any("creation_time" in warning for warning in warnings) == warned
