"""JSON of which there is only one text for one value: what hashes are taken of."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def canonical(value: Any) -> bytes:
    """Return keys sorted, no spaces, ASCII; NaN and infinities have no text and raise."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def sha256(content: bytes) -> str:
    """Return a hash in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def digest(value: Any) -> str:
    """Return the hash of the canonical text."""
    return sha256(canonical(value))
