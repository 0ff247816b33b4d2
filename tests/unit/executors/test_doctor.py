import subprocess
import sys

import pytest

from colorworker import __version__
from colorworker.domain.models import ModelChoice
from colorworker.domain.options import CODECS
from colorworker.executors.doctor import (
    check_cores,
    check_film_encoders,
    check_still_encoders,
    check_store,
    check_versions,
    check_video_hardware,
    check_weights,
)
from colorworker.media.codecs import nvdec, nvenc


def test_the_installed_versions_are_listed():
    detail = check_versions().detail

    assert f"colorworker {__version__}" in detail
    assert "av " in detail


def test_at_least_one_core_is_usable():
    assert int(check_cores().detail.split()[0]) >= 1


def test_the_required_encoders_are_found():
    film, still = check_film_encoders(), check_still_encoders()

    assert (film.status, film.detail) == ("ok", "libx264, ffv1, aac")
    assert still.status == "ok"
    assert "tiff" in still.detail


def test_every_video_engine_works_or_its_absence_is_explained():
    check = check_video_hardware()

    assert (check.status, check.next_step) == ("ok", "")
    for name in map(nvenc.encoder_name, CODECS["access"]):
        answer = nvenc.probe_nvenc(name)
        assert (name if answer.works else answer.reason) in check.detail
    for codec, pix_fmt in nvdec.BIT_EXACT_TESTS:
        answer = nvdec.probe_nvdec(codec, pix_fmt)
        assert (f"NVDEC {codec} {pix_fmt}" if answer.works else answer.reason) in check.detail


def test_a_good_folder_passes_the_store_check_and_is_left_empty(tmp_path):
    check = check_store(tmp_path)

    assert check.status == "ok", check
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_file_in_place_of_a_folder_fails_the_store_check_by_name(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"")

    check = check_store(path)

    assert check.status == "fail"
    assert "file" in check.detail
    assert check.next_step


def test_the_packaged_weights_pass_the_check():
    check = check_weights()

    assert check.status == "ok"
    assert "1149e9594faf12e1af8c9f17e30bf10a7babe43632f37a87931d5d451faf4f8c" in check.detail


def test_a_file_that_holds_no_weights_fails_with_the_reason(tmp_path):
    path = tmp_path / "mine.npz"
    path.write_bytes(b"hello")

    check = check_weights(ModelChoice(str(path)))

    assert check.status == "fail"
    assert "not an npz file" in check.detail
    assert check.next_step


@pytest.mark.parametrize("name", ["check_speed", "check_devices"])
def test_without_tensorflow_the_checks_that_need_it_name_the_install_command(name):
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; sys.modules['tensorflow'] = None\n"
            "from colorworker.executors import doctor\n"
            f"check = doctor.{name}()\n"
            "print(check.status, check.detail, check.next_step)",
        ],
        capture_output=True,
        text=True,
    )

    assert done.stdout.startswith("fail tensorflow"), done.stderr
    assert "pip install --force-reinstall 'tensorflow" in done.stdout
