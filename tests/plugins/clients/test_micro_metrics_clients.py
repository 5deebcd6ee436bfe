"""Run the clients of micro-metrics against a really started server.

`hapi-micro-metrics` is the package itself. `micro-metrics-browser` and `micro-mail` are in no registry: what
they put on the wire is sent byte for byte.
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import quote

HERE = Path(__file__).parent


def ask(address: str, path: str) -> Any:
    """Get JSON from the server."""
    with urllib.request.urlopen(address + path, timeout=30) as answer:
        return json.load(answer)


def send_raw(address: str, target: str) -> tuple[int, dict[str, str], bytes]:
    """Send a GET whose target is left as it stands, and return status, headers and body."""
    connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=30)
    connection.request("GET", target, headers={"User-Agent": "Mozilla/5.0"})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}, body


def find(address: str, name: str) -> list[Any]:
    """Return the metrics of a type."""
    return list(ask(address, f"/api/report?type={quote(name)}")["results"])


def test_hapi_plugin_is_not_wedged_by_a_bad_event(clients: Path, address: str) -> None:
    run = subprocess.run(
        ["node", str(HERE / "hapi_micro_metrics.js"), address],
        env={**os.environ, "CLIENTS": str(clients)},
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert json.loads(run.stdout) == {"errors": []}
    first, second, third = find(address, "job.done")
    assert (first["value"], first["tags"], first["data"]) == (3, {"queue": "mail"}, {"took": 5})
    assert (second["value"], second["tags"]) == (4.5, {"queue": "mail", "nightly": True})
    assert second["data"] == {"k": "v"}
    assert (third["value"], third["tags"]) == (1, {"nightly": True, "retry": True})
    (mail,) = find(address, "email.send")
    assert mail["data"] == {"toEmail": ["a@x", "b@x"], "uuid": "U"}
    assert len(find(address, "later")) == 1


def test_browser_pixels(address: str) -> None:
    targets = (
        "/t.gif?type=click&value=undefined&tags=page:home,button:sign%20up",
        "/t.gif?type=click&value=Value&data=k:v",
        "/t.gif?type=browser.performance&value=812&tags=isMobile:false,url:%2Fshop%2F%3Fa%3D1",
        "/c.gif?name=exp&event=impression&option=a&session=undefined",
        "/c.gif?name=exp&event=undefined&option=a&session=s1",
    )
    for target in targets:
        status, headers, body = send_raw(address, target)
        assert (status, headers["content-type"], len(body)) == (200, "image/gif", 43)
    auto, valued = find(address, "click")
    assert (auto["value"], auto["tags"]) == (1, {"page": "home", "button": "sign up"})
    assert (valued["value"], valued["data"]["k"]) == ("Value", "v")
    assert valued["data"]["userAgent"] == "Mozilla/5.0"
    (timing,) = find(address, "browser.performance")
    assert (timing["value"], timing["tags"]) == (812, {"isMobile": "false", "url": "/shop/?a=1"})
    (conversion,) = find(address, "conversion.exp")
    assert conversion["tags"] == {"event": "impression", "option": "a"}


def test_mail_pixel_and_click(address: str) -> None:
    pixel = (
        "/t.gif?type=email.open&value=1&tags=template:welcome,list:a|b,pagedataSlug:slug"
        "&fields=toEmail:a@x|b@x,uuid:UUID-1"
    )
    assert send_raw(address, pixel)[0] == 200
    click = f"/r?to={quote('https://shop.example/?a=1&b=ü', safe='')}&type=email.click&tags="
    status, headers, _ = send_raw(address, click)
    assert (status, headers["location"]) == (302, "https://shop.example/?a=1&b=%C3%BC")
    (opened,) = find(address, "email.open")
    assert opened["tags"] == {"template": "welcome", "list": "a|b", "pagedataSlug": "slug"}
    assert opened["fields"] == {"toEmail": "a@x|b@x", "uuid": "UUID-1"}
    assert ask(address, "/api/report/count?fields=uuid:UUID-1") == {"count": 1}
    assert len(find(address, "email.click")) == 1
