"""Whole jobs with hints on frames of films: what they color, and what is done again."""

import json
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest

from colorworker.domain.options import Options
from colorworker.domain.records import record_from_json
from colorworker.store.memory import MemoryStore
from tests.jobharness import run_toy_job

HEIGHT, WIDTH = 64, 96
SHOT, GOP = 24, 8
SEGMENTS = 2 * SHOT // GOP
PURPLE, GREEN, BLUE = "#8040a0", "#208040", "#2050a0"


def texture(seed, height, width, level, contrast):
    blocks = np.random.default_rng(seed).integers(-contrast, contrast, (height // 4, width // 4))
    return cv2.resize((level + blocks).astype(np.float32), (width, height))


def scene(seed, ground, car):
    """Return the luma of a shot in which a car moves by 2 pixels per frame, and its masks."""
    street, body = texture(seed, HEIGHT, WIDTH, ground, 25), texture(seed + 1, 20, 28, car, 12)
    frames, masks = [], []
    for index in range(SHOT):
        left, mask = 6 + 2 * index, np.zeros((HEIGHT, WIDTH), bool)
        mask[22:42, left : left + 28] = True
        frame = street.copy()
        frame[mask] = body.ravel()
        frames.append(frame.clip(16, 235).astype(np.uint8))
        masks.append(mask)
    return frames, masks


(FIRST, CARS), (SECOND, _) = scene(1, 90, 190), scene(5, 180, 60)
FRAMES = [*FIRST, *SECOND]


def write_film(folder):
    folder.mkdir()
    with av.open(str(folder / "reel.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=25, options={"g": str(GOP)})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "gray"
        stream.time_base = Fraction(1, 25)
        for index, luma in enumerate(FRAMES):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(luma), format="gray")
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return folder


@pytest.fixture
def source(tmp_path):
    return write_film(tmp_path / "film")


@pytest.fixture(scope="module")
def automatic(tmp_path_factory):
    destination = MemoryStore("automatic")
    run(write_film(tmp_path_factory.mktemp("film") / "film"), destination)
    return planes(destination)


def stroke(frame, color, **changes):
    """Return a stroke along the middle of the car of the first shot."""
    left = 6 + 2 * frame
    return {"points": [[left + 5, 32], [left + 22, 32]], "color": color, "radius": 2} | changes


def put_hints(source, frame, *hints):
    path = source / "reel.hints" / f"{frame:06d}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(hints))
    return path


def run(source, destination, **changes):
    keep_parts = changes.pop("keep_parts", False)
    options = Options(profile="archive", segment_frames=GOP, **changes)
    return run_toy_job(source, destination, options, keep_parts=keep_parts)["reel.mkv"]


def planes(destination):
    with av.open(destination.open("reel.mkv")) as film:
        return [
            frame.to_ndarray().reshape(3, HEIGHT, WIDTH).astype(int)
            for frame in film.decode(video=0)
        ]


def units(destination):
    return {info.key for info in destination.list(".colorworker/units/")}


def differences(after, before, frames, masks, inside):
    """Return the mean difference of chroma in the car, or around it, for each frame."""
    wider = [cv2.dilate(mask.astype(np.uint8), np.ones((9, 9))).astype(bool) for mask in masks]
    smaller = [cv2.erode(mask.astype(np.uint8), np.ones((7, 7))).astype(bool) for mask in masks]
    chosen = smaller if inside else [~mask for mask in wider]
    return [np.abs(after[i][1:] - before[i][1:])[:, chosen[i]].mean() for i in frames]


@pytest.mark.parametrize("hinted", [0, 13, 23])
def test_a_stroke_on_one_frame_colors_its_object_through_the_shot(source, automatic, hinted):
    destination = MemoryStore("d")
    put_hints(source, hinted, stroke(hinted, PURPLE))

    line = run(source, destination)

    assert (line.outcome, line.warnings) == ("succeeded", ())
    after = planes(destination)
    inside = differences(after, automatic, range(SHOT), CARS, inside=True)
    outside = differences(after, automatic, range(SHOT), CARS, inside=False)
    assert min(inside) > 0.8 * inside[hinted] > 20
    assert max(outside) < 1.5
    for index in range(SHOT, 2 * SHOT):
        assert (after[index] == automatic[index]).all(), index
    for frame, luma in zip(after, FRAMES, strict=True):
        assert (frame[0] == luma).all()


def test_a_point_holds_for_its_object_too(source, automatic):
    destination = MemoryStore("d")
    put_hints(source, 4, {"x": 28, "y": 32, "color": GREEN, "radius": 3})

    run(source, destination)

    after = planes(destination)
    for index in (0, 4, 12, 23):
        around = np.s_[1:, 30:35, 18 + 2 * index : 23 + 2 * index]
        assert np.abs(after[index][around] - automatic[index][around]).mean() > 15, index


def test_hints_on_two_frames_of_a_shot_hold_for_both_objects(source, automatic):
    destination = MemoryStore("d")
    put_hints(source, 3, stroke(3, PURPLE))
    put_hints(source, 20, {"points": [[5, 10], [90, 10]], "color": GREEN, "radius": 2})

    run(source, destination)

    after = planes(destination)
    for index in (0, 3, 12, 20, 23):
        car, street = (
            np.array([after[index][plane][mask].mean() for plane in (1, 2)])
            for mask in (CARS[index], np.arange(HEIGHT)[:, None] + np.zeros(WIDTH) < 14)
        )
        assert (car > 135).all(), index
        assert (street < 125).all(), index


def test_gray_keeps_an_object_gray(source, automatic):
    destination = MemoryStore("d")
    put_hints(source, 0, stroke(0, "gray"))

    run(source, destination)

    after = planes(destination)
    for index in (0, 23):
        inside = cv2.erode(CARS[index].astype(np.uint8), np.ones((7, 7))).astype(bool)
        assert np.abs(automatic[index][1:][:, inside] - 128).mean() > 10
        assert np.abs(after[index][1:][:, inside] - 128).mean() < 2


def test_paint_works_like_strokes(source, automatic):
    destination = MemoryStore("d")
    paint = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    paint[30:35, 12:28] = (160, 64, 128, 255)
    (source / "reel.hints").mkdir()
    assert cv2.imwrite(str(source / "reel.hints/hints_000000.png"), paint)

    line = run(source, destination)

    assert line.warnings == ()
    after = planes(destination)
    assert min(differences(after, automatic, range(SHOT), CARS, inside=True)) > 20
    assert max(differences(after, automatic, range(SHOT), CARS, inside=False)) < 1.5


def test_hints_correct_a_reference(source, tmp_path):
    picture = np.dstack([FIRST[0]] * 3).astype(float)
    picture[..., 2] += 60
    (tmp_path / "refs").mkdir()
    cv2.imwrite(str(tmp_path / "refs/ref_000000.png"), picture.clip(0, 255).astype(np.uint8))
    put_hints(source, 12, stroke(12, BLUE))
    destination = MemoryStore("d")

    line = run(source, destination, references=str(tmp_path / "refs"))

    assert line.warnings == ()
    for index in (0, 12, 23):
        blue, red = (planes(destination)[index][plane] for plane in (1, 2))
        assert blue[CARS[index]].mean() > 140 > 120 > red[CARS[index]].mean()
        assert red[50:].mean() > 135


def test_a_changed_hint_redoes_only_its_shot_and_its_removal_restores_the_records(
    source, automatic
):
    destination = MemoryStore("d")
    kept = put_hints(source, SHOT + 2, stroke(2, GREEN))
    run(source, destination, keep_parts=True)
    first = units(destination)

    changed = put_hints(source, 3, stroke(3, PURPLE))
    run(source, destination, keep_parts=True)
    second = units(destination)
    put_hints(source, 3, stroke(3, BLUE))
    run(source, destination, keep_parts=True)
    third = units(destination)
    changed.unlink()
    run(source, destination, keep_parts=True)

    assert len(first) == 1 + 2 * SEGMENTS + 1  # The scan, searches for shots, segments, the join.
    assert len(second - first) == len(third - second) == SEGMENTS // 2 + 1
    assert units(destination) == third
    restored = planes(destination)
    assert all((restored[index] == automatic[index]).all() for index in range(SHOT))
    assert kept.exists()


def test_without_hints_a_film_is_searched_for_no_shots(source):
    destination = MemoryStore("d")
    (source / "reel.hints.json").write_text("[]")

    line = run(source, destination)

    assert (line.outcome, line.warnings) == ("succeeded", ())
    kinds = [record_from_json(destination.get(key)).kind for key in units(destination)]
    assert sorted(kinds) == ["assembly", "scan", *["segment"] * SEGMENTS]


BAD = {
    "000099.json": (b"[]", "hints reel.hints/000099.json are for frame 99, but the film has"),
    "000001.json": (b"nonsense", "hints reel.hints/000001.json: is not valid JSON"),
    "000002.json": (
        b'[{"x": 96, "y": 3, "color": "gray"}]',
        "hint 1 at (96, 3) lies outside the picture of 96 x 64; they are not used",
    ),
    "000003.png": (
        cv2.imencode(".png", np.zeros((HEIGHT, WIDTH + 2, 4), np.uint8))[1].tobytes(),
        "hints reel.hints/000003.png: is 98 x 64 pixels, the picture 96 x 64",
    ),
    "000004.png": (b"GIF89a", "hints reel.hints/000004.png: "),
}


def test_each_bad_file_is_one_warning_and_stops_nothing(source, automatic):
    destination = MemoryStore("d")
    put_hints(source, 0, stroke(0, PURPLE))
    for name, (data, _) in BAD.items():
        (source / "reel.hints" / name).write_bytes(data)

    line = run(source, destination)

    assert line.outcome == "succeeded"
    assert len(line.warnings) == len(BAD)
    for _, message in BAD.values():
        assert sum(message in warning for warning in line.warnings) == 1, message
    after = planes(destination)
    assert min(differences(after, automatic, range(SHOT), CARS, inside=True)) > 20


def test_with_strict_a_bad_file_fails_the_film(source):
    put_hints(source, 99, stroke(0, PURPLE))

    line = run(source, MemoryStore("d"), strict=True)

    assert line.outcome == "failed"
    assert "frame 99" in line.error
