"""Where the bases of a month are kept between processes: in its folder, or nowhere."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from openmetrics.columns.base import COLUMN_PREFIX, Base, unpack_base, unpack_column
from openmetrics.columns.files import Arrays, MonthFolder

log = logging.getLogger("openmetrics.columns")
NAME_COLUMN = COLUMN_PREFIX + "name"


class Shelf:
    """Load and publish the base of one month. Trouble with the disk is logged, and costs time only."""

    def __init__(self, path: Path | None, stop: threading.Event) -> None:
        self.folder = None if path is None else MonthFolder(path)
        self._stop = stop
        self._seen: tuple[int, int] | None = None

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from sorting the month meanwhile."""
        with ExitStack() as stack:
            if self.folder is not None:
                try:
                    stack.enter_context(self.folder.locked(self._stop.is_set))
                except OSError as error:
                    log.warning("the columns' folder of %s cannot be used: %s", self.folder.path.name, error)
            yield

    def has_newer(self) -> bool:
        """Say whether files were published that this process has not looked at."""
        return self.folder is not None and self.folder.stamp() != self._seen

    def load(self, identity: str, known: Base | None = None) -> Base | None:
        """Return the base that was published for this storage, if it is another one and reads back."""
        if self.folder is None:
            return None
        self._seen = self.folder.stamp()
        manifest = self.folder.read_manifest()
        if manifest is None or manifest["identity"] != identity:
            return None
        if known is not None and manifest["generation"] == known.generation:
            return None
        groups = [self.folder.read(manifest, group) for group in ("events", "pairs", NAME_COLUMN)]
        events, pairs, names = groups
        if events is None or pairs is None or names is None:
            log.warning("the columns of %s do not read back and are made anew", self.folder.path.name)
            return None
        return unpack_base(manifest, events, pairs, {"name": unpack_column(names)})

    def publish(self, identity: str, base: Base) -> None:
        """Write a base and make it the present one. Hold `locked`."""
        if self.folder is None:
            return
        manifest, groups = base.pack()
        try:
            found = self.folder.publish({**manifest, "identity": identity}, groups)
        except OSError as error:
            log.warning("the columns of %s could not be written: %s", self.folder.path.name, error)
            return
        base.generation = found["generation"]
        self._seen = self.folder.stamp()

    def load_group(self, base: Base, name: str) -> Arrays | None:
        """Return a group of arrays from the files of a base, if it is there and reads back."""
        if self.folder is None or not base.generation:
            return None
        manifest = self.folder.read_manifest()
        if manifest is None or manifest["generation"] != base.generation:
            return None
        return self.folder.read(manifest, name)

    def publish_group(self, base: Base, name: str, arrays: Arrays) -> None:
        """Write a group of arrays beside their base, unless that has been replaced."""
        if self.folder is None or not base.generation:
            return
        try:
            with self.locked():
                was_seen = not self.has_newer()
                self.folder.add(base.generation, name, arrays)
                if was_seen:
                    self._seen = self.folder.stamp()
        except OSError as error:
            log.warning("columns of %s could not be written: %s", self.folder.path.name, error)

    def remove_column(self, base: Base, name: str) -> None:
        """Remove the file of a column."""
        if self.folder is not None and base.generation:
            with suppress(OSError), self.locked():
                was_seen = not self.has_newer()
                self.folder.remove(COLUMN_PREFIX + name)
                if was_seen:
                    self._seen = self.folder.stamp()

    def remove(self) -> None:
        """Forget everything about the month."""
        if self.folder is not None:
            with suppress(OSError), self.locked():
                self.folder.remove()
