"""Time codes in headers of frames."""

from fractions import Fraction

import pytest

from colorworker.domain.frameheaders import start_timecode, timecode_text


@pytest.mark.parametrize(
    ("packed", "text"),
    [
        (0x01020304, "01:02:03:04"),
        (0x23595929, "23:59:59:29"),
        (0x01020344, "01:02:03;04"),  # drop frame
        (0x81828384, "01:02:03:04"),  # flags in the highest bits
        (0xFFFFFFFF, ""),
        (0, ""),
        (0x0A000000, ""),  # not decimal
        (0x24000000, ""),
        (0x00600000, ""),
    ],
)
def test_timecodes_are_eight_decimal_digits(packed, text):
    assert timecode_text(packed) == text


@pytest.mark.parametrize(
    ("timecode", "rate", "fits"),
    [
        ("01:02:03:23", Fraction(24), True),
        ("01:02:03:23", Fraction(24000, 1001), True),
        ("01:02:03:23", Fraction(18), False),
        ("01:02:03;23", Fraction(30000, 1001), True),
        ("01:02:03;23", Fraction(24), False),
        ("", Fraction(24), False),
    ],
)
def test_a_timecode_must_fit_the_rate(timecode, rate, fits):
    assert start_timecode(timecode, rate) == (timecode if fits else "")
