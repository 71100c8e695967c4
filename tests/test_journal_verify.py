"""`autonomy verify` finds whatever was done to a journal, and says where."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autonomy import Community, Controller, Network
from autonomy.cli import main
from autonomy.journal import JsonLinesJournal
from autonomy.journal.line import GENESIS, dumps, seal, take_apart
from autonomy.journal.merkle import EMPTY, MerkleTree, prove
from autonomy.journal.verify import journals_below, verify
from tests.homes import homes
from tests.journals import GOOD, findings

ONE = {"demand_kw": [1.0], "pv_kw": [0.5], "soc": [0.5]}
PAIR = Community(
    battery_capacity_kwh=6.0,
    charge_limit_kw=3.0,
    discharge_limit_kw=3.0,
    ramp_limit_kw=0.5,
    network=Network.single_feeder(n_prosumers=2, import_limit_kw=4.0),
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A journal of six steps in two windows, with three root lines."""
    path = tmp_path_factory.mktemp("whole") / "a.jsonl"
    with JsonLinesJournal(path, lines_a_root=4) as journal:
        controller = Controller(PAIR, policy=lambda *_: np.full((2, 3), 3.0), backend="nested", journal=journal)
        for step in range(6):
            if step == 4:
                controller.reset()
            observation = {**GOOD, "demand_kw": [1.0, 2.0 + step], "time": np.datetime64("2024-05-01", "h") + step}
            controller.step(
                {name: np.full(2, value) if name.endswith("_price") else value for name, value in observation.items()}
            )
    assert verify(path).findings == ()
    return path.read_bytes()


def found_in(folder: Path, text: bytes, **options: Any) -> list[str]:
    """Return what is found in a journal with this text."""
    path = folder / "changed.jsonl"
    path.write_bytes(text)
    return findings(path, **options)


def resealed(text: bytes, change: Callable[[int, dict[str, Any]], Any]) -> bytes:
    """Return the journal as somebody would forge it who changes bodies and makes every hash right again.

    Args:
        text: The journal.
        change: Called with the line's place and its body, which it changes; returns False to leave the line out.
    """
    head, lines, tree, first = GENESIS, [], MerkleTree(), 1
    for place, line in enumerate(text.splitlines(), start=1):
        parts = take_apart(line)
        assert parts is not None
        body = orjson.loads(parts.body)
        if change(place, body) is False:
            continue
        if "root" in body and body["root"] != "forged":
            body.update(root=tree.root(), first_line=first, lines=tree.size)
        sealed = seal(head, dumps(body))
        head = sealed.hash
        lines.append(sealed.text)
        if "root" in body:
            tree, first = MerkleTree(), len(lines) + 1
        else:
            tree.append(sealed.hash)
    return b"".join(lines)


# What is changed is found ---------------------------------------------------------------------------------------------


def test_every_byte_has_a_meaning(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with JsonLinesJournal(path) as journal:
        Controller(homes(), policy="grid-only", backend="nested", journal=journal).step({**GOOD, **ONE})
    whole = path.read_bytes()
    for place in range(len(whole)):
        changed = bytearray(whole)
        changed[place] ^= 0x01 if place % 2 else 0x20  # another digit or letter, or a large one for a small one
        path.write_bytes(changed)
        assert not verify(path, with_replay=place % 100 == 0).is_verified, f"byte {place}"


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_whatever_is_cut_out_put_in_or_overwritten_is_found(
    whole: bytes, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, min(len(whole), start + 200)))
    put = data.draw(st.one_of(st.binary(max_size=20), st.sampled_from([b" ", b"\n", b"{}\n", whole[:700]])))
    changed = whole[:start] + put + whole[end:]
    found = found_in(tmp_path_factory.mktemp("changed"), changed)
    assert bool(found) == (changed != whole)


def test_lines_that_are_missing_twice_there_or_moved_are_found_with_their_place(whole: bytes, tmp_path: Path) -> None:
    lines = whole.splitlines(keepends=True)
    for place in range(1, len(lines)):
        rest = lines[:place] + lines[place + 1 :]
        last = place == len(lines) - 1
        missing = found_in(tmp_path, b"".join(rest), with_replay=False)
        expected = f"line {place}: the journal has no closing root" if last else f"line {place + 1}: does not follow"
        assert any(text.startswith(expected) for text in missing)
        assert found_in(tmp_path, b"".join([*lines[: place + 1], *lines[place:]]), with_replay=False)
        if place + 1 < len(lines):
            moved = [*lines[:place], lines[place + 1], lines[place], *lines[place + 2 :]]
            assert (
                f"line {place + 1}: does not follow" in found_in(tmp_path, b"".join(moved), with_replay=False)[0][:40]
            )
    assert "line 1: does not follow the line before it" in found_in(tmp_path, b"".join(lines[1:]))[0]


