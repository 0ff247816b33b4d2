import pytest

from colorworker.cli.train_progress import describe, display
from colorworker.training.events import CopyProgress, TrainingProgress


@pytest.mark.parametrize(
    ("progress", "text"),
    [
        (
            CopyProgress("copying", 1200, 300 << 20, 1200 << 20, 85.4),
            "copying the pictures, 1200, 300 of 1200 MiB (25%), 85 pictures/s",
        ),
        (CopyProgress("copying"), "copying the pictures, 0, 0 of 0 MiB (0%)"),
        (CopyProgress("checking", 1200), "checking the local copy, 1200 pictures"),
        (CopyProgress("waiting"), "waiting for another process that copies the pictures"),
        (
            TrainingProgress(30, 100, 0, 2, 1.5, 12.0, seconds_left=5400.0),
            "epoch 1/2, step 30/100, loss 1.5000, 12.0 pictures/s, about 1 h 30 min left",
        ),
        (
            TrainingProgress(100, 100, 1, 2, 1.5, 12.0, "measuring", 0.0),
            "epoch 2/2, step 100/100, loss 1.5000, 12.0 pictures/s, measuring",
        ),
    ],
)
def test_the_progress_as_text(progress, text):
    assert describe(progress) == text


def test_without_a_terminal_a_line_is_printed_when_something_else_begins(capsys):
    with display(quiet=False) as show:
        show(CopyProgress("checking", 5))
        for pictures in range(5):
            show(CopyProgress("copying", pictures))
        show(TrainingProgress(10, 100, 0, 2, 1.5, 12.0))
        show(TrainingProgress(50, 100, 0, 2, 1.5, 12.0, "measuring"))

    lines = capsys.readouterr().err.splitlines()
    assert [line.split()[0] for line in lines] == ["checking", "copying", "epoch"]
    assert lines[-1].endswith("measuring")
