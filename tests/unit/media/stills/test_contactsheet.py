import numpy as np
import pytest

from colorworker.media.stills.contactsheet import contact_sheet, read_contact_sheet


def flat(level):
    return np.full((20, 30, 3), level, np.uint8)


def test_a_contact_sheet_returns_its_pictures():
    levels = [7 * number for number in range(23)]

    found = read_contact_sheet(contact_sheet([flat(level) for level in levels]), 23, 20, 30)

    assert [round(float(picture.mean())) for picture in found] == pytest.approx(levels, abs=2)


def test_a_contact_sheet_of_nothing_or_of_mixed_sizes_is_refused():
    with pytest.raises(ValueError, match="0 pictures"):
        contact_sheet([])
    with pytest.raises(ValueError, match="2 shapes"):
        contact_sheet([flat(1), flat(1)[:10]])
