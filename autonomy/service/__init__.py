"""The controller as a service, for hosts that are not Python: `autonomy serve`. See `docs/service.md`.

settings  where it listens and what it refuses     keys     which community a key opens
station   one community: controller, journal, deadline, last decision
web       HTTP, WebSocket, OpenAPI and the live page (needs the extra `service`)
client    a client in the standard library         load     the load test
"""
