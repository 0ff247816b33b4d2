"""Fixtures: local folders as buckets, with a manifest in one of them."""

import pytest

from colorworker.inputs.manifestlines import RefusedLine
from colorworker.inputs.manifests import open_manifest
from colorworker.store.local import LocalStore


class Lists:
    """Opens folders as buckets; the manifests lie in `s3://lists`."""

    def __init__(self, folder):
        self.folder = folder

    def opened(self, uri):
        return LocalStore(self.folder / uri.removeprefix("s3://"))

    def put(self, name, data):
        self.opened("s3://lists").put(name, data)

    def open(self, name, data=None, root=""):
        if data is not None:
            self.put(name, data)
        behind = f"#root={root}" if root else ""
        return open_manifest(f"manifest:s3://lists/{name}{behind}", self.opened)

    def named(self, name, data=None, root=""):
        """Return the entries of a manifest without refused lines."""
        lines = [line for _, line in self.open(name, data, root).lines()]
        assert not [line for line in lines if isinstance(line, RefusedLine)]
        return lines

    def refused(self, name, data, root=""):
        """Return the errors of refused lines by line number."""
        lines = [line for _, line in self.open(name, data, root).lines()]
        return {line.line: str(line.error) for line in lines if isinstance(line, RefusedLine)}


@pytest.fixture
def lists(tmp_path):
    return Lists(tmp_path)
