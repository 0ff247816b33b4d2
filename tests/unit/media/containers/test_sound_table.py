"""The documented table of channel layouts is what films with such sound become."""

from pathlib import Path

import numpy as np

from tests.filmsound import (
    LAYOUTS,
    Track,
    frequencies,
    loudest_hertz,
    make_film_with_sound,
    read_sound,
    tones,
)

PAGE = Path(__file__).parents[4] / "docs" / "film-formats.md"
TABLE_START, TABLE_END = "<!-- sound -->\n", "<!-- end of sound -->\n"
HEADER = "| layout | channels | archive | mezzanine | access |\n|---|---|---|---|---|\n"
OUTPUTS = (("archive", ".mkv"), ("mezzanine", ".mov"), ("access", ".mp4"))


def test_the_documented_sound_table_matches_this_run(tmp_path, joined, pytestconfig):
    tracks = [Track("pcm_f32be", layout, tones(layout)) for layout in LAYOUTS]
    film = make_film_with_sound(tmp_path / "film.mov", tracks)

    columns = [sound_cells(joined(film, ext, profile=name), tracks) for name, ext in OUTPUTS]

    rows = "".join(
        f"| {' | '.join((track.layout, str(track.samples.shape[1]), *cells))} |\n"
        for track, *cells in zip(tracks, *columns, strict=True)
    )
    page = PAGE.read_text()
    head, rest = page.split(TABLE_START)
    written = f"{head}{TABLE_START}{HEADER}{rows}{TABLE_END}{rest.split(TABLE_END)[1]}"
    if pytestconfig.getoption("--rewrite-docs"):
        PAGE.write_text(written)
    assert PAGE.read_text() == written


def sound_cells(made, tracks):
    """Return for each track what it became, measured on the written film."""
    result = made.assemble()
    cells = []
    for number, track in enumerate(tracks):
        fate = result.streams[number + 1]
        layout, samples, _ = read_sound(made.output, number)
        same = len(samples) == len(track.samples) and bool((samples == track.samples).all())
        heard = loudest_hertz(samples[6000:18000])
        in_place = np.allclose(heard, frequencies(track.layout), atol=4)
        found = fate.detail.rpartition("becomes ")[2] or fate.fate
        found += ", same samples" if same else ", same channels" if in_place else ", OTHER CHANNELS"
        said = [each for each in result.warnings if each.startswith(f"audio stream {number + 1}:")]
        lost = any("not their layout" in each for each in said)
        cells.append(found + ("" if not lost else f", layout {layout or 'unknown'} (a warning)"))
    return cells
