"""Plan files are read, or refused with the line, the key, what was seen and what to do."""

from datetime import time
from pathlib import Path

import pytest

from colorworker.domain.models import ModelChoice
from colorworker.domain.options import Options
from colorworker.errors import UsageError
from colorworker.schedule import planfile
from colorworker.schedule.planerrors import line_of_collection
from colorworker.schedule.planfile import read_plan

GOOD = """\
model = "lite"
vividness = 0.6

[window]
opens = 22:00:00
closes = 06:00:00
zone = "Europe/Berlin"
days = ["fri", "sat"]

[budget]
items = 5000
money = 20
price_per_hour = 3.2

[retry]
first_wait = "30m"

[[collection]]
sources = ["s3://archive/reels/", "local"]
destination = "s3://color/reels"
profile = "archive"
exclude = ["proxies/**"]

[[collection]]
name = "photos"
sources = ["s3://archive/photos/*.tif"]
destination = "color"
vividness = 0.9
model = "koala"
"""


def read(tmp_path, text):
    path = tmp_path / "night ly.toml"
    path.write_text(text)
    return read_plan(path, Options(segment_frames=7), ModelChoice("default"))


def test_a_plan_is_read_and_options_it_does_not_set_come_from_settings(tmp_path):
    plan = read(tmp_path, GOOD)

    reels, photos = plan.collections
    assert (plan.name, reels.name, photos.name) == ("night-ly", "1", "photos")
    assert reels.sources == ("s3://archive/reels/", str(tmp_path / "local"))
    assert photos.destination == str(tmp_path / "color")
    assert (reels.model, photos.model) == (ModelChoice("lite"), ModelChoice("koala"))
    assert reels.options == Options(segment_frames=7, profile="archive", vividness=0.6)
    assert photos.options == Options(segment_frames=7, vividness=0.9)
    assert (reels.include, reels.exclude) == ((), ("proxies/**",))
    assert (plan.window.opens, plan.window.days) == (time(22), {"fri", "sat"})
    assert (plan.budget.items, plan.budget.hours, plan.budget.price_per_hour) == (5000, None, 3.2)
    assert (plan.retry.first_wait_hours, plan.retry.attempts) == (0.5, 4)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("items = 5000", "item = 5000", ["line 11", "budget.item:", "Did you mean items"]),
        ("items = 5000", "items = -1", ["line 11", "budget.items: -1 given", "greater than 0"]),
        ("money = 20\n", "", ["line 10", "budget:", "go together"]),
        ('"archive"\n', '"museum"\n', ["line 21", "collection[1].profile: 'museum'", "'access'"]),
        ("vividness = 0.9", "vividness = 9", ["line 28", "collection[2].vividness"]),
        ("vividness = 0.9", "vividnes = 1", ["line 28", "Did you mean vividness"]),
        ("22:00:00", "06:00:00", ["line 4", "window:", "never opens"]),
        ("22:00:00", '"25:00"', ["line 5", "'25:00' is not a time of day", "22:00:00"]),
        ('"fri", "sat"', "", ["line 8", "window.days: is empty", "Give at least one"]),
        ("items = 5000", 'items = "many"', ["line 11", "'many' is not a whole number", "like 5,"]),
        ("items = 5000", "items = 2.5", ["line 11", "budget.items: 2.5 is not a whole number"]),
        ("items = 5000", 'hours = "6h"', ["line 11", "budget.hours: '6h' is not a number", "2.5"]),
        ('"fri", "sat"', '"freitag"', ["line 8", "window.days[1]: 'freitag'", "'mon'"]),
        ("Europe/Berlin", "Europe/Berlyn", ["line 7", "not a time zone", "tzdata"]),
        ('zone = "Europe/Berlin"\n', "", ["line 4", "window.zone: is missing"]),
        ('"30m"', '"soon"', ["line 16", "retry.first_wait: 'soon' given", "'6h'"]),
        ('destination = "color"\n', "", ["line 24", "collection[2].destination: is missing"]),
        ('"color"', '"ftp://x/y"', ["line 27", "collection[2].destination: ftp://x/y", "s3://"]),
        ('"color"', '"s3://"', ["line 27", "collection[2].destination: s3://", "not valid"]),
        ("s3://archive/photos/*.tif", "s3:///x", ["line 26", "collection[2].sources", "not valid"]),
        ('sources = ["s3://archive/photos/*.tif"]', 'source = ["x"]', [
            "line 26", "collection[2].source: is not a known key", "Did you mean sources", "1 more",
        ]),
        ('sources = ["s3://archive/photos/*.tif"]', 'sources = "x"', ["line 26", "is not a list"]),
        ('"color"', '"s3://color/reels/"', ["line 27", "nested"]),
        ('"color"', '"s3://color/reels/sub"', ["line 27", "nested"]),
        ('"color"', '"s3://archive/photos/x"', ["line 26", "inside the source"]),
        ('"color"', '"s3://archive/reels/x"', ["line 19", "inside the source"]),
        ("s3://archive/photos/*.tif", "s3://color/reels/x/*", ["line 26", "inside the dest"]),
        ('name = "photos"', 'name = "1"', ["line 25", "another collection has the name '1'"]),
        ('name = "photos"', 'name = "a/b"', ["line 25", "'a/b' is not a valid name"]),
        ('model = "lite"', 'model = "lite', ["is not TOML", "line 1"]),
        ('model = "lite"', 'manifest_ = "x"', ["line 1", "manifest_: is not a known key"]),
    ],
)  # fmt: skip
def test_an_error_in_a_plan_names_the_line_the_key_and_what_to_do(tmp_path, old, new, words):
    assert GOOD.count(old) == 1

    with pytest.raises(UsageError) as refused:
        read(tmp_path, GOOD.replace(old, new))

    assert "night ly.toml" in str(refused.value)
    assert not [word for word in words if word not in str(refused.value)], str(refused.value)
    assert refused.value.next_step


