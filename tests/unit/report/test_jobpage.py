import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from colorworker.domain.comparison import Comparison
from colorworker.domain.options import ModelRef, Options
from colorworker.domain.shots import Shot, ShotSheet
from colorworker.domain.streamfate import StreamFate
from colorworker.report import jobpage as page_module
from colorworker.report.itemlines import ItemLine
from colorworker.report.jobpage import JobFacts, cell_style, page_content, phase_shares, render
from colorworker.report.text import count, duration, size, visible

JPEG = b"\xff\xd8\xff\xe0 a picture"


def facts(**changes):
    values = {
        "job_id": "1f3a",
        "sources": ("/archive",),
        "destination": "/color",
        "executor": "inprocess",
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
def test_a_nasty_name_stays_text(key, outcome):
    html = page([item(key, outcome, error=f"{key}: bad", warnings=(key,))])
    plain = page([item("a.jpg", outcome, error="a.jpg: bad", warnings=("w",))])

    seen = Reader(html)

    assert seen.tags == Reader(plain).tags
    assert {name for _, name, _ in seen.attributes} == {n for _, n, _ in Reader(plain).attributes}
    assert visible(key) in seen.text
    html.encode("utf-8")


def test_a_link_leads_from_the_report_to_the_output_whatever_its_name():
    html = page([item("a b/100%?#\udcff.jpg")])

    assert 'href="../../../../a%20b/100%25%3F%23%FF.jpg"' in html


def test_the_page_asks_nothing_of_the_network():
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


def test_a_thumbnail_that_is_missing_or_no_jpeg_is_said_to_be_none():
    for jpeg in (None, b"<svg onload=alert(1)>", JPEG + bytes(70_000)):
        html = page([item("a.jpg", thumbnail_keys=("t",))], lambda _, jpeg=jpeg: jpeg)

        assert "no picture of this one" in html
        assert "<img" not in html


def test_failures_come_before_what_was_colored_with_their_reasons():
    html = page([item("good.jpg"), item("bad.jpg", "failed", error="bad.jpg: ends early. Scan it")])

    assert html.index("ends early. Scan it") < html.index("good.jpg")
    assert "1 of 2 items colored" in html


def test_of_what_did_not_fail_only_the_first_are_shown_and_the_page_says_so():
    lines = [item(f"{n}.jpg", "failed") for n in range(20)]
    lines += [item(f"{n}.txt", "skipped") for n in range(20)]
    lines += [item(f"{n}.png") for n in range(6)]

    shown = page_content(lines, limit=10)

    assert [len(shown.failed), len(shown.colored), len(shown.skipped)] == [20, 6, 4]
    assert shown.hidden_count == 16
    assert shown.totals.items == 46


def test_of_very_many_failures_the_first_are_listed_and_all_are_counted_by_kind():
    damaged = (item(f"{n}.jpg", "failed", error_code="source_damaged") for n in range(1200))
    large = (item(f"{n}.tif", "failed", error_code="source_too_large") for n in range(300))

    html = page([*damaged, *large])

    assert html.count("<li><b") == 1000
    text = " ".join(Reader(html).text.split())
    assert "The first 1 000 failures are listed here. Of all 1 500:" in text
    assert "1 200 source_damaged, 300 source_too_large." in text
    assert "500 more items are not shown here" in html
    assert ".jsonl" in html


def test_what_comes_on_the_page_does_not_grow_with_the_job():
    def lines(number):
        return (
            item(f"{n}.jpg", ("succeeded", "failed", "skipped")[n % 3], error_code="e")
            for n in range(number)
        )

    small, large = page_content(lines(6000)), page_content(lines(20_000))

    assert (len(small.failed), len(small.colored), len(small.skipped)) == (1000, 500, 0)
    assert (large.failed, large.colored) == (small.failed, small.colored)
    assert large.totals.items == 20_000


def test_pictures_of_films_are_bounded_over_the_whole_page():
    asked = []
    films = [item(f"{n}.mp4", thumbnail_keys=[f"{n}/{k}" for k in range(20)]) for n in range(60)]

    page(films, lambda key: asked.append(key))

    assert len(asked) == 1000


def test_only_thumbnails_that_are_shown_are_read():
    asked = []

    html = page(
        [item(f"{n}.jpg", thumbnail_keys=(f"t{n}",)) for n in range(600)],
        lambda key: asked.append(key),
    )

    assert len(asked) == 500
    assert "100 more items are not shown here" in html


def test_settings_and_weights_are_on_the_page():
    html = page([], settings={"max attempts": "3"})

    for fact in ("vividness", "0.8", "lite", "1149e959", "max attempts", "/archive", "2 min 05 s"):
        assert fact in html


def test_a_stopped_run_is_said_to_be_one():
    assert "stopped before its end" in page([], interrupted=True)
    assert "stopped before its end" not in page([])


def test_a_previewed_item_has_no_link():
    html = page([ItemLine("r", "a.jpg", "still", "succeeded")])

    assert "a.jpg" in html
    assert "<a " not in html


def test_phases_come_in_the_order_of_the_work_and_share_the_whole():
    shares = phase_shares({"write": 1.0, "sing": 2.0, "read": 1.0})

    assert [name for name, _, _ in shares] == ["read", "write", "sing"]
    assert sum(share for _, _, share in shares) == pytest.approx(100)
    assert phase_shares({}) == []
    assert phase_shares({"read": 0.0}) == [("read", 0.0, 0.0)]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0.00 s"),
        (12.34, "12.3 s"),
        (99.96, "1 min 40 s"),
        (245, "4 min 05 s"),
        (3599.6, "1 h 00 min"),
        (11_520, "3 h 12 min"),
    ],
)
def test_durations_read_as_people_say_them(seconds, words):
    assert duration(seconds) == words


