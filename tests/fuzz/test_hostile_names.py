"""Names, links, devices and sizes that file systems allow: one line each, and the rest is done."""

import os
import socket
import stat
import time
from pathlib import Path

import numpy as np
import pytest
import pyvips

from colorworker.domain.options import Options
from colorworker.store.keys import printable
from colorworker.store.local import LocalStore
from tests.jobharness import run_toy_job

OPTIONS = Options(color_sources="recolor")
PICTURE = pyvips.Image.new_from_array(
    np.arange(48 * 32, dtype=np.uint16).reshape(32, 48) % 256
).cast("uchar").copy(interpretation="b-w").write_to_buffer(".png")  # fmt: skip
RIGHT_TO_LEFT, ISOLATE, FAMILY = "\u202e", "\u2066", "\U0001f469\u200d\U0001f467"
NAMES = {
    "spaces": b"  a  b  .png",
    "dots": b"...png.png",
    "two dots within": b"a..b.png",
    "a dash": b"-rf.png",
    "an option": b"--output=x.png",
    "shell": b"$(touch x);`y`|z&.png",
    "quotes": b'\'"".png',
    "percent": b"%s%n%00%2e%2e.png",
    "wildcards": b"*?[a].png",
    "backslashes": b"..\\..\\a.png",
    "markup": b"<script>alert(1)<|script>.png",
    "rich's markup": b"[bold red]a[|bold red].png",
    "braces": b"{0.__class__}.png",
    "255 bytes": b"a" * 251 + b".png",
    "255 bytes of UTF-8": "ä".encode() * 125 + b"a.png",
    "combining": "a\u0308".encode() * 30 + b".png",
    "composed": b"\xc3\xa4.png",
    "decomposed": b"a\xcc\x88.png",
    "a family": FAMILY.encode() + b".png",
    "a reserved name": b"CON.png",
}
"""These are colored under their own name."""
BAD_NAMES = {
    "a line break": b"a\nb.png",
    "a carriage return": b"a\rb.png",
    "an escape sequence": b"\x1b[31ma.png",
    "a bell": b"\x07.png",
    "a line separator": "a\u2028b.png".encode(),
    "half of a letter": b"a\xc3.png",
    "Latin-1": b"caf\xe9.png",
    "a surrogate": b"\xed\xa0\x80.png",
    "no text": bytes(range(0x80, 0x90)) + b".png",
}
"""These are refused with a sentence that can be printed."""
BIDI = {
    "right to left": f"{RIGHT_TO_LEFT}gnp.a.png",
    "an isolate": f"{ISOLATE}a.png",
    "a disguised extension": f"a{RIGHT_TO_LEFT}gpj.png",
}


def colored(archive: Path, destination: Path) -> dict:
    return run_toy_job(archive, LocalStore(destination), OPTIONS, max_attempts=1)


def put(folder: Path, name: bytes, data: bytes = PICTURE) -> None:
    path = os.fsencode(folder) + b"/" + name
    with open(path, "wb") as file:  # noqa: PTH123 - names that pathlib cannot hold
        file.write(data)


def is_clear(sentence: str) -> bool:
    return sentence.isprintable() and bool(sentence) and len(sentence) < 700


def test_every_harmless_name_is_colored(tmp_path):
    archive = tmp_path / "archive"
    archive.mkdir()
    for name in NAMES.values():
        put(archive, name)

    lines = colored(archive, tmp_path / "color")

    assert {os.fsencode(key) for key in lines} == set(NAMES.values())
    # One of two names that file systems may take for one fails.
    failed = {os.fsencode(key) for key, line in lines.items() if line.outcome != "succeeded"}
    assert failed <= {NAMES["composed"], NAMES["decomposed"]}
    outside = {path.name for path in tmp_path.iterdir()}
    assert outside == {"archive", "color"}


def test_every_name_that_cannot_be_kept_is_refused_alone(tmp_path):
    archive = tmp_path / "archive"
    archive.mkdir()
    for name in BAD_NAMES.values():
        put(archive, name)
    put(archive, b"good.png")

    lines = colored(archive, tmp_path / "color")

    assert lines.pop("good.png").outcome == "succeeded"
    assert len(lines) == len(BAD_NAMES)
    for line in lines.values():
        assert line.outcome == "failed"
        assert line.error_code in {"source_unreadable", "key_refused"}
        assert is_clear(line.error)


def test_names_that_change_the_direction_of_text_are_escaped_in_messages(tmp_path):
    archive = tmp_path / "archive"
    archive.mkdir()
    for name in BIDI.values():
        put(archive, name.encode(), b"no picture")

    lines = colored(archive, tmp_path / "color")

    assert set(lines) == set(BIDI.values())
    for line in lines.values():
        assert line.outcome == "failed"
        assert is_clear(line.error)
        assert printable(line.key) in line.error


