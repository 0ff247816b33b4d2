"""Problems specific to folders: links, permissions, odd bytes in names, other processes."""

import errno
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from colorworker.errors import (
    KeyExists,
    KeyMissing,
    KeyRefused,
    SourceChanged,
    SourceUnreadable,
    StoreUnavailable,
)
from colorworker.store.local import LocalStore
from colorworker.store.objectstore import Leftover
from colorworker.store.openstore import open_store
from colorworker.store.oserrors import reading_failed, writing_failed

ROUNDS = 60


@pytest.fixture
def as_ordinary_user():
    """A world-readable folder and an ordinary user, because permissions do not restrict root."""
    folder = Path(tempfile.mkdtemp())
    was = os.geteuid()
    if was == 0:
        os.chown(folder, 65534, -1)
        os.seteuid(65534)
    yield folder
    os.seteuid(was)
    shutil.rmtree(folder)


def errors(store, prefix=""):
    return {info.key: info.error for info in store.list(prefix)}


def files_below(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def _contend(root, name, barrier, wins):
    store = LocalStore(root)
    for number in range(ROUNDS):
        barrier.wait(60)
        try:
            store.put(f"round/{number}", b"%d" % name * 5000, create_only=True)
        except KeyExists:
            continue
        wins.put((number, name))
    wins.put(None)


def test_create_only_has_one_winner_among_processes(tmp_path):
    context = multiprocessing.get_context("spawn")
    barrier, queue = context.Barrier(4), context.Queue()
    processes = [
        context.Process(target=_contend, args=(tmp_path, name, barrier, queue)) for name in range(4)
    ]
    for process in processes:
        process.start()

    wins = []
    for _ in processes:
        wins.extend(iter(lambda: queue.get(timeout=60), None))
    for process in processes:
        process.join(60)

    store = LocalStore(tmp_path)
    assert sorted(number for number, _ in wins) == list(range(ROUNDS))
    for number, name in wins:
        assert store.get(f"round/{number}") == b"%d" % name * 5000
    assert list(store.scratch().iterdir()) == []


def test_a_killed_writer_leaves_only_complete_objects(tmp_path):
    code = (
        "import sys, pathlib\n"
        "from colorworker.store.local import LocalStore\n"
        "store = LocalStore(pathlib.Path(sys.argv[1]))\n"
        "for number in range(10**6):\n"
        "    store.put(f'{number % 7}', b'%07d' % number * 100_000, create_only=number < 7)\n"
        "    print(number, flush=True)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    with process:
        for _ in range(12):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)

    store = LocalStore(tmp_path)
    found = {info.key: store.get(info.key) for info in store.list()}
    assert sorted(found) == [str(number) for number in range(7)]
    for content in found.values():
        assert content == content[:7] * 100_000


def test_reading_never_writes(tmp_path):
    (tmp_path / "reel.avi").write_bytes(b"film")
    before = tmp_path.stat().st_mtime_ns

    store = open_store(str(tmp_path))
    listed = list(store.list())
    store.head("reel.avi")
    store.get("reel.avi")
    store.open("reel.avi").close()
    store.close()

    assert [info.key for info in listed] == ["reel.avi"]
    assert files_below(tmp_path) == ["reel.avi"]
    assert tmp_path.stat().st_mtime_ns == before


def test_the_first_put_creates_the_folder(tmp_path):
    store = LocalStore(tmp_path / "new" / "store")
    assert list(store.list()) == []
    assert not (tmp_path / "new").exists()

    store.put("key", b"")

    assert files_below(tmp_path / "new" / "store") == [".colorworker", ".colorworker/tmp", "key"]


def test_an_open_reader_is_a_real_file(tmp_path):
    store = LocalStore(tmp_path)
    store.put("key", b"0123")

    with store.open("key") as reader:
        assert os.pread(reader.fileno(), 2, 1) == b"12"


def test_a_file_in_the_scratch_folder_is_moved_not_copied(tmp_path):
    store = LocalStore(tmp_path)
    path = store.scratch() / "attempt"
    path.write_bytes(b"film")
    inode = path.stat().st_ino

    info = store.put_file("film.mkv", path)

    assert (tmp_path / "film.mkv").stat().st_ino == inode
    assert info.etag.endswith(f"-{inode}")
    assert not path.exists()


@pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="needs a second file system")
def test_a_file_on_another_file_system_is_copied(tmp_path):
    folder = Path(tempfile.mkdtemp(dir="/dev/shm"))
    try:
        (folder / "film").write_bytes(b"film" * 1000)
        store = LocalStore(tmp_path)

        store.put_file("film.mkv", folder / "film")

        assert store.get("film.mkv") == b"film" * 1000
        assert list(store.scratch().iterdir()) == []
    finally:
        shutil.rmtree(folder)


