"""Hundreds of mutated files of every format: an output or a sentence, in bounded time and memory.

`python -m tests.fuzz` does the same with as many as you like, and repeats single ones.
"""

from pathlib import Path

import pytest

from tests.fuzz.campaign import Mutations, color_all, working_folder

SEED, COUNT, CHILDREN = 18, 500, 2


@pytest.mark.timeout(600)
def test_no_mutated_file_crashes_stalls_or_fills_a_worker():
    faults, endings = [], set()

    def note(verdict):
        endings.add(verdict.ending)
        if verdict.fault:
            faults.append(f"{verdict.case.label}: {verdict.fault}")

    with working_folder() as folder:
        mutations = Mutations(Path(folder), SEED)
        color_all(map(mutations.case, range(COUNT)), Path(folder), CHILDREN, note)

    assert faults == [], "\n".join(faults)
    assert {"succeeded", "source_damaged", "source_unsupported"} <= endings


def test_a_mutation_depends_only_on_its_seed_and_number(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first, again = Mutations(tmp_path / "a", 1), Mutations(tmp_path / "b", 1)

    cases = [first.case(number) for number in range(100)]

    assert [case.label for case in cases] == [again.case(number).label for number in range(100)]
    same = sum(case == again.case(number) for number, case in enumerate(cases))
    # A few encoders and muxers write other bytes every time.
    assert same > 80
    intact = {path.read_bytes() for path in (tmp_path / "a").iterdir()}
    assert sum(case.data in intact for case in cases) < 10
