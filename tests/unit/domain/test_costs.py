"""Estimates from rates and headers, and their comparison with what happened."""

import json
from dataclasses import asdict, replace

import pytest

from colorworker.domain.comparison import (
    PRIOR_SECONDS,
    WorkDone,
    compare_with_estimate,
    seconds_left,
)
from colorworker.domain.costs import (
    BORDER_SHARE,
    Calibration,
    CostClass,
    Estimate,
    MediaEstimate,
    Rate,
    SourceGroup,
    SourceSample,
    estimate,
    estimate_from_json,
)

JPEG, H264 = CostClass("still", "jpeg", "8"), CostClass("film", "h264", "yuv420p")
MACHINE = Calibration(
    "2026-11-25T10:00:00+00:00",
    8.0,
    {JPEG.name: Rate(0.1, 0.0, 0.5, 250_000), H264.name: Rate(2.0, 0.02, 0.05, 40_000)},
)


def stills(*megapixels, items=None, cost_class=JPEG):
    samples = tuple(SourceSample(cost_class, round(m * 1e6), 1, m) for m in megapixels)
    seen = sum(sample.size_bytes for sample in samples)
    count = items or len(samples)
    return SourceGroup("still", count, seen * count // len(samples), samples)


def film(frames, megapixels=1.0, segments=1, size_bytes=1000):
    return SourceSample(H264, size_bytes, frames, megapixels, frames / 25, segments)


def films(*samples, items=None, size_bytes=None):
    whole = sum(sample.size_bytes for sample in samples)
    return SourceGroup("film", items or len(samples), size_bytes or whole, samples)


def expected(*groups, workers=1):
    return estimate(groups, MACHINE, workers=workers, lookahead_frames=20)


def test_the_time_for_a_picture_is_that_per_item_plus_that_per_megapixel():
    found = expected(stills(2.0, 6.0))

    assert found.stills == MediaEstimate(2, 2, 0.0, pytest.approx(2 * 0.1 + 8 * 0.5), 2_000_000, 2)
    assert found.wall_seconds() == pytest.approx(8.0 + 4.2)


def test_the_time_for_a_film_includes_its_frames_and_the_borders_of_its_segments():
    found = expected(films(film(500, segments=3)))

    frames = 500 + 2 * 20 * BORDER_SHARE
    assert found.films.work_seconds == pytest.approx(2.0 + frames * 0.07)
    assert (found.films.frames, found.films.film_seconds) == (500, 20.0)
    assert found.films.bytes_out == 500 * 40_000


def test_sources_without_samples_are_estimated_from_the_samples():
    all_seen = expected(stills(*[1.0, 3.0] * 50))
    some_seen = expected(stills(1.0, 3.0, items=100))

    assert some_seen.stills.work_seconds == pytest.approx(all_seen.stills.work_seconds)
    assert some_seen.stills.bytes_out == all_seen.stills.bytes_out
    assert (some_seen.stills.sampled, all_seen.stills.sampled) == (2, 100)
    # Four times the bytes of the one that was seen, in two films: as many frames as in four.
    reels = expected(films(film(100), items=2, size_bytes=4000)).films
    assert (reels.items, reels.frames) == (2, 400)
    assert reels.work_seconds == pytest.approx(2 * 2.0 + 400 * 0.07)


@pytest.mark.parametrize(
    ("source_bytes", "written"),
    [(600, 600), (150, 150), (300, 300), (1, 100), (9_000, 800)],
)
def test_bytes_written_scale_with_the_size_of_the_source_within_limits(source_bytes, written):
    rate = Rate(1.0, 0.0, 0.0, megapixel_bytes=40.0, source_bytes=40.0)

    assert rate.written(10.0, source_bytes) == written


def test_bytes_written_scale_with_pixels_if_the_size_of_the_source_predicts_nothing():
    assert Rate(1.0, 0.0, 0.0, megapixel_bytes=40.0).written(10.0, 9000) == 400.0
    assert Rate(1.0, 0.0, 0.0, 40.0, source_bytes=40.0).written(0.0, 0.0) == 0.0


def test_sizes_of_films_in_other_codecs_are_not_compared_and_sound_is_added():
    machine = replace(
        MACHINE, rates={H264.name: Rate(2.0, 0.02, 0.05, 40_000, source_bytes=80_000)}
    )
    own = replace(film(100), picture_bytes=4e6, other_bytes=7000)
    mpeg = replace(own, cost_class=CostClass("film", "mpeg2video", "yuv420p"))

    found = [
        estimate([films(each)], machine, workers=1, lookahead_frames=0).bytes_out
        for each in (own, mpeg)
    ]

    assert found == [2_000_000 + 7000, 4_000_000 + 7000]


def test_the_rate_of_a_similarly_lossy_class_is_used_for_one_that_was_not_measured():
    names = ("still/access/png/8", "still/access/webp/16", "film/access/ffv1/yuv420p",
             "film/access/h264/yuv422p")  # fmt: skip
    machine = replace(MACHINE, rates={name: Rate(n, 0, 0, 0) for n, name in enumerate(names)})

    def approximated(*cost_class):
        return names[int(machine.rate(CostClass(*cost_class))[0].item_seconds)]

    assert approximated("still", "jpeg", "8") == "still/access/webp/16"
    assert approximated("still", "tiff", "16") == "still/access/png/8"
    assert approximated("film", "mpeg2video", "yuv420p") == "film/access/h264/yuv422p"
    assert approximated("film", "rawvideo", "gray") == "film/access/ffv1/yuv420p"


def test_sources_with_unreadable_headers_are_estimated_like_all_of_their_kind():
    unread = SourceGroup("film", 1, 1000, ())

    found = expected(films(film(100)), unread)

    assert found.films.frames == 200
    assert found.films.sampled == 1
    assert expected(unread).films == MediaEstimate(1)


def test_a_class_that_was_not_measured_uses_the_most_similar_rate_and_is_named():
    tiff, jpeg_16 = CostClass("still", "tiff", "8"), CostClass("still", "jpeg", "16")
    rates = {tiff.name: Rate(1.0, 0, 0, 0), jpeg_16.name: Rate(2.0, 0, 0, 0)}
    machine = Calibration("", 0.0, rates)

    assert machine.rate(tiff) == (rates[tiff.name], True)
    assert machine.rate(JPEG) == (rates[jpeg_16.name], False)
    assert machine.rate(CostClass("still", "png", "8")) == (rates[tiff.name], False)
    assert machine.rate(H264) is None
    assert expected(stills(1.0, cost_class=tiff)).approximated == (tiff.name,)


def test_the_additional_time_of_the_first_items_counts_once():
    machine = replace(
        MACHINE, rates={H264.name: replace(MACHINE.rates[H264.name], first_seconds=3)}
    )

    found = estimate([films(film(10), film(10))], machine, workers=1, lookahead_frames=20)

    assert found.start_seconds == 8.0 + 3.0


def test_several_workers_share_the_work_but_not_the_longest_item():
    found = expected(films(film(1000, segments=4)), stills(1.0), workers=2)

    work = found.work_seconds
    assert found.wall_seconds() == pytest.approx(8.0 + work / 2)
    assert found.wall_seconds(4) == pytest.approx(8.0 + work / 4)
    assert found.wall_seconds(64) == pytest.approx(8.0 + found.longest_seconds)
    assert work / 64 < found.longest_seconds < work / 3


def test_an_estimate_survives_json_and_a_damaged_one_is_ignored():
    found = expected(films(film(100)), stills(1.0))
    values = json.loads(json.dumps(asdict(found)))

    assert estimate_from_json(values) == found
    assert estimate_from_json({**values, "later": 1}) == found
    assert estimate_from_json(None) is None
    assert estimate_from_json({"stills": 3}) is None


JOB = Estimate(
    MediaEstimate(10, 10, 0.0, 20.0, 1000),
    MediaEstimate(2, 400, 16.0, 80.0, 8000),
    start_seconds=5.0,
    workers=2,
)


def test_items_that_a_run_did_not_color_are_left_out_of_the_comparison():
    everything = compare_with_estimate(JOB, WorkDone(10, 400, 9500, 10, 400, 2), 60.0)
    half = compare_with_estimate(JOB, WorkDone(5, 200, 4400, 10, 400, 2), 33.0)

    assert (everything.expected_seconds, everything.expected_bytes) == (55.0, 9000)
    assert (everything.seconds, everything.bytes_out) == (60.0, 9500)
    assert everything.ratio == pytest.approx(60 / 55)
    assert (half.expected_seconds, half.expected_bytes) == (30.0, 4500)
    assert compare_with_estimate(JOB, WorkDone(stills_settled=10, films_settled=2), 1.0) is None


def test_on_a_cluster_the_workers_that_returned_results_count():
    on_ray = replace(JOB, workers=0)

    assert (
        compare_with_estimate(
            on_ray, WorkDone(10, 400, 0, 10, 400, 2, workers=4), 30.0
        ).expected_seconds
        == 30.0
    )


def test_the_time_left_follows_the_estimate_at_first_and_then_the_pace_of_the_run():
    none_done = WorkDone()
    half_done = WorkDone(5, 200, 0, 5, 200, 1)

    assert seconds_left(JOB, none_done, 0.0) == pytest.approx(55.0)
    assert seconds_left(JOB, none_done, 15.0) == pytest.approx(40.0)
    assert seconds_left(JOB, none_done, 900.0) == 0.0
    # As fast as was expected: 25 s of the work's 50 are done 25 s after the start.
    assert seconds_left(JOB, half_done, 30.0) == pytest.approx(25.0)
    # Half as fast.
    slow = 25.0 * (50.0 + PRIOR_SECONDS) / (25.0 + PRIOR_SECONDS)
    assert seconds_left(JOB, half_done, 55.0) == pytest.approx(slow)
    assert seconds_left(JOB, WorkDone(10, 400, 0, 10, 400, 2), 60.0) == 0.0
    assert seconds_left(Estimate(), none_done, 0.0) is None


def test_no_time_is_left_when_all_films_are_settled():
    failed = WorkDone(stills_settled=10, films_settled=2, stills=10)

    assert seconds_left(JOB, failed, 20.0) == 0.0
