"""Read the arrays of an untrusted npz file.

Nothing is unpickled, and no array is decompressed beyond its expected size.
"""

import io
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from typing import IO

import numpy as np
import numpy.typing as npt

from colorworker.errors import WeightsRefused
from colorworker.model.architectures import Architecture, architecture_from_json
from colorworker.model.layout import array_shapes

NEXT_STEP = "Give the packaged weights 'lite' or a file that colorworker train has written"
MAX_BINS = 4096
_MAX_TEXT = 16384
_DAMAGE = (ValueError, EOFError, OSError, RuntimeError, zipfile.BadZipFile, zlib.error)
"""Errors that zipfile and NumPy raise for damaged, encrypted or unknown members."""

Arrays = dict[str, npt.NDArray[np.floating]]


def parse_arrays(data: bytes, subject: str) -> tuple[Architecture, Arrays]:
    """Return the architecture of a weights file and all its arrays, checked against it.

    Args:
        data: The file.
        subject: Name of the file, for errors.

    Raises:
        WeightsRefused: If it is not an npz, holds pickles, or its arrays are not exactly those of
            the architecture it names (lite if it names none), finite and float16 or float32.
    """
    if not zipfile.is_zipfile(io.BytesIO(data)):
        raise WeightsRefused(subject, f"not an npz file (begins with {data[:6]!r})", NEXT_STEP)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return _arrays(archive, subject)
    except _DAMAGE as error:
        seen = f"does not load as plain arrays ({error})"
        raise WeightsRefused(subject, seen, NEXT_STEP) from error


def _arrays(archive: zipfile.ZipFile, subject: str) -> tuple[Architecture, Arrays]:
    names = [name.removesuffix(".npy") for name in archive.namelist()]
    if len(set(names)) < len(names):
        raise ValueError("two members have the same name")
    members = dict(zip(names, archive.infolist(), strict=True))
    member = members.pop("architecture", None)
    architecture = Architecture() if member is None else _architecture(archive, member, subject)
    bin_count = _bin_count(archive, members)
    expected = array_shapes(architecture, bin_count)
    _compare_names(architecture, expected, members, subject)
    arrays = {
        name: _read(archive, members[name], name, shape, subject)
        for name, shape in expected.items()
    }
    return architecture, arrays


def _compare_names(
    architecture: Architecture,
    expected: Mapping[str, tuple[int, ...]],
    seen: Iterable[str],
    subject: str,
) -> None:
    if missing := sorted(expected.keys() - set(seen)):
        fact = f"it lacks {len(missing)} arrays of {architecture}, the first is {missing[0]!r}"
        raise WeightsRefused(subject, fact, NEXT_STEP)
    if extra := sorted(set(seen) - expected.keys()):
        fact = f"it holds {len(extra)} arrays that {architecture} does not have"
        raise WeightsRefused(subject, f"{fact}, the first is {extra[0]!r}", NEXT_STEP)


def _architecture(archive: zipfile.ZipFile, member: zipfile.ZipInfo, subject: str) -> Architecture:
    try:
        with archive.open(member) as file:
            shape, dtype, _ = _header(file)
            if dtype.kind != "U" or shape or dtype.itemsize > _MAX_TEXT:
                raise ValueError(f"it holds {dtype} of shape {shape}, not a single string")
            text = np.frombuffer(file.read(dtype.itemsize), dtype)
            return architecture_from_json(str(text[0]))
    except ValueError as error:
        fact = f"its architecture cannot be read ({error})"
        raise WeightsRefused(subject, fact, NEXT_STEP) from error


def _bin_count(archive: zipfile.ZipFile, members: Mapping[str, zipfile.ZipInfo]) -> int:
    """Return the number of rows of `bins`; 0 if there is no such table or it has a wrong shape."""
    if "bins" not in members:
        return 0
    with archive.open(members["bins"]) as file:
        shape, _, _ = _header(file)
    return shape[0] if len(shape) == 2 and shape[0] <= MAX_BINS else 0


def _read(
    archive: zipfile.ZipFile,
    member: zipfile.ZipInfo,
    name: str,
    expected: tuple[int, ...],
    subject: str,
) -> npt.NDArray[np.floating]:
    with archive.open(member) as file:
        shape, dtype, fortran_order = _header(file)
        if shape != expected:
            raise WeightsRefused(subject, f"{name!r} has shape {shape}, not {expected}", NEXT_STEP)
        if dtype not in (np.float16, np.float32):
            fact = f"{name!r} holds {dtype}, not float16 or float32"
            raise WeightsRefused(subject, fact, NEXT_STEP)
        size_bytes = int(np.prod(shape)) * dtype.itemsize
        # One byte more than expected, to reach the end of the member: zipfile then checks the CRC.
        raw = file.read(size_bytes + 1)
    if len(raw) != size_bytes:
        raise ValueError(f"{name!r} does not hold the {size_bytes} bytes of its shape")
    array = np.frombuffer(raw, dtype).reshape(shape, order="F" if fortran_order else "C")
    if not np.isfinite(array).all():
        raise WeightsRefused(subject, f"{name!r} holds values that are not finite", NEXT_STEP)
    return array


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[np.generic], bool]:
    """Return the shape, the dtype and whether the order is Fortran's, from an array's header."""
    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"format {version} is for structured arrays")
    read = (
        np.lib.format.read_array_header_1_0
        if version == (1, 0)
        else np.lib.format.read_array_header_2_0
    )
    shape, fortran_order, dtype = read(file)
    if dtype.hasobject:
        raise ValueError("it holds pickled objects, which are never loaded")
    return shape, dtype, fortran_order
