"""What the documents say of the program is true of it."""

import re
from pathlib import Path

import pytest
from typer.main import get_command

from colorworker.cli.app import app
from colorworker.settings import Settings

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
TEXTS = "\n".join(page.read_text() for page in PAGES)
COMMANDS = get_command(app).commands


def options_of(commands):
    for command in commands:
        yield from (option for each in command.params for option in each.opts)
        yield from options_of(getattr(command, "commands", {}).values())


OPTIONS = set(options_of(COMMANDS.values()))


def blocks(text):
    return re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def test_the_first_two_blocks_of_the_readme_are_one_line_each():
    install_and_run, install_and_test = blocks(PAGES[0].read_text())[:2]

    for block in (install_and_run, install_and_test):
        assert block.count("\n") == 1
        assert block.startswith("python3 -m venv .venv && ")
    assert "colorworker colorize docs/demo" in install_and_run
    assert "pytest" in install_and_test


def test_every_command_is_in_the_readme():
    readme = PAGES[0].read_text()

    assert [name for name in COMMANDS if f"colorworker {name}" not in readme] == []


def test_every_option_of_ours_that_is_named_exists():
    named = set()
    for line in TEXTS.splitlines():
        if "colorworker" in line or line.startswith("| `--"):
            named |= set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", line))

    foreign = {"--address", "--working-dir", "--runtime-env-json", "--no-deps"}
    assert named - OPTIONS - foreign - {"--version", "--help"} == set()


def test_every_setting_that_is_named_exists():
    named = set(re.findall(r"COLORWORKER_([A-Z0-9]+)__([A-Z0-9_]+)", TEXTS))
    groups = Settings.model_fields

    for group, field in named:
        model = groups[group.lower()].annotation
        assert field.lower() in model.model_fields, f"COLORWORKER_{group}__{field}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_relative_link_leads_somewhere(page):
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text())

    assert [link for link in links if not (page.parent / link).exists()] == []
