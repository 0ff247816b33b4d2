"""Copy covers and attached files into the output."""

from dataclasses import dataclass, field
from typing import cast

from av.container import InputContainer, OutputContainer
from av.stream import AttachmentStream, Disposition, Stream

COVER_TYPES = {
    "mjpeg": ("jpg", "image/jpeg"),
    "png": ("png", "image/png"),
    "bmp": ("bmp", "image/bmp"),
    "gif": ("gif", "image/gif"),
    "webp": ("webp", "image/webp"),
    "tiff": ("tif", "image/tiff"),
}
"""Extension and type of a cover by its codec."""


def is_cover(stream: Stream) -> bool:
    """Return whether a stream is an attached picture."""
    return stream.type == "video" and bool(stream.disposition & Disposition.attached_pic)


@dataclass
class Attachments:
    """The files attached to a Matroska output."""

    output: OutputContainer
    names: set[str] = field(default_factory=set)

    def add_cover(self, stream: Stream) -> str:
        """Attach a cover and return its name, which the source gives if it is Matroska.

        As a video stream, Matroska players would play it as a film. Returns an empty text if the
        kind of picture is unknown.
        """
        extension, mime_type = COVER_TYPES.get(_codec(stream), ("", ""))
        name = stream.metadata.get("filename", extension and f"cover.{extension}")
        mime_type = stream.metadata.get("mimetype", mime_type)
        if not name or not mime_type:
            return ""
        source = cast(InputContainer, stream.container)
        data = next((bytes(packet) for packet in source.demux(stream) if packet.size), b"")
        return self._add(name, mime_type, data)

    def add_file(self, stream: AttachmentStream) -> str:
        """Attach a file of the source and return its name."""
        mime_type = stream.mimetype or "application/octet-stream"
        return self._add(file_name(stream), mime_type, stream.data)

    def _add(self, name: str, mime_type: str, data: bytes) -> str:
        """Attach a file; a name that is taken gets a number."""
        stem, dot, extension = name.rpartition(".")
        number = 1
        while name in self.names:
            number += 1
            name = f"{stem}-{number}{dot}{extension}"
        self.names.add(name)
        self.output.add_attachment(name, mime_type, data)
        return name


def file_name(stream: AttachmentStream) -> str:
    """Return the name of an attached file."""
    return stream.metadata.get("filename", f"attachment-{stream.index}")


def _codec(stream: Stream) -> str:
    context: object = stream.codec_context
    return "" if context is None else stream.codec_context.name
