"""One line of a journal: its form, its hash, and what a decision's line says.

{"previous":"<64 hex>", <body> ,"hash":"<64 hex>"}       hash = SHA-256 of everything before ,"hash"
"""

from __future__ import annotations

from hashlib import sha256
from math import isfinite
from typing import Any, NamedTuple

import numpy as np
import orjson

from autonomy.entry import Entry
from autonomy.journal.observed import encode_observation, encode_rest
from autonomy.journal.values import FLOAT, decode, encode, row, text_of, word_of
from autonomy.layers.arrays import Vector
from autonomy.layers.decision import Cause, Intent, Reason
from autonomy.layers.intent import Wish, read_answer
from autonomy.layers.supervision import NOTHING_HEARD, Doubt, Heard, Loss

GENESIS = "0" * 64
"""What the first line of a journal has for the hash of the line before it."""
DECIDED = ("battery_kw", "trade_kw", "price_bid", "curtail_kw", "shed_kw", "net_export_kw")
INTENT = ("battery_kw", "trade_kw", "price_bid")
NO_DOUBTS: dict[str, Any] = {"found": [], "failed": []}
NULL = b"null"
OPENING, MIDDLE, CLOSING = b'{"previous":"', b'",', b',"hash":"'
FRONT, BACK = len(OPENING) + 64 + len(MIDDLE), len(CLOSING) + 64 + len(b'"}')


class Sealed(NamedTuple):
    """A line as it stands in the file.

    Attributes:
        text: The line with its line feed.
        hash: Its hash, hexadecimal.
    """

    text: bytes
    hash: str


class Parts(NamedTuple):
    """A line taken apart, nothing of it believed yet.

    Attributes:
        previous: What it says is the hash of the line before.
        body: What it says.
        hash: What it says is its own hash.
        actual: What its hash really is.
    """

    previous: str
    body: bytes
    hash: str
    actual: str


def seal(previous: str, body: bytes) -> Sealed:
    """Return the line with this body after the line with the hash `previous`."""
    message = b"".join((OPENING, previous.encode(), MIDDLE, body[1:-1]))
    digest = sha256(message).hexdigest()
    return Sealed(b"".join((message, CLOSING, digest.encode(), b'"}\n')), digest)


def take_apart(line: bytes) -> Parts | None:
    """Return the parts of a line without its line feed, or None where it has not the form of one."""
    front, back = line[:FRONT], line[-BACK:]
    if len(line) <= FRONT + BACK or not (front.startswith(OPENING) and front.endswith(MIDDLE)):
        return None
    if not (back.startswith(CLOSING) and back.endswith(b'"}')):
        return None
    try:
        previous, own = front[len(OPENING) : -len(MIDDLE)].decode("ascii"), back[len(CLOSING) : -2].decode("ascii")
    except UnicodeDecodeError:
        return None
    return Parts(previous, b"{" + line[FRONT:-BACK] + b"}", own, sha256(line[:-BACK]).hexdigest())


def dumps(value: Any) -> bytes:
    """Return canonical JSON: keys in the order given, no spaces, floats as their shortest decimals."""
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)


def decision_body(number: int, entry: Entry) -> bytes:
    """Return the body of a decision's line.

    Args:
        number: How many decisions were journaled before.
        entry: The step.
    """
    body = _body_at_once(number, entry)
    if body is not None:
        return body
    with np.errstate(all="ignore"):  # a host may have set NumPy to raise
        return _body_with_care(number, entry)


def _body_with_care(number: int, entry: Entry) -> bytes:
    """Return the body of any step, whatever its observation and its answer are."""
    decision, terms = entry.decision, entry.terms
    certificate = decision.certificate
    return dumps({
        "number": number,
        "step": entry.step,
        "observed": encode_observation(entry.given, with_forecast=terms.look_ahead is not None),
        "doubts": None if terms.monitors is None else _doubts(entry.heard),
        "answer": _answer(entry),
        "mode": decision.mode.value,
        "decided": {name: row(getattr(decision, name)) for name in DECIDED},
        "caps": {"generation_kw": _cap(decision.generation_cap_kw), "load_kw": _cap(decision.load_cap_kw)},
        "intervention_kw": _number(decision.intervention_kw),
        "certificate": {
            "gap": _number(certificate.gap),
            "distance_kw": _number(certificate.distance_kw),
            "line_multipliers": row(certificate.line_multipliers),
            "node_multipliers": row(certificate.node_multipliers),
        },
        "reasons": [_reason(reason) for reason in decision.reasons],
    })  # fmt: skip


