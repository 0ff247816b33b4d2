"""A sidecar in PREMIS 3.0: two objects, the event between them, its agents, and rights.

Source:
    PREMIS Data Dictionary for Preservation Metadata, version 3.0, Library of Congress, 2015, and
    its schema https://www.loc.gov/standards/premis/v3/premis-v3-0.xsd
"""

import json
from collections.abc import Iterator
from typing import TypeAlias
from xml.etree import ElementTree

from colorworker.domain.jsonvalues import to_json
from colorworker.domain.provenance import FileFacts, Provenance

_NAMESPACE = "http://www.loc.gov/premis/v3"
_SCHEMA = "https://www.loc.gov/standards/premis/v3/premis-v3-0.xsd"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_SOFTWARE = "colorworker"

Node: TypeAlias = tuple[str, "str | tuple[Node, ...]"]
"""An element: its name, and its text or its children."""


def premis_xml(facts: Provenance) -> bytes:
    """Return a PREMIS document, in UTF-8."""
    ElementTree.register_namespace("", _NAMESPACE)
    ElementTree.register_namespace("xsi", _XSI)
    root = ElementTree.Element(f"{{{_NAMESPACE}}}premis", {"version": "3.0"})
    root.set(f"{{{_XSI}}}schemaLocation", f"{_NAMESPACE} {_SCHEMA}")
    for name, children in _nodes(facts):
        element = _add(root, (name, children))
        if name == "object":
            element.set(f"{{{_XSI}}}type", "file")
    ElementTree.indent(root)
    return bytes(ElementTree.tostring(root, "utf-8", xml_declaration=True)) + b"\n"


def _add(parent: ElementTree.Element, node: Node) -> ElementTree.Element:
    name, content = node
    element = ElementTree.SubElement(parent, f"{{{_NAMESPACE}}}{name}")
    if isinstance(content, str):
        element.text = _printable(content)
    else:
        for child in content:
            _add(element, child)
    return element


def _printable(text: str) -> str:
    """Return the text without what XML 1.0 cannot hold, such as control characters."""
    return "".join(
        letter
        if letter in "\t\n" or " " <= letter <= "\ud7ff" or "\ue000" <= letter <= "\ufffd"
        or letter > "\uffff"
        else letter.encode("unicode_escape").decode()
        for letter in text
    )  # fmt: skip


def _nodes(facts: Provenance) -> Iterator[Node]:
    yield "object", tuple(_output(facts))
    yield "object", tuple(_source(facts))
    yield "event", tuple(_event(facts))
    yield "agent", tuple(_software(facts))
    for model in facts.models:
        yield (
            "agent",
            (
                *_identifier("agentIdentifier", "SHA-256", model.sha256),
                ("agentName", model.name),
                ("agentType", "software"),
                ("agentNote", f"weights of the network; SHA-256 of the file: {model.sha256}"),
            ),
        )
    if facts.rights:
        yield "rights", (_rights(facts),)


def _output(facts: Provenance) -> Iterator[Node]:
    yield from _identifier("objectIdentifier", "key", facts.output.uri)
    yield _property("width", f"{facts.width} px")
    yield _property("height", f"{facts.height} px")
    if facts.frames > 1:
        yield _property("frames", str(facts.frames))
    yield _property("IPTC digital source type", facts.digital_source_type)
    application: Node = (
        "creatingApplication",
        (
            ("creatingApplicationName", _SOFTWARE),
            ("creatingApplicationVersion", facts.software),
            ("dateCreatedByApplication", facts.colored_at),
        ),
    )
    yield "objectCharacteristics", (*_characteristics(facts.output), application)
    yield "originalName", facts.output.name
    yield (
        "relationship",
        (
            ("relationshipType", "derivation"),
            ("relationshipSubType", "has source"),
            *_identifier("relatedObjectIdentifier", "URI", facts.source.uri),
            *_identifier("relatedEventIdentifier", "unit", facts.unit_id),
        ),
    )
    yield from _identifier("linkingEventIdentifier", "unit", facts.unit_id)
    if facts.rights:
        yield from _identifier("linkingRightsStatementIdentifier", "unit", facts.unit_id)


def _source(facts: Provenance) -> Iterator[Node]:
    yield from _identifier("objectIdentifier", "URI", facts.source.uri)
    yield "objectCharacteristics", tuple(_characteristics(facts.source))
    yield "originalName", facts.source.name
    yield from _identifier("linkingEventIdentifier", "unit", facts.unit_id)


def _characteristics(file: FileFacts) -> Iterator[Node]:
    yield (
        "fixity",
        (
            ("messageDigestAlgorithm", "SHA-256"),
            ("messageDigest", file.sha256),
            ("messageDigestOriginator", _SOFTWARE),
        ),
    )
    yield "size", str(file.size_bytes)
    yield "format", (("formatDesignation", (("formatName", file.media_type),)),)


def _property(name: str, value: str) -> Node:
    return (
        "significantProperties",
        (("significantPropertiesType", name), ("significantPropertiesValue", value)),
    )


def _event(facts: Provenance) -> Iterator[Node]:
    yield from _identifier("eventIdentifier", "unit", facts.unit_id)
    yield "eventType", "colorization"
    yield "eventDateTime", facts.colored_at
    options = json.dumps(to_json(facts.options), sort_keys=True)
    yield (
        "eventDetailInformation",
        (
            (
                "eventDetail",
                "Chroma was predicted by a neural network and added; luma is that of the source."
                f" Options that differ from their defaults: {options}",
            ),
        ),
    )
    notes = tuple(
        ("eventOutcomeDetail", (("eventOutcomeDetailNote", f"{kind}: {text}"),))
        for kind, texts in (("warning", facts.warnings), ("note", facts.notes))
        for text in texts
    )
    yield "eventOutcomeInformation", (("eventOutcome", "success"), *notes)
    yield (
        "linkingAgentIdentifier",
        (
            ("linkingAgentIdentifierType", "name"),
            ("linkingAgentIdentifierValue", _SOFTWARE),
            ("linkingAgentRole", "executing program"),
        ),
    )
    for model in facts.models:
        yield from _identifier("linkingAgentIdentifier", "SHA-256", model.sha256)
    for kind, value, role in (
        ("URI", facts.source.uri, "source"),
        ("key", facts.output.uri, "outcome"),
    ):
        yield (
            "linkingObjectIdentifier",
            (
                ("linkingObjectIdentifierType", kind),
                ("linkingObjectIdentifierValue", value),
                ("linkingObjectRole", role),
            ),
        )


def _software(facts: Provenance) -> Iterator[Node]:
    yield from _identifier("agentIdentifier", "name", _SOFTWARE)
    yield "agentName", _SOFTWARE
    yield "agentType", "software"
    yield "agentVersion", facts.software


def _rights(facts: Provenance) -> Node:
    return (
        "rightsStatement",
        (
            *_identifier("rightsStatementIdentifier", "unit", facts.unit_id),
            ("rightsBasis", "other"),
            (
                "otherRightsInformation",
                (("otherRightsBasis", "note"), ("otherRightsNote", facts.rights)),
            ),
            *_identifier("linkingObjectIdentifier", "key", facts.output.uri),
        ),
    )


def _identifier(name: str, kind: str, value: str) -> Iterator[Node]:
    yield name, ((f"{name}Type", kind), (f"{name}Value", value))
