"""Descriptions of other projects' networks: what they take, and what comes out."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, get_args, get_type_hints

from colorworker.domain.parsing import parse_toml
from colorworker.errors import WeightsRefused

Input = Literal["l", "rgb"]
Output = Literal["ab", "rgb"]
Layout = Literal["nchw", "nhwc"]
Range = Literal["0..1", "0..255", "-1..1", "imagenet", "0..100"]

SMALLEST_SIDE, LARGEST_SIDE = 16, 4096
"""Sides in pixels at which a network may see a picture."""
LARGEST_BATCH = 64


@dataclass(frozen=True)
class NetworkProfile:
    """The conventions of a network.

    Gray pictures go in as L*, or as sRGB with three equal channels. Colors come out as a* and b*,
    or as sRGB, of which only a* and b* are used.
    """

    profile: str = "custom"
    """Name of the built-in profile it began with."""
    input: Input = "rgb"
    input_range: Range = "0..1"
    """Of RGB: codes divided by 255, codes, centered codes, or normalized by ImageNet's mean and
    standard deviation. Of L*: 0..100 as it is, 0..1, or -1..1."""
    output: Output = "ab"
    output_range: Range = "0..1"
    """Of RGB, like `input_range`. Ignored for a* and b*."""
    output_scale: float = 1.0
    """The output times this is a*, b*. Ignored for RGB."""
    layout: Layout = "nchw"
    size: tuple[int, int] | None = None
    """Height and width that the network requires. None: any multiple of `multiple`."""
    multiple: int = 32
    short_side: int = 512
    """Short side at which the network sees pictures, where `size` leaves it open."""
    batch: int = 1
    """Pictures per prediction; a smaller number is filled up."""
    input_name: str = ""
    """Name of the input tensor; empty: the only one."""
    output_name: str = ""
    """Name of the output tensor; empty: the first."""

    def to_json(self) -> str:
        """Return canonical JSON, which identities contain."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> "NetworkProfile":
        """Return the profile that `to_json` wrote."""
        values = json.loads(text)
        size = values["size"]
        return cls(**{**values, "size": None if size is None else tuple(size)})

    def working_shape(self, height: int, width: int) -> tuple[int, int]:
        """Return the (height, width) at which a picture of this size is worked on.

        It has the picture's aspect ratio, up to 3 : 1, and at least the network's own resolution.
        """
        multiple = 1 if self.size else self.multiple
        side = min(self.size) if self.size else self.short_side
        short, long = sorted((height, width))
        stretched = min(round(side * long / short / multiple) * multiple, 3 * side)
        return (side, stretched) if height <= width else (stretched, side)

    def network_shape(self, height: int, width: int) -> tuple[int, int]:
        """Return the (height, width) that the network gets for a picture of this size."""
        return self.size or self.working_shape(height, width)


BUILT_IN: Mapping[str, NetworkProfile] = {
    "ddcolor": NetworkProfile("ddcolor"),
    "deoldify": NetworkProfile(
        "deoldify", input_range="0..255", output="rgb", output_range="0..255"
    ),
    "siggraph17": NetworkProfile("siggraph17", "l", "0..100", multiple=8, short_side=256),
    "eccv16": NetworkProfile("eccv16", "l", "0..100", multiple=8, short_side=256),
}
"""Conventions of public networks.

Source:
    ddcolor: piddnad/DDColor, scripts/export_onnx.py and scripts/infer.py. deoldify: the converted
    files in use (instant-high/deoldify-onnx, facefusion), which take and give codes from 0 to 255.
    siggraph17, eccv16: richzhang/colorization, colorizers/, which normalize inside the network.
"""


@dataclass(frozen=True)
class TensorInfo:
    """One input or output of a network."""

    name: str
    shape: tuple[int | None, ...]
    """None for sides that are not fixed."""
    dtype: str


@dataclass(frozen=True)
class Signature:
    """The inputs and outputs of a network."""

    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]


