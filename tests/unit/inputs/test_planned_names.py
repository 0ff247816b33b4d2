"""Names of a whole job's outputs."""

import numpy as np
import pyvips

from colorworker.domain.models import ModelChoice
from colorworker.domain.options import Options
from colorworker.job import JobRequest, planned_job
from colorworker.settings import Settings


def test_a_folder_gets_no_two_outputs_whose_names_differ_only_in_case(tmp_path):
    archive, color = tmp_path / "archive", tmp_path / "color"
    archive.mkdir()
    for name in ("Scan.png", "scan.png"):
        pyvips.Image.new_from_array(np.zeros((8, 8), np.uint8)).pngsave(str(archive / name))
    job = JobRequest((str(archive),), str(color), Options(), ModelChoice("lite"))

    with planned_job(job, Settings()) as planned:
        outputs = [entry.output_key for entry in planned.plan]

    assert outputs == ["Scan.png", "scan~7ac1da.png"]
    assert not color.exists()
