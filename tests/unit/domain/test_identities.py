"""Identities of units stay the same from version to version, or every archive is done again."""

from dataclasses import replace

import pytest

from colorworker.domain import units
from colorworker.domain.models import ModelRef
from colorworker.domain.options import Adjustment, Asset, Options

FILM = Asset("file:///archive", "reel.mkv", "film", 100, "etag-1")
PICTURE = Asset("file:///archive", "print.png", "still", 100, "etag-2")
MODEL = ModelRef("lite", "0" * 64)
CUT = units.Cut(0, 480, 480)
CHANGED = Options(profile="archive", vividness=0.5, segment_frames=240, label="burn")

DEFAULT = {
    "scan": "a4ddf7daa1311fa3a7b01143a8657230",
    "segment": "ef4fe462dc36501df081cd33fd3777f1",
    "assembly": "ff10366bcc02b380dd77b9a05f46323c",
    "still": "7d75e38c1b2b38d01ea2001cded70489",
}
OTHER = {
    "scan": "7d54278d099e0830394b03bfd0abe39a",
    "segment": "f9ee293992c86e6e1767e2e37372698e",
    "assembly": "3a3e24a0d1b15a5eac42b2038f295b67",
    "still": "b5edcb23e7c51a6401d1bdf210037fe1",
}


def identities(options):
    """Return the identities of one unit of each kind, by kind."""
    scan = units.scan(FILM, "reel.mkv", options, MODEL)
    return {
        "scan": scan.unit_id,
        "segment": units.segments(FILM, [CUT], scan.unit_id, options, MODEL)[0].unit_id,
        "assembly": scan.assembly_id,
        "still": units.still(PICTURE, "print.png", options, MODEL).unit_id,
    }


def test_identities_with_default_options_are_pinned():
    assert identities(Options()) == DEFAULT


def test_identities_with_changed_options_are_pinned():
    assert identities(CHANGED) == OTHER


@pytest.mark.parametrize(
    "options",
    [
        Options(codec="h264"),
        Options(crf=18),
        Options(codec="h264", crf=18),
        Options(vividness=0.8, temperature=0.38, preset="fast"),
    ],
)
def test_a_default_that_is_given_explicitly_changes_no_identity(options):
    assert identities(options) == DEFAULT


def test_what_is_written_beside_pictures_does_not_recolor_films():
    found = identities(Options(variants=3, confidence=True))

    assert {kind for kind in DEFAULT if found[kind] != DEFAULT[kind]} == {"still"}


def test_the_default_crf_of_another_codec_changes_no_identity():
    assert identities(Options(codec="av1", crf=25)) == identities(Options(codec="av1"))
    assert identities(Options(codec="av1", crf=24)) != identities(Options(codec="av1"))


def test_prores_by_name_is_not_the_mezzanine_profiles_default():
    named = identities(Options(profile="mezzanine", codec="prores"))

    assert named["assembly"] != identities(Options(profile="mezzanine"))["assembly"]


@pytest.mark.parametrize(
    "changes",
    [
        {"profile": "archive"},
        {"color_sources": "recolor"},
        {"vividness": 0.5},
        {"temperature": 0.5},
        {"precision": "float16"},
        {"anchor_interval": 6},
        {"settle_anchors": 0},
        {"codec": "hevc"},
        {"chroma": "420"},
        {"crf": 20},
        {"preset": "slow"},
        {"encoder": "nvenc"},
        {"deinterlace": "bwdif"},
        {"label": "burn"},
        {"broadcast_gamut": True},
        {"preview": True},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_every_option_that_changes_an_output_changes_its_identity(changes):
    found = identities(replace(Options(), **changes))

    for kind in ("segment", "assembly", "still"):
        assert found[kind] != DEFAULT[kind]


def test_adjustments_of_a_film_change_its_identity():
    adjusted = Options(adjustments=(Adjustment(0, 1000, vividness=0.2),))

    assert identities(adjusted)["assembly"] != DEFAULT["assembly"]


def test_a_signature_makes_another_output_of_the_same_parts():
    found = identities(Options(c2pa=True))

    assert found["assembly"] != DEFAULT["assembly"]
    assert found["still"] != DEFAULT["still"]
    assert found["segment"] == DEFAULT["segment"]


def test_sidecars_rights_and_bags_change_no_identity():
    assert identities(Options(sidecar="json,premis", rights="CC0", bag=True)) == DEFAULT