def test_a_whole_chain_made_anew_without_a_line_is_found_by_its_numbers_and_roots(whole: bytes, tmp_path: Path) -> None:
    assert found_in(tmp_path, resealed(whole, lambda *_: None)) == []  # the forger's tool itself changes nothing
    for place in range(1, len(whole.splitlines()) + 1):
        forged = resealed(whole, lambda here, _body, place=place: here != place)
        # That the last decision is missing shows only in what somebody has published: see docs/journal.md.
        assert bool(found_in(tmp_path, forged)) == (place != 8), f"line {place} was left out"
    text = " ".join(found_in(tmp_path, resealed(whole, lambda here, _: here != 3), with_replay=False))
    assert "is decision 2; expected 1: decisions are missing" in text
    assert "is step 2; expected 1, or 0 after a reset" in text


CHANGES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "decided.battery_kw[0]": lambda body: body["decided"]["battery_kw"].__setitem__(0, np.nextafter(0.5, 1.0)),
    "decided.trade_kw[1]": lambda body: body["decided"]["trade_kw"].__setitem__(1, -1.5),
    "caps.load_kw[0]": lambda body: body["caps"]["load_kw"].__setitem__(0, 17.25),
    "mode": lambda body: body.update(mode="policy"),
    "intervention_kw": lambda body: body.update(intervention_kw=np.nextafter(body["intervention_kw"], 9.0)),
    "certificate.gap": lambda body: body["certificate"].update(gap=1e-3),
    "reasons": lambda body: body["reasons"].clear(),
    "answer": lambda body: body["answer"].update(values=[0.0] * 6),
    "observed": lambda body: body["observed"].update(soc={"list": [1.0, 1.0]}),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_whole_chain_made_anew_with_another_value_is_found_by_deciding_again(
    whole: bytes, tmp_path: Path, name: str
) -> None:
    def change(place: int, body: dict[str, Any]) -> None:
        if place == 2:
            CHANGES[name](body)

    forged = resealed(whole, change)
    assert forged != resealed(whole, lambda *_: None)
    assert found_in(tmp_path, forged, with_replay=False) == []
    found = found_in(tmp_path, forged)[0]
    assert found.startswith("line 2: decides otherwise when decided again: ")
    if name not in ("observed", "answer"):  # these show in what follows from them
        assert f": {name} is " in found


def test_a_forger_who_decides_again_is_found_by_a_published_root_alone(
    whole: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    roots = [json.loads(line) for line in whole.splitlines() if b'"root":' in line]
    kept, path = roots[0]["hash"], tmp_path / "a.jsonl"
    path.write_bytes(whole)
    assert main(["verify", str(path), "--published", kept, "--published", roots[1]["root"]]) == 0
    with JsonLinesJournal(tmp_path / "forged.jsonl", lines_a_root=4) as journal:
        controller = Controller(PAIR, policy="grid-only", backend="nested", journal=journal)
        for _ in range(6):
            controller.step(GOOD)
    assert main(["verify", str(tmp_path / "forged.jsonl")]) == 0
    assert main(["verify", str(tmp_path / "forged.jsonl"), "--published", kept]) == 2
    assert f"the published hash {kept} is in no journal" in capsys.readouterr().out


WRONG_HEADERS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "schema": (lambda header: header.update(schema="autonomy-journal/9"), "the schema is 'autonomy-journal/9'"),
    "community": (lambda header: header["community"]["soc_max"].__setitem__(0, 0.5), "the community's SHA-256 is"),
    "hash": (lambda header: header.update(community_sha256="0" * 64), "the header says 000"),
    "timestep": (lambda header: header.update(timestep_h=0.25), "the time step is 0.25 h; the community's is 1.0 h"),
    "missing": (lambda header: header.pop("supervisor"), "incomplete or has a wrong type (KeyError: 'supervisor')"),
    "setting": (lambda header: header["supervisor"].update(hold_steps=0), "hold_steps = 0"),
    "monitors": (lambda header: header.pop("lines_a_root"), "does not say what a header says"),
}


@pytest.mark.parametrize("name", WRONG_HEADERS)
def test_a_wrong_header_is_found(whole: bytes, tmp_path: Path, name: str) -> None:
    change, expected = WRONG_HEADERS[name]

    def on_line(place: int, body: dict[str, Any]) -> None:
        if place == 1:
            change(body["header"])

    found = found_in(tmp_path, resealed(whole, on_line))[0]
    assert found.startswith("line 1: ")
    assert expected in found


def test_a_broken_merkle_root_is_found(whole: bytes, tmp_path: Path) -> None:
    def forge(_place: int, body: dict[str, Any]) -> None:
        if body.get("first_line") == 1:
            body["root"] = "forged"

    assert "the Merkle root is forged; expected" in found_in(tmp_path, resealed(whole, forge))[0]

    def drop(_place: int, body: dict[str, Any]) -> bool:
        return "root" not in body or body["closes"]

    text = " ".join(found_in(tmp_path, resealed(whole, drop)))
    assert "line 5: is a decision; expected a root line after 4 lines" in text


