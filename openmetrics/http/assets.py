"""The files of the user interface: read once, packed, served under a version made of their content."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from openmetrics.analysis import Analysis

KINDS = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".woff2": "font/woff2"}
TEXTS = ("text/", "image/svg")


@dataclass(frozen=True, slots=True)
class Asset:
    """One file; `packed` is its gzip where that is smaller."""

    content: bytes
    packed: bytes | None
    kind: str
    etag: str


@dataclass(frozen=True, slots=True)
class Assets:
    """All files by path, and the version that stands in their addresses.

    `panels` has the path of each analysis' own panel.
    """

    files: Mapping[str, Asset]
    panels: Mapping[str, str]
    version: str

    def modules(self) -> list[str]:
        """Return the paths of our scripts, so that a page can load all of them at once."""
        return [path for path in self.files if path.endswith(".js") and not path.startswith("panels/")]


def load_assets(analyses: Iterable[Analysis]) -> Assets:
    """Read the static files, and the scripts beside each analysis' panel."""
    contents = dict(_iter_files(resources.files("openmetrics.web") / "static", ""))
    panels = {}
    for row in analyses:
        if row.panel is None:
            continue
        panel = Path(row.panel)
        folder = f"panels/{row.name}"
        for path in sorted(panel.parent.glob("*.js")):
            contents[f"{folder}/{path.name}"] = path.read_bytes()
        panels[row.name] = f"{folder}/{panel.name}"
        if panels[row.name] not in contents:
            raise ValueError(f"the analysis {row.name!r} names a panel that is not there: {panel.name}")
    files = {path: _pack(path, content) for path, content in sorted(contents.items())}
    digest = hashlib.sha256("".join(f"{path}{file.etag}" for path, file in files.items()).encode())
    return Assets(files, panels, digest.hexdigest()[:12])


def _iter_files(folder: Traversable, prefix: str) -> Iterator[tuple[str, bytes]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _iter_files(entry, f"{prefix}{entry.name}/")
        else:
            yield f"{prefix}{entry.name}", entry.read_bytes()


def _pack(path: str, content: bytes) -> Asset:
    kind = KINDS.get(Path(path).suffix) or mimetypes.guess_type(path)[0] or "application/octet-stream"
    is_text = kind.startswith(TEXTS)
    packed = gzip.compress(content, 9, mtime=0) if is_text else content
    etag = hashlib.sha256(content).hexdigest()[:16]
    kind = f"{kind}; charset=utf-8" if is_text else kind
    return Asset(content, packed if len(packed) < len(content) else None, kind, etag)
