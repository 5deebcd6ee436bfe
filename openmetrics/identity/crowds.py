"""Notice sessions that link to very many users, and the reverse: mostly a mistake of a client."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping

from openmetrics.identity.archive import Archive
from openmetrics.identity.layers import Layers

MANY_USERS = 100
MANY_SESSIONS = 10_000
_LOG = logging.getLogger(__name__)


class Crowds:
    """Say each of them once, in the log, and count them."""

    def __init__(self) -> None:
        self._sessions: set[str] = set()
        self._users: set[str] = set()

    def look_at(self, layers: Layers, pairs: Collection[tuple[str, str]]) -> None:
        """Look at the sessions and users of links that were just added."""
        for session_id in {session_id for session_id, _ in pairs} - self._sessions:
            # PERF: nearly all have one link; a crowd that grows by single ones is found once it is settled.
            if len(layers.recent.links.get(session_id, ())) < 2:
                continue
            links = layers.links_of(session_id)
            if len(links) > MANY_USERS and len({link.user_id for link in links}) > MANY_USERS:
                self._note_session(session_id)
        for user_id in {user_id for _, user_id in pairs} - self._users:
            if layers.count_sessions(user_id) > MANY_SESSIONS:
                self._note_user(user_id)

    def look_into(self, archive: Archive) -> None:
        """Look for crowds among settled facts."""
        for session_id in archive.links.find_crowded_sessions(MANY_USERS):
            self._note_session(session_id)
        for key in archive.links.find_crowded_users(MANY_SESSIONS):
            self._note_user(archive.names.find(key))

    def figures(self) -> Mapping[str, float]:
        """Return the figures of `/metrics`."""
        return {
            "identity_crowded_sessions_total": len(self._sessions),
            "identity_crowded_users_total": len(self._users),
        }

    def _note_session(self, session_id: str) -> None:
        if session_id not in self._sessions:
            self._sessions.add(session_id)
            _LOG.warning(
                "The session %r links to more than %d users: does a client send one session id for all?",
                session_id[:60], MANY_USERS,
            )  # fmt: skip

    def _note_user(self, user_id: str) -> None:
        if user_id not in self._users:
            self._users.add(user_id)
            _LOG.warning(
                "The user %r has more than %d sessions: does a client send one user id for all? Such ids can "
                "be refused with the setting refused_user_ids.", user_id[:60], MANY_SESSIONS,
            )  # fmt: skip