def test_what_no_journal_says_is_found_and_never_raises(whole: bytes, tmp_path: Path) -> None:
    for text in (b"", b"\n", b"{}\n", b"\xff\xfe\n", b"[1]\n", b'{"previous":"x","hash":"y"}\n'):
        assert found_in(tmp_path, text)
    head = GENESIS
    for body in (
        {},
        {"header": None, "start": None, "cut_bytes": None},
        {"root": 1, "first_line": 1, "lines": 0, "closes": 3},
    ):
        assert found_in(tmp_path, seal(head, dumps(body)).text)
    strange = (
        {"step": None},
        {"observed": {"soc": {"spell": 1}}},
        {"answer": {"array": "x"}},
        {"number": "one"},
        {"reasons": 5},
    )
    for change in strange:
        forged = resealed(whole, lambda place, body, change=change: body.update(change) if place == 2 else None)
        assert found_in(tmp_path, forged)[0].startswith("line 2: ")


# Merkle trees ---------------------------------------------------------------------------------------------------------


@given(st.integers(1, 70), st.data())
def test_a_line_is_proved_with_as_many_hashes_as_the_tree_is_high(size: int, data: st.DataObject) -> None:
    hashes = [seal(GENESIS, dumps({"k": k})).hash for k in range(size)]
    tree = MerkleTree()
    for line in hashes:
        tree.append(line)
    place = data.draw(st.integers(0, size - 1))
    proof = prove(hashes, place)
    assert len(proof.path) <= (size - 1).bit_length()
    assert proof.root(hashes[place]) == tree.root()
    assert proof.root(seal(GENESIS, b"{}").hash) != tree.root()
    other = data.draw(st.integers(0, size - 1))
    assert (proof.root(hashes[other]) == tree.root()) == (other == place)


def test_the_tree_is_that_of_the_standard() -> None:
    # RFC 6962, 2.1: MTH({}) = SHA-256(), MTH({d}) = SHA-256(0 ‖ d), MTH of three = SHA-256(1 ‖ MTH(2) ‖ MTH(1)).
    a, b, c = (bytes([k]) * 32 for k in range(3))
    leaf = [sha256(b"\0" + item).digest() for item in (a, b, c)]
    pair = sha256(b"\1" + leaf[0] + leaf[1]).digest()
    tree = MerkleTree()
    assert tree.root() == EMPTY.hex() == sha256(b"").hexdigest()
    for item, expected in ((a, leaf[0]), (b, pair), (c, sha256(b"\1" + pair + leaf[2]).digest())):
        tree.append(item.hex())
        assert tree.root() == expected.hex()


# The command ----------------------------------------------------------------------------------------------------------


def test_the_command_tells_verified_from_not_verified_from_an_error(
    whole: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run" / "journal"
    folder.mkdir(parents=True)
    (folder / "good.jsonl").write_bytes(whole)
    assert main(["verify", str(tmp_path / "run")]) == 0
    assert "verified" in capsys.readouterr().out
    (folder / "open.jsonl").write_bytes(whole[: whole.rindex(b'{"previous"')])
    assert main(["verify", str(tmp_path / "run")]) == 2
    assert "the journal has no closing root line" in capsys.readouterr().out
    assert main(["verify", str(tmp_path / "run"), "--open"]) == 0
    (folder / "bad.jsonl").write_bytes(whole.replace(b'"step":3', b'"step":5'))
    assert main(["verify", str(folder / "bad.jsonl"), "--no-replay"]) == 2
    printed = " ".join(capsys.readouterr().out.split())
    assert "NOT verified" in printed
    assert "was changed: its SHA-256 is" in printed
    assert [path.name for path in journals_below(tmp_path)] == ["bad.jsonl", "good.jsonl", "open.jsonl"]
    (tmp_path / "empty").mkdir()
    for wrong in (tmp_path / "empty", tmp_path / "none.jsonl"):
        assert main(["verify", str(wrong)]) == 1


def test_a_backend_that_is_not_installed_is_an_error_and_the_chain_can_be_checked(
    whole: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(
        resealed(whole, lambda place, body: body["header"].update(backend="cvxpy") if place == 1 else None)
    )
    monkeypatch.setitem(sys.modules, "cvxpy", None)
    assert main(["verify", str(path)]) == 1
    assert "autonomy-stack[cvxpy]" in capsys.readouterr().err
    assert main(["verify", str(path), "--no-replay"]) == 0


def test_verify_needs_no_optional_library(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(whole)
    optional = ("torch", "cvxpy", "pyomo", "gymnasium", "ray", "matplotlib", "stable_baselines3", "pyarrow", "scipy")
    words = (
        f"import sys\nsys.modules.update(dict.fromkeys({optional}))\n"
        "from autonomy.cli import main\nsys.exit(main(['verify', sys.argv[1]]))\n"
    )
    done = subprocess.run([sys.executable, "-c", words, str(path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "6 decided again" in done.stdout


def test_a_replay_says_when_the_journal_was_made_by_other_versions(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(
        resealed(whole, lambda place, body: body["header"]["made_by"].update(numpy="1") if place == 1 else None)
    )
    assert verify(path).made_elsewhere
    assert verify(path).is_verified
