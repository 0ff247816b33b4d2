"""Corrections that were saved on the page color their shot in the next run, and nothing else."""

from fractions import Fraction

import av
import cv2
import numpy as np
import pytest

from colorworker.domain.options import Options
from colorworker.domain.records import record_from_json
from colorworker.runs.review.applying import apply_reviews
from colorworker.runs.review.reviews import Review, item_id, save_reference, save_review
from colorworker.store.local import LocalStore
from tests.jobharness import folder_entries, run_toy_job

WIDTH, HEIGHT = 96, 64
SHOT, SEGMENTS = 20, 4
OPTIONS = Options(profile="archive", segment_frames=10)


def shot(seed, level):
    """Return the luma of the frames of a shot: a still picture of blocks."""
    blocks = np.random.default_rng(seed).integers(-35, 35, (8, 12))
    luma = cv2.resize((level + blocks).astype(np.float32), (WIDTH, HEIGHT))
    return [luma.clip(16, 235).astype(np.uint8)] * SHOT


FRAMES = [*shot(1, 150), *shot(2, 80)]


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "film"
    folder.mkdir()
    with av.open(str(folder / "reel.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=25, options={"g": "10"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "gray"
        stream.time_base = Fraction(1, 25)
        for index, luma in enumerate(FRAMES):
            frame = av.VideoFrame.from_ndarray(luma, format="gray")
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return folder


def run(source, destination):
    entries = list(apply_reviews(folder_entries(source, OPTIONS), destination))
    return run_toy_job(source, destination, OPTIONS, entries=entries, keep_parts=True)["reel.mkv"]


def red_codes(destination):
    """Return the mean Cr of every frame of the colored film."""
    with destination.open("reel.mkv") as reader, av.open(reader) as film:
        frames = [frame.to_ndarray() for frame in film.decode(video=0)]
    return [float(np.split(each.reshape(-1, each.shape[-1]), 3)[2].mean()) for each in frames]


def segments_of(destination):
    keys = [info.key for info in destination.list(".colorworker/units/")]
    records = [record_from_json(destination.get(key)) for key in keys]
    return {record.unit_id for record in records if record.kind == "segment"}


def test_a_dropped_picture_colors_its_shot_and_redoes_only_its_segments(source, tmp_path):
    destination = LocalStore(tmp_path / "color")
    first = run(source, destination)
    before, automatic = red_codes(destination), segments_of(destination)
    picture = np.dstack([FRAMES[25] // 2, FRAMES[25] // 2, FRAMES[25]])
    png = cv2.imencode(".png", picture)[1].tobytes()
    identity = item_id(first.root, first.key)
    name = save_reference(destination, identity, ".png", png)
    saved = save_review(destination, Review(first.root, first.key, references={"25": name}), "Ada")

    line = run(source, destination)
    corrected, after = segments_of(destination), red_codes(destination)
    save_review(destination, Review(first.root, first.key, version=saved.version), "Ada")
    run(source, destination)

    assert (line.outcome, line.warnings) == ("succeeded", ())
    assert len(automatic) == SEGMENTS
    assert len(corrected - automatic) == SEGMENTS // 2
    assert after[:SHOT] == before[:SHOT]
    assert min(after[SHOT:]) > max(before[SHOT:]) + 10
    assert segments_of(destination) == corrected
    assert red_codes(destination) == before
