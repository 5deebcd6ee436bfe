"""Have the compiled loops ready before questions need them: `python -m openmetrics.compiling`.

PERF: compiling takes about a minute of a core and holds Python's lock; inside a server it slowed the taking
of events to a tenth, so that a process of low priority does it once for an installation.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import product
from pathlib import Path
from typing import Any

from openmetrics import plugins
from openmetrics.analysis import Analysis, run_analysis
from openmetrics.app import create_app, open_store, read_settings
from openmetrics.columns.cache import ColumnCache, Limits
from openmetrics.errors import OpenMetricsError
from openmetrics.ingest.receipt import Draft, Identify, Origin
from openmetrics.schemas import Schemas, load_schemas, name_source
from openmetrics.server import Server

log = logging.getLogger("openmetrics.compiling")
MONTHS_MS = 240 * 86_400_000
LOWEST_PRIORITY = 19
PATIENCE_S = 3600
SUFFIX = ".compiled"
ROWS = (600, 6_000, 300)
TAIL_ROWS = 100
"""So many events, and then those that come after them, meet the loops of large months in small ones."""
FILTER = {
    "all": [
        {"field": "user.plan", "op": "exists"},
        {
            "any": [
                {"field": "props.plan", "op": "ne", "value": "p1"},
                {"field": "props.list", "op": "eq", "value": "a"},
                {"field": "props.number", "op": "gt", "value": 3},
            ]
        },
    ]
}
SERIES = (
    {"event": "A", "measure": "users"},
    {"event": ["A", "B"], "measure": "count", "filter": FILTER},
    {"event": None, "measure": "sum", "of": "value", "filter": FILTER},
)
VARIANTS: Sequence[Mapping[str, Any]] = (
    {},
    {"filter": FILTER},
    {"breakdown": "props.list"},
    {"unit": "props.list"},
    {"steps": [{"event": "A"}, {"event": ["A", "B"]}, {"event": "B"}, {"event": "C"}]},
    {"series": [SERIES[0], SERIES[1]]},
    {"series": list(SERIES), "breakdown": ["props.list", "props.plan"], "interval": "day"},
)
"""Members of questions that need loops of their own; a question that refuses them needs none."""


def is_compiled(manager: Any) -> bool:
    """Say whether this very code, plugins' included, was compiled on this machine before."""
    return _stamp(manager).exists()


def start_compiling(manager: Any) -> Callable[[float], bool]:
    """Compile in a process of low priority if need be; return what waits for its end.

    The function returned takes a `time.monotonic()` second and says whether the loops were ready by then.
    """
    done = threading.Event()
    if is_compiled(manager):
        done.set()
    else:
        threading.Thread(target=_run_process, args=(manager, done), name="compiling", daemon=True).start()
    return lambda deadline: done.wait(max(deadline - time.monotonic(), 0))


def compile_loops(manager: Any) -> None:
    """Compile all loops in this process, by asking each analysis the examples of its schema."""
    with tempfile.TemporaryDirectory(prefix="openmetrics-") as folder:
        given = {"store": "duckdb", "data_dir": folder, "query_timeout_s": PATIENCE_S}
        settings, own = read_settings(given)
        _, server = create_app(settings, open_store(settings, own), own)
        server.columns.close()
        limits = Limits(tail_rows=TAIL_ROWS)
        server.columns = ColumnCache(server.store, server.identity, Path(folder) / "columns", limits)
        schemas = load_schemas(plugins.collect(own, "register_schemas", name_source))
        try:
            _ask_all(server, schemas)
        finally:
            server.close()
    stamp = _stamp(manager)
    with suppress(OSError):
        for other in stamp.parent.glob(f"*{SUFFIX}"):
            other.unlink()
        stamp.touch()


def main() -> None:
    """Compile with the settings of environment and file."""
    with suppress(OSError):
        os.nice(LOWEST_PRIORITY)
    compile_loops(read_settings()[1])


def _run_process(manager: Any, done: threading.Event) -> None:
    log.info("compiling the loops of questions; questions wait for it, events do not")
    command = [sys.executable, "-m", "openmetrics.compiling"]
    with _lock(_stamp(manager).with_name("compiling.lock")):
        if is_compiled(manager):  # by another worker meanwhile
            done.set()
            return
        ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if ended.returncode:
        reason = ended.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        log.warning("compiling ahead failed, the first questions will take longer: %s", reason)
    done.set()


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Let one process of this machine compile; go without a lock where there can be none."""
    try:
        file = path.open("ab")
    except OSError:
        yield
        return
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _stamp(manager: Any) -> Path:
    """Return the file that says so, beside the compiled code; its name tells code and machine."""
    import numba

    from openmetrics.columns.kernels import group_rows

    told = hashlib.sha256(f"{numba.__version__} {platform.python_version()} {platform.machine()}".encode())
    for path in sorted(_iter_sources(manager)):
        facts = path.stat()
        told.update(f"{path.name} {facts.st_size} {facts.st_mtime_ns}\n".encode())
    return Path(str(group_rows.stats.cache_path)) / f"{told.hexdigest()[:16]}{SUFFIX}"


def _iter_sources(manager: Any) -> Iterator[Path]:
    yield from (Path(__file__).parent / "columns").glob("*.py")
    for _, plugin in manager.list_name_plugin():
        if file := getattr(plugin, "__file__", None):
            path = Path(file)
            yield from path.parent.glob("*.py") if path.name == "__init__.py" else (path,)


def _iter_batches(now_ms: int) -> Iterator[Sequence[Draft]]:
    """Yield what meets every loop: months, ties, lists, owners who change; then newer and late events."""
    for batch, rows in enumerate(ROWS):
        events: list[Draft] = [
            {
                "name": ("A", "B", "C")[number % 3],
                "time": now_ms - batch - number // 4 * (MONTHS_MS // rows),
                "user_id": f"u{number % 77}" if number % 3 else None,
                "session_id": f"s{number % 5000}",
                "value": number,
                "properties": {"plan": f"p{number % 2}", "list": ["a", number % 9], "number": number % 9},
            }
            for number in range(rows)
        ]
        anonymous: Draft = {"name": "A", "time": now_ms - 9, "session_id": f"anonymous-{batch}"}
        link = {"session_id": f"anonymous-{batch - 1}", "user_id": "u1", "properties": {"plan": "pro"}}
        yield [*events, anonymous, Identify(link)]


def _ask_all(server: Server, schemas: Schemas) -> None:
    for drafts in _iter_batches(server.clock.now_ms()):
        server.pipeline.accept(drafts, Origin(server.clock.now_ms()))
        for analysis in server.analyses.values():
            _ask(analysis, server, schemas)


def _ask(analysis: Analysis, server: Server, schemas: Schemas) -> None:
    schema = schemas[analysis.params_schema].document
    variants = [variant for variant in VARIANTS if variant.keys() <= schema["properties"].keys()]
    for example, variant in product(schema.get("examples", ()), variants):
        try:
            run_analysis(analysis, {**example, **variant}, server.asking(), schemas)
        except OpenMetricsError as error:
            log.debug("%s: an example is refused: %s", analysis.name, error.detail)


if __name__ == "__main__":
    main()
