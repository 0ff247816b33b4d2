"""The notice of a colored still: in its metadata and, on request, in its corner."""

import io

import numpy as np
import pytest
import pyvips

from colorworker.domain.label import Notice
from colorworker.domain.provenance import SOURCE_TYPE
from colorworker.errors import OutputMismatch, SourceUnsupported
from colorworker.media.stills.notices import notice_box_in_still
from colorworker.media.stills.orientation import upright
from colorworker.media.stills.vips import open_still, verify_still, write_still
from colorworker.media.xmpnotice import add_notice_to_xmp

TAG, BURN = Notice("Colorized by a test."), Notice("Colorized by a test.", burned=True)
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf='
    b'"http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
    b'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
    b'xmlns:dc="http://purl.org/dc/elements/1.1/" dc:source="Reel 7" '
    b'Iptc4xmpExt:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/print"/>'
    b"</rdf:RDF></x:xmpmeta>"
)


def recolor(data, path, coefficients, notice, checked=None):
    with open_still(io.BytesIO(data), "in", max_pixels=10**8) as picture:
        write_still(picture, *coefficients, path, path.suffix, notice)
        verify_still(picture, path, checked or notice)
        return picture.info


@pytest.mark.parametrize("extension", [".jpg", ".png", ".tif", ".webp"])
def test_the_metadata_name_the_digital_source_type(extension, encode, textured, colorful, tmp_path):
    path = tmp_path / f"out{extension}"

    recolor(encode((textured >> 8).astype(np.uint8), ".png"), path, colorful(), TAG)

    xmp = pyvips.Image.new_from_file(str(path)).get("xmp-data")
    assert SOURCE_TYPE.encode() in xmp
    assert TAG.text.encode() in xmp


def test_without_a_notice_nothing_is_added(encode, textured, colorful, tmp_path):
    path = tmp_path / "out.jpg"

    recolor(encode((textured >> 8).astype(np.uint8), ".png"), path, colorful(), None)

    assert "xmp-data" not in pyvips.Image.new_from_file(str(path)).get_fields()


def test_existing_xmp_stays_except_the_source_type():
    packet = add_notice_to_xmp(XMP, Notice("a < b"))

    assert b"Reel 7" in packet
    assert b"digitalsourcetype/print" not in packet
    assert packet.count(b"DigitalSourceType") == 1
    assert b"a &lt; b" in packet


def test_an_existing_description_is_not_replaced():
    described = XMP.replace(b"dc:source", b"dc:description")

    assert b"a notice" not in add_notice_to_xmp(described, Notice("a notice"))


def test_xmp_of_unknown_form_stays_unchanged():
    assert add_notice_to_xmp(b"<torn", Notice("a notice", history="h")) == b"<torn"


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_burned_in_notice_is_upright_in_the_corner_and_changes_nothing_else(
    orientation, encode, colorful, tmp_path
):
    size = (150, 200) if orientation < 5 else (200, 150)
    gray = np.random.default_rng(1).integers(30, 200, size).astype(np.uint8)
    data = encode(gray, ".png", fields={"orientation": orientation})
    plain, burned = tmp_path / "plain.png", tmp_path / "burned.png"

    recolor(data, plain, colorful(), TAG)
    info = recolor(data, burned, colorful(), BURN)

    before, after = (pyvips.Image.new_from_file(str(path)).numpy() for path in (plain, burned))
    box = notice_box_in_still("in", info)
    rows, columns = slice(box.top, box.top + box.height), slice(box.left, box.left + box.width)
    assert (after[rows, columns] == np.where(box.mask, 255, 0)[..., None]).all()
    after[rows, columns] = before[rows, columns]
    assert (after == before).all()
    shown = upright(np.where(box.mask, 1.0, 0.0).astype(np.float32), orientation)
    assert (shown == notice_box_in_still("in", type(info)(**(vars(info) | {
        "orientation": 1, "width": 200, "height": 150,
    }))).mask).all()  # fmt: skip


def test_a_changed_corner_is_a_mismatch_unless_a_notice_was_requested(
    encode, textured, colorful, tmp_path
):
    data = encode((textured >> 8).astype(np.uint8), ".png")

    with pytest.raises(OutputMismatch, match="lightness changed"):
        recolor(data, tmp_path / "out.png", colorful(), BURN, checked=TAG)


def test_a_picture_too_small_for_a_burned_in_notice_is_refused(encode, colorful, tmp_path):
    data = encode(np.full((20, 30), 90, np.uint8), ".png")

    with pytest.raises(SourceUnsupported, match="30 x 20 pixels"):
        recolor(data, tmp_path / "out.png", colorful(), BURN)
