"""Mirrored, turned and cropped films are shown as the source is, or a warning says so."""

import math

import av
import pytest

from colorworker.domain.videoinfo import Crop
from colorworker.media.containers.lostmetadata import same_orientation
from colorworker.media.sidedata import display_matrix as matrix_of
from colorworker.media.synthetic import display_matrix
from tests.filmbytes import CROP, with_a_crop
from tests.mediainfo import elements, tracks

OUTPUTS = [("archive", ".mkv"), ("access", ".mp4"), ("access", ".mkv"), ("mezzanine", ".mov")]
ONE = 1 << 16


def written_matrix(path):
    with av.open(str(path)) as container:
        return matrix_of(next(container.decode(video=0)))


@pytest.mark.parametrize(("profile", "extension"), OUTPUTS)
@pytest.mark.parametrize("container", ["mov", "mkv"])
@pytest.mark.parametrize(
    ("rotation", "mirrored"),
    [(0, True), (180, True), (90, True), (-90, True), (90, False), (30, False), (30, True)],
)
def test_the_picture_is_mirrored_and_turned_as_in_the_source(
    rotation, mirrored, container, profile, extension, film, joined
):
    source = film(f"film.{container}", rotation=rotation, mirrored=mirrored, frames=6)
    made = joined(source, extension, profile=profile)

    result = made.assemble()

    wanted = display_matrix(rotation, mirrored=mirrored)
    assert max(map(abs, map(int.__sub__, written_matrix(made.output), wanted))) <= 2
    assert (made.info.rotation, made.info.mirrored) == (rotation, mirrored)
    assert not [said for said in result.warnings if "matrix" in said]
    if extension == ".mkv":
        poses = {name: value for _, name, value in elements(made.output, "Projection")}
        assert ("ProjectionPoseYaw" in poses) == mirrored
        roll = float(poses.get("ProjectionPoseRoll", "0"))
        turned = -rotation if mirrored else rotation
        assert math.isclose(abs(roll), abs(turned), abs_tol=0.01)


def test_a_matrix_that_matroska_cannot_store_is_a_warning(film, joined):
    source = film("film.mov", rotation=90, frames=6)
    data = source.read_bytes()
    old, new = (
        b"".join(number.to_bytes(4, "big", signed=True) for number in matrix)
        for matrix in (display_matrix(90), (ONE, ONE // 2, 0, 0, ONE, 0, 0, 0, 1 << 30))
    )
    assert data.count(old) == 1
    source.write_bytes(data.replace(old, new))

    warnings = joined(source, ".mkv").assemble().warnings

    assert "matroska does not keep the film's display matrix (rotation, mirroring)" in warnings


def test_only_turns_and_mirroring_count_as_orientation():
    moved_and_enlarged = (2 * ONE, 0, 0, 0, 2 * ONE, 0, 96, 64, 1 << 30)

    assert same_orientation((), moved_and_enlarged)
    assert not same_orientation((), display_matrix(0, mirrored=True))
    assert not same_orientation((), display_matrix(1))


@pytest.mark.parametrize(("profile", "extension"), OUTPUTS)
def test_cropping_is_kept_in_matroska_and_a_warning_elsewhere(profile, extension, film, joined):
    source = film("film.mkv", codec="ffv1", frames=6)
    with_a_crop(source)
    made = joined(source, extension, profile=profile)

    result = made.assemble()

    assert made.info.crop == CROP == Crop(4, 6, 8, 10)
    lost = "does not keep the film's cropping (left 4, top 6, right 8, bottom 10 pixels)"
    assert any(lost in said for said in result.warnings) == (extension != ".mkv")
    before, after = (tracks(path, "Video")[0] for path in (source, made.output))
    if extension == ".mkv":
        for name in ("width", "width_offset", "height", "height_offset", "display_aspect_ratio"):
            assert after[name] == before[name]
        assert after["width_offset"] == 4
    with av.open(str(made.output)) as container:
        stored = container.streams.video[0].codec_context
        assert (stored.width, stored.height) == (made.info.width, made.info.height)