def describe(
    subject: str,
    signature: Signature,
    *,
    wanted: str = "",
    description: bytes | None = None,
    layout: Layout = "nchw",
) -> NetworkProfile:
    """Return a network's profile: as wanted, as described, or as its tensors tell.

    Args:
        subject: The file, for errors.
        signature: Its tensors.
        wanted: Name of a built-in profile; empty for none.
        description: TOML with the fields of a NetworkProfile; `profile` names the one it starts
            from.
        layout: Usual layout of the file's format, if nothing is said.

    Raises:
        WeightsRefused: If the description is not valid, does not fit the tensors, or there is none
            and no built-in profile fits.
    """
    if description is not None:
        said = _parsed(subject, description)
        base = said.pop("profile", "")
        start = _built_in(subject, base) if base else NetworkProfile(layout=layout)
        profile = replace(start, **said)
    elif wanted:
        profile = _with_layout(_built_in(subject, wanted), signature, layout)
    else:
        profile = _detected(subject, signature, layout)
    return _fitted(subject, profile, signature)


def _built_in(subject: str, name: str) -> NetworkProfile:
    if name not in BUILT_IN:
        raise WeightsRefused(
            subject, f"there is no profile {name!r}", f"Use one of {', '.join(BUILT_IN)}"
        )
    return BUILT_IN[name]


def _parsed(subject: str, description: bytes) -> dict[str, Any]:
    """Return the fields that a TOML description sets, checked one by one."""
    try:
        values = parse_toml(description.decode())
    except ValueError as error:
        raise _bad(subject, f"its description is not TOML ({error})") from error
    hints = get_type_hints(NetworkProfile)
    known = {field.name for field in fields(NetworkProfile)}
    for name, value in values.items():
        if name not in known:
            raise _bad(subject, f"its description has an unknown key {name!r}", known)
        choices = get_args(hints[name]) if name != "size" else ()
        if choices and value not in choices:
            raise _bad(subject, f"its description says {name} = {value!r}", choices)
        values[name] = _checked(subject, name, value)
    return values


def _checked(subject: str, name: str, value: Any) -> Any:
    sides = range(SMALLEST_SIDE, LARGEST_SIDE + 1)
    whole = isinstance(value, int) and not isinstance(value, bool)
    if name == "size":
        pair = [value, value] if whole else value
        if isinstance(pair, list) and len(pair) == 2 and all(side in sides for side in pair):
            return tuple(pair)
    elif name == "short_side":
        if whole and value in sides:
            return value
    elif name in {"multiple", "batch"}:
        if whole and 1 <= value <= LARGEST_BATCH:
            return value
    elif name == "output_scale":
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 1000:
            return float(value)
    elif isinstance(value, str):
        return value
    raise _bad(subject, f"its description says {name} = {value!r}, which is not possible")


def _bad(subject: str, seen: str, allowed: Any = ()) -> WeightsRefused:
    step = f"Use {', '.join(sorted(allowed))}" if allowed else "See docs/networks.md"
    return WeightsRefused(subject, seen, step)


def _channels(tensor: TensorInfo) -> tuple[int | None, int | None]:
    """Return the sizes of the axes that are channels in NCHW and in NHWC."""
    return tensor.shape[1], tensor.shape[3]


def _detected(subject: str, signature: Signature, layout: Layout) -> NetworkProfile:
    """Return the built-in profile that fits the names and shapes of the tensors."""
    first, out = _the_input(subject, signature, ""), signature.outputs[0]
    for tensor in (first, out):
        if len(tensor.shape) != 4:
            raise _undetected(subject, first, out)
    wanted = {(3, 2): "ddcolor", (3, 3): "deoldify", (1, 2): "siggraph17"}
    axes = (0, 1) if layout == "nchw" else (1, 0)
    for axis in axes:
        key = (_channels(first)[axis], _channels(out)[axis])
        if key in wanted:
            text = f"{subject} {first.name} {out.name}".lower()
            name = "eccv16" if wanted[key] == "siggraph17" and "eccv" in text else wanted[key]
            return replace(BUILT_IN[name], layout=("nchw", "nhwc")[axis])
    raise _undetected(subject, first, out)


def _undetected(subject: str, first: TensorInfo, out: TensorInfo) -> WeightsRefused:
    return WeightsRefused(
        subject,
        f"no built-in profile has an input {_shown(first)} and an output {_shown(out)}",
        "Give --model-profile, or describe the network in a TOML file beside it",
    )


