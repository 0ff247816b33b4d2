"""`colorworker colorize` on real files, valid and damaged, in this process."""

import struct
import zlib
from pathlib import Path

import av
import numpy as np
import pytest
import pyvips

from tests.archives import Outcome, save_picture

pytestmark = pytest.mark.integration

SMALL_SEGMENTS = {"COLORWORKER_MEDIA__SEGMENT_FRAMES": "12", "COLORWORKER_RUN__WORKERS": "1"}


def luma_hashes(path):
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return [
            bytes(
                np.frombuffer(f.planes[0], np.uint8).reshape(f.height, -1)[:, : f.width].tobytes()
            )
            for f in container.decode(stream)
        ]


def png_header(width, height):
    """Return a PNG whose header promises more pixels than it has."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = zlib.compress(bytes(10_000))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


def png_with_a_text():
    """Return a gray PNG with a title, which TIFF has no place for."""
    text = b"tEXtTitle\0Reel 7"
    chunk = struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text))
    rows, columns = np.mgrid[0:48, 0:64]
    picture = pyvips.Image.new_from_array(((rows * columns) % 251).astype(np.uint8))
    data = picture.pngsave_buffer(keep="none")
    return data[:33] + chunk + data[33:]


def test_strict_fails_items_with_losses_and_leaves_their_copies(command, tmp_path):
    sources, color = tmp_path / "sources", Outcome(tmp_path / "color")
    sources.mkdir()
    (sources / "scan.png").write_bytes(png_with_a_text())
    words = ("colorize", sources, color.destination, "--profile", "archive")

    strict = command.here(*words, "--strict")
    refused, copies = color.lines["scan.png"], color.files
    lenient = command.here(*words)

    assert (strict.returncode, lenient.returncode) == (3, 0)
    assert (refused["error_code"], copies) == ("strict", {"scan.tif"})
    assert "TIFF has no place for the PNG's 1 text chunks" in refused["error"]
    assert color.lines["scan.png"]["resumed"]
    assert color.files == copies


def test_the_archive_profile_preserves_luma_exactly(command, archive, tmp_path):
    color = Outcome(tmp_path / "color")

    done = command.here(
        "colorize", archive / "reel.mp4", color.destination, "--profile", "archive",
        **SMALL_SEGMENTS,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert color.files == {"reel.mkv"}
    assert luma_hashes(color.destination / "reel.mkv") == luma_hashes(archive / "reel.mp4")
    with av.open(str(color.destination / "reel.mkv")) as film:
        assert film.streams.video[0].codec_context.name == "ffv1"
        assert [stream.type for stream in film.streams] == ["video", "audio"]
    assert color.lines["reel.mp4"]["frames"] == 72


def test_damaged_inputs_fail_with_an_error_code_and_all_others_succeed(command, archive, tmp_path):
    film = (archive / "reel.mp4").read_bytes()
    whole = save_picture(tmp_path / "whole.jpg", 300, 400).read_bytes()
    bad = {
        "truncated.jpg": whole[: len(whole) // 2],
        "empty.png": b"",
        "text.mp4": b"This is not a film.\n" * 50,
        "half.mp4": film[: len(film) // 2],
        "random.tif": np.random.default_rng(0).bytes(5000),
        "bomb.png": png_header(60_000, 60_000),
        "new\nline.png": (archive / "a.png").read_bytes(),
        "control\x07.jpg": whole,
    }
    for name, data in bad.items():
        (archive / name).write_bytes(data)
    (archive / "dangling.png").symlink_to(archive / "nowhere.png")
    (archive / "notes.txt").write_text("Not a picture.")
    color = Outcome(tmp_path / "color")

    done = command.here("colorize", archive, color.destination)

    lines = color.lines
    assert done.returncode == 3, done.stderr
    assert color.files == {"a.png", "sub/b.jpg", "c.tif", "reel.mp4"}
    codes = {name: lines[name]["error_code"] for name in (*bad, "dangling.png", "notes.txt")}
    assert codes == {
        "truncated.jpg": "source_damaged",
        "empty.png": "source_damaged",
        "text.mp4": "source_damaged",
        "half.mp4": "source_damaged",
        "random.tif": "source_damaged",
        "bomb.png": "source_too_large",
        "new\nline.png": "key_refused",
        "control\x07.jpg": "key_refused",
        "dangling.png": "source_unreadable",
        "notes.txt": "not_media",
    }
    assert {line["outcome"] for name, line in lines.items() if name in bad} == {"failed"}
    assert lines["notes.txt"]["outcome"] == "skipped"
    assert all(len(lines[name]["error"]) > 20 for name in codes)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("{archive}",), "only one path"),
        (("{archive}/nothing", "{tmp}/out"), "no such file"),
        (("{archive}/*.nothing", "{tmp}/out"), "nothing matched"),
        (("manifest:{archive}/a.png", "{tmp}/out"), "names no manifest format"),
        (("manifest:{archive}/no.csv", "{tmp}/out"), "there is no such manifest"),
        (("{archive}", "{archive}/out"), "inside the source"),
        (("{archive}/a.png", "{archive}"), "inside the source"),
        (("{archive}", "{tmp}"), "inside the destination"),
        (("{archive}", "{archive}/a.png"), "is a file"),
        (("{archive}", "{tmp}/out", "--model", "{archive}/a.png"), "a.png"),
    ],
)
def test_a_job_that_cannot_start_reports_why_and_writes_nothing(
    command, archive, tmp_path, arguments, words
):
    before = sorted(tmp_path.rglob("*"))

    done = command.here("colorize", *(a.format(archive=archive, tmp=tmp_path) for a in arguments))

    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(tmp_path.rglob("*")) == before


def test_a_dry_run_lists_every_output_and_writes_nothing(command, archive, tmp_path):
    done = command.here("colorize", archive, tmp_path / "color", "--dry-run", "--no-calibrate")

    assert done.returncode == 0
    assert "reel.mp4 -> reel.mp4" in done.stdout
    assert not (tmp_path / "color").exists()


def test_a_preview_has_pictures_of_every_item_and_writes_no_outputs(command, archive, tmp_path):
    color = Outcome(tmp_path / "color")

    done = command.here("colorize", archive, color.destination, "--preview", **SMALL_SEGMENTS)

    assert done.returncode == 0, done.stderr
    assert color.files == set()
    page = Path(done.stdout.splitlines()[-1].removeprefix("report: "))
    assert page.read_text().count("data:image/jpeg") == 3 + 6
