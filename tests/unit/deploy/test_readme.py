"""Everything that deploy/README.md names exists."""

import re

from colorworker.settings import Settings
from tests.unit.deploy.schemas import DEPLOY

README = (DEPLOY / "README.md").read_text()


def test_every_relative_link_has_a_target():
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", README)

    assert len(links) > 5
    assert [link for link in links if not (DEPLOY / link).exists()] == []


def test_every_file_named_in_a_command_exists():
    named = re.findall(r"(?<=[ =/])deploy/[\w./-]+\w", README)

    assert len(named) > 5
    made = {"deploy/.env"}
    assert [n for n in named if n not in made and not list(DEPLOY.parent.glob(f"{n}*"))] == []


def test_every_setting_in_the_readme_exists():
    named = re.findall(r"COLORWORKER_([A-Z0-9]+)__([A-Z0-9_]+)", README)

    assert named
    for group, field in named:
        assert field.lower() in Settings.model_fields[group.lower()].annotation.model_fields
