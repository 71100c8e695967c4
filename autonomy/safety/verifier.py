"""Checks a safety report with nothing but Python: `python -I -S verify.py FOLDER`.

Exit code 0: every number that can be checked again is right; 2: something is not. Written from
docs/safety-certificates.md and docs/journal.md: no code is shared with the controller that is judged, and no solver is
called. Numbers are read as the fractions that they are; sums and comparisons are exact. Beside it lie decisions.py,
which judges decisions again, certificates.py, programs.py, and crown.py, which bounds networks.
"""

import hashlib
import json
import math
import runpy
import sys
from concurrent.futures import ProcessPoolExecutor
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

beside = Path(__file__).with_name
lib, kinds, decisions, crown = (
    SimpleNamespace(**runpy.run_path(str(beside(f"{name}.py"))))
    for name in ("programs", "certificates", "decisions", "crown")
)
need, exact = lib.need, lib.exact
VERDICTS = ("PROVED-EXACT", "PROVED-SMT", "PROVED-FLOAT", "BOUNDED", "TESTED", "ASSUMED", "REFUTED")
APART: dict[Path, Any] = {}  # folders that a process of its own has read
FAULTS = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, OSError)


def canonical(value: Any) -> bytes:
    """Return canonical JSON: keys sorted, no spaces, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def sha256(content: bytes) -> str:
    """Return a hash in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


class Folder(dict[str, bytes]):
    """Contents of files by name, read when asked for; a control puts corrupted ones in before."""

    def __init__(self, root: Path, changed: Any = ()) -> None:
        super().__init__(changed)
        self.root, self.known = root, dict[bytes, Any]()

    def __missing__(self, name: str) -> bytes:
        return (self.root / name).read_bytes()

    def check(self) -> str:
        """Check that exactly the files of manifest.json are there, unchanged; return the root over their hashes."""
        said = json.loads(self["manifest.json"])
        need(self["manifest.json"] == canonical(said) and set(said) == {"schema", "files", "root"}, "manifest changed")
        need(said["schema"] == "autonomy-safety-manifest/1", "manifest.json has another schema")
        there = {path.relative_to(self.root).as_posix() for path in self.root.rglob("*") if not path.is_dir()}
        odd = there ^ {*said["files"], "manifest.json"}
        odd |= {name for name, sha in said["files"].items() if name not in odd and sha != sha256(self[name])}
        need(not odd, f"missing, added or changed: {', '.join(sorted(odd))}")
        need(said["root"] == sha256(canonical(said["files"])), "the root of manifest.json changed")
        return str(said["root"])


def optimum(folder: Folder, check: Any) -> Any:
    """Check the optimum of recorded windows, and count what policies cost in them."""
    parts = [run(folder, part) for part in decisions.windows_of(folder, check)]
    costs = [run(folder, check[of])["cost"] for of in ("policy", "baseline") if of in check]
    return decisions.optimum(parts, costs or None)


def count(_folder: Folder, check: Any) -> dict[str, Any]:
    """Check a Clopper-Pearson bound: were the rate `upper`, so few failures would be seen with 1 − confidence only."""
    n, k, (up, of) = check["trials"], check["failures"], Fraction(str(check["upper"])).as_integer_ratio()
    need(0 <= k <= n > 0 and 0 <= up <= of, "a count that is none")
    tail = sum(math.comb(n, j) * up**j * (of - up) ** (n - j) for j in range(k + 1))
    is_bound = tail <= (1 - Fraction(str(check["confidence"]))) * of**n or up == of  # a rate is at most 1
    need(is_bound, "the bound is not that of the count")
    return {"trials": n, "failures": k, "upper": Fraction(up, of), "confidence": exact(check["confidence"])}


def certificate(folder: Folder, check: Any) -> Any:
    """Check a certificate of docs/safety-certificates.md, and that it is about this community and this domain."""
    said = json.loads(folder[check["certificate"]])
    if said["kind"] in crown.KEYS:
        return crown.check_network(said, folder.__getitem__)
    if "journal" in check:
        kinds.belongs(said, decisions.Home(decisions.header_of(folder, check["journal"])["community"]))
    if "domain" in check:
        kinds.covers(said, check["domain"])
    return kinds.check_certificate(said)


def control(folder: Folder, check: Any) -> dict[str, Any]:
    """Check that a claim, or the manifest, is refused once a bit, or what a JSON file says at a place, is changed."""
    changed: dict[str, bytes] = {}
    for change in check["changes"]:
        content = folder[change["file"]]
        if "bit" in change:
            at = change["bit"] // 8
            content = content[:at] + bytes([content[at] ^ 1 << change["bit"] % 8]) + content[at + 1 :]
        else:
            said = place = json.loads(content)
            for key in change["path"][:-1]:
                place = place[key]
            place[change["path"][-1]] = change["to"]
            content = canonical(said)
        changed[change["file"]] = content
    other = Folder(folder.root, changed)
    other.known |= {key: x for key, x in folder.known.items() if not any(name.encode() in key for name in changed)}
    try:
        return {"refused": not (judge(other, check["claim"]) if "claim" in check else other.check())}
    except FAULTS as fault:
        return {"refused": True, "why": str(fault)}


