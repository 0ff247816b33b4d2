"""XMP of color copies: source type and history, without times, in pictures and films."""

import json
import shutil
import subprocess
from xml.etree import ElementTree

import numpy as np
import pytest
import pyvips

from colorworker import __version__
from colorworker.domain.label import Notice
from colorworker.domain.options import Options
from colorworker.domain.provenance import SOURCE_TYPE
from colorworker.media.stills.xmppacket import for_jpeg
from colorworker.media.synthetic import Recipe, make_film
from colorworker.media.xmpnotice import add_notice_to_xmp
from colorworker.pipeline.hashing import sha256_of_file
from colorworker.store.local import LocalStore
from tests.jobharness import run_toy_job

RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
EVENT = "{http://ns.adobe.com/xap/1.0/sType/ResourceEvent#}"
MM = "{http://ns.adobe.com/xap/1.0/mm/}"
NOTICE = Notice("Colorized", history="colorized <&>")
HEAD = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:xmpMM="http://ns.adobe.com/xap/1.0/mm/"'
    b' xmlns:stEvt="http://ns.adobe.com/xap/1.0/sType/ResourceEvent#">'
)
TAIL = b"</rdf:Description></rdf:RDF></x:xmpmeta>"
SCANNED = (
    b'<xmpMM:History><rdf:Seq><rdf:li rdf:parseType="Resource">'
    b"<stEvt:action>created</stEvt:action></rdf:li></rdf:Seq></xmpMM:History>"
)


def history(packet):
    """Return the entries of the only history of a packet, as texts by property."""
    root = ElementTree.fromstring(packet)
    (found,) = root.iter(f"{MM}History")
    (sequence,) = found
    return [
        {child.tag.removeprefix(EVENT): child.text for child in entry}
        for entry in sequence.findall(f"{RDF}li")
    ]


OURS = {
    "action": "edited",
    "parameters": "colorized <&>",
    "softwareAgent": f"colorworker {__version__}",
}


def test_a_new_packet_has_one_entry_without_a_time():
    assert history(add_notice_to_xmp(b"", NOTICE)) == [OURS]


def test_a_history_that_is_there_gets_one_more_entry():
    packet = add_notice_to_xmp(HEAD + SCANNED + TAIL, NOTICE)

    assert history(packet) == [{"action": "created"}, OURS]


def test_other_sequences_are_left_alone():
    creator = (
        b'<dc:creator xmlns:dc="http://purl.org/dc/elements/1.1/"><rdf:Seq><rdf:li>A</rdf:li>'
        b"</rdf:Seq></dc:creator>"
    )

    packet = add_notice_to_xmp(HEAD + creator + SCANNED + creator + TAIL, NOTICE)

    assert packet.count(creator) == 2
    assert history(packet) == [{"action": "created"}, OURS]


def test_a_history_of_unknown_form_stays_as_it_is():
    empty = b"<xmpMM:History><rdf:Seq/></xmpMM:History>"

    packet = add_notice_to_xmp(HEAD + empty + TAIL, NOTICE)

    assert history(packet) == []
    assert SOURCE_TYPE.encode() in packet


def test_a_history_in_extended_xmp_is_not_repeated_in_the_packet():
    packet, extended = for_jpeg(b"", HEAD + SCANNED + TAIL, NOTICE)

    assert b"xmpMM:History" not in packet
    assert extended == HEAD + SCANNED + TAIL


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif", "a.webp", "b.mp4", "b.mov"])
def test_exiftool_reads_source_type_and_history(name, tmp_path):
    if not shutil.which("exiftool"):
        pytest.skip("exiftool is not installed")
    source, color = tmp_path / "sources" / name, tmp_path / "color" / name
    source.parent.mkdir()
    if name.startswith("a"):
        gray = np.full((48, 64), 128, np.uint8)
        pyvips.Image.new_from_array(gray).write_to_file(str(source))
    else:
        make_film(source, Recipe(width=64, height=48, frames=6))

    profile = "mezzanine" if name == "b.mov" else "access"
    (line,) = run_toy_job(
        source.parent, LocalStore(color.parent), Options(profile=profile)
    ).values()
    command = ("exiftool", "-j", "-G0", "-XMP:all", color)
    (found,) = json.loads(subprocess.check_output(command))

    assert line.warnings == ()
    assert found["XMP:DigitalSourceType"] == SOURCE_TYPE
    assert found["XMP:HistoryAction"] == "edited"
    assert found["XMP:HistorySoftwareAgent"] == f"colorworker {__version__}"
    assert sha256_of_file(source) in found["XMP:HistoryParameters"]
    assert found["XMP:Description"].startswith("Colorized by colorworker")
    assert "XMP:HistoryWhen" not in found


def test_outputs_stay_the_same_byte_by_byte(tmp_path):
    sources = tmp_path / "sources"
    sources.mkdir()
    pyvips.Image.new_from_array(np.full((48, 64), 128, np.uint8)).write_to_file(
        str(sources / "a.jpg")
    )
    make_film(sources / "b.mp4", Recipe(width=64, height=48, frames=6))

    outputs = []
    for run in ("first", "second"):
        run_toy_job(sources, LocalStore(tmp_path / run), Options())
        outputs.append([(tmp_path / run / name).read_bytes() for name in ("a.jpg", "b.mp4")])

    assert outputs[0] == outputs[1]
