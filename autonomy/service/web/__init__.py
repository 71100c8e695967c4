"""HTTP: the only place that imports FastAPI, Starlette, uvicorn and pydantic (the extra `service`)."""
