"""Image sequences on the review page: frames of the source and of the output."""

import numpy as np
import pytest
import pyvips

from colorworker.color.lab import linear_to_srgb
from colorworker.domain.entries import plan_lines
from colorworker.domain.options import Options
from colorworker.report.itemlines import line_to_json
from colorworker.runs.review.items import ItemCatalog
from colorworker.runs.review.pictures import Pictures
from colorworker.store.local import LocalStore
from colorworker.store.openstore import open_store
from tests.jobharness import TOY_MODEL, folder_entries, run_toy_job
from tests.sequences import write_sequence

JOB = f".colorworker/jobs/{'0' * 16}"


def shown(jpeg):
    return pyvips.Image.new_from_buffer(jpeg, "").numpy().astype(int)


@pytest.mark.parametrize(
    ("kind", "extension", "pix_fmt"),
    [
        ("film", ".png", "gray"),
        ("frames", ".png", "gray"),
        ("frames", ".jpg", "yuvj444p"),
        ("film", ".exr", "gbrpf32le"),
        ("frames", ".exr", "gbrpf32le"),
    ],
)
def test_frames_of_a_sequence_and_of_its_output_are_shown(tmp_path, kind, extension, pix_fmt):
    written = write_sequence(tmp_path / "in", 12, extension=extension, pix_fmt=pix_fmt)
    if extension == ".exr":  # light
        written = [linear_to_srgb((codes / 255).astype(np.float32)) * 255 for codes in written]
    store, options = LocalStore(tmp_path / "out"), Options(sequences=kind, fps=24.0)
    (line,) = run_toy_job(tmp_path / "in", store, options).values()
    entries = folder_entries(tmp_path / "in", options)
    store.put(f"{JOB}/plan.jsonl", b"".join(plan_lines(entries, options, TOY_MODEL)))
    store.put(f"{JOB}/report/report.jsonl", line_to_json(line))
    store.put(f"{JOB}/report/report.html", b"")
    (item,) = ItemCatalog(store).select("all")
    pictures = Pictures(store, open_store)

    source, output = (shown(pictures.jpeg(item, each, 7)) for each in ("source", "output"))

    assert np.abs(source[..., 1] - written[7].astype(float)).mean() < 2
    assert np.abs(output @ (0.299, 0.587, 0.114) - written[7]).mean() < 3
    assert np.abs(output[..., 0] - output[..., 2]).mean() > 5
