"""Small colored pictures, as folders and as tar shards."""

import io
import tarfile

import numpy as np
import pyvips


def codes(seed, height=48, width=64, color=True):
    """Return a smooth picture with an edge, uint8 (height, width, 3); warm where it is bright."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:height, 0:width]
    phase, bend, edge = rng.uniform(0, 6, 3)
    wave = np.sin(columns / 9 + phase) + np.cos(rows / 7 + bend) + (columns > width * edge / 6)
    level = (wave - wave.min()) / (wave.max() - wave.min())
    rgb = np.stack([level, 0.3 + 0.4 * level, 1 - level], -1) if color else level[..., None]
    return np.broadcast_to(np.rint(rgb * 255), (height, width, 3)).astype(np.uint8)


def encoded(picture, extension=".jpg"):
    options = {"Q": 95, "subsample_mode": "off"} if extension == ".jpg" else {}
    image = pyvips.Image.new_from_array(np.ascontiguousarray(picture))
    return image.copy(interpretation="srgb").write_to_buffer(extension, **options)


def fill(store, count=40, shard="train-000.tar", folder="", **options):
    """Put a tar shard of pictures into a store; return its members' names."""
    buffer = io.BytesIO()
    names = [f"{folder}scene-{number:04d}.jpg" for number in range(count)]
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for number, name in enumerate(names):
            data = encoded(codes(number, **options))
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    store.put(shard, buffer.getvalue())
    return names