def _with_layout(profile: NetworkProfile, signature: Signature, layout: Layout) -> NetworkProfile:
    """Return a built-in profile in the layout that the tensors have."""
    wanted = 3 if profile.input == "rgb" else 1
    for tensor in signature.inputs:
        if len(tensor.shape) == 4 and wanted in _channels(tensor):
            fits = [wanted == size for size in _channels(tensor)]
            if all(fits):
                break
            return replace(profile, layout="nchw" if fits[0] else "nhwc")
    return replace(profile, layout=layout)


def _the_input(subject: str, signature: Signature, name: str) -> TensorInfo:
    chosen = [each for each in signature.inputs if each.name == name or not name]
    if not signature.outputs:
        raise WeightsRefused(subject, "has no output", "Export it again")
    if name and not chosen:
        raise WeightsRefused(
            subject,
            f"has no input {name!r}",
            f"Use one of {', '.join(each.name for each in signature.inputs) or 'none'}",
        )
    if len(signature.inputs) != 1:
        seen = ", ".join(each.name for each in signature.inputs) or "none"
        raise WeightsRefused(
            subject,
            f"has {len(signature.inputs)} inputs ({seen}), and only the picture can be given",
            "Export it with one input; other inputs must be constants inside the network",
        )
    return chosen[0]


def _fitted(subject: str, profile: NetworkProfile, signature: Signature) -> NetworkProfile:
    """Return the profile with the sides and the batch that the tensors fix.

    Raises:
        WeightsRefused: If the tensors contradict the profile.
    """
    image = _the_input(subject, signature, profile.input_name)
    outputs = [e for e in signature.outputs if e.name == profile.output_name]
    if profile.output_name and not outputs:
        names = ", ".join(each.name for each in signature.outputs)
        raise WeightsRefused(subject, f"has no output {profile.output_name!r}", f"Use {names}")
    out = (outputs or signature.outputs)[0]
    _check_channels(subject, profile, image, 3 if profile.input == "rgb" else 1)
    _check_channels(subject, profile, out, 3 if profile.output == "rgb" else 2)
    batch, *sides = image.shape
    sides = sides[1:] if profile.layout == "nchw" else sides[:2]
    size = profile.size
    fixed = tuple(side for side in sides if side is not None)
    if len(fixed) == 2:
        if size is not None and size != fixed:
            raise WeightsRefused(
                subject,
                f"takes pictures of {fixed[1]} x {fixed[0]}, and its description says"
                f" {size[1]} x {size[0]}",
                "Correct the description",
            )
        size = (fixed[0], fixed[1])
    elif fixed:
        raise WeightsRefused(
            subject, f"fixes only one side of {_shown(image)}", "Export it with both sides fixed"
        )
    if size and not all(SMALLEST_SIDE <= side <= LARGEST_SIDE for side in size):
        raise WeightsRefused(
            subject,
            f"takes pictures of {size[1]} x {size[0]}",
            f"Use a network with sides of {SMALLEST_SIDE} to {LARGEST_SIDE} pixels",
        )
    if size is None and profile.short_side % profile.multiple:
        raise _bad(
            subject,
            f"its short side {profile.short_side} is not a multiple of {profile.multiple}",
        )
    if batch is not None and not 1 <= batch <= LARGEST_BATCH:
        raise WeightsRefused(
            subject, f"takes batches of {batch}", f"Export it with 1 to {LARGEST_BATCH}"
        )
    return replace(
        profile,
        size=size,
        batch=profile.batch if batch is None else batch,
        input_name=image.name,
        output_name=out.name,
    )


def _check_channels(subject: str, profile: NetworkProfile, tensor: TensorInfo, wanted: int) -> None:
    if len(tensor.shape) == 4:
        seen = _channels(tensor)[0 if profile.layout == "nchw" else 1]
        if seen in (None, wanted):
            return
    raise WeightsRefused(
        subject,
        f"has the tensor {_shown(tensor)}, and profile {profile.profile} expects {wanted} channels"
        f" in {profile.layout.upper()}",
        "Give the right --model-profile, or describe the network in a TOML file beside it",
    )


def _shown(tensor: TensorInfo) -> str:
    sides = ", ".join("?" if side is None else str(side) for side in tensor.shape)
    return f"{tensor.name} ({sides})"
