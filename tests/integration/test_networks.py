"""Jobs with networks of other projects: exact colors in pictures and films."""

import json
from contextlib import closing
from fractions import Fraction

import av
import numpy as np
import pytest
import pyvips

from colorworker.color.lab import lab_from_linear_rgb, lightness_from_luminance, srgb_to_linear
from colorworker.color.luma import lightness_from_luma, solve_chroma, spec_from_codes
from tests.archives import Outcome
from tests.onnxnetworks import NETWORKS, ddcolor, deoldify, expected_chroma, pointwise

pytestmark = pytest.mark.integration

GRAY, LUMA = 140, 120
"""Code of the picture, and Y' of the film."""


def gray_archive(folder, frames=6):
    """Write a picture and a film of one gray each, so that their colors are known exactly."""
    folder.mkdir()
    flat = pyvips.Image.new_from_array(np.full((48, 64), GRAY, np.uint8))
    flat.copy(interpretation="b-w").write_to_file(str(folder / "still.png"))
    with closing(av.open(str(folder / "film.mkv"), "w")) as container:
        stream = container.add_stream("ffv1", rate=Fraction(25))
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for index in range(frames):
            frame = av.VideoFrame(96, 64, "yuv420p")
            for plane, code in zip(frame.planes, (LUMA, 128, 128), strict=True):
                plane.update(bytes([code]) * plane.buffer_size)
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return folder


def save(tmp_path, name, data):
    path = tmp_path / f"{name}.onnx"
    path.write_bytes(data)
    return path


def still_chroma(destination):
    """Return the a*, b* of the colored picture's center."""
    rgb = pyvips.Image.new_from_file(str(destination / "still.tif")).numpy()
    codes = rgb.astype(np.float32) / np.iinfo(rgb.dtype).max
    return lab_from_linear_rgb(srgb_to_linear(codes))[24, 32, 1:]


def film_codes(destination):
    """Return the Cb and Cr codes of every pixel of the film, as a set."""
    found = set()
    with av.open(str(destination / "film.mkv")) as container:
        for frame in container.decode(video=0):
            planes = frame.reformat(format="yuv444p").to_ndarray()
            assert (planes[0] == LUMA).all()
            found |= set(zip(planes[1].ravel().tolist(), planes[2].ravel().tolist(), strict=True))
    return found


def expected_still(color_of):
    linear = srgb_to_linear(np.float32(GRAY / 255))
    return color_of(lightness_from_luminance(linear))


def expected_film(color_of):
    """Return the Cb and Cr codes of the film's luma in the color that the network gives it."""
    spec = spec_from_codes(
        matrix=2, full_range=False, bit_depth=8, primaries=2, transfer=2, height=64
    )
    ab = color_of(lightness_from_luma(np.array([LUMA], np.uint8), spec)[0])
    (chroma,) = solve_chroma(np.array([(LUMA - 16) / 219]), ab[None].astype(np.float64), spec)
    return round(128 + 224 * chroma.real), round(128 + 224 * chroma.imag)


def check(destination, color_of):
    assert still_chroma(destination) == pytest.approx(expected_still(color_of), abs=0.6)
    cb, cr = expected_film(color_of)
    assert all(abs(b - cb) <= 1 and abs(r - cr) <= 1 for b, r in film_codes(destination))
    assert (cb, cr) != (128, 128)


@pytest.mark.parametrize("profile", NETWORKS)
def test_a_picture_and_a_film_get_exactly_the_networks_colors(command, tmp_path, profile):
    archive = gray_archive(tmp_path / "archive")
    network = save(tmp_path, profile, NETWORKS[profile]())
    color = Outcome(tmp_path / "color")

    done = command.here(
        "colorize", archive, color.destination, "--model", network, "--profile", "archive"
    )

    assert done.returncode == 0, done.stderr
    assert color.files == {"still.tif", "film.mkv"}
    check(color.destination, lambda lightness: expected_chroma(profile, lightness))


def test_vividness_scales_a_networks_chroma(command, tmp_path):
    archive = gray_archive(tmp_path / "archive")
    network = save(tmp_path, "net", NETWORKS["siggraph17"]())
    color = Outcome(tmp_path / "color")

    done = command.here(
        "colorize", archive, color.destination, "--model", network, "--profile", "archive",
        "--vividness", 0.5,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    check(color.destination, lambda lightness: 0.5 * expected_chroma("siggraph17", lightness))


def test_two_networks_are_blended_and_named_in_the_record(command, tmp_path):
    archive = gray_archive(tmp_path / "archive")
    one = save(tmp_path, "one", ddcolor())
    other = save(tmp_path, "other", deoldify())
    color = Outcome(tmp_path / "color")

    done = command.here(
        "colorize", archive, color.destination, "--model", one, "--model", other,
        "--blend", 0.6, "--profile", "archive",
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    check(
        color.destination,
        lambda lightness: (
            0.6 * expected_chroma("ddcolor", lightness)
            + 0.4 * expected_chroma("deoldify", lightness)
        ),
    )
    units = list((color.destination / ".colorworker/units").glob("*.json"))
    hashes = {json.loads(path.read_bytes())["weights_sha256"] for path in units}
    assert {text.count("+") for text in hashes if text} == {1}


def test_another_network_or_profile_colors_again_and_the_same_one_does_not(command, tmp_path):
    archive = gray_archive(tmp_path / "archive", frames=2)
    (archive / "film.mkv").unlink()
    network = save(tmp_path, "net", NETWORKS["siggraph17"]())
    color = Outcome(tmp_path / "color")

    def records(*arguments):
        done = command.here("colorize", archive, color.destination, "--model", network, *arguments)
        assert done.returncode == 0, done.stderr
        return len(color.records)

    assert [records(), records(), records("--model-profile", "eccv16"), records()] == [1, 1, 2, 2]
    save(tmp_path, "net", pointwise([[0.1], [0.1]], [1, 1]))
    assert records() == 3


@pytest.mark.parametrize("arguments", [(), ("--dry-run",), ("--executor", "ray")])
def test_a_bad_network_is_one_sentence_and_no_item_runs(command, tmp_path, arguments):
    archive = gray_archive(tmp_path / "archive", frames=2)
    network = save(tmp_path, "bad", pointwise(np.ones((5, 4)), np.zeros(5)))

    done = command.here("colorize", archive, tmp_path / "color", "--model", network, *arguments)

    assert done.returncode == 2
    assert done.stderr.startswith("error: ") or "bad.onnx" in done.stderr
    assert "no built-in profile has an input" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.glob("color/**/*.json"))


def test_the_doctor_checks_and_times_a_network(command, tmp_path):
    network = save(tmp_path, "net", ddcolor())

    done = command.here("doctor", "--model", network)

    assert "profile ddcolor, 64 x 64, sha256" in done.stdout
    assert "onnx runtime: " in done.stdout
    assert "pictures/s" in done.stdout


@pytest.mark.timeout(600)
def test_networks_run_on_ray(command, tmp_path):
    archive = gray_archive(tmp_path / "archive")
    network = save(tmp_path, "net", ddcolor())
    color = Outcome(tmp_path / "color")

    done = command.run(
        "colorize", archive, color.destination, "--model", network, "--profile", "archive",
        "--executor", "ray", COLORWORKER_RUN__WORKERS="1",
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    check(color.destination, lambda lightness: expected_chroma("ddcolor", lightness))
