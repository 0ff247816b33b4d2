"""Entries of job plans: their own options, the job's ID, and JSON."""

import json
from dataclasses import replace

from colorworker.domain.entries import (
    Entry,
    entry_from_json,
    entry_to_json,
    job_id,
    own_options,
    plan_lines,
)
from colorworker.domain.models import ModelRef
from colorworker.domain.options import Options
from colorworker.domain.schedule import output_identity


def test_the_job_id_depends_on_options_and_entries():
    entry = Entry("file:///a", "x.png", 1, "e", "still", "x.png")
    model = ModelRef("lite", "0" * 64)

    ids = [
        job_id(list(plan_lines(entries, options, model)))
        for entries, options in (
            ([entry], Options()),
            ([entry], Options()),
            ([entry], Options(vividness=1)),
            ([entry, entry], Options()),
        )
    ]

    assert ids[0] == ids[1]
    assert len(set(ids)) == 3


def test_an_entry_survives_json_and_has_own_options_only_if_they_are_set():
    plain = Entry("file:///a", "x.png", 1, "e", "still", "x.png")
    other = replace(plain, own_options=(("profile", "archive"), ("vividness", 0.5)))

    lines = [entry_to_json(entry) for entry in (plain, other)]

    assert [entry_from_json(line) for line in lines] == [plain, other]
    assert b"own_options" not in lines[0]
    assert json.loads(lines[1])["own_options"] == {"profile": "archive", "vividness": 0.5}


def test_own_options_change_identities_like_options_of_the_whole_job():
    model = ModelRef("lite", "0" * 64)
    plain = Entry("file:///a", "x.mkv", 1, "e", "film", "x.mkv")
    other = replace(plain, own_options=(("profile", "archive"),))

    assert output_identity(other, Options(), model) == output_identity(
        plain, Options(profile="archive"), model
    )
    assert output_identity(other, Options(), model) != output_identity(plain, Options(), model)
    assert other.options(Options()) is other.options(Options())


def test_an_explicit_default_does_not_change_the_job_id():
    model = ModelRef("lite", "0" * 64)

    plain, explicit = (
        job_id(list(plan_lines([], options, model)))
        for options in (Options(), Options(codec="h264", crf=18))
    )

    assert plain == explicit


def test_an_item_with_another_profile_does_not_inherit_codec_crf_and_encoder():
    job = Options(codec="hevc", crf=30, encoder="nvenc")

    own = own_options(job, (("profile", "archive"),))

    assert own == (
        ("codec", None),
        ("crf", None),
        ("encoder", "software"),
        ("profile", "archive"),
    )
    entry = Entry("file:///a", "x.mkv", 1, "e", "film", "x.mkv", own_options=own)
    assert entry.options(job) == Options(profile="archive")


def test_options_that_equal_those_of_the_job_are_not_an_items_own():
    assert own_options(Options(label="burn"), (("label", "burn"), ("vividness", 0.8))) == ()
