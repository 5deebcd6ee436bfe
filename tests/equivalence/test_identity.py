"""Identity as a whole against a naive model: random facts in random order, erasures, restarts, replays."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import falcon.testing
import pytest

from openmetrics.app import create_app, open_store, read_settings
from openmetrics.columns.slices import Plan
from openmetrics.ingest.event import merge_line
from openmetrics.ingest.journal import replay
from tests.equivalence.identity_model import Fact, Model, check_lookups, draw, rename, to_request

ROUNDS = {"memory": 6, "duckdb": 3, "elasticsearch": 2}
SEGMENTS = 3
ACTIONS = 14


class Server:
    """The application on one data folder, closed and opened again at will."""

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        self._given = {"data_dir": str(folder), "access_log": False, "spool_file_age_s": 0.05, **settings}
        self._given["query_timeout_s"] = 300  # the columns' loops are compiled first
        self.open()

    def open(self) -> None:
        """Open it."""
        settings, manager = read_settings(self._given, {})
        store = open_store(settings, manager)
        app, self.server = create_app(settings, store, manager)
        self.client = falcon.testing.TestClient(app, headers={"Host": "127.0.0.1"})

    def restart(self) -> None:
        """Close and open it; an engine in memory keeps its own."""
        if self._given["store"] != "memory":
            self.server.close()
            self.open()

    def send(self, fact: Fact) -> None:
        """Send one fact; merges as ready lines, since a request would have the present time."""
        if fact.kind in ("merge", "unmerge"):
            kind: Any = fact.kind
            line = merge_line(kind, fact.id, str(fact.user), str(fact.other), fact.time_ms)
            received = f'"received":{self.server.clock.now_ms()}'.encode()
            self.server.pipeline.append(line.replace(b'"received":%d' % fact.time_ms, received))
            return
        path, body = to_request(fact)
        result = self.client.simulate_post(path, body=json.dumps(body))
        assert result.status_code == 202, result.text
        assert not result.json["rejected"], result.text

    def get(self, path: str, **query: Any) -> Any:
        """Return an answer, or None where nothing is found."""
        result = self.client.simulate_get(path, query_string=urlencode(query))
        assert result.status_code in (200, 404), result.text
        return result.json if result.status_code == 200 else None

    def erase(self, user: str) -> None:
        """Erase a user."""
        result = self.client.simulate_delete(f"/v1/users/{user}")
        assert result.status_code == 202, result.text

    def count_by_actor(self) -> Counter[Any]:
        """Return how many events the columns give to each actor."""
        view = self.server.asking().view(None, None)
        found: Counter[Any] = Counter()
        for units, sizes in view.map(
            Plan((None,)), lambda slice: (slice.units, slice.offsets[1:] - slice.offsets[:-1])
        ):
            for (user, session), size in zip(view.describe(units), sizes.tolist(), strict=True):
                found[user, session] += size
        return found


@pytest.fixture(params=["memory", "duckdb", pytest.param("elasticsearch", marks=pytest.mark.elasticsearch)])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    """Run the application on each engine."""
    settings: dict[str, Any] = {"store": str(request.param)}
    if request.param == "elasticsearch":
        settings |= {
            "elasticsearch_url": request.getfixturevalue("elasticsearch_url"),
            "elasticsearch_index_prefix": request.getfixturevalue("index_prefix"),
        }
    server = Server(tmp_path / "data", settings)
    yield server
    server.server.close()


def check(server: Server, model: Model, round: str) -> None:
    """Compare lookups and columns with the model."""
    check_lookups(server.get, model, round)
    events = [(model.owner(fact), fact.session) for fact in model.of_kind("event")]
    expected = Counter((owner, None if owner else session) for owner, session in events)
    counted = server.count_by_actor()
    assert expected == {
        actor: count for actor, count in counted.items() if str(actor[0] or actor[1]).startswith(round)
    }


@pytest.mark.timeout(900)
def test_identity_random_interleavings_equal_the_model(server: Server) -> None:
    generator = random.Random(20261125)
    for number in range(ROUNDS[server.server.settings.store]):
        scripts = [[draw(generator) for _ in range(ACTIONS)] for _ in range(SEGMENTS)]
        erased = [generator.randrange(4) for _ in range(SEGMENTS)]
        for order in "ab":
            run(server, generator, f"r{number}{order}", list(zip(scripts, erased, strict=True)))


def run(server: Server, generator: random.Random, round: str, segments: Any) -> None:
    """Send the same facts in an order of their own, some twice; erase somebody after each segment."""
    model = Model()
    sent: list[Fact] = []
    for script, erased in segments:
        facts = [rename(fact, round) for fact in script]
        model.facts += facts
        repeated = generator.sample(facts, len(facts) // 3)
        for fact in generator.sample(facts, len(facts)) + repeated:
            server.send(fact)
            sent.append(fact)
        if generator.random() < 0.3:
            server.restart()
        check(server, model, round)
        user = f"{round}u{erased}"
        if model.is_known(model.final(model.keepers(), user)):
            server.erase(user)
            model.erase(user)
            if generator.random() < 0.3:
                server.restart()
            if generator.random() < 0.3:
                replay(server.server.settings, server.server.store)
            check(server, model, round)
