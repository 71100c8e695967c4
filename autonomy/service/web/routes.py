"""What is under which path."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from importlib.resources import files
from typing import Any

from fastapi import FastAPI, Request, Response, WebSocket, WebSocketDisconnect
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection

import autonomy
from autonomy.layers.decision import Cause
from autonomy.service.answer import Answer, answer_fields, as_json, community_fields
from autonomy.service.feed import Feed
from autonomy.service.metrics import Metrics, exposition
from autonomy.service.station import Station
from autonomy.service.web.guard import PROTOCOL, Guard
from autonomy.service.web.openapi import described
from autonomy.service.web.schema import RefusalError, read_observation

PAGES = {
    "/": ("page.html", "text/html"),
    "/page.js": ("page.js", "text/javascript"),
    "/page.css": ("page.css", "text/css"),
}
"""Files of the live page."""
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:"
"""What the live page may load: nothing from anywhere else."""
HEADERS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
REFUSED = 1008
"""WebSocket close code: policy violation."""


class Desk:
    """Everything that belongs to one community of the service."""

    def __init__(self, station: Station) -> None:
        self.station, self.feed, self.metrics = station, Feed(), Metrics(station.name)
        self.about = community_fields(station.name, station.community, station.dead_stop)
        self.last: bytes | None = None
        self.is_degraded = False

    def keep(self, given: Mapping[str, Any], answer: Answer) -> bytes:
        """Count an answer, hand it to whoever watches, and return its JSON."""
        fields = answer_fields(self.station.name, answer)
        self.metrics.answered(answer)
        unwritten = any(reason.cause is Cause.JOURNAL_FAILED for reason in answer.decision.reasons)
        self.is_degraded = answer.is_late or unwritten
        seen = {name: given.get(name) for name in ("soc", "retail_price", "feed_in_price", "feeder_kw", "time")}
        self.last = as_json(fields)
        # The decision is written once, for the answer and for who watches.
        self.feed.publish(b'{"decision":%b,"seen":%b}' % (self.last, as_json(seen)))
        return self.last


class Routes:
    """The answers to requests.

    Args:
        stations: By name.
        guard: What is refused.
    """

    def __init__(self, stations: Mapping[str, Station], guard: Guard) -> None:
        self.desks = {name: Desk(station) for name, station in stations.items()}
        self._guard = guard

    async def step(self, request: Request) -> Response:
        """Answer an observation."""
        desk = self._desk_of(request)
        try:
            self._guard.require_room(desk.station.name)
            given = read_observation(await self._guard.body_of(request))
        except RefusalError as fault:
            desk.metrics.refused(fault.status)
            raise
        answer = await desk.station.step(given, key=request.headers.get("idempotency-key"))
        return _json(desk.keep(given, answer))

    async def decision(self, request: Request) -> Response:
        """Answer with the last decision."""
        last = self._desk_of(request).last
        if last is None:
            told = "no step was made since the service began; the caps of the dead stop are at /community"
            raise RefusalError(404, told)
        return _json(last)

    async def community(self, request: Request) -> Response:
        """Answer with what is controlled."""
        return _json(as_json(self._desk_of(request).about))

    async def health(self) -> Response:
        """Answer that the service runs; nobody needs a key for that."""
        well = not any(desk.is_degraded for desk in self.desks.values())
        return _json(as_json({"status": "ok" if well else "degraded", "version": autonomy.__version__}))

    async def metrics(self, request: Request) -> Response:
        """Answer with what was counted."""
        desk = self._desk_of(request)
        text = exposition({desk.station.name: desk.metrics}, {desk.station.name: desk.feed.listeners})
        return Response(text, media_type="text/plain; version=0.0.4", headers=HEADERS)

    async def stream(self, socket: WebSocket) -> None:
        """Send what is known, then every decision; a listener that falls behind loses the oldest."""
        try:
            self._guard.require_same_origin(socket)
            desk = self._desk_of(socket)
        except RefusalError as fault:
            await socket.close(REFUSED, fault.error[:120])
            return
        asked = [item.strip() for item in socket.headers.get("sec-websocket-protocol", "").split(",")]
        await socket.accept(PROTOCOL if PROTOCOL in asked else None)
        # Starlette says RuntimeError when the listener left in the middle.
        with suppress(WebSocketDisconnect, RuntimeError), desk.feed.listen() as queue:
            await socket.send_text(as_json({"community": desk.about}).decode())
            for message in tuple(desk.feed.kept):
                await socket.send_text(message.decode())
            sending = asyncio.create_task(_send(socket, queue))
            try:
                while True:
                    await socket.receive_text()  # whatever a listener says is not heard; that it leaves, is
            finally:
                sending.cancel()

    def _desk_of(self, connection: HTTPConnection) -> Desk:
        return self.desks[self._guard.name_of(connection)]


def application(
    stations: Mapping[str, Station], guard: Guard, *, closed: Callable[[str, BaseException], None]
) -> FastAPI:
    """Return the application.

    Args:
        stations: By name.
        guard: What is refused.
        closed: Told of a journal that could not be closed.
    """
    routes = Routes(stations, guard)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        for name, desk in routes.desks.items():
            try:
                await desk.station.close()
            except (OSError, TimeoutError) as fault:
                closed(name, fault)

    app = FastAPI(title="autonomy", version=autonomy.__version__, docs_url=None, redoc_url=None, lifespan=lifespan)
    app.add_exception_handler(RefusalError, _refused)
    app.add_exception_handler(HTTPException, _unknown)
    app.add_api_route("/step", routes.step, methods=["POST"])
    for name in ("decision", "community", "health", "metrics"):
        app.add_api_route(f"/{name}", getattr(routes, name), methods=["GET"])
    app.add_api_websocket_route("/stream", routes.stream)
    for path, (file, kind) in PAGES.items():
        app.add_api_route(path, _page(file, kind), methods=["GET"])
    described(app, with_keys=guard.has_keys)
    return app


async def _send(socket: WebSocket, queue: asyncio.Queue[bytes]) -> None:
    while True:
        await socket.send_text((await queue.get()).decode())


def _json(body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(body, status, {**HEADERS, **(headers or {})}, media_type="application/json")


def _page(name: str, kind: str) -> Callable[[], Any]:
    body = files("autonomy.service.web").joinpath("page", name).read_bytes()

    async def page() -> Response:
        return Response(body, media_type=kind, headers={**HEADERS, "Content-Security-Policy": POLICY})

    return page


async def _refused(_request: Request, fault: Exception) -> Response:
    status = getattr(fault, "status", 400)
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {"Retry-After": "1"} if status == 429 else {}
    body = {"error": str(fault), "problems": getattr(fault, "problems", [])}
    return _json(as_json(body), status, headers)


async def _unknown(_request: Request, fault: Exception) -> Response:
    status, headers = getattr(fault, "status_code", 404), getattr(fault, "headers", None)
    return _json(as_json({"error": str(getattr(fault, "detail", fault)), "problems": []}), status, headers)
