"""Keywords of `colorize` become the same job as the options of the command line."""

from pathlib import Path

import pytest

from colorworker.api.keywords import job_request, options_from
from colorworker.domain.excerpt import Excerpt
from colorworker.domain.models import ModelChoice
from colorworker.domain.options import Options
from colorworker.errors import UsageError
from colorworker.settings import Settings


def request(sources="reels", **keywords):
    return job_request(Settings(), sources, Path("color"), keywords)


def test_sources_are_one_path_or_several():
    assert request("reels").sources == ("reels",)
    assert request(Path("reels")).sources == ("reels",)
    assert request(["reels", Path("photos")]).sources == ("reels", "photos")
    assert request().destination == "color"


def test_keywords_reach_the_job():
    made = request(
        profile="archive", vividness=1, workers=2, executor="local", include="*.mkv",
        exclude=["proxies/**"], start="1:00", end="2:00", model="other.npz",
        completion_report="reports",
    )  # fmt: skip

    assert made.options == Options(
        profile="archive", vividness=1.0, excerpt=Excerpt(60_000, 120_000)
    )
    assert (made.workers, made.executor, made.model) == (
        2,
        "local",
        ModelChoice("other.npz"),
    )
    assert (made.include, made.exclude) == (("*.mkv",), ("proxies/**",))
    assert made.completion_report == "reports"


def test_networks_can_be_blended_and_have_a_profile():
    made = request(model=["a.onnx", Path("b.onnx")], blend=0.6, model_profile="ddcolor")

    assert made.model == ModelChoice("a.onnx", "ddcolor", "b.onnx", 0.6)
    assert made.options.vividness == 1.0
    with pytest.raises(UsageError, match=r"blend '0\.6': is not a number"):
        request(model=["a.onnx", "b.onnx"], blend="0.6")


def test_settings_decide_what_no_keyword_does(monkeypatch):
    monkeypatch.setenv("COLORWORKER_MODEL__VIVIDNESS", "0.5")
    monkeypatch.setenv("COLORWORKER_RUN__WORKERS", "3")

    made = request(vividness=None)

    assert (made.options.vividness, made.workers) == (0.5, 3)


def test_per_frame_predicts_every_frame_and_excludes_an_interval():
    assert not options_from(Settings(), {"per_frame": True}).propagates
    assert options_from(Settings(), {"per_frame": False}).propagates
    with pytest.raises(UsageError, match="--anchor-interval 5"):
        options_from(Settings(), {"per_frame": True, "anchor_interval": 5})


def test_a_misspelled_keyword_is_refused_with_the_right_one():
    with pytest.raises(UsageError, match="Did you mean color_sources"):
        request(color_source="skip")
    with pytest.raises(UsageError, match="Did you mean exclude"):
        request(exclud="*.xml")
    with pytest.raises(UsageError, match="Use anchor_interval, "):
        request(zzzz=1)


@pytest.mark.parametrize("keywords", [{"profile": "archiv"}, {"crf": 99}, {"excerpt": (0, 1)}])
def test_an_invalid_value_is_refused(keywords):
    with pytest.raises(UsageError):
        request(**keywords)


@pytest.mark.parametrize(
    ("keywords", "sentence"),
    [
        ({"executor": "dask"}, "executor dask: is not known. Use auto or local or ray."),
        ({"workers": 0}, "workers 0: is not a positive integer"),
        ({"workers": "two"}, "workers two: is not a positive integer"),
        ({"workers": True}, "workers True: is not a positive integer"),
        ({"per_frame": "no"}, "per_frame no: is not of type bool"),
        ({"model": 7}, "model 7: is not a path"),
        ({"include": ["*.png", 3]}, "include 3: is not a path"),
        ({"completion_report": 4}, "completion_report 4: is not a path"),
        ({"shots": 3}, "shots 3: is not a path"),
        ({"sources": None}, "sources None: is not a path"),
        ({"sources": b"reels"}, "sources b'reels': is not a path"),
        ({"sources": []}, "sources: a path is missing"),
        ({"sources": ["reels", ""]}, "sources: a path is missing"),
        ({"end": 0}, "--from 0 --to 0.000: the end is not after the start"),
    ],
)
def test_a_value_of_the_job_itself_is_refused_by_name(keywords, sentence):
    with pytest.raises(UsageError) as raised:
        request(**keywords)

    assert str(raised.value).startswith(sentence)


def test_times_may_be_numbers_of_seconds():
    assert request(start=60, end=62.5).options.excerpt == Excerpt(60_000, 62_500)


def test_only_the_options_that_a_caller_takes_are_known():
    with pytest.raises(UsageError, match=r"option crf: is not known\. Use temperature, vividness"):
        options_from(Settings(), {"crf": 18}, options=("vividness", "temperature"))


def test_shots_are_read_from_a_file(tmp_path):
    shots = tmp_path / "shots.toml"
    shots.write_text('[[shot]]\nfilm = "reel.mkv"\nshots = 3\nvividness = 0.2\n')

    (wish,) = request(shots=shots).shot_adjustments

    assert wish.film == "reel.mkv"
    with pytest.raises(UsageError, match="--from and --to"):
        request(shots=shots, start="1")
