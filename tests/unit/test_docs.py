"""The documents agree with the program: commands, options, settings, modules, links, pictures."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.main import get_command

from colorworker.cli.app import app
from colorworker.settings import Settings

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "colorworker"
README = ROOT / "README.md"
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [README, ROOT / "CONTRIBUTING.md", ROOT / "deploy" / "README.md", *DOCS]
TEXTS = "\n".join(page.read_text() for page in PAGES)
COMMANDS = get_command(app).commands


def options_of(commands):
    for command in commands:
        yield from (option for each in command.params for option in each.opts)
        yield from options_of(getattr(command, "commands", {}).values())


OPTIONS = set(options_of(COMMANDS.values()))


def blocks(text, language="sh"):
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def test_the_first_two_blocks_of_the_readme_are_one_line_each():
    install_and_run, install_and_test = blocks(README.read_text())[:2]

    for block in (install_and_run, install_and_test):
        assert block.count("\n") == 1
        assert block.startswith("python3 -m venv .venv && ")
    assert "colorworker colorize docs/demo" in install_and_run
    assert "pytest" in install_and_test


def test_every_command_is_in_the_readme():
    readme = README.read_text()

    assert [name for name in COMMANDS if f"colorworker {name}" not in readme] == []


def test_every_option_that_the_documents_name_exists():
    named = set()
    for line in TEXTS.splitlines():
        if "colorworker " in line or line.startswith("| `--"):
            named |= set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", line))

    foreign = {"--address", "--working-dir", "--runtime-env-json", "--no-deps"}
    deploying = {"--namespace", "--system", "--home-dir", "--create-home", "--mode", "--file"}
    deploying |= {"--target", "--tag", "--filename", "--from-env-file", "--from-file", "--now"}
    assert named - OPTIONS - foreign - deploying - {"--version", "--help"} == set()


def test_every_setting_that_the_documents_name_exists():
    named = set(re.findall(r"COLORWORKER_([A-Z0-9]+)__([A-Z0-9_]+)", TEXTS))
    groups = Settings.model_fields

    for group, field in named:
        model = groups[group.lower()].annotation
        assert field.lower() in model.model_fields, f"COLORWORKER_{group}__{field}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_relative_link_leads_to_a_file(page):
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text())

    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_module_that_a_page_names_exists(page):
    named = set(re.findall(r"`([\w./-]*\w+\.py)`", page.read_text()))

    missing = [
        name
        for name in named
        if not (ROOT / name).exists()
        and not any(PACKAGE.rglob(name))
        and not (page.parent / name).exists()
    ]
    assert missing == []


def test_the_readme_lists_every_room_of_the_package_and_no_other():
    (tree,) = (block for block in blocks(README.read_text(), "text") if "colorworker/\n" in block)
    lines = [line for line in tree.splitlines() if line.startswith("  ")]
    named = [re.split(r"  +| \(", line.strip())[0].rstrip("/") for line in lines]

    rooms = {
        path.name
        for path in PACKAGE.iterdir()
        if path.name != "__pycache__" and not path.name.startswith("__") and path.name != "py.typed"
    }
    inner = {"propagation", "containers", "codecs", "stills", "planes.py"}
    assert set(named) - inner == rooms
    assert len(named) == len(set(named))


def test_every_module_in_the_tree_of_the_readme_exists():
    (tree,) = (block for block in blocks(README.read_text(), "text") if "colorworker/\n" in block)

    named = set(re.findall(r"\w+\.py\b", tree))

    assert [name for name in named if not any(PACKAGE.rglob(name))] == []


def picture():
    """Return the arrows of the mermaid picture, by the room they start from."""
    (text,) = blocks((ROOT / "docs" / "architecture.md").read_text(), "mermaid")
    arrows = {}
    for line in text.splitlines()[1:]:
        start, _, ends = line.strip().partition(" --> ")
        arrows.setdefault(start, set()).update(ends.split(" & "))
    return arrows


def imports_between_rooms():
    """Return the rooms that each room imports; composition roots within rooms count as `cli`."""
    roots = {"executors/doctor.py", "evaluation/run.py"}
    found = {}
    for path in PACKAGE.rglob("*.py"):
        name = path.relative_to(PACKAGE)
        room = "cli" if str(name) in roots else name.parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("colorworker."):
                found.setdefault(room, set()).add(node.module.split(".")[1])
    return found


def below(room, arrows):
    reached, ahead = set(), [room]
    while ahead:
        ahead += (new := arrows.get(ahead.pop(), set()) - reached)
        reached |= new
    return reached


def test_the_picture_of_the_architecture_shows_the_imports():
    arrows, imported = picture(), imports_between_rooms()

    for room in arrows:
        assert arrows[room] <= imported[room], f"{room}: an arrow without an import"
        assert imported[room] - {room} <= below(room, arrows), f"{room}: an import without an arrow"
        assert room not in below(room, arrows)


def test_the_site_has_every_page_in_its_menu():
    menu = yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]

    def pages(entries):
        for entry in entries:
            for value in entry.values():
                yield from [value] if isinstance(value, str) else pages(value)

    assert sorted(pages(menu)) == [page.name for page in DOCS]


def test_the_site_builds_without_a_warning(tmp_path):
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", tmp_path]

    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