def _body_at_once(number: int, entry: Entry) -> bytes | None:
    """Return the same where every field is an array of plain finite floats and nobody refused the answer, else None.

    orjson writes null for what is not finite. So the text is searched for nulls that should not be there, which costs
    less than to look at the numbers; whatever has one, be it in the words of a reason, is left to the careful lane.
    """
    terms, step, _, given, heard, answer, wish, decision = entry
    if type(answer) is not Intent or wish is None or wish.reasons or wish.intent is None or heard is not NOTHING_HEARD:
        return None
    certificate = decision.certificate
    wanted, offered, bid = answer.battery_kw, answer.trade_kw, answer.price_bid
    battery, generation_cap, load_cap = decision.battery_kw, decision.generation_cap_kw, decision.load_cap_kw
    try:
        seen = encode_rest(given)
        demand, pv, soc = given["demand_kw"], given["pv_kw"], given["soc"]
        retail, feed_in = given["retail_price"], given["feed_in_price"]
        fits = (
            demand.dtype is pv.dtype is soc.dtype is retail.dtype is feed_in.dtype is FLOAT
            and wanted.dtype is offered.dtype is bid.dtype is FLOAT
            and demand.shape == pv.shape == soc.shape == retail.shape == feed_in.shape == battery.shape
            and wanted.shape == offered.shape == bid.shape == battery.shape
        )
        if seen is None or not fits:
            return None
        body = dumps({
            "number": number,
            "step": step,
            "observed": {
                "demand_kw": demand, "pv_kw": pv, "soc": soc, "retail_price": retail, "feed_in_price": feed_in, **seen
            },
            "doubts": None if terms.monitors is None else NO_DOUBTS,
            "answer": {"battery_kw": wanted, "trade_kw": offered, "price_bid": bid},
            "mode": decision.mode.value,
            "decided": {
                "battery_kw": battery, "trade_kw": decision.trade_kw, "price_bid": decision.price_bid,
                "curtail_kw": decision.curtail_kw, "shed_kw": decision.shed_kw, "net_export_kw": decision.net_export_kw,
            },
            "caps": {"generation_kw": generation_cap, "load_kw": load_cap},
            "intervention_kw": decision.intervention_kw,
            "certificate": {
                "gap": certificate.gap, "distance_kw": certificate.distance_kw,
                "line_multipliers": certificate.line_multipliers, "node_multipliers": certificate.node_multipliers,
            },
            "reasons": [_reason(reason) for reason in decision.reasons],
        })  # fmt: skip
    except (AttributeError, KeyError, TypeError, ValueError):  # of another kind or size
        return None
    nulls, known = body.count(NULL), 1 if terms.monitors is None else 0
    if nulls > known:  # null is also how no cap is written
        known += int(np.count_nonzero(generation_cap == np.inf) + np.count_nonzero(load_cap == np.inf))
    return body if nulls == known else None


def _answer(entry: Entry) -> Any:
    """Return what the policy answered; with how it was read, where that does not follow from the answer alone."""
    answer, wish = entry.answer, entry.wish
    if wish is None or (wish.intent is None and not wish.reasons):
        return None  # it was not asked
    code, size = encode_answer(answer), entry.terms.community.n_prosumers
    if wish.intent is not None and not wish.reasons:
        return code  # the common case
    usable, reasons = wish.intent is not None, [_reason(reason) for reason in wish.reasons]
    read = _read_again(code, size)
    if code is not None and (read.intent is not None) == usable and [_reason(x) for x in read.reasons] == reasons:
        return code
    # A refusal that is not in the answer itself: the policy raised, was late, or somebody else refused it.
    return {"given": code, "usable": usable, "reasons": reasons}


def wish_of(code: Any, size: int) -> Wish:
    """Return how an answer in a journal was read."""
    if isinstance(code, dict) and "given" in code:
        intent = _read_again(code["given"], size).intent if code["usable"] else None
        return Wish(intent, tuple(map(reason_of, code["reasons"])))
    return Wish(None, ()) if code is None else read_answer(decode_answer(code), size)


def _read_again(code: Any, size: int) -> Wish:
    """Return how an answer is read when it comes back; not at all where it cannot be looked at."""
    try:
        return read_answer(decode_answer(code), size)
    except Exception:  # noqa: BLE001 - an answer may hold anything
        return Wish(None, ())


def encode_answer(answer: Any) -> Any:
    """Return a policy's answer as orjson can write it."""
    if isinstance(answer, Intent):
        return {name: encode(getattr(answer, name)) for name in INTENT}
    return encode(answer)


def decode_answer(code: Any) -> Any:
    """Return the answer that `encode_answer` wrote."""
    if isinstance(code, dict) and tuple(code) == INTENT:
        return Intent(**{name: decode(item) for name, item in code.items()})
    return decode(code)


def _doubts(heard: Heard) -> dict[str, Any]:
    """Return what monitors said; those that follow from the community are asked again instead."""
    found = [
        {
            "cause": x.cause.value,
            "text": text_of(x.text),
            "loss": x.loss.value,
            "prosumers": x.prosumers,
            "unexplained_kw": encode(x.unexplained_kw),
        }
        for x in heard.doubts
    ]
    return {"found": found, "failed": [_reason(reason) for reason in heard.failed]}


def doubts_of(code: dict[str, Any]) -> Heard:
    """Return what monitors said, as it stands in a line."""
    found = [
        Doubt(
            cause=Cause(x["cause"]),
            text=str(decode(x["text"])),
            loss=Loss(x["loss"]),
            prosumers=tuple(x["prosumers"]),
            unexplained_kw=float(decode(x["unexplained_kw"])),
        )
        for x in code["found"]
    ]
    return Heard(tuple(found), tuple(map(reason_of, code["failed"])))


def _cap(cap_kw: Vector) -> Any:
    """Return caps; null is no cap, which orjson writes for inf."""
    if np.count_nonzero(cap_kw > -np.inf) == cap_kw.size and cap_kw.dtype is FLOAT and cap_kw.flags.c_contiguous:
        return cap_kw
    return [value if isfinite(value) or value > 0 else word_of(value) for value in cap_kw.tolist()]


def _number(value: float) -> Any:
    return value if isfinite(value) else word_of(value)


def _reason(reason: Reason) -> dict[str, Any]:
    return {
        "cause": reason.cause.value,
        "text": text_of(reason.text),
        "prosumers": reason.prosumers,
        "amount_kw": _number(reason.amount_kw),
    }


def reason_of(code: dict[str, Any]) -> Reason:
    """Return a reason as it stands in a line."""
    return Reason(
        cause=Cause(code["cause"]),
        text=str(decode(code["text"])),
        prosumers=tuple(code["prosumers"]),
        amount_kw=float(code["amount_kw"]),
    )
