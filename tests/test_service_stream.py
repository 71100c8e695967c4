"""Who watches: the WebSocket, and the live page in a real browser."""

from __future__ import annotations

import json
import re
import time
from importlib.resources import files

import pytest

from autonomy.service.feed import BEHIND, KEPT, Feed
from tests.live_browser import CHROMIUM, browser
from tests.serving import PAIR, SEEN, serving, station

pytest.importorskip("fastapi")
connect = pytest.importorskip("websockets.sync.client").connect
from websockets.exceptions import ConnectionClosed, InvalidStatus  # noqa: E402 - after importorskip

KEY = "k" * 20


def told(socket):
    return json.loads(socket.recv(timeout=10))


def test_a_listener_gets_the_community_what_was_decided_and_every_decision(tmp_path):
    with serving([station(tmp_path)]) as place:
        before = place.step(SEEN).told
        with connect(f"ws://127.0.0.1:{place.port}/stream") as socket:
            assert told(socket)["community"]["prosumers"] == list(PAIR.names)
            assert told(socket)["decision"] == before
            for k in range(3):
                answer = place.step({**SEEN, "soc": [0.5, None], "time": f"2026-01-01T0{k}:00"}).told
                message = told(socket)
                assert message["decision"] == answer
                assert message["seen"]["soc"] == [0.5, None]
                assert message["seen"]["time"] == f"2026-01-01T0{k}:00"


def listeners(place):
    text = place.ask("GET", "/metrics").body.decode()
    return float(re.findall(r"autonomy_listeners\{.*\} (.*)", text)[0])


def test_a_listener_that_leaves_is_forgotten_and_one_that_stays_does_not_keep_the_service_from_stopping(tmp_path):
    with serving([station(tmp_path)]) as place:
        with connect(f"ws://127.0.0.1:{place.port}/stream"):
            assert listeners(place) == 1
        end = time.monotonic() + 10
        while listeners(place) and time.monotonic() < end:
            time.sleep(0.02)
        assert listeners(place) == 0
        stays = connect(f"ws://127.0.0.1:{place.port}/stream").__enter__()
        told(stays)
        began = time.monotonic()
    assert time.monotonic() - began < 8
    with pytest.raises(ConnectionClosed):
        told(stays)


def test_a_stream_needs_the_key_and_is_of_its_own_community(tmp_path):
    with serving([station(tmp_path)], {"pair": KEY}) as place:
        url = f"ws://127.0.0.1:{place.port}/stream"
        with pytest.raises(InvalidStatus, match="403"):
            connect(url)
        with pytest.raises(InvalidStatus, match="403"):
            connect(url, subprotocols=["autonomy", "autonomy.key.wrong"])
        with connect(url, additional_headers={"Authorization": f"Bearer {KEY}"}) as socket:
            assert told(socket)["community"]["community"] == "pair"
        with connect(url, subprotocols=["autonomy", f"autonomy.key.{KEY}"]) as socket:
            assert socket.subprotocol == "autonomy", "the key is not sent back"
            assert told(socket)["community"]["community"] == "pair"


def test_another_sites_page_cannot_listen(tmp_path):
    with serving([station(tmp_path)]) as place:
        url = f"ws://127.0.0.1:{place.port}/stream"
        with pytest.raises(InvalidStatus, match="403"):
            connect(url, origin="https://elsewhere.example")
        with connect(url, origin=f"http://127.0.0.1:{place.port}") as socket:
            assert "community" in told(socket)


def test_a_slow_listener_loses_the_oldest_and_nobody_waits():
    feed = Feed()
    with feed.listen() as queue:
        for k in range(KEPT + 5):
            feed.publish(str(k).encode())
        assert queue.qsize() == BEHIND
        assert queue.get_nowait() == str(KEPT + 5 - BEHIND).encode()
    assert feed.kept[0] == b"5"
    assert feed.listeners == 0


PAGE = files("autonomy.service.web") / "page"