def test_outputs_have_default_permissions(tmp_path):
    LocalStore(tmp_path).put("key", b"")
    (tmp_path / "ordinary").write_bytes(b"")

    assert (tmp_path / "key").stat().st_mode == (tmp_path / "ordinary").stat().st_mode


def test_a_change_in_place_is_detected(tmp_path):
    store = LocalStore(tmp_path)
    info = store.put("key", b"one")
    (tmp_path / "key").write_bytes(b"two")

    with pytest.raises(SourceChanged):
        store.get("key", etag=info.etag)


def test_unreadable_files_are_listed_with_an_error(tmp_path):
    (tmp_path / "good.jpg").write_bytes(b"1")
    (tmp_path / "link-to-good.jpg").symlink_to("good.jpg")
    (tmp_path / "dangling.jpg").symlink_to("nothing")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "new\nline.jpg").write_bytes(b"1")
    os.mkfifo(tmp_path / "pipe")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.jpg")).write_bytes(b"1")
    deep = tmp_path / "/".join(["d" * 250] * 5)
    deep.mkdir(parents=True)
    (deep / "x").write_bytes(b"1")

    found = errors(LocalStore(tmp_path))

    long_key = "/".join(["d" * 250] * 5) + "/x"
    assert found.pop("good.jpg") == ""
    assert found.pop("link-to-good.jpg") == ""
    assert found.pop("dangling.jpg") == "the target of the link does not exist"
    assert found.pop("loop") == f"the file cannot be read ({os.strerror(errno.ELOOP)})"
    assert found.pop("new\nline.jpg") == "the name contains the control character U+000A"
    assert found.pop("pipe") == "neither a file nor a link to one"
    assert found.pop("caf\\xe9.jpg") == "the name is not valid UTF-8"
    assert found.pop(long_key) == "the key has 1256 bytes, the limit is 1024"
    assert found == {}


def test_a_link_to_a_folder_that_is_listed_anyway_is_passed_over(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "x").write_bytes(b"1")
    (tmp_path / "real" / "up").symlink_to("..")
    (tmp_path / "again").symlink_to("real")

    store = LocalStore(tmp_path)

    assert errors(store) == {"real/x": ""}
    assert errors(store, "real/up/") == {}


def test_a_link_to_a_folder_elsewhere_is_an_error_that_says_what_to_do(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "x").write_bytes(b"1")
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "link").symlink_to("../elsewhere")

    (found,) = LocalStore(tmp_path / "root").list()

    assert found.error.startswith(f"a link to the folder {tmp_path / 'elsewhere'}")
    assert found.next_step == "Give that folder as a source of its own"


def test_a_name_that_is_not_utf8_is_an_error_that_says_how_to_rename_it(tmp_path):
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.jpg")).write_bytes(b"1")

    (found,) = LocalStore(tmp_path).list()

    assert found.error == "the name is not valid UTF-8"
    assert "convmv" in found.next_step


def test_no_file_is_written_or_deleted_through_a_link_to_a_folder(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    (source / "x").write_bytes(b"the source is sacred")
    store = LocalStore(tmp_path / "destination")
    store.put("attempt", b"color")
    (tmp_path / "destination" / "reels").symlink_to(source)

    for operation in (
        lambda: store.put("reels/x", b""),
        lambda: store.put("reels/y", b"", create_only=True),
        lambda: store.publish("attempt", "reels/x"),
        lambda: store.delete("reels/x"),
        lambda: store.get("reels/x"),
    ):
        with pytest.raises(KeyRefused, match="link"):
            operation()

    assert files_below(source) == ["x"]
    assert (source / "x").read_bytes() == b"the source is sacred"


def test_a_put_replaces_a_link_and_not_its_target(tmp_path):
    (tmp_path / "source").write_bytes(b"the source is sacred")
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "x").symlink_to(tmp_path / "source")

    LocalStore(tmp_path / "store").put("x", b"color")

    assert (tmp_path / "source").read_bytes() == b"the source is sacred"
    assert (tmp_path / "store" / "x").read_bytes() == b"color"


@pytest.mark.parametrize("read", ["head", "get", "open"])
def test_a_pipe_is_refused_without_blocking(tmp_path, read):
    os.mkfifo(tmp_path / "pipe.mp4")

    with pytest.raises(SourceUnreadable, match="neither a file"):
        getattr(LocalStore(tmp_path), read)("pipe.mp4")


def test_a_file_in_place_of_a_folder_is_refused(tmp_path):
    store = LocalStore(tmp_path)
    store.put("a", b"file")
    store.put("b/c", b"file")

    for key in ("a/x", "b"):
        for create_only in (False, True):
            with pytest.raises(KeyRefused, match="cannot be written"):
                store.put(key, b"", create_only=create_only)
    with pytest.raises(KeyRefused, match="cannot be written"):
        store.publish("a", "b")

    assert store.get("a") == b"file"
    assert list(store.scratch().iterdir()) == []


