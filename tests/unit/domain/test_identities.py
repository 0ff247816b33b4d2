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
    "scan": "472f50483cc66191656f60baebf48521",
    "segment": "a180c84ea088b22aa5cf4413ba659637",
    "assembly": "802e003a20488301668e34085435d0ba",
    "still": "86243bb49652add692516263e7e95a18",
}
OTHER = {
    "scan": "378ae7ecf339fd0ea7b113a95fa7cece",
    "segment": "a13a47127fa6fe1e861ef092e025bb98",
    "assembly": "ea9c6d777936d49b0756e90023910fc9",
    "still": "6a7092a7cf0e9675ed3fde6a97bdaef6",
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