def test_the_page_loads_nothing_from_anywhere_else(tmp_path):
    for name in ("page.html", "page.css", "page.js"):
        text = (PAGE / name).read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.findall(r"https?://|//[a-z]+\.[a-z]|@import|url\(", text), name
        assert "innerHTML" not in text, "what a service says is text, not markup"
    with serving([station(tmp_path)]) as place:
        for path, kind in (("/", "text/html"), ("/page.js", "text/javascript"), ("/page.css", "text/css")):
            reply = place.ask("GET", path)
            assert reply.status == 200
            assert reply.headers["content-type"].startswith(kind)
            assert "default-src 'none'" in reply.headers["content-security-policy"]
            assert "unsafe" not in reply.headers["content-security-policy"]


SIZES = [(1200, 900, False), (390, 844, True)]


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
@pytest.mark.parametrize(("width", "height", "is_dark"), SIZES, ids=["wide-light", "narrow-dark"])
def test_the_page_shows_charge_feeder_mode_reasons_and_prices(tmp_path, width, height, is_dark):
    with serving([station(tmp_path)]) as place, browser(tmp_path) as page:
        for k in range(5):
            place.step({**SEEN, "soc": [0.5 + k / 100, None], "feeder_kw": -5.25, "time": f"2026-01-01T0{k}:00"})
        page.open(f"http://127.0.0.1:{place.port}/", width=width, height=height, is_dark=is_dark)
        page.wait_for("document.querySelector('#step').innerText.includes('step 4')")
        last = place.step({**SEEN, "soc": [0.42, None], "feeder_kw": -5.25}).told
        page.wait_for("document.querySelector('#step').innerText.includes('step 5')")
        text = page.value("document.body.innerText")
        for reason in last["reasons"]:
            assert reason["text"] in text
        assert page.value("document.querySelector('#mode').className") == f"mode {last['mode']}"
        assert "42 %" in text
        assert "?" in page.value("document.querySelector('#batteries li:nth-child(2)').innerText"), "not known"
        assert f"{last['feeder_kw']:.2f} kW".replace("-", "−") in text
        assert "metered −5.25; may import 6.0, export 6.0" in text
        assert "0.300 / 0.100" in text
        assert page.value("document.querySelectorAll('#feeder-plot path.limit').length") == 2
        assert page.value("document.querySelector('#feeder-plot path.flow').getAttribute('d').split('L').length") == 6
        assert page.value("document.documentElement.scrollWidth") <= width, "nothing is wider than the screen"
        ground = page.value("getComputedStyle(document.body).backgroundColor")
        assert ground == ("rgb(16, 20, 24)" if is_dark else "rgb(255, 255, 255)")
        page.picture(tmp_path / "page.png")
        assert not page.complaints, page.complaints
        here = (f"http://127.0.0.1:{place.port}/", f"ws://127.0.0.1:{place.port}/", "data:")
        assert page.asked
        assert all(url.startswith(here) for url in page.asked), page.asked


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_the_page_says_when_it_shows_what_is_old_and_comes_back_by_itself(tmp_path):
    with browser(tmp_path) as page:
        with serving([station(tmp_path)]) as place:
            place.step(SEEN)
            page.open(f"http://127.0.0.1:{place.port}/", width=800, height=600, is_dark=False)
            page.wait_for("document.querySelector('#link').innerText === 'live'")
        page.wait_for("document.querySelector('#link').innerText.includes('what is shown is old')")
        with serving([station(tmp_path)], port=place.port) as again:
            again.step(SEEN)
            page.wait_for("document.querySelector('#link').innerText === 'live'")
            page.wait_for("document.querySelector('#step').innerText.includes('step 1')")


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_the_page_asks_for_the_key_and_keeps_it_to_itself(tmp_path):
    with serving([station(tmp_path)], {"pair": KEY}) as place, browser(tmp_path) as page:
        place.step(SEEN, Authorization=f"Bearer {KEY}")
        page.open(f"http://127.0.0.1:{place.port}/", width=800, height=600, is_dark=False)
        for key, state in (("wrong" * 5, "wrong key"), (KEY, "live")):
            page.wait_for("!document.querySelector('#door').hidden")
            page.value(
                f"document.querySelector('#key').value = '{key}'; document.querySelector('#door button').click()"
            )
            page.wait_for(f"document.querySelector('#link').innerText === '{state}'")
        page.wait_for("document.querySelector('#step').innerText.includes('step 0')")
        assert KEY not in page.value("JSON.stringify([localStorage, sessionStorage, document.cookie, location.href])")
