"""Whole jobs of films with every profile and many options, as their report lines show them."""

import re

import av
import numpy as np
import pytest

from colorworker.domain.options import Options
from colorworker.media.codecs import decode, nvenc
from colorworker.media.swscale import reformat
from colorworker.media.synthetic import Recipe, make_film
from colorworker.store.local import LocalStore
from tests.jobharness import run_toy_job
from tests.manystreams import make_film_with_all_streams


class Vivid:
    """Colors pixels at random in strong red and green, also out of gamut."""

    def working_shape(self, height, width):
        return height, width

    def predict(self, lightness, hints=None):
        random = np.random.default_rng(int(lightness.sum()) % 1000)
        return random.uniform(-100, 100, (*lightness.shape, 2)).astype(np.float32)


@pytest.fixture
def job(tmp_path):
    sources = tmp_path / "sources"
    sources.mkdir()

    def run(nvdec=False, **options):
        lines = run_toy_job(
            sources,
            LocalStore(tmp_path / "color"),
            Options(segment_frames=12, **options),
            make_colorizer=lambda _: Vivid(),
            max_attempts=1,
            verify_parts=True,
            nvdec=nvdec,
        )
        (line,) = lines.values()
        return line, tmp_path / "color" / line.output_key

    run.sources = sources
    return run


@pytest.mark.parametrize(
    ("options", "suffix", "codec", "fates"),
    [
        ({"profile": "archive"}, ".mkv", "ffv1", {"colored": 1, "copied": 7, "recoded": 1}),
        ({"profile": "access"}, ".mkv", "h264", {"colored": 1, "copied": 8}),
        (
            {"profile": "mezzanine", "codec": "prores"},
            ".mov",
            "prores",
            {"colored": 1, "copied": 2, "recoded": 3, "kept": 1, "left out": 2},
        ),
    ],
    ids=str,
)
def test_the_report_line_of_a_film_accounts_for_every_stream(options, suffix, codec, fates, job):
    source = make_film_with_all_streams(job.sources / "reel.mkv")

    line, output = job(**options)

    with av.open(str(source)) as container:
        indexes = {stream.index for stream in container.streams}
    assert line.error == ""
    assert {stream.index for stream in line.streams} == indexes
    found = [stream.fate for stream in line.streams]
    assert {fate: found.count(fate) for fate in found} == fates
    assert len(line.warnings) >= fates.get("left out", 0)
    assert output.suffix == suffix
    with av.open(str(output)) as container:
        assert container.streams.video[0].codec_context.name == codec


def test_only_lossless_parts_are_decoded_again(job):
    make_film(job.sources / "reel.mkv", Recipe(frames=24))

    archive, _ = job(profile="archive")
    access, _ = job(profile="access")

    assert archive.seconds["verify"] > 0
    assert "verify" not in access.seconds


def test_luma_differs_only_where_the_notice_is_burned(job):
    make_film(job.sources / "reel.mkv", Recipe(frames=12, width=320, height=240))

    line, _ = job(profile="archive", label="burn")

    assert (line.outcome, line.error) == ("succeeded", "")
    assert line.seconds["verify"] > 0


def test_a_deinterlaced_film_keeps_its_frame_count_and_is_marked_progressive(job):
    make_film(job.sources / "reel.mkv", Recipe(frames=24, height=64, field_order=2))

    line, output = job(profile="archive", deinterlace="bwdif")

    assert (line.outcome, line.frames) == ("succeeded", 24)
    assert line.notes[0].startswith("deinterlaced with bwdif")
    with av.open(str(output)) as container:
        assert not any(frame.interlaced_frame for frame in container.decode(video=0))


def test_a_film_for_nvenc_is_colored_or_fails_with_the_name_of_the_worker(job):
    make_film(job.sources / "reel.mkv", Recipe(frames=12, width=320, height=192))
    answer = nvenc.probe_nvenc("hevc_nvenc")

    line, _ = job(profile="access", codec="hevc", encoder="nvenc")

    if answer.works:
        assert (line.outcome, line.frames) == ("succeeded", 12)
    else:
        assert (line.outcome, line.error_code) == ("failed", "hardware_missing")
        assert line.error.startswith(f"hevc_nvenc on worker test: {answer.reason}. Use --encoder")


def test_a_preview_needs_no_hardware_encoder(job):
    make_film(job.sources / "reel.mkv", Recipe(frames=12))

    line, _ = job(encoder="nvenc", preview=True)

    assert (line.outcome, line.error) == ("succeeded", "")


def test_frames_decoded_by_nvdec_are_counted_in_a_note(job, monkeypatch):
    make_film(job.sources / "reel.mkv", Recipe(frames=24))
    in_software = decode.decode_from

    def engine(*arguments, nvdec=False, **options):
        for frame in in_software(*arguments, **options):
            yield reformat(frame, "nv12") if nvdec else frame

    monkeypatch.setattr(decode, "decode_from", engine)
    monkeypatch.setattr(decode, "can_decode", lambda _: True)

    line, _ = job(profile="archive", nvdec=True)

    assert line.notes == ("24 frames were decoded by NVDEC, which does not report damage",)


def test_the_broadcast_gamut_limits_strong_colors_on_uneven_luma(job):
    make_film(job.sources / "reel.mkv", Recipe(frames=24))

    free, _ = job(profile="archive")
    before = chroma_strength(job.sources.parent / "color" / free.output_key)
    kept, output = job(profile="archive", broadcast_gamut=True)

    assert free.notes == ()
    (said,) = kept.notes
    # x264 encodes the source, and on a busy machine its bytes are not always the same.
    outside = "of all pixels lies outside EBU R 103 in the source and was not changed"
    assert re.fullmatch(rf"luma of 0\.[23]\d % {outside}", said)
    assert 0.9 * before < chroma_strength(output) < before


def chroma_strength(path):
    with av.open(str(path)) as container:
        return np.mean(
            [
                np.abs(np.frombuffer(frame.planes[number], np.uint8).astype(int) - 128).mean()
                for frame in container.decode(video=0)
                for number in (1, 2)
            ]
        )
