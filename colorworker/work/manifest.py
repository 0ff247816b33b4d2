"""The frozen list of a job: every source that was seen and what is to become of it."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass

from colorworker.work.job import Asset, Kind, ModelRef, Options


@dataclass(frozen=True)
class Entry:
    """One listed source: either to be done (`kind` and `output_key`) or settled by its listing."""

    root: str
    key: str
    size_bytes: int
    etag: str
    kind: Kind | None = None
    output_key: str = ""
    outcome: str = ""
    """Empty while to be done; `skipped` or `failed` when the listing settled it."""
    error_code: str = ""
    error: str = ""

    def asset(self) -> Asset:
        """Return the entry as an asset.

        Raises:
            ValueError: If the listing could not tell what it is.
        """
        if self.kind is None:
            raise ValueError(f"{self.key} is neither a still nor a film")
        return Asset(self.root, self.key, self.kind, self.size_bytes, self.etag)


def manifest_lines(entries: Iterable[Entry], options: Options, model: ModelRef) -> Iterator[bytes]:
    """Yield the manifest as JSON lines: first the options and the weights' hash, then the entries.

    Where the weights lie does not matter, so the URI is left out.
    """
    head = {"options": asdict(options), "weights_sha256": model.sha256}
    yield json.dumps(head, sort_keys=True).encode() + b"\n"
    for entry in entries:
        yield json.dumps(asdict(entry), sort_keys=True).encode() + b"\n"


def job_id(lines: Sequence[bytes]) -> str:
    """Return 16 hex digits of the manifest's sha256: the same work has the same id."""
    digest = hashlib.sha256()
    for line in lines:
        digest.update(line)
    return digest.hexdigest()[:16]
