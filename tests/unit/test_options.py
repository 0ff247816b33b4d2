"""An option is declared once; the command line, plans, manifests and settings have it then."""

from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from colorworker.cli.colorize import colorize
from colorworker.cli.optionparameters import with_option_parameters
from colorworker.domain.models import ModelChoice, ModelRef
from colorworker.domain.optionfields import OptionInfo, option_fields
from colorworker.domain.options import Asset, Options, override
from colorworker.domain.units import still
from colorworker.errors import LineRefused, UsageError
from colorworker.inputs.jsonlines import ItemRows
from colorworker.inputs.scope import Scope
from colorworker.schedule.planfile import read_plan
from colorworker.settings import load_settings

PICTURE = Asset("file:///archive", "print.png", "still", 100, "etag")
MODEL = ModelRef("lite", "0" * 64)
PLAN = """
grain = 3

[[collection]]
sources = ["a"]
destination = "b"

[[collection]]
sources = ["c"]
destination = "d"
grain = 7
"""


@dataclass(frozen=True)
class WithGrain(Options):
    """The options, and a new one that is declared nowhere else."""

    grain: Annotated[
        int, OptionInfo("Strength of added film grain.", setting="media", ge=0, le=9)
    ] = 0


def help_text(kind):
    app = typer.Typer()
    app.command()(with_option_parameters(colorize, kind))
    return CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"}).output


def test_a_new_option_is_on_the_command_line_with_its_help_limits_and_default():
    text = help_text(WithGrain)

    line = next(line for line in text.splitlines() if "--grain" in line)
    assert "Strength of added film grain. Default: 0." in line
    assert "0<=x<=9" in line
    assert "--grain" not in help_text(Options)


@pytest.mark.parametrize("given", [["--grain", "5"], []])
def test_a_value_from_the_command_line_reaches_the_options(monkeypatch, given):
    monkeypatch.setenv("COLORWORKER_MEDIA__GRAIN", "4")
    requests = []
    monkeypatch.setattr(
        "colorworker.cli.colorize._run", lambda request, *_, **__: requests.append(request)
    )
    app = typer.Typer()
    app.command()(with_option_parameters(colorize, WithGrain))

    done = CliRunner().invoke(app, ["a", "b", *given])

    assert done.exit_code == 0
    assert requests[0].options == WithGrain(grain=5 if given else 4)


def test_a_new_option_can_be_set_in_the_environment(monkeypatch):
    monkeypatch.setenv("COLORWORKER_MEDIA__GRAIN", "4")

    assert load_settings(WithGrain).options(WithGrain) == WithGrain(grain=4)

    monkeypatch.setenv("COLORWORKER_MEDIA__GRAIN", "10")
    with pytest.raises(UsageError, match="COLORWORKER_MEDIA__GRAIN"):
        load_settings(WithGrain)


def test_a_new_option_can_be_set_in_plan_files(tmp_path):
    path = tmp_path / "plan.toml"
    path.write_text(PLAN)

    plan = read_plan(path, WithGrain(), ModelChoice("lite"))

    assert [item.options.grain for item in plan.collections] == [3, 7]
    with pytest.raises(UsageError, match="line 2: grain: is not a known key"):
        read_plan(path, Options(), ModelChoice("lite"))


def test_a_new_option_can_be_set_in_manifests():
    line = '{"key": "a.tif", "grain": 7}'

    entry = ItemRows(Scope("s3://archive"), WithGrain)(1, line)

    assert entry.own_options == (("grain", 7),)
    with pytest.raises(LineRefused, match="grain: is not a known key"):
        ItemRows(Scope("s3://archive"))(1, line)


def test_a_new_option_changes_an_identity_only_when_it_is_set():
    def identity(options):
        return still(PICTURE, "print.png", options, MODEL).unit_id

    assert identity(WithGrain()) == identity(Options())
    assert identity(WithGrain(grain=1)) != identity(Options())


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"grain": 10}, "grain 10: is out of range. Give 0 to 9"),
        ({"grain": 1.5}, "grain 1.5: is not of type int"),
        ({"grain": True}, "grain True: is not of type int"),
        ({"profile": "best"}, "profile best: is not known. Use access or mezzanine or archive"),
        ({"vividness": float("nan")}, "vividness nan: is out of range"),
        ({"segment_frames": 0}, "segment_frames 0: is out of range. Give 1 or more"),
        ({"profil": "access"}, "option profil: is not known. Did you mean profile"),
    ],
)
def test_a_value_that_an_option_cannot_have_is_refused(values, message):
    with pytest.raises(UsageError) as refused:
        override(WithGrain(), values)

    assert message in str(refused.value)


def test_values_that_are_not_given_leave_options_as_they_are():
    assert override(Options(crf=30), {"crf": None, "label": "burn"}) == Options(
        crf=30, label="burn"
    )


def test_whole_numbers_count_as_the_same_value_as_their_floats():
    assert repr(Options(vividness=1)) == repr(Options(vividness=1.0))


def test_every_option_has_a_sentence_and_a_valid_default():
    for field in option_fields(Options):
        assert field.info.help.endswith(".")
        assert field.check(field.default) == field.default


def test_choices_are_the_words_of_a_literal_that_may_be_none():
    choices = {field.name: field.choices for field in option_fields(Options)}

    assert choices["label"] == ("tag", "burn", "none")
    assert choices["codec"] == ("h264", "hevc", "av1", "prores", "dnxhr")
    assert choices["crf"] == ()
