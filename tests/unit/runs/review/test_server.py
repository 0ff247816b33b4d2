"""The review server shows items of a destination, saves reviews, and lets nobody else in."""

import io
import json

import av
import numpy as np
import pytest
import pyvips
from starlette.testclient import TestClient

from colorworker.domain.entries import plan_lines
from colorworker.domain.options import Options
from colorworker.media.synthetic import Recipe, make_film
from colorworker.report.itemlines import line_to_json
from colorworker.runs.review.items import ItemCatalog
from colorworker.runs.review.livecolors import Painted
from colorworker.runs.review.pictures import Pictures
from colorworker.runs.review.reviews import review_key
from colorworker.runs.review.server import ReviewServer
from colorworker.store.local import LocalStore
from tests.jobharness import TOY_MODEL, folder_entries, run_toy_job

JOB = f".colorworker/jobs/{'0' * 16}"
HOSTILE = '<img src=x onerror="alert(1)">\u202e.png'


class RecordedColors:
    """Stands for the network, which has its own tests; remembers what it was asked for."""

    def __init__(self):
        self.asked = []

    def preview(self, item, painted):
        self.asked.append((item.line.key, painted))
        return b"\xff\xd8\xff a jpeg"

    def match_reference(self, item, frame, name, data):
        self.asked.append((item.line.key, frame, len(data)))
        return "It does not match." if len(data) > 100_000 else ""

    def suggest(self, item, frame, x, y):
        self.asked.append((item.line.key, frame, x, y))
        return [{"color": "#804020", "probability": 0.5}]


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """A folder with pictures, a film and a damaged file, and its colored copy."""
    folder = tmp_path_factory.mktemp("sources")
    ramp = np.tile(np.linspace(30, 220, 96).astype(np.uint8), (64, 1))
    pyvips.Image.new_from_array(ramp).write_to_file(str(folder / "a.png"))
    pyvips.Image.new_from_array(ramp).write_to_file(str(folder / HOSTILE))
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 not a picture")
    make_film(folder / "film.mp4", Recipe(frames=30, width=96, height=64))
    store = LocalStore(tmp_path_factory.mktemp("colored"))
    options = Options(profile="access")
    entries = folder_entries(folder, options)
    lines = run_toy_job(folder, store, options, entries=entries)
    store.put(f"{JOB}/plan.jsonl", b"".join(plan_lines(entries, options, TOY_MODEL)))
    report = b"".join(map(line_to_json, lines.values()))
    store.put(f"{JOB}/report/report.jsonl", report)
    store.put(f"{JOB}/report/report.html", b"")
    return folder, store


@pytest.fixture
def live():
    return RecordedColors()


@pytest.fixture
def server(archive, live):
    folder, store = archive
    for info in list(store.list(".colorworker/review/")):
        store.delete(info.key)
    pictures = Pictures(store, lambda _: LocalStore(folder))
    return ReviewServer(store, "colored", ItemCatalog(store), pictures, live, "ada")


@pytest.fixture
def client(server):
    with TestClient(server.app(frozenset(["testserver"])), raise_server_exceptions=False) as client:
        assert client.get(f"/?token={server.token}").status_code == 200
        yield client


@pytest.fixture
def ids(archive):
    _, store = archive
    return {item.line.key: item.identity for item in ItemCatalog(store).select("all")}


def decoded(answer):
    assert answer.status_code == 200, answer.text
    return pyvips.Image.new_from_buffer(answer.content, "").numpy().astype(int)


def test_items_are_listed_by_filter_and_name(client):
    everything = client.get("/api/items").json()

    assert everything["counts"] == {
        "all": 4,
        "unreviewed": 3,
        "accepted": 0,
        "rejected": 0,
        "uncertain": 0,
        "corrected": 0,
        "commented": 0,
        "warnings": everything["counts"]["warnings"],
        "failed": 1,
    }
    assert [item["key"] for item in client.get("/api/items?filter=failed").json()["items"]] == [
        "broken.jpg"
    ]
    assert [item["key"] for item in client.get("/api/items?text=FILM").json()["items"]] == [
        "film.mp4"
    ]
    assert client.get("/api/items?filter=x").status_code == 400


def test_unprintable_characters_of_names_arrive_escaped(client):
    keys = [item["key"] for item in client.get("/api/items").json()["items"]]

    assert HOSTILE.replace("\u202e", "\\u202e") in keys


