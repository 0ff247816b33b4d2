"""Hints files: which picture they belong to, what they say, and how bad ones are refused."""

import json
from dataclasses import replace

import pytest

from colorworker.domain.hints import InputFile, parse_hints, stem_and_frame
from colorworker.domain.models import ModelRef, refuse_choices
from colorworker.domain.options import Asset, Options
from colorworker.domain.units import still
from colorworker.errors import HintsRefused, UsageError

MODEL = ModelRef("lite", "0" * 64)
PICTURE = Asset("file:///archive", "a/print.png", "still", 100, "etag")


def parsed(*hints):
    return parse_hints(json.dumps(hints).encode(), "a.hints.json", 100, 80)


@pytest.mark.parametrize(
    ("key", "found"),
    [
        ("a/b.hints.json", ("a/b", None)),
        ("b.hints.PNG", ("b", None)),
        ("reel.hints/000040.json", ("reel", 40)),
        ("reel.hints/ref_000041.png", ("reel", 41)),
        ("b.hints.tif", None),
        ("hints.json", None),
        ("b.json", None),
    ],
)
def test_a_hints_file_is_known_by_its_name(key, found):
    assert stem_and_frame(key) == found


def test_points_and_strokes_are_read():
    point, stroke = parsed(
        {"x": 10, "y": 20, "color": "#8040a0"},
        {"points": [[1, 2], [3.5, 79]], "color": "gray", "radius": 9},
    )

    assert (point.points, point.rgb, point.radius) == (((10.0, 20.0),), (128, 64, 160), 4.0)
    assert (point.is_stroke, stroke.is_stroke) == (False, True)
    assert (stroke.points, stroke.rgb, stroke.radius) == (((1, 2), (3.5, 79)), (128,) * 3, 9.0)


def test_a_list_and_version_1_are_the_same():
    hint = {"x": 1, "y": 2, "color": "#ffffff"}

    found = parse_hints(json.dumps({"version": 1, "hints": [hint]}).encode(), "a", 100, 80)

    assert found == parsed(hint)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("nonsense", "is not valid JSON"),
        ("[" * 100_000, "is not valid JSON"),
        ('{"version": 2, "strokes": []}', "has version 2, this program reads 1. Update"),
        ('{"hints": []}', "is an object without version 1"),
        ('"x"', "has no list of hints"),
        ('[{"x": 100, "y": 1, "color": "gray"}]', r"at \(100, 1\) lies outside .* 100 x 80"),
        ('[{"x": -0.1, "y": 1, "color": "gray"}]', "lies outside the picture"),
        ('[{"x": 1, "y": 1e999, "color": "gray"}]', "is not a number"),
        ('[{"x": 1, "y": NaN, "color": "gray"}]', "is not a number"),
        ('[{"x": true, "y": 1, "color": "gray"}]', "x True, which is not a number"),
        ('[{"x": 1, "y": 1, "color": "purple"}]', "color 'purple'; give #rrggbb or gray"),
        ('[{"x": 1, "y": 1}]', "color None"),
        ('[{"x": 1, "y": 1, "color": "gray", "radius": 0}]', "radius 0"),
        ('[{"x": 1, "y": 1, "color": "gray", "size": 2}]', "no field 'size'"),
        ('[{"x": 1, "points": [[1, 1]], "color": "gray"}]', "either x and y, or points"),
        ('[{"points": [], "color": "gray"}]', "no list of points"),
        ('[{"points": [[1]], "color": "gray"}]', r"not \[x, y\]"),
        ('[{"x": 1, "y": 1, "color": "gray"}, 7]', "hint 2 is not an object"),
    ],
)
def test_a_bad_file_is_one_sentence_that_names_it(data, message):
    with pytest.raises(HintsRefused, match=f"^scans/a.hints.json: .*{message}"):
        parse_hints(data.encode(), "scans/a.hints.json", 100, 80)


def test_too_many_points_are_refused():
    stroke = {"points": [[1, 1]] * 60_000, "color": "gray"}

    with pytest.raises(HintsRefused, match="more than 100000 points"):
        parsed(stroke, stroke)


def test_an_identity_depends_on_the_content_of_hints_and_not_on_their_place():
    def identity(*files, **options):
        given = replace(Options(**options), hint_files=files)
        return still(PICTURE, "a/print.png", given, MODEL).unit_id

    beside = InputFile("file:///archive", "a/print.hints.json", "1", 10)

    assert identity(hints="elsewhere") == identity() != identity(beside)
    assert identity(beside) == identity(beside._replace(root="s3://b", key="print.hints.json"))
    assert identity(beside) != identity(beside._replace(etag="2"))
    assert identity(beside) != identity(beside._replace(key="a/print.hints.png"))


@pytest.mark.parametrize("option", [{"variant": 1}, {"variants": 3}, {"confidence": True}])
def test_choices_need_a_network_with_a_distribution(option):
    other = ModelRef("other.onnx", "1" * 64, "{}")

    refuse_choices(MODEL, Options(**option))
    refuse_choices(other, Options())
    refuse_choices(replace(other, second=MODEL), Options(**option))
    with pytest.raises(UsageError, match=f"^{next(iter(option))}: the network other.onnx"):
        refuse_choices(other, Options(**option))
