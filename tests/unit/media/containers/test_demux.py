"""A film opens no file and no address but its own."""

import io
import socket

import av
import pytest

from colorworker.errors import SourceUnsupported
from colorworker.media.containers.demux import open_source
from colorworker.media.synthetic import Recipe, make_film

SDP = """\
v=0
o=- 0 0 IN IP4 127.0.0.1
s=x
c=IN IP4 127.0.0.1
t=0 0
m=video {port} RTP/AVP 96
a=rtpmap:96 H264/90000
"""
HLS = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1.0,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n"


def refused(text):
    with (
        pytest.raises(SourceUnsupported, match="a list of other files or a stream's address"),
        open_source(io.BytesIO(text.encode()), "reel.mkv"),
    ):
        pass


def test_a_list_of_other_files_opens_none_of_them(tmp_path, monkeypatch):
    make_film(tmp_path / "secret.ts", Recipe(frames=12, gop_size=12))
    monkeypatch.chdir(tmp_path)
    playlist = "ffconcat version 1.0\nfile secret.ts\n"

    with av.open(io.BytesIO(playlist.encode())) as unguarded:
        assert len(unguarded.streams.video) == 1
    refused(playlist)


def test_the_description_of_a_stream_opens_no_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    refused(SDP.format(port=port))


@pytest.mark.parametrize("text", [HLS, '<?xml version="1.0"?>\n<MPD/>', "\ufeff#EXTM3U\na.ts\n"])
def test_playlists_are_refused_as_such(text):
    refused(text)
