"""The report page of a job."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from colorworker.domain.comparison import Comparison
from colorworker.domain.models import ModelRef
from colorworker.domain.options import Options
from colorworker.domain.shots import Shot, ShotSheet
from colorworker.domain.streamfate import StreamFate
from colorworker.report import jobpage as page_module
from colorworker.report.itemlines import ItemLine
from colorworker.report.jobpage import JobFacts, cell_style, page_content, phase_shares, render
from colorworker.report.text import visible

JPEG = b"\xff\xd8\xff\xe0 a picture"


def facts(**changes):
    values = {
        "job_id": "1f3a",
        "sources": ("/archive",),
        "destination": "/color",
        "executor": "local",
        "options": Options(),
        "model": ModelRef("lite", "1149e959"),
        "started_at": "2026-11-22T18:36:12+00:00",
        "wall_seconds": 125.0,
    }
    return JobFacts(**(values | changes))


def item(key, outcome="succeeded", **values):
    output = key if outcome == "succeeded" else ""
    return ItemLine("file:///archive", key, "still", outcome, output_key=output, **values)


def page(lines, thumbnails=lambda _: None, **changes):
    return render(facts(**changes), iter(lines), thumbnails)


class Reader(HTMLParser):
    """Collects tags, attributes and text."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attrs]

    def handle_data(self, data):
        self.text += data


NASTY = [
    '<script>alert("1")</script>.jpg',
    '"><img src=x onerror=alert(1)>.jpg',
    "' onmouseover='alert(1).jpg",
    "{{ 7 * 7 }}{% raw %}.jpg",
    "javascript:alert(1).jpg",
    "&lt;b&gt;.jpg",
    "two\nlines\r\t\x00.jpg",
    "not-utf8-\udcff.jpg",
    "right\u202eto-left.jpg",
    "a" * 300 + ".jpg",
]


@pytest.mark.parametrize("outcome", ["succeeded", "failed", "skipped"])
@pytest.mark.parametrize("key", NASTY, ids=range(len(NASTY)))
def test_a_malicious_name_is_shown_as_text(key, outcome):
    html = page([item(key, outcome, error=f"{key}: bad", warnings=(key,))])
    plain = page([item("a.jpg", outcome, error="a.jpg: bad", warnings=("w",))])

    seen = Reader(html)

    assert seen.tags == Reader(plain).tags
    assert {name for _, name, _ in seen.attributes} == {n for _, n, _ in Reader(plain).attributes}
    assert visible(key) in seen.text
    html.encode("utf-8")


def test_the_link_to_an_output_is_relative_and_url_encoded():
    html = page([item("a b/100%?#\udcff.jpg")])

    assert 'href="../../../../a%20b/100%25%3F%23%FF.jpg"' in html


def test_the_page_makes_no_network_requests():
    html = page([item("a.jpg", thumbnail_keys=("t",))], lambda _: JPEG)

    sources = [
        value
        for tag, name, value in Reader(html).attributes
        if name in {"src", "srcset"} or (tag == "link" and name == "href")
    ]
    assert len(sources) == 1
    assert sources[0].startswith("data:image/jpeg;base64,")
    assert "script" not in Reader(html).tags
    assert not re.search(r"url\(|@import|https?:", html)


def test_a_missing_or_invalid_thumbnail_is_shown_as_no_preview():
    for jpeg in (None, b"<svg onload=alert(1)>", JPEG + bytes(70_000)):
        html = page([item("a.jpg", thumbnail_keys=("t",))], lambda _, jpeg=jpeg: jpeg)

        assert "no preview" in html
        assert "<img" not in html


def test_failures_come_first_with_their_reasons():
    html = page([item("good.jpg"), item("bad.jpg", "failed", error="bad.jpg: ends early. Scan it")])

    assert html.index("ends early. Scan it") < html.index("good.jpg")
    assert "1 of 2 items colored" in html


def test_items_beyond_the_limit_are_hidden_and_counted():
    lines = [item(f"{n}.jpg", "failed") for n in range(20)]
    lines += [item(f"{n}.txt", "skipped") for n in range(20)]
    lines += [item(f"{n}.png") for n in range(6)]

    shown = page_content(lines, limit=10)

    assert [len(shown.failed), len(shown.colored), len(shown.skipped)] == [20, 6, 4]
    assert shown.hidden_count == 16
    assert shown.totals.items == 46


def test_failures_beyond_the_limit_are_counted_by_error_code():
    damaged = (item(f"{n}.jpg", "failed", error_code="source_damaged") for n in range(1200))
    large = (item(f"{n}.tif", "failed", error_code="source_too_large") for n in range(300))

    html = page([*damaged, *large])

    assert html.count("<li><b") == 1000
    text = " ".join(Reader(html).text.split())
    assert "Showing the first 1 000 failures of 1 500:" in text
    assert "1 200 source_damaged, 300 source_too_large." in text
    assert "500 more items not shown" in html
    assert ".jsonl" in html


def test_the_size_of_the_page_is_bounded():
    def lines(number):
        return (
            item(f"{n}.jpg", ("succeeded", "failed", "skipped")[n % 3], error_code="e")
            for n in range(number)
        )

    small, large = page_content(lines(6000)), page_content(lines(20_000))

    assert (len(small.failed), len(small.colored), len(small.skipped)) == (1000, 500, 0)
    assert (large.failed, large.colored) == (small.failed, small.colored)
    assert large.totals.items == 20_000