def test_a_picture_is_shown_gray_and_in_color_at_full_size(client, ids):
    gray = decoded(client.get(f"/media/{ids['a.png']}/source.jpg"))
    color = decoded(client.get(f"/media/{ids['a.png']}/output.jpg"))

    assert gray.shape == color.shape == (64, 96, 3)
    assert np.ptp(gray, axis=2).max() <= 3
    assert np.ptp(color, axis=2).max() > 30
    assert np.abs(np.diff(gray[..., 0].mean(0))).max() < 12


def test_the_frames_of_source_and_output_are_the_same_frame(client, ids):
    for frame in (0, 1, 17, 29):
        gray = decoded(client.get(f"/media/{ids['film.mp4']}/source.jpg?frame={frame}"))
        color = decoded(client.get(f"/media/{ids['film.mp4']}/output.jpg?frame={frame}"))
        luma = color @ [0.2126, 0.7152, 0.0722]
        assert np.abs(luma - gray[..., 0]).mean() < 6, frame
    first = decoded(client.get(f"/media/{ids['film.mp4']}/source.jpg?frame=0"))
    assert np.abs(first - gray).mean() > 6


def test_a_film_plays_in_ranges(client, ids, archive):
    _, store = archive
    whole = store.get("film.mp4")

    answer = client.get(f"/media/{ids['film.mp4']}/film", headers={"range": "bytes=10-19"})

    assert (answer.status_code, answer.content) == (206, whole[10:20])
    assert answer.headers["content-range"] == f"bytes 10-19/{len(whole)}"
    assert client.get(f"/media/{ids['film.mp4']}/film").content == whole
    tail = client.get(f"/media/{ids['film.mp4']}/film", headers={"range": "bytes=-5"})
    assert tail.content == whole[-5:]
    beyond = client.get(f"/media/{ids['film.mp4']}/film", headers={"range": "bytes=99999999-"})
    assert beyond.status_code == 416
    with av.open(io.BytesIO(whole)) as film:
        assert film.streams.video[0].frames == 30


def test_a_saved_review_is_shown_to_everybody_and_a_second_save_is_refused(client, ids):
    address = f"/api/items/{ids['a.png']}"
    hints = {"": [{"x": 4, "y": 5, "radius": 3, "color": "#804020"}]}
    sent = {"verdict": "accepted", "comment": "good", "version": 0, "author": "Grace"}
    sent["hints"] = hints

    saved = client.post(f"{address}/review", json=sent)
    late = client.post(f"{address}/review", json=sent | {"comment": "mine"})

    assert saved.status_code == 200, saved.text
    assert late.status_code == 409
    assert "somebody else has saved" in late.json()["error"]
    shown = client.get(address).json()
    assert (shown["comment"], shown["author"], shown["version"]) == ("good", "Grace", 1)
    assert shown["hints"] == hints
    assert client.get("/api/items?filter=accepted").json()["total"] == 1


def png(width=96, height=64, color=(200, 60, 40)):
    picture = np.zeros((height, width, len(color)), np.uint8) + np.array(color, np.uint8)
    image = pyvips.Image.new_from_array(picture)
    space = "srgb" if len(color) == 3 else "b-w"
    return bytes(image.copy(interpretation=space).pngsave_buffer())


def drop(client, identity, data, frame=12):
    return client.post(f"/api/items/{identity}/reference?frame={frame}", content=data)


def test_a_dropped_picture_is_stored_once_saved_with_its_frame_and_removed_again(client, ids):
    address = f"/api/items/{ids['film.mp4']}"

    dropped = drop(client, ids["film.mp4"], png())
    again = drop(client, ids["film.mp4"], png())
    name = dropped.json()["name"]
    sent = {"version": 0, "references": {"12": name}, "shot_variants": [[0, 500, 3]]}
    saved = client.post(f"{address}/review", json=sent)
    removed = client.post(f"{address}/review", json={"version": 1})

    assert dropped.json() == again.json() == {"name": name, "warning": ""}
    assert saved.json()["references"] == {"12": name}
    assert saved.json()["shot_variants"] == [[0, 500, 3]]
    assert (saved.json()["corrected"], saved.json()["pending"]) == (True, True)
    assert (removed.json()["references"], removed.json()["pending"]) == ({}, False)
    stored = client.get(f"/media/{ids['film.mp4']}/reference/{name}")
    assert (stored.content, stored.headers["content-type"]) == (png(), "image/png")


