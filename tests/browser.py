"""A headless Chromium that is asked through its debugging pipe; nothing but the standard library and the browser."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-pipe",
)
FOR_BROWSER, FROM_BROWSER = 3, 4
"""File descriptors at which Chromium reads commands and writes answers."""


def chromium() -> str | None:
    """Return the path of a Chromium, None where there is none."""
    return next((path for path in map(shutil.which, NAMES) if path), None)


class Page:
    """One page; `requests` are the addresses of everything that it loaded."""

    def __init__(self, send: int, receive: int) -> None:
        self._send, self._receive, self._number, self._rest = send, receive, 0, b""
        self.requests: list[str] = []
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.ask("Network.enable")
        self.ask("Page.enable")

    def ask(self, method: str, **arguments: Any) -> dict[str, Any]:
        """Return the answer to a command of the DevTools protocol."""
        self._number += 1
        said = {"id": self._number, "method": method, "params": arguments}
        if hasattr(self, "_session"):
            said["sessionId"] = self._session
        os.write(self._send, json.dumps(said).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result

    def open(self, path: Path, *, width: int, dark: bool = False) -> None:
        """Load a file in a window of that width."""
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", features=[scheme])
        self.requests.clear()
        self.ask("Page.navigate", url=path.resolve().as_uri())
        while self.value("document.readyState") != "complete" or not self.value("location.href").startswith("file:"):
            pass

    def value(self, expression: str) -> Any:
        """Return what a JavaScript expression is on the page."""
        return self.ask("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            more = os.read(self._receive, 1 << 16)
            assert more, "the browser ended"
            self._rest += more
        line, _, self._rest = self._rest.partition(b"\0")
        said: dict[str, Any] = json.loads(line)
        if said.get("method") == "Network.requestWillBeSent":
            self.requests.append(said["params"]["request"]["url"])
        return said


@contextmanager
def page(profile: Path) -> Iterator[Page]:
    """Start a browser with an empty profile, yield a page, and end it.

    Raises:
        FileNotFoundError: there is no Chromium on this machine.
    """
    path = chromium()
    if path is None:
        raise FileNotFoundError("no Chromium")
    reads, ours = os.pipe()
    theirs, writes = os.pipe()
    # The shell puts the two ends where Chromium looks for them.
    words = f'exec "$@" {FOR_BROWSER}<&{reads} {FROM_BROWSER}>&{writes}'
    command = ["bash", "-c", words, "bash", path, *FLAGS, f"--user-data-dir={profile}"]
    process = subprocess.Popen(command, pass_fds=(reads, writes), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(reads)
    os.close(writes)
    try:
        yield Page(ours, theirs)
    finally:
        process.terminate()
        process.wait(20)
        os.close(ours)
        os.close(theirs)
