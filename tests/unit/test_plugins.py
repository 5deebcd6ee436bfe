"""Plugins are found, checked and named when something is wrong."""

import re
from pathlib import Path

import pytest

from openmetrics import plugins
from openmetrics.plugins import PluginError, build_manager, collect, list_plugins
from openmetrics.settings import Setting
from openmetrics.testing.client import running

HEAD = "from openmetrics.plugin import *\nfrom openmetrics.plugin import hookimpl\n"


def write(folder: Path, name: str, body: str) -> Path:
    (folder / f"{name}.py").write_text(HEAD + body)
    return folder


def test_build_manager_misspelt_hook_stops_the_start_by_name(tmp_path: Path) -> None:
    write(tmp_path, "mine", "@hookimpl\ndef register_setings(): return []\n")
    with pytest.raises(PluginError, match=r"mine.*register_setings"):
        build_manager(str(tmp_path))


def test_build_manager_unknown_argument_stops_the_start_by_name(tmp_path: Path) -> None:
    write(tmp_path, "mine", "@hookimpl\ndef register_settings(nonsense): return []\n")
    with pytest.raises(PluginError, match=r"mine"):
        build_manager(str(tmp_path))


def test_build_manager_broken_file_stops_the_start_by_name(tmp_path: Path) -> None:
    write(tmp_path, "mine", "1 / 0\n")
    with pytest.raises(PluginError, match=r"mine.*ZeroDivisionError"):
        build_manager(str(tmp_path))


def test_build_manager_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="no folder"):
        build_manager(str(tmp_path / "none"))


def test_build_manager_disabled_plugin_is_passed_over(tmp_path: Path) -> None:
    write(tmp_path, "mine", "1 / 0\n")
    loaded = list_plugins(build_manager(str(tmp_path), ("mine", "pixel", "engines")))
    names = [row.name for row in loaded]
    assert "mine" not in names
    assert "pixel" not in names
    assert "engines" in names, "without an engine there is no server"


def test_build_manager_package_in_folder_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    write(
        tmp_path / "mine",
        "__init__",
        "from .inner import ROWS\n@hookimpl\ndef register_settings(): return ROWS\n",
    )
    write(tmp_path / "mine", "inner", "ROWS = [Setting('mine_x', int, 1, 'X.')]\n")
    rows = collect(build_manager(str(tmp_path)), "register_settings", lambda row: row.name)
    assert "mine_x" in [row.name for row in rows]


