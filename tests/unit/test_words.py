"""All text of the project is spelled the American way, like its name."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_STEMS_OF_ISE = (
    "anal", "author", "capital", "categor", "character", "color", "crystall", "custom", "digit",
    "emphas", "equal", "final", "general", "harmon", "ideal", "initial", "item", "linear", "local",
    "material", "maxim", "memo", "minim", "modern", "neutral", "normal", "optim", "organ",
    "parallel", "penal", "polar", "prior", "quant", "random", "raster", "real", "recogn",
    "regular", "scrutin", "serial", "special", "stabil", "standard", "summar", "symbol",
    "synchron", "token", "util", "vector", "visual",
)  # fmt: skip
BRITISH = re.compile(
    r"colour|grey|(?<!per)centre|neighbour|behaviour|favour|honour(?!able)|labour|rumour|vapour"
    r"|licence|catalogue|dialogue box|artefact|defence|offence|programme(?!r|d)|sceptic|ageing"
    r"|kilometre|millimetre|litre|fulfil(?!l)|whilst|aluminium"
    r"|(?:label|signal|model|travel|channel|cancel|level|fuel|total|dial)l(?:ed|ing|er)"
    rf"|(?:{'|'.join(_STEMS_OF_ISE)})(?:is(?:e|ed|es|er|ers|ing|ation|ations|able)|ys(?:e|ed|ing)\b)",
    re.IGNORECASE,
)
ALLOWED = re.compile(
    r"colourspace|grey16|sgrey|aria-labelledby|\.cancelled\(\)|CancelledError|vapoursynth"
)
"""Names chosen by libvips, HTML, Python and VapourSynth."""


def misspelled(text):
    """Return (line number, word) of every British spelling in a text."""
    return [
        (number, match[0])
        for number, line in enumerate(text.splitlines(), 1)
        for match in BRITISH.finditer(ALLOWED.sub("", line))
    ]


def project_files():
    """Return the relative paths that git tracks; in a copy without git, all that are not hidden."""
    if (ROOT / ".git").exists():
        listed = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
        )
        return [Path(name) for name in listed.stdout.split("\0") if name]
    found = (path.relative_to(ROOT) for path in ROOT.rglob("*"))
    return [path for path in found if not any(part.startswith(".") for part in path.parts)]


def project_texts():
    """Yield (relative path, text) of every text file of the project, except this one."""
    for name in project_files():
        path = ROOT / name
        data = path.read_bytes() if path.is_file() and path != Path(__file__) else b"\0"
        if b"\0" not in data:
            yield name, data.decode(errors="replace")


@pytest.mark.parametrize(
    "word",
    ["colour", "Grey", "centre", "neighbours", "labelled", "normalisation", "analysed", "licence"],
)
def test_a_british_spelling_is_found_with_its_line(word):
    assert [number for number, _ in misspelled(f"first line\nthe {word} here")] == [2]


@pytest.mark.parametrize(
    "text",
    [
        "color, gray, center",
        "image.colourspace('grey16')",
        "precise noise",
        "a percentage",
        "analysis",
    ],
)
def test_american_spelling_and_the_names_of_libraries_pass(text):
    assert misspelled(text) == []


def test_no_text_of_the_project_has_british_spelling():
    texts = list(project_texts())

    found = [
        f"{name}:{number}: {word}" for name, text in texts for number, word in misspelled(text)
    ]

    assert len(texts) > 100
    assert not found, "\n" + "\n".join(found)
