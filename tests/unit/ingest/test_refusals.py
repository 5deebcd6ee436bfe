"""What is refused at the door, though its sender is answered `ok`, can be looked at."""

from openmetrics.ingest.dead_letters import read_letters, replay_letters
from openmetrics.testing.client import running

QUERY = 'q={"sessionId":"s","events":[{"name":"good"},{"name":""},{"name":"late","ts":"never"}]}'


def test_keep_refused_bad_events_of_an_ok_answer_are_dead_letters() -> None:
    with running() as run:
        answer = run.client.simulate_get("/v1/events", query_string=QUERY)
        assert (answer.status_code, answer.text) == (200, "ok")
        assert answer.headers["OpenMetrics-Rejected"].startswith("2 of 3 refused")
        letters = list(read_letters(run.server.settings.data_path))
        assert [letter.code for letter in letters] == ["schema-violation", "schema-violation"]
        assert all(letter.detail for letter in letters)
        assert replay_letters(run.server.settings) == 0, "they were never facts"
        assert len(list(read_letters(run.server.settings.data_path))) == 2
        figures = run.client.simulate_get("/metrics").text
        assert 'openmetrics_events_rejected_total{code="schema-violation"} 2.0' in figures