def test_the_scratch_folder_has_no_objects(tmp_path):
    store = LocalStore(tmp_path)

    with pytest.raises(KeyRefused):
        store.put(".colorworker/tmp/x", b"")


def test_files_and_folders_without_permission_are_listed_with_an_error(as_ordinary_user):
    folder = as_ordinary_user
    (folder / "closed").mkdir()
    (folder / "closed" / "x").write_bytes(b"1")
    (folder / "secret.jpg").write_bytes(b"1")
    (folder / "secret.jpg").chmod(0)
    (folder / "closed").chmod(0)
    store = LocalStore(folder)

    try:
        found = errors(store)
        assert found == {
            "secret.jpg": "the file cannot be read (Permission denied)",
            "closed/": "the folder cannot be read (Permission denied)",
        }
        assert set(errors(store, "closed/")) == {"closed/"}
        with pytest.raises(SourceUnreadable, match="Permission denied"):
            store.get("secret.jpg")
        with pytest.raises(SourceUnreadable, match="Permission denied"):
            list(LocalStore(folder / "closed").list())
    finally:
        (folder / "closed").chmod(0o755)


def test_the_error_for_a_destination_without_permission_has_a_next_step(as_ordinary_user):
    as_ordinary_user.chmod(0o555)
    try:
        with pytest.raises(StoreUnavailable, match=r"Permission denied.*permission to write"):
            LocalStore(as_ordinary_user).put("key", b"")
    finally:
        as_ordinary_user.chmod(0o755)


def test_files_in_the_scratch_folder_are_leftovers(tmp_path):
    store = LocalStore(tmp_path)
    (store.scratch() / "deep").mkdir()
    (store.scratch() / "deep" / "half.nut").write_bytes(b"half")
    store.put("film.mkv", b"whole")

    (found,) = store.leftovers()
    store.discard(found)
    store.discard(found)

    assert (found.kind, found.size_bytes) == ("temporary file", 4)
    assert list(store.leftovers()) == []
    assert store.get("film.mkv") == b"whole"


def test_a_folder_left_empty_by_publish_is_a_leftover(tmp_path):
    store = LocalStore(tmp_path)
    for unit in ("a", "b"):
        store.put(f".colorworker/parts/{unit}/1.mp4", b"film")
        store.publish(f".colorworker/parts/{unit}/1.mp4", f"{unit}.mp4")
    (tmp_path / "an empty folder of theirs").mkdir()

    found = sorted(store.leftovers(), key=lambda leftover: leftover.key)
    store.put(".colorworker/parts/b/2.mp4", b"film")
    for leftover in found:
        store.discard(leftover)
        store.discard(leftover)

    assert [(leftover.kind, leftover.key) for leftover in found] == [
        ("empty folder", ".colorworker/parts/a"),
        ("empty folder", ".colorworker/parts/b"),
    ]
    assert store.get(".colorworker/parts/b/2.mp4") == b"film"
    assert [leftover.kind for leftover in store.leftovers()] == []


def test_a_scratch_folder_behind_a_link_has_no_leftovers(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "theirs").write_bytes(b"")
    (tmp_path / "store" / ".colorworker").mkdir(parents=True)
    (tmp_path / "store" / ".colorworker" / "tmp").symlink_to(elsewhere)

    assert list(LocalStore(tmp_path / "store").leftovers()) == []


def test_only_leftovers_can_be_discarded(tmp_path):
    store = LocalStore(tmp_path)
    store.put("film.mkv", b"whole")

    with pytest.raises(KeyRefused):
        store.discard(Leftover("temporary file", "film.mkv", 5, 0.0))

    assert store.get("film.mkv") == b"whole"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_the_error_for_a_full_disk_has_a_next_step():
    with pytest.raises(OSError, match="No space left") as full, Path("/dev/full").open("wb") as f:
        f.write(b"x")

    error = writing_failed("reels/7.mkv", full.value)

    assert isinstance(error, StoreUnavailable)
    assert str(error) == (
        "reels/7.mkv: it cannot be written (No space left on device). "
        "Free some space, then run the same command again to resume."
    )


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOENT, KeyMissing),
        (errno.ENOTDIR, KeyMissing),
        (errno.EACCES, SourceUnreadable),
        (errno.EIO, SourceUnreadable),
        (errno.EMFILE, StoreUnavailable),
        (errno.ESTALE, StoreUnavailable),
    ],
)
def test_read_errors_distinguish_bad_files_from_transient_problems(number, kind):
    assert type(reading_failed("key", OSError(number, os.strerror(number)))) is kind
