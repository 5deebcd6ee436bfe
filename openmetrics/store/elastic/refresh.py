"""Make facts visible to searches, once for all who wait."""

from __future__ import annotations

import threading
from collections.abc import Callable


class SharedRefresh:
    """Run a refresh such that each caller is served by one that began after it came."""

    def __init__(self, run: Callable[[], None]) -> None:
        self._run = run
        self._changed = threading.Condition()
        self._begun = 0
        self._is_running = False
        self._ended: dict[int, BaseException | None] = {}

    def __call__(self) -> None:
        """Wait for a refresh that begins from now on; raises what it raised."""
        with self._changed:
            turn = self._begun + 1
            while self._is_running and self._begun < turn:
                self._changed.wait()
            if self._begun >= turn:
                self._await(turn)
                return
            self._begun, self._is_running = turn, True
        self._lead(turn)

    def _lead(self, turn: int) -> None:
        error: BaseException | None = None
        try:
            self._run()
        except BaseException as raised:
            error = raised
            raise
        finally:
            with self._changed:
                self._is_running = False
                self._ended = {turn: error, turn - 1: self._ended.get(turn - 1)}
                self._changed.notify_all()

    def _await(self, turn: int) -> None:
        while turn not in self._ended and self._begun == turn:
            self._changed.wait()
        error = self._ended.get(turn)
        if error is not None:
            raise error