def test_a_path_of_1024_bytes_is_colored_and_a_longer_one_is_refused(tmp_path):
    archive = tmp_path / "archive"
    fits = "/".join(["d" * 199] * 5) + "/" + "a" * 20 + ".png"
    for key in (fits, fits.replace("a.png", "aa.png")):
        (archive / key).parent.mkdir(parents=True, exist_ok=True)
        (archive / key).write_bytes(PICTURE)
    assert len(fits) == 1024

    lines = colored(archive, tmp_path / "color")

    by_outcome = {line.outcome: line for line in lines.values()}
    assert by_outcome["succeeded"].key == fits
    assert "the key has 1025 bytes, the limit is 1024" in by_outcome["failed"].error


def special_files(archive: Path, elsewhere: Path) -> dict[str, str]:
    """Make everything that is not a file, and return how each must end by its name."""
    elsewhere.mkdir()
    (elsewhere / "real.png").write_bytes(PICTURE)
    (archive / "to-a-file.png").symlink_to(elsewhere / "real.png")
    (archive / "to-nothing.png").symlink_to(archive / "nothing")
    (archive / "to-itself.png").symlink_to(archive / "to-itself.png")
    (archive / "to-zero.png").symlink_to("/dev/zero")
    (archive / "to-random.mkv").symlink_to("/dev/urandom")
    (archive / "to-memory.png").symlink_to("/proc/self/mem")
    (archive / "to-a-terminal.png").symlink_to("/dev/tty")
    (archive / "to-a-folder.png").symlink_to(elsewhere)
    (archive / "to-its-parent.png").symlink_to("..")
    os.mkfifo(archive / "pipe.mkv")
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(archive / "s.png"))
    server.close()
    (archive / "folder.png").mkdir()
    return {
        "to-a-file.png": "succeeded",
        "to-nothing.png": "failed",
        "to-itself.png": "failed",
        "to-zero.png": "failed",
        "to-random.mkv": "failed",
        "to-memory.png": "failed",
        "to-a-terminal.png": "failed",
        "to-a-folder.png": "failed",
        "pipe.mkv": "failed",
        "s.png": "failed",
        "good.png": "succeeded",
    }


def test_links_devices_pipes_and_sockets_are_refused_without_being_read(tmp_path):
    archive = tmp_path / "archive"
    archive.mkdir()
    (archive / "good.png").write_bytes(PICTURE)
    wanted = special_files(archive, tmp_path / "elsewhere")
    try:
        os.mknod(archive / "zero.png", 0o600 | stat.S_IFCHR, os.makedev(1, 5))
        wanted["zero.png"] = "failed"
    except PermissionError:  # only root may make devices
        pass

    lines = colored(archive, tmp_path / "color")

    # A link to the folder above leads to itself, so its files are listed where they are.
    lines.pop("to-its-parent.png", None)
    assert {key: line.outcome for key, line in lines.items()} == wanted
    for line in lines.values():
        assert line.outcome == "succeeded" or is_clear(line.error)


HEADS = (
    ("a.png", b""),
    ("b.png", b"\x89PNG\r\n\x1a\n"),
    ("a.tif", b"II*\0\x08\0\0\0"),
    ("a.jpg", b"\xff\xd8\xff\xe0"),
    ("a.gif", b"GIF89a"),
    ("a.bmp", b"BM"),
    ("a.dpx", b"SDPX"),
    ("a.exr", b"\x76\x2f\x31\x01"),
    ("a.jp2", b"\0\0\0\x0cjP  \r\n\x87\n"),
    ("a.heic", b"\0\0\0\x18ftypheic"),
    ("a.webp", b"RIFF\xff\xff\xff\xffWEBP"),
    ("a.mkv", b"\x1a\x45\xdf\xa3"),
    ("a.mp4", b"\0\0\0\x18ftypisom"),
    ("a.mpg", b"\0\0\1\xba"),
    ("a.ts", b"\x47" + b"\xff" * 187),
    ("a.y4m", b"YUV4MPEG2 W48 H32\n"),
    ("a", b""),
)
# libav reads these to their end, as it reads every film.
READ_WHOLE = (
    ("a.avi", b"RIFF\xff\xff\xff\xffAVI "),
    ("a.mxf", b"\x06\x0e\x2b\x34\x02\x05\x01\x01\x0d\x01\x02\x01\x01\x02"),
)


@pytest.mark.parametrize(
    ("heads", "size_bytes"),
    [(HEADS, 1 << 40), (HEADS + READ_WHOLE, 16 << 20)],
    ids=["terabyte", "16 MiB"],
)
def test_files_of_nothing_are_refused_soon(heads, size_bytes, tmp_path):
    archive = tmp_path / "archive"
    archive.mkdir()
    for name, head in heads:
        with (archive / name).open("wb") as file:
            file.write(head)
            file.truncate(size_bytes)
    began = time.process_time()

    lines = colored(archive, tmp_path / "color")

    assert time.process_time() - began < 20
    assert set(lines) == {name for name, _ in heads}
    for line in lines.values():
        assert line.outcome in {"failed", "skipped"}
        assert is_clear(line.error)
