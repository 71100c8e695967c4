"""A headless Chromium, driven over its own protocol: what a live page shows, asks for, and complains about."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--remote-debugging-port=0",
)  # fmt: skip


class Browser:
    """One page."""

    def __init__(self, socket: Any) -> None:
        self._socket, self._number = socket, 0
        self.asked: list[str] = []
        self.complaints: list[str] = []
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **options: Any) -> dict[str, Any]:
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": options}))
        while True:
            told = json.loads(self._socket.recv(timeout=30))
            if told.get("id") == self._number:
                assert "error" not in told, told
                return told["result"]
            self._note(told.get("method"), told.get("params", {}))

    def _note(self, event: str, told: dict[str, Any]) -> None:
        if event == "Network.requestWillBeSent":
            self.asked.append(told["request"]["url"])
        elif event == "Network.webSocketCreated":
            self.asked.append(told["url"])
        elif event in ("Runtime.exceptionThrown", "Log.entryAdded"):
            self.complaints.append(json.dumps(told))

    def open(self, url: str, *, width: int, height: int, is_dark: bool) -> None:
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call("Page.navigate", url=url)
        self.wait_for(f"location.href === {json.dumps(url)} && document.readyState === 'complete'")

    def value(self, script: str) -> Any:
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def wait_for(self, script: str, seconds: float = 60.0) -> None:
        end = time.monotonic() + seconds
        while not self.value(script):
            assert time.monotonic() < end, (script, self.value("document.body.innerText"))
            time.sleep(0.05)

    def picture(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", captureBeyondViewport=True)["data"]))


@contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """Start Chromium with a profile of its own and end it in the end."""
    from websockets.sync.client import connect  # noqa: PLC0415 - with the extra `service`

    command = [str(CHROMIUM), *FLAGS, f"--user-data-dir={folder / 'profile'}", "about:blank"]
    child = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert child.stderr is not None
        found = None
        for line in child.stderr:
            found = re.search(r"listening on ws://([^/]+)/", line)
            if found:
                break
        assert found
        with urllib.request.urlopen(f"http://{found[1]}/json/list", timeout=30) as answer:
            pages = [item for item in json.load(answer) if item["type"] == "page"]
        with connect(pages[0]["webSocketDebuggerUrl"], max_size=None) as socket:
            yield Browser(socket)
    finally:
        child.kill()
        child.wait()
        assert child.stderr is not None
        child.stderr.close()
