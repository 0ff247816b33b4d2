"""Work completes correctly although every tenth request fails."""

import io
import random
import time
import zlib

import av
import numpy as np
import pytest

from colorworker.domain.records import Record
from colorworker.media.synthetic import Recipe, make_film
from colorworker.state import attempt_key, commit, finished, record_key
from colorworker.store.openstore import open_store
from colorworker.store.options import S3Options, StoreOptions
from tests.faultproxy import Fault, proxy

pytestmark = pytest.mark.integration

MIB = 1 << 20
FILMS = 3
OPTIONS = S3Options(
    part_bytes=5 * MIB, read_seconds=3, outage_seconds=60, block_bytes=1 << 16, cache_bytes=MIB
)


def one_in_ten(fault, seed=0):
    """Inject the fault into every tenth request on average."""
    dice = random.Random(seed)
    return lambda _: fault if dice.random() < 0.1 else Fault()


def lose_every_third_commit():
    """Lose the response to every third put of a done-record."""
    commits = []

    def choose(seen):
        if seen.method == "PUT" and "/units/" in seen.path:
            commits.append(seen.path)
            return Fault(lose_answer=len(commits) % 3 == 1)
        return Fault()

    return choose


TROUBLE = {
    "busy": one_in_ten(Fault(status=503)),
    "error": one_in_ten(Fault(status=500, code="InternalError")),
    "dropped": one_in_ten(Fault(drop=True)),
    "answer lost": one_in_ten(Fault(lose_answer=True)),
    "commit's answer lost": lose_every_third_commit(),
    "cut": one_in_ten(Fault(keep_share=0.6)),
    "cut at once": one_in_ten(Fault(keep_share=0.0)),
    "late": one_in_ten(Fault(delay_seconds=0.3)),
    "timeout": one_in_ten(Fault(delay_seconds=4.0)),
}


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    folder = tmp_path_factory.mktemp("films")
    recipe = Recipe(codec="mjpeg", pix_fmt="yuvj420p", width=320, height=240, frames=150)
    return {
        f"reels/{number}.mp4": make_film(folder / f"{number}.mp4", recipe).read_bytes()
        + b"\0\0\0\x08free" * number
        for number in range(FILMS)
    }


def frames_of(reader):
    with av.open(reader) as container:
        return [zlib.crc32(bytes(packet)) for packet in container.demux() if packet.size]


def work(source, destination, tmp_path):
    """List, read every film, put a large result for each and commit it, as units do."""
    done = {}
    for info in sorted(source.list("reels/"), key=lambda info: info.key):
        unit = f"{zlib.crc32(info.key.encode()):032x}"
        with source.open(info.key, etag=info.etag) as reader:
            frames = frames_of(reader)
        result = tmp_path / "result"
        result.write_bytes(np.random.default_rng(len(frames)).bytes(6 * MIB) + info.key.encode())
        key, output = attempt_key(unit, ".mkv"), f"{info.key[:-4]}.mkv"
        stored = destination.put_file(key, result)
        record = Record(
            unit, "assembly", "succeeded", info.key, info.etag, key, output, stored.etag, 1
        )
        assert commit(destination, record) == record
        done[output] = (unit, frames, record, result.read_bytes())
    return done


@pytest.mark.parametrize("choose", TROUBLE.values(), ids=TROUBLE.keys())
def test_a_job_completes_correctly_despite_faults_of_s3(s3, films, tmp_path, monkeypatch, choose):
    archive, color = s3.make_bucket(), s3.make_bucket()
    for key, data in films.items():
        s3.client.put_object(Bucket=archive, Key=key, Body=data)

    with proxy(s3.url, choose) as between:
        monkeypatch.setenv("AWS_ENDPOINT_URL", between.url)
        source, destination = (
            open_store(f"s3://{name}", StoreOptions(s3=OPTIONS)) for name in (archive, color)
        )
        done = work(source, destination, tmp_path)
        assert between.faults
        between.choose = lambda _: Fault()

        assert_right(films, done, destination)
        source.close()
        destination.close()


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
@pytest.mark.parametrize("spoiled", ["list-type=2", "uploads", "partNumber=1"])
def test_a_truncated_response_is_retried(s3, tmp_path, monkeypatch, spoiled, share):
    """Most important for a listing: cut after its header, it looks like an empty bucket."""
    bucket = s3.make_bucket()
    (tmp_path / "file").write_bytes(bytes(6 * MIB))
    cut = []

    def choose(seen):
        if spoiled in seen.path and len(cut) < 2:
            cut.append(seen.path)
            return Fault(keep_share=share)
        return Fault()

    with proxy(s3.url, choose) as between:
        monkeypatch.setenv("AWS_ENDPOINT_URL", between.url)
        options = S3Options(
            part_bytes=5 * MIB, copy_part_bytes=5 * MIB, outage_seconds=20, attempts=1
        )
        store = open_store(f"s3://{bucket}", StoreOptions(s3=options))
        info = store.put_file("attempt", tmp_path / "file")
        assert store.publish("attempt", "film").etag == info.etag
        assert [found.key for found in store.list()] == ["film"]
        assert store.get("film", etag=info.etag) == bytes(6 * MIB)
        store.close()
    assert len(cut) == 2


def test_work_continues_after_an_outage(s3, films, tmp_path, monkeypatch):
    archive, color = s3.make_bucket(), s3.make_bucket()
    for key, data in films.items():
        s3.client.put_object(Bucket=archive, Key=key, Body=data)

    with proxy(s3.url) as between:
        monkeypatch.setenv("AWS_ENDPOINT_URL", between.url)
        source, destination = (
            open_store(f"s3://{name}", StoreOptions(s3=OPTIONS)) for name in (archive, color)
        )
        for store in (source, destination):
            next(store.list(), None)
        start = time.monotonic()
        with between.refusing_for(4):
            done = work(source, destination, tmp_path)

        assert time.monotonic() - start > 4
        assert_right(films, done, destination)
        source.close()
        destination.close()


def assert_right(films, done, destination):
    """Every film was read completely, and every output exists once, with the right content."""
    assert len(done) == FILMS
    for key, data in films.items():
        unit, frames, record, result = done[f"{key[:-4]}.mkv"]
        assert frames == frames_of(io.BytesIO(data))
        assert destination.get(record.output_key, etag=record.etag) == result
        assert finished(destination, unit) == record
    left = {info.key for info in destination.list()}
    assert left == {*done, *(record_key(unit) for unit, *_ in done.values())}