def test_a_wrong_key_in_the_only_collection_is_named(tmp_path):
    path = tmp_path / "plan.toml"
    path.write_text('[[collection]]\nsources = ["in"]\ndestination = "out"\nprofil = "archive"\n')

    with pytest.raises(UsageError) as raised:
        read_plan(path, Options(), ModelChoice("lite"))

    assert str(raised.value) == (
        f"{path}, line 4: collection[1].profil: is not a known key. Did you mean profile."
    )


def test_a_collection_with_another_profile_does_not_inherit_the_plans_codec(tmp_path):
    text = 'codec = "av1"\ncrf = 60\n' + GOOD

    reels, photos = read(tmp_path, text).collections

    assert (reels.options.profile, reels.options.codec, reels.options.crf) == (
        "archive",
        None,
        None,
    )
    assert (photos.options.codec, photos.options.crf) == ("av1", 60)


def test_a_codec_that_the_profile_does_not_write_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"night ly.toml: codec av1: profile archive"):
        read(tmp_path, GOOD.replace('profile = "archive"', 'profile = "archive"\ncodec = "av1"'))


def test_a_plan_without_collections_or_a_file_is_refused(tmp_path):
    with pytest.raises(UsageError, match="collection: is missing"):
        read(tmp_path, 'model = "lite"\n')
    with pytest.raises(UsageError, match="cannot be read"):
        read_plan(tmp_path / "none.toml", Options(), ModelChoice("lite"))


def test_a_collection_is_reported_at_the_line_of_its_destination(tmp_path):
    plan = tmp_path / "plan.toml"
    plan.write_text(GOOD)

    assert line_of_collection(plan, 1) == f"{plan}, line 27"
    plan.unlink()
    assert line_of_collection(plan, 1) == str(plan)


def test_the_example_in_the_docstring_is_a_valid_plan(tmp_path):
    text = planfile.__doc__.partition("\n\n")[2]

    plan = read(tmp_path, "\n".join(line.strip() for line in text.splitlines()))

    assert plan.name == "nightly"
    assert Path(plan.collections[0].destination).name == "reels"


def test_a_manifest_can_be_a_source_with_a_path_relative_to_the_plan(tmp_path):
    text = """
[[collection]]
sources = ["manifest:keys.csv", "manifest:s3://lists/a.jsonl#root=s3://archive/reels"]
destination = "color"
"""
    plan = read(tmp_path, text)

    assert plan.collections[0].sources == (
        f"manifest:{tmp_path}/keys.csv",
        "manifest:s3://lists/a.jsonl#root=s3://archive/reels",
    )


def test_places_in_options_start_at_the_folder_of_the_plan(tmp_path):
    text = f'references = "refs"\nhints = "hints"\nreference = "a.png"\n{GOOD}'.replace(
        'destination = "color"', 'destination = "color"\nreferences = "s3://refs/photos"'
    )

    reels, photos = read(tmp_path, text).collections

    assert reels.options.references == str(tmp_path / "refs")
    assert reels.options.hints == str(tmp_path / "hints")
    assert reels.options.reference == str(tmp_path / "a.png")
    assert photos.options.references == "s3://refs/photos"


def test_a_collection_can_use_other_networks_and_gets_their_default_vividness(tmp_path):
    networks = 'model = ["a.onnx", "b.onnx"]\nblend = 0.6\nmodel_profile = "ddcolor"\n'
    text = GOOD.replace('model = "koala"\n', networks).replace("vividness = 0.9\n", "")
    plain = text.replace("vividness = 0.6\n", "")

    for given, expected in ((text, (0.6, 0.6)), (plain, (0.8, 1.0))):
        reels, photos = read(tmp_path, given).collections

        assert photos.model == ModelChoice("a.onnx", "ddcolor", "b.onnx", 0.6)
        assert (reels.options.vividness, photos.options.vividness) == expected


def test_two_networks_without_a_share_are_refused(tmp_path):
    with pytest.raises(UsageError, match="two networks are named"):
        read(tmp_path, GOOD.replace('model = "koala"', 'model = ["a.onnx", "b.onnx"]'))
