"""An evaluation as page, JSON, plots and sheets."""

import json
from dataclasses import replace

import numpy as np
import pytest

from colorworker.evaluation.breakdown import ColorRow, KindRow
from colorworker.evaluation.table import (
    Evaluation,
    FilmRow,
    FilmScores,
    Point,
    Row,
    Strip,
    Sweep,
    columns,
    markdown,
)
from colorworker.report.evaluationpage import EvaluationFacts, evaluation_html, evaluation_json
from colorworker.report.qualityplots import comparison_sheet, hints_plot, vividness_plot

FACTS = EvaluationFacts("2026-11-22T22:00:00+00:00", 75.0, "a machine", {"seed": "0"})
GRAY = Row("gray", 0.0, 0.0, 36.0, 13.94, 10.16, 0.2, 23.91, 0.947)
MODEL = Row("<b>lite</b>", 20.7, 19.1, 15.3, 11.6, 8.52, 0.2, 25.7, 0.95, sha256="ab" * 32)
POINTS = (Point(0.0, 10.0, 24.0, 13.0), Point(1.0, 9.0, 25.0, 22.0))
SWEEPS = (Sweep("lite $x_1$", POINTS),)
EVALUATION = Evaluation(
    truth="val-000.tar",
    pictures=2,
    truth_colorfulness=36.0,
    truth_colorfulness_absolute=32.5,
    nearly_gray=1,
    rows=(GRAY, MODEL),
    broken=(("x.jpg", "x.jpg: <script>.\x1b[2J"),),
    sweep_pictures=2,
    vividness=SWEEPS,
    hints=SWEEPS,
    each={"gray": [1.0, 2.0]},
    keys=("a", "b"),
    colors=(ColorRow("<b>lite</b>", "skin", 0.193, 8.13, 21.8, 16.2, 0.094),),
    kinds=(KindRow("<b>lite</b>", "<i>face</i>", 2, 8.3, 8.63, 7.31, None),),
)
FILM = FilmRow(
    "film.mkv", "colored", FilmScores(9, 20.0, 18.0, None, 0.0003, 0.0001, 0.0002, 1.5, 0.9)
)


def test_the_page_shows_the_numbers_and_escapes_names():
    page = evaluation_html(FACTS, EVALUATION, [FILM], ["f: bad"], {"hints.svg": b"<svg/>"}).decode()

    for text in ("CIEDE2000", "8.52", "10.16", "an FID", "0.000300", "&lt;b&gt;lite&lt;/b&gt;"):
        assert text in page
    for text in ("By kind", "&lt;i&gt;face&lt;/i&gt;", "By true color", "<td>skin</td>", "9.4%"):
        assert text in page
    assert "<script>" not in page
    assert "\x1b" not in page
    assert "data:image/svg+xml;base64," in page


def test_the_json_has_all_results():
    document = json.loads(evaluation_json(FACTS, EVALUATION, [FILM], ["f: bad"]))

    assert document["pictures"]["rows"][1]["ciede2000"] == 8.52
    assert document["pictures"]["broken"] == [["x.jpg", "x.jpg: <script>.\x1b[2J"]]
    assert document["films"][0]["scores"]["cdc"] == 0.0003
    assert document["films_not_measured"] == ["f: bad"]


def test_numbers_that_are_not_finite_are_refused():
    bad = replace(EVALUATION, rows=(replace(GRAY, psnr=float("inf")),))

    with pytest.raises(ValueError, match="JSON"):
        evaluation_json(FACTS, bad, [], [])


def test_columns_without_numbers_are_left_out():
    with_fid = replace(MODEL, fid=12.345)

    assert "FID" not in [heading for heading, _, _ in columns([GRAY, MODEL])]
    assert "| 12.35 |" in markdown(replace(EVALUATION, rows=(GRAY, with_fid)))
    assert "| \N{EN DASH} |" in markdown(replace(EVALUATION, rows=(GRAY, with_fid)))


def test_equal_numbers_give_byte_identical_plots():
    for plot in (vividness_plot, hints_plot):
        first = plot(EVALUATION)

        assert first.startswith(b"<?xml")
        assert plot(EVALUATION) == first


def test_a_comparison_sheet_is_a_jpeg():
    cells = tuple((name, np.full((20, 30, 3), 99, np.uint8)) for name in ("truth", "gray", "a $"))
    drawn = comparison_sheet("Worst", [Strip("key_1.jpg", cells), Strip("key_2.jpg", cells)])

    assert drawn.startswith(b"\xff\xd8\xff")