def test_collect_doubled_name_names_both(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write(tmp_path, name, "@hookimpl\ndef register_settings(): return [Setting('same', int, 1, 'X.')]\n")
    with pytest.raises(PluginError, match=r"same.*(one.*two|two.*one)"):
        collect(build_manager(str(tmp_path)), "register_settings", lambda row: row.name)


def test_collect_failing_hook_is_named(tmp_path: Path) -> None:
    write(tmp_path, "mine", "@hookimpl\ndef register_settings(): raise KeyError('x')\n")
    with pytest.raises(PluginError, match=r"mine failed in register_settings: KeyError"):
        collect(build_manager(str(tmp_path)), "register_settings", lambda row: row.name)


def test_collect_rows_are_sorted_by_name(tmp_path: Path) -> None:
    write(
        tmp_path,
        "one",
        "@hookimpl\ndef register_settings(): return [Setting('b', int, 1, ''), Setting('a', int, 1, '')]\n",
    )
    rows: tuple[Setting, ...] = collect(
        build_manager(str(tmp_path), built_in=()), "register_settings", lambda row: row.name
    )
    assert [row.name for row in rows] == ["a", "b"]


def test_register_schemas_broken_or_doubled_stops_the_start_by_name(tmp_path: Path) -> None:
    for name, schema in (
        ("no-such-type", "{'$id': 'no-such-type.schema.json', 'type': 'colour'}"),
        ("event", "{'$id': 'event.schema.json'}"),
        ("without $id", "{'type': 'object'}"),
    ):
        write(tmp_path, "mine", f"@hookimpl\ndef register_schemas(): return [{schema}]\n")
        with (
            pytest.raises(PluginError, match=f"register_schemas.*{re.escape(name)}"),
            running(plugins_dir=str(tmp_path)),
        ):
            pass


def test_register_processors_that_fails_is_named_and_the_server_stays_up(tmp_path: Path) -> None:
    body = "def run(event, origin): return event if event.name == 'good' else 1 / 0\n"
    body += "@hookimpl\ndef register_processors(server): return [Processor('mine', 'enrich', run)]\n"
    with running(plugins_dir=str(write(tmp_path, "mine", body))) as app:
        problem = app.client.simulate_post("/v1/collect", json=[{"name": "good"}, {"name": "bad"}])
        assert (problem.status_code, problem.json["code"]) == (500, "internal")
        assert "'mine'" in problem.json["detail"]
        assert app.client.simulate_post("/v1/collect", json={"name": "good"}).status_code == 202
        assert app.client.simulate_get("/v1/catalog/events").json["events"][0]["count"] == 1


def test_register_settings_plugin_setting_is_read(tmp_path: Path) -> None:
    write(tmp_path, "mine", "@hookimpl\ndef register_settings(): return [Setting('mine_x', int, 1, 'X.')]\n")
    with running(plugins_dir=str(tmp_path), mine_x="5") as run:
        assert run.server.settings.mine_x == 5


def test_register_processors_bot_filter_drops_robots_when_switched_on() -> None:
    event = {"name": "view", "context": {"user_agent": "Googlebot/2.1"}}
    for drops, left in ((False, 1), (True, 0)):
        with running(bot_filter_drop=drops) as run:
            assert run.client.simulate_post("/v1/collect", json=event).json["accepted"] == 1
            rows = run.client.simulate_get("/v1/catalog/events").json["events"]
            assert sum(row["count"] for row in rows) == left
            if drops:
                assert 'events_dropped_total{reason="bot"} 1.0' in run.client.simulate_get("/metrics").text


def test_register_engines_unknown_store_is_refused_with_the_known() -> None:
    with (
        pytest.raises(PluginError, match=r"nothing.*duckdb, elasticsearch, memory"),
        running(store="nothing"),
    ):
        pass


def test_register_engines_plugin_engine_is_used(tmp_path: Path) -> None:
    body = (
        "from openmetrics.store.memory import open_memory\n"
        "@hookimpl\ndef register_engines(settings): return [Engine('mine', frozenset(), open_memory)]\n"
    )
    with running(plugins_dir=str(write(tmp_path, "mine", body)), store="mine") as run:
        assert run.client.simulate_get("/health/ready").status_code == 200


def test_register_schemas_plugin_folder_is_in_openapi(tmp_path: Path) -> None:
    (tmp_path / "odd-thing.schema.json").write_text('{"type": "integer"}')
    body = "from pathlib import Path\n@hookimpl\ndef register_schemas(): return [Path(__file__).parent]\n"
    with running(plugins_dir=str(write(tmp_path, "mine", body))) as run:
        assert (
            run.client.simulate_get("/openapi.json").json["components"]["schemas"]["OddThing"]["type"]
            == "integer"
        )


PROTOCOL = """
def decode(incoming): return Decoded(({"name": incoming.body.decode()},), source="mine")
def answer(incoming, decoded, receipt): return Answer(201, b"taken", "text/plain")
@hookimpl
def register_protocols(server):
    return [Protocol("mine", "/x/mine", (Operation("POST", "Take a name."),), decode, answer)]
"""


def test_register_protocols_plugin_endpoint_takes_events(tmp_path: Path) -> None:
    with running(plugins_dir=str(write(tmp_path, "mine", PROTOCOL))) as run:
        answer = run.client.simulate_post("/x/mine/", body="hello")
        assert (answer.status_code, answer.text) == (201, "taken")
        assert run.client.simulate_get("/v1/catalog/events").json["events"][0]["name"] == "hello"
        assert run.client.simulate_get("/x/mine").status_code == 405


ROUTE = """
class Resource:
    def on_get(self, req, resp): resp.media = {"x": 1}
@hookimpl
def register_routes(server): return [Route("PATH", Resource(), (Operation("GET", "Give x."),))]
"""


def test_register_routes_plugin_resource_answers(tmp_path: Path) -> None:
    with running(plugins_dir=str(write(tmp_path, "mine", ROUTE.replace("PATH", "/x/mine")))) as run:
        assert run.client.simulate_get("/x/mine").json == {"x": 1}


@pytest.mark.parametrize("path", ["/v1/collect", "/api/report"])
def test_register_routes_collision_stops_the_start(tmp_path: Path, path: str) -> None:
    write(tmp_path, "mine", ROUTE.replace("PATH", path))
    with pytest.raises(PluginError, match=path), running(plugins_dir=str(tmp_path)):
        pass


def test_built_in_core_works_with_no_plugin() -> None:
    names = [path.rsplit(".", 1)[1] for path in plugins.BUILT_IN]
    with running(plugins_disabled=",".join(names)) as run:
        assert run.client.simulate_post("/v1/collect", json={"name": "a"}).status_code == 202
        assert run.client.simulate_get("/v1/catalog/events").json["events"][0]["count"] == 1
        assert run.client.simulate_get("/api/report").status_code == 404
