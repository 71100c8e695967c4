"""Who watches a community: the last messages, and a queue for each who listens."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

KEPT = 288
"""Messages that a new listener gets at once: a day of five minutes."""
BEHIND = 32
"""Messages that a listener may be behind; whoever is slower loses the oldest, and nobody waits for anybody."""


class Feed:
    """Hands messages to whoever listens. All of it happens in one event loop."""

    def __init__(self) -> None:
        self.kept: deque[bytes] = deque(maxlen=KEPT)
        self._queues: set[asyncio.Queue[bytes]] = set()

    @property
    def listeners(self) -> int:
        """How many listen."""
        return len(self._queues)

    def publish(self, message: bytes) -> None:
        """Keep a message and hand it to all who listen."""
        self.kept.append(message)
        for queue in self._queues:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(message)

    @contextmanager
    def listen(self) -> Iterator[asyncio.Queue[bytes]]:
        """Return a queue that gets every message from now on, until the block ends."""
        queue: asyncio.Queue[bytes] = asyncio.Queue(maxsize=BEHIND)
        self._queues.add(queue)
        try:
            yield queue
        finally:
            self._queues.discard(queue)