CHECKS = {"record": decisions.record, "optimum-window": decisions.optimum_of_window, "optimum": optimum,
          "count": count, "certificate": certificate, "control": control}  # fmt: skip


def run(folder: Folder, check: Any) -> dict[str, Any]:
    """Return what a check finds, computed once."""
    if (key := canonical(check)) not in folder.known:
        folder.known[key] = CHECKS[check["kind"]](folder, check)
    return dict(folder.known[key])


def judge(folder: Folder, claim: Any) -> str:
    """Check a claim; return how much of it was checked again."""
    need(claim["verdict"] in VERDICTS, "a verdict that does not exist")
    need(claim["verdict"] != "REFUTED" or claim["witness"], "REFUTED without a witness")
    if claim["check"] is None:
        need(claim["verdict"] not in ("PROVED-EXACT", "BOUNDED"), "nothing shows what is claimed")
        return f"not checked again here; by: {claim['checker']}"
    found: dict[str, Any] = {}
    for check in claim["check"]:
        found |= {check.get("as", "") + name: x for name, x in run(folder, check).items()}
    known = {name: (said, found[name]) for name, said in claim["values"].items() if name in found}
    for name, (said, true) in known.items():
        near = said == true if type(said) in (str, bool, dict) else abs(said - true) <= 1e-9 * max(abs(said), 1)
        need(near, f"says {name} {said}; it is {true}")
    need(found.get("verdict", claim["verdict"]) == claim["verdict"], f"the verdict is {found.get('verdict')}")
    shown = [x for x in (claim["bound"], claim["margin"]) if x is not None]
    need(all(x["value"] == claim["values"][x["of"]] for x in shown), "a figure")
    rest = ", ".join(sorted(set(claim["values"]) - set(known)))
    need(not rest or claim["verdict"] != "PROVED-EXACT", f"nothing shows {rest}")
    return f"{len(known)} numbers checked again" + (f", not {rest}" if rest else "")


def long_ones(folder: Folder, check: Any) -> list[Any]:
    """Return the parts of a check that take long."""
    if check["kind"] == "optimum":
        return [*decisions.windows_of(folder, check), *(check[of] for of in ("policy", "baseline") if of in check)]
    return [check] if check["kind"] in ("record", "certificate") else []


def found_apart(job: Any) -> Any:
    """Return what a check finds, in a process of its own; None if it fails: then it fails again where that is told."""
    root, check = job
    try:
        return run(APART.setdefault(root, Folder(root)), check)
    except FAULTS:
        return None


def share_out(folder: Folder, claims: Any) -> None:
    """Let all processors do the checks that take long, and remember what they find; nothing is lost if they cannot."""
    checks = [part for claim in claims for check in claim["check"] or () for part in long_ones(folder, check)]
    todo = {canonical(check): (folder.root, check) for check in checks}
    try:
        with ProcessPoolExecutor() as pool:
            found = zip(todo, pool.map(found_apart, todo.values()), strict=True)
            folder.known.update({key: what for key, what in found if what is not None})
    except (ImportError, OSError, RuntimeError):
        return


def main(arguments: list[str], known: Any = None) -> int:
    """Check a folder, print a line a claim, return the exit code; `known` is what was found in it before."""
    folder, wrong = Folder(Path(arguments[0] if arguments else ".")), 0
    folder.known.update(known or {})
    print(f"Checking {folder.root} with Python {sys.version.split()[0]} and nothing else")
    try:
        print(f"ok    manifest: {folder.check()}")
        report = json.loads(folder["report.json"])
        need(report["schema"] == "autonomy-safety/1" and bool(report["claims"]), "another schema, or no claims")
        if known is None:
            share_out(folder, report["claims"])
    except FAULTS as fault:
        print(f"WRONG {fault}")
        return 2
    for claim in report["claims"]:
        try:
            said = judge(folder, claim)
            need(claim["domain_sha256"] == sha256(canonical(report["domains"][claim["domain"]])), "the domain changed")
            meant = [check["domain"] for check in claim["check"] or () if "domain" in check]
            need(all(domain == report["domains"][claim["domain"]] for domain in meant), "it is about another domain")
            print(f"{'--' if said.startswith('not') else 'ok':5} {claim['verdict']:12} {claim['id']}: {said}")
        except FAULTS as fault:
            print(f"WRONG {claim.get('verdict'):12} {claim.get('id')}: {type(fault).__name__}: {fault}")
            wrong += 1
    print(f"{len(report['claims'])} claims, {wrong} wrong: " + ("NOT VERIFIED" if wrong else "verified"))
    return 2 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
