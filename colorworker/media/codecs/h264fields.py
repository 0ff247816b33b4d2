"""Find the second fields of H.264 films whose fields are coded as pictures of their own (PAFF).

Demuxers return each field of such a film as a packet, and decoders return one frame for two.

Source:
    ITU-T H.264, sections 7.3.1 (NAL units), 7.3.2 (parameter sets) and 7.3.3 (slice header).
"""

from collections.abc import Iterator
from dataclasses import dataclass

SLICES = (1, 5)
SEQUENCE_PARAMETERS, PICTURE_PARAMETERS = 7, 8
"""NAL unit types."""
PROFILES_WITH_CHROMA = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
SLICE_HEADER_BYTES = 64
"""More than the part of a slice header that is read here."""
START_CODE = b"\0\0\x01"


@dataclass(frozen=True)
class _Sequence:
    """The part of a sequence parameter set that slice headers depend on."""

    has_fields: bool
    """Whether pictures may be fields."""
    frame_number_bits: int
    separate_planes: bool


@dataclass(frozen=True)
class _Field:
    frame_number: int
    is_bottom: bool


class FieldPairs:
    """Tells, packet by packet, which ones are the second field of a frame."""

    def __init__(self, header: bytes) -> None:
        """Take the codec's header (extradata): parameter sets, or an avcC record with them."""
        self._length_bytes = 0
        self._sequences: dict[int, _Sequence] = {}
        self._sequence_of_picture: dict[int, int] = {}
        self._first: _Field | None = None
        if header[:1] == b"\x01" and len(header) > 6:
            self._length_bytes = (header[4] & 3) + 1
            self._read_parameters(_units_of_record(header))
        else:
            self._read_parameters(_units_between_start_codes(header))

    def is_second_field(self, packet: bytes) -> bool:
        """Return whether the next packet is the second field of the frame in the one before."""
        if self._length_bytes:
            units = _units_with_length(packet, self._length_bytes)
        else:
            units = _units_between_start_codes(packet)
        field = self._read_parameters(units)
        first = self._first
        if field is None or first is None:
            self._first = field
            return False
        is_second = field.frame_number == first.frame_number and field.is_bottom != first.is_bottom
        self._first = None if is_second else field
        return is_second

    def _read_parameters(self, units: Iterator[bytes]) -> _Field | None:
        """Read units up to the first slice; return its field, None if it is a frame's."""
        for unit in units:
            kind = unit[0] & 31 if unit else 0
            try:
                if kind == SEQUENCE_PARAMETERS:
                    self._read_sequence(_Bits(unit[1:]))
                elif kind == PICTURE_PARAMETERS:
                    bits = _Bits(unit[1:])
                    number = bits.exp_golomb()
                    self._sequence_of_picture[number] = bits.exp_golomb()
                elif kind in SLICES:
                    return self._read_slice(_Bits(unit[1:SLICE_HEADER_BYTES]))
            except (IndexError, KeyError):  # damaged or missing parameters
                return None
        return None

    def _read_sequence(self, bits: "_Bits") -> None:
        profile = bits.read(8)
        bits.read(16)
        number = bits.exp_golomb()
        separate_planes = False
        if profile in PROFILES_WITH_CHROMA:
            chroma = bits.exp_golomb()
            separate_planes = chroma == 3 and bool(bits.read(1))
            bits.skip_exp_golomb(2)
            bits.read(1)
            if bits.read(1):
                _skip_scaling_lists(bits, 12 if chroma == 3 else 8)
        frame_number_bits = bits.exp_golomb() + 4
        order_type = bits.exp_golomb()
        if order_type == 0:
            bits.skip_exp_golomb(1)
        elif order_type == 1:
            bits.read(1)
            bits.skip_exp_golomb(2)
            bits.skip_exp_golomb(bits.exp_golomb())
        bits.skip_exp_golomb(1)
        bits.read(1)
        bits.skip_exp_golomb(2)
        self._sequences[number] = _Sequence(not bits.read(1), frame_number_bits, separate_planes)

    def _read_slice(self, bits: "_Bits") -> _Field | None:
        bits.skip_exp_golomb(2)
        sequence = self._sequences[self._sequence_of_picture[bits.exp_golomb()]]
        if not sequence.has_fields:
            return None
        bits.read(2 if sequence.separate_planes else 0)
        frame_number = bits.read(sequence.frame_number_bits)
        return _Field(frame_number, bool(bits.read(1))) if bits.read(1) else None


def _skip_scaling_lists(bits: "_Bits", lists: int) -> None:
    for number in range(lists):
        if not bits.read(1):
            continue
        last = following = 8
        for _ in range(16 if number < 6 else 64):
            if following:
                following = (last + bits.signed_exp_golomb()) % 256
            last = following or last


class _Bits:
    """Reads bits of a unit's payload, without its emulation prevention bytes.

    Raises IndexError at the end.
    """

    def __init__(self, payload: bytes) -> None:
        self._data = payload.replace(b"\0\0\x03", b"\0\0")
        self._place = 0

    def read(self, count: int) -> int:
        value = 0
        for _ in range(count):
            byte = self._data[self._place >> 3]
            value = value << 1 | byte >> (7 - (self._place & 7)) & 1
            self._place += 1
        return value

    def exp_golomb(self) -> int:
        zeros = 0
        while not self.read(1):
            zeros += 1
        return (1 << zeros) - 1 + self.read(zeros)

    def signed_exp_golomb(self) -> int:
        value = self.exp_golomb()
        return (value + 1) // 2 if value % 2 else -(value // 2)

    def skip_exp_golomb(self, count: int) -> None:
        for _ in range(count):
            self.exp_golomb()


def _units_between_start_codes(data: bytes) -> Iterator[bytes]:
    start = data.find(START_CODE)
    while start >= 0:
        end = data.find(START_CODE, start + 3)
        yield data[start + 3 : end if end >= 0 else len(data)]
        start = end


def _units_with_length(data: bytes, length_bytes: int) -> Iterator[bytes]:
    place = 0
    while place + length_bytes < len(data):
        end = place + length_bytes + int.from_bytes(data[place : place + length_bytes], "big")
        yield data[place + length_bytes : end]
        place = end


def _units_of_record(header: bytes) -> Iterator[bytes]:
    """Yield the parameter sets of an avcC record (ISO/IEC 14496-15, 5.3.3.1)."""
    place = 5
    for mask in (31, 255):
        count, place = header[place] & mask, place + 1
        for _ in range(count):
            length = int.from_bytes(header[place : place + 2], "big")
            yield header[place + 2 : place + 2 + length]
            place += 2 + length
            if place >= len(header):
                return