def test_counts_have_their_noun():
    assert count(1, "item") == "1 item"
    assert count(12_345, "frame") == "12\N{NARROW NO-BREAK SPACE}345 frames"


def test_names_in_any_script_stay_as_they_are():
    for name in ("Łódź 1911.jpg", "写真.tif", "می‌خواهم.png", "👩‍🚀.jpg"):
        assert visible(name) == name


def film(shots, key="reel.mkv", sheet="sheet.jpg"):
    listed = tuple(Shot(n, 40 * n, 40.0 * n, 12, "cut") for n in range(1, shots + 1))
    return replace(item(key), kind="film", shots=listed, shot_sheet=ShotSheet(sheet, 68, 120))


def test_shots_are_listed_folded_with_their_place_on_one_sheet():
    html = page([film(12)], lambda key: b"\xff\xd8\xff" + key.encode())

    assert html.count("data:image/jpeg;base64,/9j/c2hlZXQuanBn") == 1
    assert '<details class="shots"' in html
    assert "<b>11</b> 00:07:20.000<br>12 frames, cut" in html
    assert cell_style(ShotSheet("", 68, 120), 12) == "background-position: -120px -68px"


def test_a_page_with_very_many_shots_says_how_many_it_leaves_out(monkeypatch):
    monkeypatch.setattr(page_module, "MAX_SHOTS", 15)

    html = page([film(10), film(10, "other.mkv")])

    assert html.count("<li><b>") == 10
    assert "10 more shots are not shown here" in html


def stream(index, kind, codec, fate, detail="", language=""):
    return StreamFate(index, kind, codec, fate, detail, language)


def test_the_streams_of_a_film_are_accounted_for_in_a_folded_table():
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


def test_a_page_with_very_many_streams_says_how_many_it_leaves_out(monkeypatch):
    monkeypatch.setattr(page_module, "MAX_STREAMS", 5)
    two = replace(film(1), streams=(stream(0, "video", "h264", "colored"),) * 2)
    many = replace(film(1, "b.mkv"), streams=(stream(1, "attachment", "", "copied"),) * 4)

    html = page([two, many, two])

    assert html.count('<details class="account"') == 2
    assert "4 more streams are not shown here" in html


@pytest.mark.parametrize("outcome", ["succeeded", "failed"])
def test_options_of_an_item_alone_are_said_of_it(outcome):
    own = {"profile": "archive", "vividness": 0.5, "crf": None}
    shots = {"adjustments": [[1000, 2500, 0.25, None], [4000, None, None, 0.3]]}

    html = page([item("a.jpg", outcome, own_options=own)])
    other = page([item("b.mkv", outcome, own_options=shots)])

    assert "Its own options: profile archive; vividness 0.5</p>" in html
    assert (
        "Its own options: vividness 0.25 from 00:00:01.000 to 00:00:02.500;"
        " temperature 0.3 from 00:00:04.000 to the end</p>" in other
    )
    assert "Its own options" not in page([item("a.jpg", outcome)])


def test_what_was_expected_stands_beside_what_it_took():
    found = Comparison(
        expected_seconds=130.0, seconds=125.0, expected_bytes=4_200_000, bytes_out=3900
    )

    text = Reader(page([item("a.png")], comparison=found)).text

    assert "Expected for what this run worked on: 2 min 10 s and 4.2 MB." in text
    assert "It took 2 min 05 s and wrote 3.9 kB." in text
    assert "Expected" not in Reader(page([item("a.png")])).text


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_951, "1.0 MB"),
        (4.2e9, "4.2 GB"),
        (3.1e15, "3100.0 TB"),
    ],
)
def test_sizes_are_said_in_powers_of_a_thousand(number, words):
    assert size(number) == words