@pytest.mark.parametrize(
    ("data", "status", "message"),
    [
        (b"", 422, "The dropped picture"),
        (b"not a picture at all", 422, "The dropped picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 422, "The dropped picture"),
        (png(color=(90,)), 422, "it is gray, so it is not used"),
        (png(20_000, 20_000), 422, "20000 x 20000 pixels, 100000000 are allowed"),
        (b"\x89PNG" + bytes(65 << 20), 400, "is larger than 64 MiB"),
    ],
    ids=["empty", "text", "svg", "gray", "huge", "heavy"],
)
def test_a_dropped_file_that_is_no_usable_picture_is_refused_and_not_stored(
    client, ids, archive, data, status, message
):
    answer = drop(client, ids["film.mp4"], data)

    assert answer.status_code == status, answer.text
    assert message in answer.json()["error"]
    assert list(archive[1].list(".colorworker/review/")) == []


def test_a_picture_cannot_be_dropped_on_a_picture(client, ids):
    answer = drop(client, ids["a.png"], png())

    assert answer.status_code == 400
    assert "is not a film" in answer.json()["error"]


@pytest.mark.parametrize(
    ("key", "sent", "message"),
    [
        (
            "film.mp4",
            {"references": {"30": "ref-" + "0" * 24 + ".png"}},
            "has 30 frames, no frame 30",
        ),
        ("film.mp4", {"references": {"3": "ref-" + "0" * 24 + ".png"}}, "is not stored"),
        ("film.mp4", {"references": {"3": "../../../film.mp4"}}, "has no reference named"),
        ("film.mp4", {"references": [1]}, "they are not names by frame"),
        ("film.mp4", {"shot_variants": [["x"]]}, "'x' is not of type int"),
        ("film.mp4", {"shot_variants": [[9, 3, 1]]}, "has variant 1 from 9 to 3 ms"),
        ("film.mp4", {"hints": {"": [{"x": 1, "y": 1, "color": "gray"}]}}, "is not a number"),
        ("film.mp4", {"hints": {"99": [{"x": 1, "y": 1, "color": "gray"}]}}, "no frame 99"),
        ("a.png", {"hints": {"3": [{"x": 1, "y": 1, "color": "gray"}]}}, "has no frames"),
    ],
)
def test_corrections_that_do_not_fit_the_item_are_refused(client, ids, key, sent, message):
    answer = client.post(f"/api/items/{ids[key]}/review", json={"version": 0} | sent)

    assert answer.status_code == 400, answer.text
    assert message in answer.json()["error"]
    assert client.get(f"/api/items/{ids[key]}").json()["version"] == 0


def test_shots_of_a_film_are_told_with_their_frames_and_times(client, ids):
    shown = client.get(f"/api/items/{ids['film.mp4']}").json()

    assert shown["viewable"]
    assert (shown["shots"][0]["frame"], shown["shots"][0]["start_ms"]) == (0, 0)
    assert sum(each["frames"] for each in shown["shots"]) == 30
    assert shown["shots"][-1]["end_ms"] is None


def test_painting_asks_the_network_for_a_preview_and_for_colors(client, ids, live):
    hints = [{"x": 4, "y": 5, "radius": 3, "color": "#804020"}]
    address = f"/api/items/{ids['a.png']}"

    assert client.post(f"{address}/preview", json={"hints": hints}).content.startswith(b"\xff\xd8")
    assert client.get(f"{address}/suggest?x=4&y=5").json()["colors"][0]["color"] == "#804020"

    assert live.asked == [("a.png", Painted(hints=hints)), ("a.png", 0, 4, 5)]


def test_a_damaged_review_is_a_warning_of_its_item_and_can_be_replaced(client, ids, archive):
    _, store = archive
    store.put(review_key(ids["a.png"], 1), b'{"schema": 99}')

    shown = client.get(f"/api/items/{ids['a.png']}").json()

    assert "newer version of colorworker" in shown["problem"]
    assert client.get("/api/items").status_code == 200
    sent = {"verdict": "rejected", "version": shown["version"]}
    assert client.post(f"/api/items/{ids['a.png']}/review", json=sent).status_code == 200
    assert client.get(f"/api/items/{ids['a.png']}").json()["problem"] == ""


@pytest.mark.parametrize(
    "path",
    ["/", "/api/items", "/static/review.js", "/media/0/source.jpg", "/?token=wrong"],
)
def test_nobody_gets_in_without_the_token(server, path):
    with TestClient(server.app(frozenset(["testserver"]))) as stranger:
        answer = stranger.get(path)

    assert answer.status_code == 401
    assert "Open the address that colorworker review has printed" in answer.text


def test_two_servers_of_one_host_keep_their_visitors_apart(archive, client, ids, live):
    folder, store = archive
    pictures = Pictures(store, lambda _: LocalStore(folder))
    other = ReviewServer(store, "other", ItemCatalog(store), pictures, live, "ada")

    with TestClient(other.app(frozenset(["testserver"])), cookies=client.cookies) as second:
        assert second.get("/api/items").status_code == 401
        assert second.get(f"/?token={other.token}").status_code == 200
        client.cookies.update(second.cookies)

    assert client.get("/api/items").json()["destination"] == "colored"


def test_other_hosts_and_foreign_pages_are_refused(client, ids):
    sent = {"verdict": "accepted", "version": 0}
    address = f"/api/items/{ids['a.png']}/review"

    for origin in ("http://evil.example", "null", "http://[", "http://testserver.evil.example"):
        foreign = client.post(address, json=sent, headers={"origin": origin})
        assert foreign.status_code == 403, origin
    rebound = client.get("/api/items", headers={"host": "evil.example"})

    assert rebound.status_code == 403
    for host in ("evil.example:80", "127.0.0.1.evil.example", "", "[::1", "localhost.evil.example"):
        assert client.get("/api/items", headers={"host": host}).status_code == 403, host
    for host in ("127.0.0.1:8000", "[::1]:8000", "192.168.0.7"):
        assert client.get("/api/items", headers={"host": host}).status_code == 200, host
    assert client.get(f"/api/items/{ids['a.png']}").json()["version"] == 0


@pytest.mark.parametrize(
    "path",
    [
        "/static/../server.py",
        "/static/%2e%2e%2fserver.py",
        "/media/..%2f..%2fetc%2fpasswd/source.jpg",
        "/media/{a}/..%2f..%2fetc",
        "/media/{a}/secret.jpg",
        "/media/{a}/thumbnail?n=99",
        "/media/{broken}/shots",
        "/media/{a}/reference/..%2f..%2f..%2fa.png",
        "/media/{a}/reference/000001.json",
        "/media/{a}/reference/ref-000000000000000000000000.png",
        f"/media/{'f' * 24}/source.jpg",
    ],
)
def test_nothing_outside_the_destination_and_its_sources_can_be_read(client, ids, path):
    answer = client.get(path.format(a=ids["a.png"], broken=ids["broken.jpg"]))

    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"{", 400),
        (b"[]", 400),
        (b"[" * 100_000, 400),
        (b'{"verdict": "accepted"}', 400),
        (b'{"verdict": "maybe", "version": 0}', 400),
        (b'{"hints": 3, "version": 0}', 400),
        (b'{"hints": {"": 3}, "version": 0}', 400),
        (b'{"hints": {"": [{"x": 500, "y": 0, "color": "#804020"}]}, "version": 0}', 400),
        (b'{"hints": {"": [{"x": 5, "y": 0, "color": "red"}]}, "version": 0}', 400),
        (b'{"version": -1}', 400),
        (b'{"version": "x"}', 400),
        (json.dumps({"comment": "x" * (3 << 20), "version": 0}).encode(), 400),
    ],
)
def test_bad_requests_are_one_sentence_and_save_nothing(client, ids, sent, status):
    answer = client.post(f"/api/items/{ids['a.png']}/review", content=sent)

    assert answer.status_code == status
    assert answer.json()["error"].endswith(".")
    assert client.get(f"/api/items/{ids['a.png']}").json()["version"] == 0


def test_answers_forbid_scripts_and_requests_of_others(client):
    answer = client.get("/")

    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in answer.text.replace("http-equiv", "")
    assert answer.headers["x-content-type-options"] == "nosniff"
