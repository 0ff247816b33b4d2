"""Gray frames of a film, written for people to color."""

import io
import tomllib

import cv2
import numpy as np
import pytest

from colorworker.media.synthetic import Recipe, make_film
from colorworker.pipeline.referenceexport import export_references
from colorworker.store.memory import MemoryStore
from tests.unit.pipeline.test_references import FRAMES, SHOT, colored, source  # noqa: F401


def export(folder, store, **how):
    with (folder / "reel.mkv").open("rb") as reader:
        return export_references(reader, "reels/reel.mkv", store, **how)


def picture(store, key):
    return cv2.imdecode(np.frombuffer(store.get(key), np.uint8), cv2.IMREAD_UNCHANGED)


def names(store):
    return sorted(info.key.rpartition("/")[2] for info in store.list() if "ref_" in info.key)


def test_one_full_size_gray_frame_of_every_shot_is_written_under_its_index(source):  # noqa: F811
    store = MemoryStore("refs")

    done = export(source, store)

    assert (done.shots, done.written, done.kept) == (2, 2, 0)
    assert names(store) == ["ref_000015.png", "ref_000045.png"]
    for number in (15, 45):
        found = picture(store, f"reels/reel.mkv/ref_{number:06d}.png")
        assert (found == FRAMES[number]).all()


def test_the_list_names_shots_frames_and_times(source):  # noqa: F811
    store = MemoryStore("refs")

    export(source, store, per_shot=2)

    listed = tomllib.loads(store.get("reels/reel.mkv/references.toml").decode())
    assert (listed["film"], listed["frames"]) == ("reels/reel.mkv", 2 * SHOT)
    assert [each["first_frame"] for each in listed["shot"]] == [0, SHOT]
    assert [each["timecode"] for each in listed["shot"]] == ["00:00:00.000", "00:00:01.200"]
    frames = [each["frame"] for shot in listed["shot"] for each in shot["reference"]]
    assert frames == [7, 22, 37, 52]
    assert names(store) == [f"ref_{number:06d}.png" for number in frames]


def test_frames_can_be_taken_at_a_distance(source):  # noqa: F811
    store = MemoryStore("refs")

    export(source, store, every=20)

    assert names(store) == [f"ref_{number:06d}.png" for number in (0, 20, 30, 50)]


def test_a_frame_that_has_been_colored_is_never_replaced(source):  # noqa: F811
    store = MemoryStore("refs")
    export(source, store)
    _, painted = cv2.imencode(".png", colored(FRAMES[15], (45, 30)))
    store.put("reels/reel.mkv/ref_000015.png", painted.tobytes())

    done = export(source, store, per_shot=1)

    assert (done.written, done.kept) == (0, 2)
    assert store.get("reels/reel.mkv/ref_000015.png") == painted.tobytes()


@pytest.mark.parametrize(("pix_fmt", "kind"), [("yuv420p", np.uint8), ("yuv420p10le", np.uint16)])
def test_limited_range_becomes_full_range_and_10_bits_become_16(tmp_path, pix_fmt, kind):
    make_film(tmp_path / "reel.mkv", Recipe(frames=4, pix_fmt=pix_fmt))
    store = MemoryStore("refs")

    export(tmp_path, store)

    found = picture(store, f"reels/reel.mkv/{names(store)[0]}")
    assert found.dtype == kind
    assert found.ndim == 2
    assert io.BytesIO(store.get("reels/reel.mkv/references.toml")).read().startswith(b"# Frames")
