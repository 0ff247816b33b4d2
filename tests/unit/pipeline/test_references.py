"""Whole jobs with reference frames: what they color, what they leave alone, what is done again."""

from fractions import Fraction

import av
import cv2
import numpy as np
import pytest

from colorworker.color.lab import (
    lab_from_linear_rgb,
    linear_rgb_from_lab,
    linear_to_srgb,
    srgb_to_linear,
)
from colorworker.domain.options import Options
from colorworker.domain.records import record_from_json
from colorworker.errors import UsageError
from colorworker.store.memory import MemoryStore
from tests.jobharness import folder_entries, run_toy_job

HEIGHT, WIDTH = 64, 96
SHOT, GOP = 30, 10
RED, BLUE, GREEN = (45, 30), (10, -45), (-40, 30)
SEGMENTS = 2 * SHOT // GOP


def scene(seed, level):
    """Return the luma of a shot in which the camera pans by a pixel per frame."""
    blocks = np.random.default_rng(seed).integers(-35, 35, (HEIGHT // 8, 2 * WIDTH // 8))
    wide = cv2.resize(
        (level + blocks).astype(np.float32), (2 * WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC
    )
    return [wide[:, left : left + WIDTH].clip(16, 235).astype(np.uint8) for left in range(SHOT)]


FRAMES = [*scene(1, 150), *scene(2, 80)]


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "film"
    folder.mkdir()
    write_film(folder / "reel.mkv", FRAMES)
    return folder


def write_film(path, lumas):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25, options={"g": str(GOP)})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "gray"
        stream.time_base = Fraction(1, 25)
        for index, luma in enumerate(lumas):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(luma), format="gray")
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def colored(luma, ab, depth=8):
    """Return a picture with the lightness of a frame and one color, BGR codes."""
    full = luma.astype(np.float32) / 255
    linear = np.where(full <= 0.04045, full / 12.92, ((full + 0.055) / 1.055) ** 2.4)
    lightness = np.where(linear > 216 / 24389, 116 * np.cbrt(linear) - 16, linear * 24389 / 27)
    lab = np.dstack([lightness, *(np.full_like(lightness, value) for value in ab)])
    rgb = linear_to_srgb(np.clip(linear_rgb_from_lab(lab.astype(np.float32)), 0, 1))
    codes = np.rint(rgb[..., ::-1] * ((1 << depth) - 1))
    return codes.astype(np.uint8 if depth == 8 else np.uint16)


def put_reference(folder, frame, picture, name=None):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / (name or f"ref_{frame:06d}.png")
    assert cv2.imwrite(str(path), picture)
    return path


def run(source, destination, references=None, keep_parts=False, **changes):
    options = Options(
        profile="archive",
        segment_frames=GOP,
        references=str(references) if references else "",
        **changes,
    )
    return run_toy_job(source, destination, options, keep_parts=keep_parts)


def planes(destination, key="reel.mkv"):
    with av.open(destination.open(key)) as film:
        return [frame.to_ndarray() for frame in film.decode(video=0)]


def chroma_of(frame):
    """Return the mean Cb and Cr of a decoded frame, 4:4:4."""
    _luma, blue, red = np.split(frame.reshape(-1, frame.shape[-1]), 3)
    return float(blue.mean()), float(red.mean())


def luma_of(frame):
    return frame.reshape(3, HEIGHT, WIDTH)[0]


def units(destination):
    prefix = ".colorworker/units/"
    return {info.key for info in destination.list(prefix)}


def test_a_reference_colors_its_whole_shot_across_segments_and_nothing_else(source, tmp_path):
    automatic, destination = MemoryStore("a"), MemoryStore("b")
    references = tmp_path / "refs"
    put_reference(references / "reel.mkv", 5, colored(FRAMES[5], RED))

    run(source, automatic)
    line = run(source, destination, references)["reel.mkv"]

    assert (line.outcome, line.warnings) == ("succeeded", ())
    before, after = planes(automatic), planes(destination)
    wanted = chroma_of(after[5])
    assert wanted[1] > chroma_of(before[5])[1] + 15
    for index in range(SHOT):
        assert chroma_of(after[index]) == pytest.approx(wanted, abs=4), index
    for index in range(SHOT, 2 * SHOT):
        assert (after[index] == before[index]).all(), index
    for frame, luma in zip(after, FRAMES, strict=True):
        assert (luma_of(frame) == luma).all()


def test_one_changed_reference_redoes_only_the_segments_of_its_shot_and_the_join(source, tmp_path):
    destination, references = MemoryStore("d"), tmp_path / "refs"
    put_reference(references / "reel.mkv", 5, colored(FRAMES[5], RED))
    put_reference(references / "reel.mkv", 40, colored(FRAMES[40], BLUE))
    run(source, destination, references)
    first, before = units(destination), planes(destination)

    put_reference(references / "reel.mkv", 40, colored(FRAMES[40], GREEN))
    run(source, destination, references)

    assert len(first) == 1 + 2 * SEGMENTS + 1  # The scan, searches for shots, segments, the join.
    assert len(units(destination) - first) == SEGMENTS // 2 + 1
    records = [record_from_json(destination.get(key)) for key in units(destination)]
    assert [each.info.joined for each in records if each.kind == "assembly"] == [(), ()]
    after = planes(destination)
    assert all((after[index] == before[index]).all() for index in range(SHOT))
    assert chroma_of(after[40])[0] < chroma_of(before[40])[0] - 15


def test_without_its_reference_a_film_gets_its_automatic_colors_from_the_records(source, tmp_path):
    destination, references = MemoryStore("d"), tmp_path / "refs"
    run(source, destination, keep_parts=True)
    automatic = planes(destination)
    path = put_reference(references / "reel.mkv", 5, colored(FRAMES[5], RED))
    put_reference(references / "reel.mkv", 40, colored(FRAMES[40], BLUE))
    run(source, destination, references, keep_parts=True)
    units_with = units(destination)

    path.unlink()
    run(source, destination, references, keep_parts=True)

    # Only the join is new: the segments of the first shot were automatic before.
    assert len(units(destination) - units_with) == 1
    restored = planes(destination)
    assert all((restored[index] == automatic[index]).all() for index in range(SHOT))


def test_the_frame_of_a_16_bit_reference_keeps_its_colors(source, tmp_path):
    destination, references = MemoryStore("d"), tmp_path / "refs"
    put_reference(references / "reel.mkv", 17, colored(FRAMES[17], RED, depth=16))

    run(source, destination, references)

    frame = planes(destination)[17]
    rgb = av.VideoFrame.from_ndarray(frame, format="yuv444p").to_ndarray(format="rgb24")
    ab = lab_from_linear_rgb(srgb_to_linear(rgb / np.float32(255)))[..., 1:]
    within_gamut = rgb.max(-1) < 255
    # The decoder here takes another matrix than the film has.
    assert np.abs(ab[within_gamut] - RED).mean() < 7


@pytest.mark.parametrize("framing", ["cropped", "enlarged", "half size", "jpeg"])
def test_a_reference_may_be_cropped_or_have_another_size(source, tmp_path, framing):
    destination, references = MemoryStore("d"), tmp_path / "refs"
    picture, name = colored(FRAMES[5], RED), None
    if framing == "cropped":
        picture = picture[4:, 3:-4]
    elif framing == "enlarged":
        picture = cv2.resize(picture, None, fx=1.05, fy=1.05)
    elif framing == "half size":
        picture = cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    else:
        name = "ref_000005.jpg"
    put_reference(references / "reel.mkv", 5, picture, name)

    line = run(source, destination, references)["reel.mkv"]

    assert line.warnings == ()
    after = planes(destination)
    assert chroma_of(after[5])[1] > 145
    assert chroma_of(after[25])[1] > 140


def test_two_references_of_a_shot_are_blended_by_distance(source, tmp_path):
    destination, references = MemoryStore("d"), tmp_path / "refs"
    put_reference(references / "reel.mkv", 2, colored(FRAMES[2], RED))
    put_reference(references / "reel.mkv", 27, colored(FRAMES[27], GREEN))

    run(source, destination, references)

    reds = [chroma_of(frame)[1] for frame in planes(destination)[:SHOT]]
    assert reds[2] > 145
    assert reds[27] < 115
    assert reds[2] > reds[9] > reds[15] > reds[21] > reds[27]


def test_a_flat_folder_is_for_the_only_film(source, tmp_path):
    destination, references = MemoryStore("d"), tmp_path / "refs"
    put_reference(references, 5, colored(FRAMES[5], RED))

    run(source, destination, references)

    assert chroma_of(planes(destination)[5])[1] > 145


def test_a_flat_folder_for_two_films_is_refused_before_any_work(source, tmp_path):
    references = tmp_path / "refs"
    put_reference(references, 5, colored(FRAMES[5], RED))
    (source / "other.mkv").write_bytes((source / "reel.mkv").read_bytes())

    with pytest.raises(UsageError, match=r"other\.mkv and reel\.mkv would both use them"):
        folder_entries(source, Options(references=str(references)))


def test_every_bad_reference_is_one_sentence_and_the_film_is_still_colored(source, tmp_path):
    destination, references = MemoryStore("d"), tmp_path / "refs"
    film = references / "reel.mkv"
    put_reference(film, 5, colored(FRAMES[5], RED))
    put_reference(film, 6, FRAMES[6])
    put_reference(film, 7, np.dstack([FRAMES[7]] * 3))
    put_reference(film, 900, colored(FRAMES[8], RED))
    put_reference(references / "gone.mkv", 1, colored(FRAMES[1], RED))
    put_reference(film, 0, colored(FRAMES[1], RED), "red coat.png")
    put_reference(film, 5, colored(FRAMES[5], BLUE), "ref_5.jpg")
    damaged = put_reference(film, 9, colored(FRAMES[9], RED))
    damaged.write_bytes(damaged.read_bytes()[:-400])
    (film / "ref_000010.png").write_bytes(b"no picture")
    (film / "references.toml").write_text("shots = 2\n")

    lines = run(source, destination, references)

    line = lines.pop("reel.mkv")
    assert line.outcome == "succeeded"
    assert chroma_of(planes(destination)[5])[1] > 145
    assert {key: each.outcome for key, each in lines.items()} == dict.fromkeys(
        [
            "gone.mkv",
            "reel.mkv/red coat.png",
            "reel.mkv/ref_000006.png",
            "reel.mkv/ref_000010.png",
            "reel.mkv/ref_5.jpg",
        ],
        "skipped",
    )
    sentences = {key: each.error for key, each in lines.items()}
    assert "no film of this job has the key gone.mkv" in sentences["gone.mkv"]
    assert "no frame number" in sentences["reel.mkv/red coat.png"]
    assert "is gray" in sentences["reel.mkv/ref_000006.png"]
    assert "is for the same frame" in sentences["reel.mkv/ref_5.jpg"]
    assert len(line.warnings) == 3
    assert any("ref_000007.png: it is gray" in each for each in line.warnings)
    assert any("does not decode completely" in each for each in line.warnings)
    assert any(
        "is for frame 900, but the film has frames 0 to 59" in each for each in line.warnings
    )


def test_a_picture_of_40000_x_40000_is_refused_by_its_header(source, tmp_path):
    destination, references = MemoryStore("d"), tmp_path / "refs"
    path = put_reference(references / "reel.mkv", 5, colored(FRAMES[5], RED))
    data = bytearray(path.read_bytes())
    data[16:24] = (40_000).to_bytes(4, "big") * 2
    path.write_bytes(data)

    lines = run(source, destination, references)

    assert lines["reel.mkv"].outcome == "succeeded"
    assert "40000 x 40000" in lines["reel.mkv/ref_000005.png"].error


def test_a_reference_with_the_wrong_number_names_the_frame_that_matches(source, tmp_path):
    destination, references = MemoryStore("d"), tmp_path / "refs"
    put_reference(references / "reel.mkv", 31, colored(FRAMES[24], RED))

    line = run(source, destination, references)["reel.mkv"]

    (warning,) = line.warnings
    assert "matches frame 31 poorly" in warning
    assert "frame 24 matches better" in warning


def test_a_mirrored_reference_is_reported(source, tmp_path):
    destination, references = MemoryStore("d"), tmp_path / "refs"
    put_reference(references / "reel.mkv", 40, colored(FRAMES[40], RED)[:, ::-1])

    (warning,) = run(source, destination, references)["reel.mkv"].warnings

    assert "it is mirrored" in warning


def test_a_folder_that_is_not_there_is_refused_before_any_work(source, tmp_path):
    (tmp_path / "file").write_text("no folder")

    for name in ("typo", "file"):
        with pytest.raises(UsageError, match="is not a folder or prefix with references"):
            folder_entries(source, Options(references=str(tmp_path / name)))


def test_strict_fails_a_film_whose_reference_does_not_match(source, tmp_path):
    destination, references = MemoryStore("d"), tmp_path / "refs"
    put_reference(references / "reel.mkv", 40, colored(FRAMES[40], RED)[:, ::-1])

    line = run(source, destination, references, strict=True)["reel.mkv"]

    assert (line.outcome, line.error_code) == ("failed", "strict")
    assert "it is mirrored" in line.error


def test_a_reference_reaches_a_similar_shot_of_the_film_if_asked_to(tmp_path):
    folder = tmp_path / "film"
    folder.mkdir()
    write_film(folder / "reel.mkv", [*FRAMES, *scene(1, 145)])
    references = tmp_path / "refs"
    put_reference(references / "reel.mkv", 5, colored(FRAMES[5], RED))
    alone, whole = MemoryStore("a"), MemoryStore("b")

    run(folder, alone, references)
    run(folder, whole, references, references_reach="film")

    before, after = planes(alone), planes(whole)
    assert chroma_of(after[75])[1] > chroma_of(before[75])[1] + 10
    assert all((before[index] == after[index]).all() for index in range(SHOT))
