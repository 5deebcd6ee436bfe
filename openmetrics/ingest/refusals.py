"""Keep what was refused at the door, for protocols whose clients are answered `ok` all the same.

One file a day in the folder of dead letters, `door-YYYY-MM-DD.ndjson`, shown by `openmetrics spool dead`.
These were never facts, so `replay-dead` leaves them alone. A full file only counts on.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from openmetrics.ingest.event import to_json
from openmetrics.ingest.receipt import Drafts, Identify, Receipt, Refused

DOOR = "door-"
MAX_FILE_BYTES = 64 * 1024 * 1024
MAX_LINE = 64 * 1024


def keep_refused(data_path: Path, drafts: Drafts, receipt: Receipt, now_ms: int) -> int:
    """Append the refused drafts with their reasons; return how many were kept."""
    if not receipt.rejected:
        return 0
    folder = data_path / "dead"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{DOOR}{datetime.fromtimestamp(now_ms / 1000, UTC):%Y-%m-%d}.ndjson"
    if path.exists() and path.stat().st_size > MAX_FILE_BYTES:
        return 0
    rows = []
    for rejection in receipt.rejected:
        draft: Any = drafts[rejection.index]
        content = draft.body if isinstance(draft, Identify) else draft
        text = "" if isinstance(draft, Refused) else to_json(content).decode()[:MAX_LINE]
        row = {"code": rejection.code, "detail": f"{rejection.pointer} {rejection.detail}".strip()}
        rows.append(orjson.dumps(row | {"time": now_ms, "line": text}, option=orjson.OPT_APPEND_NEWLINE))
    # NOTE: one write with O_APPEND, so that threads and processes do not mix their lines.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    try:
        os.write(descriptor, b"".join(rows))
    finally:
        os.close(descriptor)
    return len(rows)
