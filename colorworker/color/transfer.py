"""Transfer characteristics: from R'G'B' to light on a screen, relative to diffuse white, and back.

`sdr` always uses the sRGB curve (IEC 61966-2-1), whatever SDR characteristic a stream names. The
curve of BT.709 describes cameras, not screens, and BT.1886 is a gamma of 2.4 for dark rooms. Files
are mostly watched on computer screens, and the network was trained on sRGB pictures. `pq` and `hlg`
follow ITU-R BT.2100-2, HLG for a screen of 1000 cd/m2. Their diffuse white is at 203 cd/m2 (ITU-R
BT.2408), and highlights are brighter. `density` is the printing density of scanned film.
"""

from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt

from colorworker.color.lab import linear_to_srgb
from colorworker.color.printingdensity import code_from_light, light_from_code

Transfer = Literal["sdr", "pq", "hlg", "density"]
Doubles = npt.NDArray[np.float64]

_TRANSFER_OF_CODE: dict[int, Transfer] = {16: "pq", 18: "hlg"}
"""ITU-T H.273 (2021-07), table 3 (TransferCharacteristics)."""
_WHITE = 203.0
"""Luminance of diffuse white in HDR, in cd/m2."""
_PQ_PEAK = 10_000.0
_HLG_PEAK = 1000.0
_HLG_GAMMA = 1.2
"""System gamma at that peak."""
_M1, _M2 = 2610 / 16384, 2523 / 4096 * 128
_C1, _C2, _C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
"""BT.2100-2, table 4."""
_A, _B, _C = 0.17883277, 0.28466892, 0.55991073
"""BT.2100-2, table 5."""
_LEAST = 1e-9
"""Least luminance for HLG's system gamma, whose inverse is infinite at black."""

HIGHEST_LIGHTNESS: dict[Transfer, float] = {
    "sdr": 200.0,
    "pq": 500.0,
    "hlg": 500.0,
    "density": 500.0,
}
"""Upper bound of L* when solving: above any gray of a signal up to 1, and colors out of gamut."""


def transfer_from_code(code: int) -> Transfer:
    """Return the transfer of a code point of ITU-T H.273; SDR for all but PQ and HLG."""
    return _TRANSFER_OF_CODE.get(code, "sdr")


def luminance_from_signal(signal: Doubles, transfer: Transfer) -> Doubles:
    """Return the luminance of grays relative to diffuse white, for signals in [0, 1]; any shape."""
    if transfer == "pq":
        root = signal ** (1 / _M2)
        ratio = np.maximum(root - _C1, 0.0) / (_C2 - _C3 * root)
        return np.asarray(ratio ** (1 / _M1) * (_PQ_PEAK / _WHITE))
    if transfer == "hlg":
        scene = np.where(signal > 0.5, (np.exp((signal - _C) / _A) + _B) / 12, signal**2 / 3)
        return np.asarray(scene**_HLG_GAMMA * (_HLG_PEAK / _WHITE))
    if transfer == "density":
        return light_from_code(signal)
    return np.where(signal > 0.04045, ((signal + 0.055) / 1.055) ** 2.4, signal / 12.92)


def signal_from_light(light: Doubles, luminance: Doubles, transfer: Transfer) -> Doubles:
    """Return R', G' and B' of colors; below 0 the curves are continued and stay monotonic.

    Args:
        light: Linear red, green and blue, relative to diffuse white, (3, n).
        luminance: Luminance of the same colors, (n,), which HLG's system gamma depends on.
        transfer: The transfer characteristic.

    Returns:
        float64 (3, n), outside [0, 1] for colors outside the gamut.
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
    if transfer == "density":
        return code_from_light(light)
    # Below 0 the linear part of the curve continues.
    curved = 1.055 * np.maximum(light, 0.0031308) ** (1 / 2.4) - 0.055
    return np.where(light > 0.0031308, curved, light * 12.92)


def white_signal(transfer: Transfer) -> float:
    """Return the signal, in [0, 1], of diffuse white."""
    if transfer == "sdr":
        return 1.0
    one = np.ones((3, 1))
    return float(signal_from_light(one, one[0], transfer)[0, 0])


def srgb_codes_from_signal(
    signal: npt.NDArray[np.uint8], transfer: Transfer
) -> npt.NDArray[np.uint8]:
    """Return sRGB codes for 8-bit R', G' and B' of any shape; HDR highlights become white.

    An approximation for small pictures in reports: applies HLG's system gamma per channel.
    """
    return signal if transfer == "sdr" else _screen_codes(transfer)[signal]


@lru_cache(maxsize=3)
def _screen_codes(transfer: Transfer) -> npt.NDArray[np.uint8]:
    light = np.minimum(luminance_from_signal(np.linspace(0, 1, 256), transfer), 1)
    return np.rint(linear_to_srgb(light.astype(np.float32)) * 255).astype(np.uint8)