def test_the_number_of_film_pictures_is_bounded():
    asked = []
    films = [item(f"{n}.mp4", thumbnail_keys=[f"{n}/{k}" for k in range(20)]) for n in range(60)]

    page(films, lambda key: asked.append(key))

    assert len(asked) == 1000


def test_only_thumbnails_of_shown_items_are_read():
    asked = []

    html = page(
        [item(f"{n}.jpg", thumbnail_keys=(f"t{n}",)) for n in range(600)],
        lambda key: asked.append(key),
    )

    assert len(asked) == 500
    assert "100 more items not shown" in html


def test_the_page_shows_settings_and_weights():
    html = page([], settings={"max attempts": "3"})

    for fact in ("vividness", "0.8", "lite", "1149e959", "max attempts", "/archive", "2 min 05 s"):
        assert fact in html


def test_the_page_shows_that_the_run_was_stopped():
    assert "stopped before its end" in page([], interrupted=True)
    assert "stopped before its end" not in page([])


def test_an_item_without_an_output_has_no_link():
    html = page([ItemLine("r", "a.jpg", "still", "succeeded")])

    assert "a.jpg" in html
    assert "<a " not in html


def test_phases_are_in_processing_order_with_their_shares():
    shares = phase_shares({"write": 1.0, "sing": 2.0, "read": 1.0})

    assert [name for name, _, _ in shares] == ["read", "write", "sing"]
    assert sum(share for _, _, share in shares) == pytest.approx(100)
    assert phase_shares({}) == []
    assert phase_shares({"read": 0.0}) == [("read", 0.0, 0.0)]


def film(shots, key="reel.mkv", sheet="sheet.jpg"):
    listed = tuple(Shot(n, 40 * n, 40.0 * n, 12, "cut") for n in range(1, shots + 1))
    return replace(item(key), kind="film", shots=listed, shot_sheet=ShotSheet(sheet, 68, 120))


def test_shots_are_listed_with_their_pictures_from_one_sheet():
    html = page([film(12)], lambda key: b"\xff\xd8\xff" + key.encode())

    assert html.count("data:image/jpeg;base64,/9j/c2hlZXQuanBn") == 1
    assert '<details class="shots"' in html
    assert "<b>11</b> 00:07:20.000<br>12 frames, cut" in html
    assert cell_style(ShotSheet("", 68, 120), 12) == "background-position: -120px -68px"


def test_shots_beyond_the_limit_are_counted(monkeypatch):
    monkeypatch.setattr(page_module, "MAX_SHOTS", 15)

    html = page([film(10), film(10, "other.mkv")])

    assert html.count("<li><b>") == 10
    assert "10 more shots not shown" in html


def stream(index, kind, codec, fate, detail="", language=""):
    return StreamFate(index, kind, codec, fate, detail, language)


def test_the_fate_of_each_stream_of_a_film_is_listed():
    streams = (
        stream(0, "video", "h264", "colored", "becomes ffv1, yuv420p"),
        stream(0, "closed captions", "", "copied", "of 48 frames"),
        stream(1, "audio", "aac", "copied", language="ger"),
        stream(1, "subtitle", "srt", "copied", language="und"),
        stream(2, "attachment", "", "left out", "<b>.ttf: only Matroska holds attachments"),
    )

    html = page([replace(film(1), streams=streams)])

    assert "3 streams: 1 left out</summary>" in html
    assert "<th>0 video h264</th><td>colored: becomes ffv1, yuv420p</td>" in html
    assert "<tr><th>1 audio aac, ger</th><td>copied</td>" in html
    assert "<tr><th>1 subtitle srt</th><td>copied</td>" in html
    lost = "left out: &lt;b&gt;.ttf: only Matroska holds attachments"
    assert f'<tr class="changed"><th>2 attachment</th><td>{lost}</td>' in html
    assert '<details class="account"' not in page([film(1)])
    assert "2 streams, nothing left out" in page([replace(film(1), streams=streams[:-1])])


def test_streams_beyond_the_limit_are_counted(monkeypatch):
    monkeypatch.setattr(page_module, "MAX_STREAMS", 5)
    two = replace(film(1), streams=(stream(0, "video", "h264", "colored"),) * 2)
    many = replace(film(1, "b.mkv"), streams=(stream(1, "attachment", "", "copied"),) * 4)

    html = page([two, many, two])

    assert html.count('<details class="account"') == 2
    assert "4 more streams not shown" in html


@pytest.mark.parametrize("outcome", ["succeeded", "failed"])
def test_an_items_own_options_are_shown(outcome):
    own = {"profile": "archive", "vividness": 0.5, "crf": None}
    shots = {"adjustments": [[1000, 2500, 0.25, None], [4000, None, None, 0.3]]}

    html = page([item("a.jpg", outcome, own_options=own)])
    other = page([item("b.mkv", outcome, own_options=shots)])

    assert "Own options: profile archive; vividness 0.5</p>" in html
    assert (
        "Own options: vividness 0.25 from 00:00:01.000 to 00:00:02.500;"
        " temperature 0.3 from 00:00:04.000 to the end</p>" in other
    )
    assert "Own options" not in page([item("a.jpg", outcome)])


def test_the_estimate_is_shown_beside_the_actual_cost():
    found = Comparison(
        expected_seconds=130.0, seconds=125.0, expected_bytes=4_200_000, bytes_out=3900
    )

    text = Reader(page([item("a.png")], comparison=found)).text

    assert "Estimate for the work of this run: 2 min 10 s and 4.2 MB." in text
    assert "Actual: 2 min 05 s and 3.9 kB." in text
    assert "Estimate" not in Reader(page([item("a.png")])).text
