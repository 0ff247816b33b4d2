"""What R'G'B' stands for on a screen, by transfer characteristic: light relative to diffuse white.

`sdr` is read with the sRGB curve (IEC 61966-2-1), whatever SDR characteristic a stream names.
BT.709's own curve is a camera's, not a screen's; BT.1886 is a dark room's gamma of 2.4. Files are
mostly watched on computer screens, and the network learned its colors, and what lightness they
have, from sRGB pictures. `pq` and `hlg` are those of ITU-R BT.2100-2, HLG on a screen of
1000 cd/m2; diffuse white is at 203 cd/m2 there (ITU-R BT.2408), and highlights are lighter.
"""

from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt

from colorworker.color.lab import linear_to_srgb

Transfer = Literal["sdr", "pq", "hlg"]
Doubles = npt.NDArray[np.float64]

_TRANSFER_OF_CODE: dict[int, Transfer] = {16: "pq", 18: "hlg"}
"""ITU-T H.273 (2021-07), table 3 (TransferCharacteristics)."""
_WHITE = 203.0
"""cd/m2 of diffuse white in HDR."""
_PQ_PEAK = 10_000.0
_HLG_PEAK = 1000.0
_HLG_GAMMA = 1.2
"""Of the system at that peak."""
_M1, _M2 = 2610 / 16384, 2523 / 4096 * 128
_C1, _C2, _C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
"""BT.2100-2, table 4."""
_A, _B, _C = 0.17883277, 0.28466892, 0.55991073
"""BT.2100-2, table 5."""
_LEAST = 1e-9
"""Luminance from which HLG's system gamma is taken: below, all is black."""

LIGHTEST: dict[Transfer, float] = {"sdr": 200.0, "pq": 500.0, "hlg": 500.0}
"""More L* than any gray of a signal up to 1 has, with room for colors beyond the gamut."""


def transfer_of_code(code: int) -> Transfer:
    """Return the transfer of a code point of ITU-T H.273; SDR for all that are not named here."""
    return _TRANSFER_OF_CODE.get(code, "sdr")


def light_of_grays(signal: Doubles, transfer: Transfer) -> Doubles:
    """Return the luminance, of diffuse white, of grays whose R', G' and B' are in [0, 1]."""
    if transfer == "pq":
        root = signal ** (1 / _M2)
        ratio = np.maximum(root - _C1, 0.0) / (_C2 - _C3 * root)
        return np.asarray(ratio ** (1 / _M1) * (_PQ_PEAK / _WHITE))
    if transfer == "hlg":
        scene = np.where(signal > 0.5, (np.exp((signal - _C) / _A) + _B) / 12, signal**2 / 3)
        return np.asarray(scene**_HLG_GAMMA * (_HLG_PEAK / _WHITE))
    return np.where(signal > 0.04045, ((signal + 0.055) / 1.055) ** 2.4, signal / 12.92)


def signal_of_light(light: Doubles, luminance: Doubles, transfer: Transfer) -> Doubles:
    """Return R', G' and B' of colors, continued below 0 so that they rise everywhere.

    Args:
        light: Linear red, green and blue, of diffuse white, (3, n).
        luminance: Of the same colors, (n,): HLG's system gamma goes by it.
        transfer: The characteristic.

    Returns:
        float64 (3, n), beyond [0, 1] where a color is beyond the gamut.
    """
    if transfer == "pq":
        power = (np.abs(light) * (_WHITE / _PQ_PEAK)) ** _M1
        return np.sign(light) * ((_C1 + _C2 * power) / (1 + _C3 * power)) ** _M2
    if transfer == "hlg":
        share = np.maximum(luminance * (_WHITE / _HLG_PEAK), _LEAST)
        scene = light * (_WHITE / _HLG_PEAK) * share ** (1 / _HLG_GAMMA - 1)
        size = np.abs(scene)
        curved = _A * np.log(np.maximum(12 * size - _B, _LEAST)) + _C
        return np.sign(scene) * np.where(size > 1 / 12, curved, np.sqrt(3 * size))
    # By its straight part below 0.
    curved = 1.055 * np.maximum(light, 0.0031308) ** (1 / 2.4) - 0.055
    return np.where(light > 0.0031308, curved, light * 12.92)


def white_signal(transfer: Transfer) -> float:
    """Return the signal, in [0, 1], of diffuse white."""
    if transfer == "sdr":
        return 1.0
    one = np.ones((3, 1))
    return float(signal_of_light(one, one[0], transfer)[0, 0])


def on_screen(signal: npt.NDArray[np.uint8], transfer: Transfer) -> npt.NDArray[np.uint8]:
    """Return sRGB codes for 8-bit R', G' and B' of any shape; highlights of HDR become white.

    For small pictures in reports: of HLG's system gamma each channel gets its own.
    """
    return signal if transfer == "sdr" else _screen_codes(transfer)[signal]


@lru_cache(maxsize=2)
def _screen_codes(transfer: Transfer) -> npt.NDArray[np.uint8]:
    light = np.minimum(light_of_grays(np.linspace(0, 1, 256), transfer), 1)
    return np.rint(linear_to_srgb(light.astype(np.float32)) * 255).astype(np.uint8)
