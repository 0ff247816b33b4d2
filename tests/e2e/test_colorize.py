"""`colorworker colorize` in its own process, on real files."""

import signal
import struct
import time
import zlib
from pathlib import Path

import av
import numpy as np
import pytest
import pyvips

from tests.waiting import wait_for

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
    """A PNG that promises more pixels than it has bytes."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = zlib.compress(bytes(10_000))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


def test_an_archive_comes_back_in_colour_and_a_second_run_does_nothing_again(
    command, archive, tmp_path, tools
):
    sources = {path: path.read_bytes() for path in archive.rglob("*") if path.is_file()}
    colour = tools["outcome"](tmp_path / "colour")

    first = command.run("colorize", archive, colour.destination, **SMALL_SEGMENTS)
    records = colour.records
    second = command.run("colorize", archive, colour.destination, **SMALL_SEGMENTS)

    assert first.returncode == 0, first.stderr
    assert colour.files == {"a.png", "sub/b.jpg", "c.tif", "reel.mp4"}
    assert {path: path.read_bytes() for path in sources} == sources
    assert len([r for r in records.values() if r[1].endswith(".nut")]) == 6
    assert (second.returncode, colour.records) == (0, records)
    assert all(line["resumed"] for line in colour.lines.values())
    page = Path(first.stdout.splitlines()[-1].removeprefix("report: "))
    assert page.read_text().count("data:image/jpeg") == 3 + 6
    for name in ("a.png", "c.tif"):
        lab = pyvips.Image.new_from_file(str(colour.destination / name)).colourspace("lab")
        assert lab.extract_band(1, n=2).abs().max() > 4


def test_archive_profile_keeps_every_luma_code_and_every_time(command, archive, tmp_path, tools):
    colour = tools["outcome"](tmp_path / "colour")

    done = command.run(
        "colorize", archive / "reel.mp4", colour.destination, "--profile", "archive",
        **SMALL_SEGMENTS,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert colour.files == {"reel.mkv"}
    assert luma_hashes(colour.destination / "reel.mkv") == luma_hashes(archive / "reel.mp4")
    with av.open(str(colour.destination / "reel.mkv")) as film:
        assert film.streams.video[0].codec_context.name == "ffv1"
        assert [stream.type for stream in film.streams] == ["video", "audio"]
    assert colour.lines["reel.mp4"]["frames"] == 72


def test_bad_inputs_fail_by_name_and_everything_else_is_done(command, archive, tmp_path, tools):
    film = (archive / "reel.mp4").read_bytes()
    whole = tools["picture"](tmp_path / "whole.jpg", 300, 400).read_bytes()
    bad = {
        "truncated.jpg": whole[: len(whole) // 2],
        "empty.png": b"",
        "text.mp4": b"This is no film.\n" * 50,
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
    colour = tools["outcome"](tmp_path / "colour")

    done = command.run("colorize", archive, colour.destination)

    lines = colour.lines
    assert done.returncode == 3, done.stderr
    assert colour.files == {"a.png", "sub/b.jpg", "c.tif", "reel.mp4"}
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


def test_one_added_source_is_the_only_one_that_is_done(command, archive, tmp_path, tools):
    colour = tools["outcome"](tmp_path / "colour")
    command.run("colorize", archive, colour.destination)
    before = colour.records

    tools["picture"](archive / "new.png", seed=5)
    done = command.run("colorize", archive, colour.destination)

    assert done.returncode == 0
    after = colour.records
    assert {unit: after[unit] for unit in before} == before
    assert len(after) == len(before) + 1
    assert [key for key, line in colour.lines.items() if not line["resumed"]] == ["new.png"]


def test_other_options_do_everything_anew_and_keep_the_old_records(
    command, archive, tmp_path, tools
):
    colour = tools["outcome"](tmp_path / "colour")
    command.run("colorize", archive / "a.png", colour.destination)
    before, old = colour.records, (colour.destination / "a.png").read_bytes()

    command.run("colorize", archive / "a.png", colour.destination, "--vividness", "1.5")

    assert before.items() < colour.records.items()
    assert (colour.destination / "a.png").read_bytes() != old


def test_a_killed_driver_is_run_again_and_no_finished_unit_is_done_twice(
    command, archive, tmp_path, tools
):
    tools["film"](archive / "long.mp4", frames=240)
    colour = tools["outcome"](tmp_path / "colour")

    for units in (4, 12):
        process = command.start("colorize", archive, colour.destination, **SMALL_SEGMENTS)
        wait_for(lambda units=units: len(colour.records) >= units, process)
        process.kill()
        process.communicate()
    killed = colour.records
    done = command.run("colorize", archive, colour.destination, **SMALL_SEGMENTS)

    assert done.returncode == 0, done.stderr
    assert killed.items() <= colour.records.items()
    assert colour.files == {"a.png", "sub/b.jpg", "c.tif", "reel.mp4", "long.mp4"}
    assert colour.lines["long.mp4"]["frames"] == 240


def test_ctrl_c_once_finishes_what_is_in_flight_and_says_how_to_go_on(
    command, archive, tmp_path, tools
):
    tools["film"](archive / "long.mp4", frames=480)
    colour = tools["outcome"](tmp_path / "colour")
    process = command.start("colorize", archive, colour.destination, **SMALL_SEGMENTS)
    wait_for(lambda: len(colour.records) >= 5, process)

    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)

    assert process.returncode == 130
    assert "Ctrl-C stops at once" in err
    assert "report.html" in out
    (run,) = (colour.destination / ".colorworker" / "jobs").glob("*/runs/*.json")
    assert '"outcome": "interrupted"' in run.read_text()
    assert not list((colour.destination / ".colorworker" / "tmp").iterdir())


def test_ctrl_c_twice_stops_at_once(command, archive, tmp_path, tools):
    tools["film"](archive / "long.mp4", frames=480)
    colour = tools["outcome"](tmp_path / "colour")
    process = command.start("colorize", archive, colour.destination, **SMALL_SEGMENTS)
    wait_for(lambda: len(colour.records) >= 5, process)

    process.send_signal(signal.SIGINT)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=10)

    assert process.returncode == 130


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("{archive}",), "only one path"),
        (("{archive}/nothing", "{tmp}/out"), "no such file"),
        (("{archive}/*.nothing", "{tmp}/out"), "nothing matched"),
        (("{archive}", "{archive}/out"), "inside the source"),
        (("{archive}/a.png", "{archive}"), "inside the source"),
        (("{archive}", "{tmp}"), "inside the destination"),
        (("{archive}", "{archive}/a.png"), "is a file"),
        (("{archive}", "{tmp}/out", "--model", "{archive}/a.png"), "a.png"),
    ],
)
def test_what_cannot_start_says_why_and_writes_nothing(
    command, archive, tmp_path, arguments, words
):
    before = sorted(tmp_path.rglob("*"))

    done = command.run("colorize", *(a.format(archive=archive, tmp=tmp_path) for a in arguments))

    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(tmp_path.rglob("*")) == before


def test_a_dry_run_names_every_output_and_writes_nothing(command, archive, tmp_path):
    done = command.run("colorize", archive, tmp_path / "colour", "--dry-run", "--no-calibrate")

    assert done.returncode == 0
    assert "reel.mp4 -> reel.mp4" in done.stdout
    assert not (tmp_path / "colour").exists()


def test_a_preview_shows_every_item_and_writes_no_output(command, archive, tmp_path, tools):
    colour = tools["outcome"](tmp_path / "colour")

    done = command.run("colorize", archive, colour.destination, "--preview", **SMALL_SEGMENTS)

    assert done.returncode == 0, done.stderr
    assert colour.files == set()
    page = Path(done.stdout.splitlines()[-1].removeprefix("report: "))
    assert page.read_text().count("data:image/jpeg") == 3 + 6
