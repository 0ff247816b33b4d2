"""How a dry run shows a film."""

from fractions import Fraction

from colorworker.cli.dryrun_view import film_text
from colorworker.domain.options import Options
from colorworker.domain.segmentlist import FilmOutline, SegmentRun


def outline(**changes):
    values = {
        "codec": "mpeg2video",
        "pix_fmt": "yuv422p",
        "width": 720,
        "height": 576,
        "rate": Fraction(25),
        "frames": 492,
        "seconds": 19.68,
        "segments": 2,
        "cuts": (SegmentRun(1, 1, 0.0, 240), SegmentRun(2, 2, 9.6, 252)),
    }
    return FilmOutline(**(values | changes))


def words(options=Options(), **changes):  # noqa: B008 - frozen
    return list(film_text(outline(**changes), options))


def test_a_film_is_shown_with_the_times_of_its_segments():
    assert words() == [
        "00:00:19.680, 492 frames, 25 frames/s, 720 x 576, mpeg2video yuv422p",
        "2 segments of 240 to 252 frames:",
        "  1         from 00:00:00.000  240 frames",
        "  2         from 00:00:09.600  252 frames",
    ]


def test_many_segments_are_shown_in_few_lines():
    alike = words(
        segments=208, cuts=(SegmentRun(1, 207, 0.0, 240), SegmentRun(208, 208, 1987.2, 12))
    )
    uneven = tuple(SegmentRun(n, n, 10.0 * n, 240 + n) for n in range(1, 201))

    said = words(segments=200, cuts=uneven)

    assert alike[2:] == [
        "  1-207     from 00:00:00.000  240 frames each",
        "  208       from 00:33:07.200  12 frames",
    ]
    assert said[1] == "200 segments of 241 to 440 frames:"
    assert len(said) == 2 + 12
    assert said[-2] == "  ... 11 to 199 not shown"
    assert said[-1] == "  200       from 00:33:20.000  440 frames"


def test_all_rows_are_shown_if_they_fit():
    uneven = tuple(SegmentRun(n, n, 10.0 * n, 240 + n) for n in range(1, 13))

    assert len(words(segments=12, cuts=uneven)) == 2 + 12
    assert len(list(film_text(outline(cuts=uneven), Options(), 4))) == 2 + 4


def test_an_excerpt_is_shown_before_its_contents():
    said = words(Options(excerpt=(520, None)), frames=24, seconds=0.96)

    assert said[0].startswith("00:00:00.520 to the end: 00:00:00.960, 24 frames, ")


def test_facts_from_a_header_are_marked_as_estimates():
    assert words(cuts=())[1] == "about 2 segments, estimated from its header"
    unknown = words(cuts=(), segments=0, frames=0, seconds=0.0, rate=Fraction(24000, 1001))
    assert unknown == ["unknown length, 23.976 frames/s, 720 x 576, mpeg2video yuv422p"]


def test_films_that_will_not_be_colored_show_the_reason():
    assert words(error="r.avi: ends\x1b early")[1:] == [r"will fail: r.avi: ends\x1b early"]
    assert list(film_text(FilmOutline(error="torn"), Options())) == ["will fail: torn"]
    assert words(is_done=True)[1:] == ["already done"]
    refused = "will fail: --strict refuses it"
    assert words(Options(strict=True), warnings=("torn",))[1:] == [refused, "warning: torn"]
    assert words(Options(strict=True), warnings=("torn",), is_done=True)[1:] == [
        f"already done; {refused}",
        "warning: torn",
    ]
    assert words(Options(strict=True), is_done=True)[1:] == ["already done"]
    skipped = "will be skipped: already in color (--color-sources recolor colors it again)"
    assert words(in_color=True)[1:] == [skipped]
    assert words(in_color=True, error="it is PQ")[1:] == [skipped]
    assert words(Options(color_sources="recolor"), in_color=True) == words()


def test_warnings_are_shown_and_previews_have_no_segments():
    assert words(warnings=("2 packets are damaged",))[-1] == "warning: 2 packets are damaged"
    assert len(words(Options(preview=True))) == 1
