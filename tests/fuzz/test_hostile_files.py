"""Files that lie, expand, nest or refer to themselves: an output or one clear sentence, soon."""

from pathlib import Path

import pytest

from tests.fuzz.campaign import Case, Child, judge, working_folder
from tests.fuzz.hostilefilms import FILMS
from tests.fuzz.hostilepictures import PICTURES

OPTIONS = {"profile": "archive", "color_sources": "recolor", "segment_frames": 4}
FILES = PICTURES | FILMS


class Worker:
    """A process that colors one file after another, and is started again when it has died."""

    def __init__(self, folder):
        self._folder, self._child = folder, None

    def color(self, case):
        self._child = self._child or Child(self._folder)
        run = self._child.color(case)
        if isinstance(run, str):
            self._child = None
        return judge(case, run)

    def close(self):
        if self._child:
            self._child.close()


@pytest.fixture(scope="module")
def worker():
    with working_folder() as folder:
        running = Worker(Path(folder))
        yield running
        running.close()


@pytest.mark.parametrize("name", FILES)
def test_a_hostile_file_ends_in_an_output_or_one_clear_sentence(name, worker):
    make, endings = FILES[name]

    verdict = worker.color(Case(name, name, make(), OPTIONS))

    assert verdict.fault == ""
    assert verdict.ending in endings, verdict.run and verdict.run.sentence
