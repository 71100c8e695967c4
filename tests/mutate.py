"""Mutation testing of the trusted core: python -m tests.mutate

Every mutant is one small change to the source of one module of the core; it is killed when `tests/test_core.py` fails.
Each runs in a process forked from one that has already imported what is slow and does not depend on the core, so that a
mutant costs its tests and nothing else. Survivors are printed; `EQUIVALENT` names those that no test can kill,
with the reason. Exit code 1 when a survivor is not named there, or when one that is named there is killed or is gone.
"""

from __future__ import annotations

import argparse
import ast
import importlib.abc
import importlib.machinery
import importlib.util
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PACKAGE = "autonomy.layers.supervision"
MODULES = ("check", "milliwatt", "recovery", "caps")
TESTS = "tests/test_core.py"
KEPT = ("autonomy.solvers", "autonomy.layers.community", "autonomy.layers.network", "autonomy.layers.arrays",
        "autonomy.layers.physics", "autonomy.layers.storage", "autonomy.layers.rounding", "autonomy.layers.decision",
        "autonomy.layers.errors", "autonomy.layers.description", "autonomy.layers.observation",
        "autonomy.layers.situation", "autonomy.layers.intent", "autonomy.layers.projection", "autonomy.layers.voltage",
        "autonomy.layers.invariants")  # fmt: skip
"""Modules that do not depend on the core, imported once for all mutants."""
ROOT = Path(__file__).resolve().parent.parent
DEADLINE_S = 240.0
"""After which a mutant counts as killed: it does not come to an end."""

OVERWRITTEN = "every entry is written before it is read"
EQUIVALENT: dict[str, str] = {
    "return () if all_true(inside) else tuple((_finding(bounds, ledger, int(place)) for place in "
    "np.flatnonzero(~inside))) => return () if False else tuple((_finding(bounds, ledger, int(place)) for place in "
    "np.flatnonzero(~inside)))": "where everything is inside there is nothing to list; the condition saves time",
    "give = min(flow, down) if flow > 0 else max(flow, -up) => "
    "give = min(flow, down) if flow >= 0 else max(flow, -up)": "of a flow of 0 nothing can be given either way",
    "if situation.curtailable_kw is situation.pv_kw and situation.sheddable_kw is situation.demand_kw: => if False:": (
        "where everything can be cut, the careful branch finds the same; the condition saves time"
    ),
    "take = min(max(flow - most, 0), give) if flow > 0 else max(min(flow - least, 0), give) => "
    "take = min(max(flow - most, 0), give) if flow >= 0 else max(min(flow - least, 0), give)": (
        "a flow of 0 is inside every limit, and nothing is taken either way"
    ),
    "if thin.any(): => if True:": "nothing is changed where no box is thin; the condition saves time",
    "@lru_cache(maxsize=64) => @lru_cache(maxsize=65)": "how many are remembered changes nothing but time",
    **dict.fromkeys(
        (
            f"nearer = _whole(np.trunc, np.where(np.abs(lower) < np.abs(upper), lower, upper)) => "
            f"nearer = _whole(np.trunc, np.where({other}))"
            for other in (
                "np.abs(lower) <= np.abs(upper), lower, upper",
                "np.abs(lower) > np.abs(upper), lower, upper",
                "np.abs(lower) < np.abs(upper), upper, upper",
                "np.abs(lower) < np.abs(upper), lower, lower",
                "np.negative(lower) < np.abs(upper), lower, upper",
                "np.abs(upper) < np.abs(upper), lower, upper",
                "np.abs(lower) < np.negative(upper), lower, upper",
                "np.abs(lower) < np.abs(lower), lower, upper",
            )
        ),
        "a box without a whole milliwatt lies between two of them, and both its ends are cut off to the same one",
    ),
    "upper, lower = (reach_kw[0], -reach_kw[1]) => upper, lower = (reach_kw[0], -reach_kw[0])": (
        "the upper end is taken then; both are cut off to the same milliwatt"
    ),
    "sign = 1 if asked[line] > 0 else -1 => sign = 1 if asked[line] >= 0 else -1": "what asks for nothing was left out",
    "moved, spare = ([0] * len(net), [0] * len(net)) => moved, spare = ([1] * len(net), [0] * len(net))": OVERWRITTEN,
    "moved, spare = ([0] * len(net), [0] * len(net)) => moved, spare = ([0] * len(net), [1] * len(net))": OVERWRITTEN,
    "kept, asked, line_spare = ([0] * network.n_lines for _ in range(3)) => "
    "kept, asked, line_spare = ([1] * network.n_lines for _ in range(3))": OVERWRITTEN,
    "for k, part in zip(lines[line], parts[len(nodes[line]):], strict=True): => "
    "for k, part in zip(lines[line], parts[len(nodes[line]):], strict=False):": "both have the same length",
    **dict.fromkeys(
        (
            "most_down, most_up = (sum((x for x in below if x > 0)), -sum((x for x in below if x < 0))) => "
            f"most_down, most_up = (sum((x for x in below if x {down})), -sum((x for x in below if x {up})))"
            for down, up in ((">= 0", "< 0"), ("> 0", "<= 0"), ("> 0", "< 1"))
        ),
        "integers: what is added is 0",
    ),
    "if not situation.is_clean: => if True:": "nobody is isolated in a clean step; the condition saves time",
    "connection, imports, exports = (frozen(np.where(np.isinf(limit), limit, bound)) for limit, bound in "
    "zip(limits, kept, strict=True)) => connection, imports, exports = (frozen(np.where(np.isinf(limit), limit, "
    "bound)) for limit, bound in zip(limits, kept, strict=False))": "both have the same length",
    "if asked[line] == 0: => if False:": "nothing is shared then, and nothing changes; the condition saves time",
}
"""Source of a mutant, as printed, and why nobody can tell it from the original."""

SWAPS: dict[type, tuple[type, ...]] = {
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Add,),
    ast.Div: (ast.Mult,),
    ast.FloorDiv: (ast.Div,),
    ast.Pow: (ast.Mult,),
    ast.BitAnd: (ast.BitOr,),
    ast.BitOr: (ast.BitAnd,),
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.And: (ast.Or,),
    ast.Or: (ast.And,),
    ast.USub: (ast.UAdd,),
}
NAMES = {
    "maximum": "minimum",
    "minimum": "maximum",
    "max": "min",
    "min": "max",
    "floor": "ceil",
    "rint": "floor",
    "trunc": "floor",
    "add": "subtract",
    "subtract": "add",
    "abs": "negative",
    "lower": "upper",
    "upper": "lower",
    "zeros_like": "ones_like",
    "reversed": "list",
    "export_limit_kw": "import_limit_kw",
    "import_limit_kw": "export_limit_kw",
    "fair_export_kw": "fair_import_kw",
    "fair_import_kw": "fair_export_kw",
}


@dataclass(frozen=True)
class Mutant:
    """One change.

    Attributes:
        module: Name of the module.
        line: Where.
        text: The changed line, as it reads then.
        source: The whole module, changed.
    """

    module: str
    line: int
    text: str
    source: str


def changes(node: ast.AST) -> Iterator[Callable[[Any], None]]:  # noqa: C901, PLR0912 - one case a kind of node
    """Yield what can be done to a node, each as a function that does it to a copy."""
    match node:
        case ast.BinOp() | ast.AugAssign() | ast.BoolOp() | ast.UnaryOp():
            for other in SWAPS.get(type(node.op), ()):
                yield lambda copy, other=other: setattr(copy, "op", other())
        case ast.Compare():
            for k, operator in enumerate(node.ops):
                for other in SWAPS.get(type(operator), ()):
                    yield lambda copy, k=k, other=other: copy.ops.__setitem__(k, other())
        case ast.Constant(value=bool()):
            yield lambda copy: setattr(copy, "value", not copy.value)
        case ast.Constant(value=int() | float()):
            yield lambda copy: setattr(copy, "value", copy.value + 1)
            if node.value:
                yield lambda copy: setattr(copy, "value", 0)
        case ast.Constant(value=str()):
            yield lambda copy: setattr(copy, "value", copy.value + "x")
        case ast.Attribute() if node.attr in NAMES:
            yield lambda copy: setattr(copy, "attr", NAMES[copy.attr])
        case ast.Name() if node.id in NAMES:
            yield lambda copy: setattr(copy, "id", NAMES[copy.id])
        case ast.If() | ast.IfExp():
            yield lambda copy: setattr(copy, "test", ast.Constant(True))
            yield lambda copy: setattr(copy, "test", ast.Constant(False))
    if isinstance(node, ast.Assign | ast.AugAssign) or (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    ):
        yield lambda copy: setattr(copy, "is_dropped", True)


class _Drop(ast.NodeTransformer):
    def visit(self, node: ast.AST) -> Any:
        return ast.Pass() if getattr(node, "is_dropped", False) else self.generic_visit(node)


def _bodies(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield what is run: values of constants, decorators, and bodies of functions, without docstrings and types."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            yield from node.decorator_list
            yield from node.args.defaults
            for default in node.args.kw_defaults:
                if default is not None:
                    yield default
            has_text = isinstance(node.body[0], ast.Expr) and isinstance(node.body[0].value, ast.Constant)
            yield from node.body[has_text:]
    for statement in tree.body:
        if isinstance(statement, ast.Assign):
            yield statement.value


def mutants(module: str) -> Iterator[Mutant]:
    """Yield every mutant of a module, in the order of its text."""
    tree = ast.parse((ROOT / PACKAGE.replace(".", "/") / f"{module}.py").read_text(encoding="utf-8"))
    nodes = {id(inner): inner for outer in _bodies(tree) for inner in ast.walk(outer)}
    annotations = {id(x) for n in ast.walk(tree) if isinstance(n, ast.AnnAssign) for x in ast.walk(n.annotation)}
    for number, node in enumerate(ast.walk(tree)):
        if id(node) not in nodes or id(node) in annotations:
            continue
        for change in changes(node):
            copy = deepcopy(tree)
            twin = next(other for k, other in enumerate(ast.walk(copy)) if k == number)
            change(twin)
            copy = ast.fix_missing_locations(_Drop().visit(copy))
            yield Mutant(module, node.lineno, _difference(ast.unparse(tree), ast.unparse(copy)), ast.unparse(copy))


def _difference(original: str, changed: str) -> str:
    """Return the line that differs, as `original => changed`."""
    for one, other in zip(original.splitlines(), changed.splitlines(), strict=False):
        if one != other:
            return f"{one.strip()} => {other.strip()}"
    return "?"


class _Loader(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module from another source."""

    def __init__(self, mutant: Mutant) -> None:
        self.name, self.source = f"{PACKAGE}.{mutant.module}", mutant.source

    def find_spec(self, name: str, path: Any, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        return importlib.util.spec_from_loader(name, self) if name == self.name else None

    def exec_module(self, module: Any) -> None:
        exec(compile(self.source, self.name, "exec"), module.__dict__)  # noqa: S102 - our own source, changed


class _Order:
    """Runs what is worked by hand before what is drawn."""

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        items.sort(key=lambda item: hasattr(item.obj, "hypothesis"))


def survives(mutant: Mutant | None) -> bool:
    """Return whether the tests pass with a mutant, in a process of its own."""
    child = os.fork()
    if child == 0:
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        if mutant is not None:
            sys.meta_path.insert(0, _Loader(mutant))
        import pytest  # noqa: PLC0415 - imported before the fork

        for name in list(sys.modules):
            if name.startswith(("autonomy", "tests")) and not name.startswith(KEPT):
                del sys.modules[name]
        os._exit(int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", TESTS], plugins=[_Order()])))
    ends = time.monotonic() + DEADLINE_S
    while time.monotonic() < ends:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status == 0
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def main() -> int:
    """Run all mutants, or those of some modules."""
    parser = argparse.ArgumentParser(description="Mutation testing of the trusted core.")
    parser.add_argument("modules", nargs="*", default=MODULES)
    parser.add_argument("--list", action="store_true", help="print the mutants and stop")
    arguments = parser.parse_args()
    found = [mutant for module in arguments.modules for mutant in mutants(module)]
    if arguments.list:
        print("\n".join(f"{mutant.module}.py:{mutant.line}: {mutant.text}" for mutant in found))
        return 0
    os.environ["HYPOTHESIS_PROFILE"] = "mutation"
    import hypothesis.extra.numpy  # noqa: F401, PLC0415 - slow, and nothing of ours
    import pytest  # noqa: F401, PLC0415
    import scipy.optimize  # noqa: F401, PLC0415

    for name in KEPT:
        importlib.import_module(name)
    if not survives(None):
        print("the tests fail without any mutant")
        return 1
    left, known = [], set()
    for k, mutant in enumerate(found):
        if survives(mutant):
            reason = EQUIVALENT.get(mutant.text)
            known.add(mutant.text)
            if reason is None:
                left.append(mutant)
                print(f"SURVIVED {mutant.module}.py:{mutant.line}: {mutant.text}", flush=True)
        if k % 50 == 49:
            print(f"{k + 1} of {len(found)}", file=sys.stderr, flush=True)
    equivalent = sum(mutant.text in EQUIVALENT for mutant in found)
    if not survives(None):
        print("the tests fail without any mutant now: something else has changed")
        return 1
    wrong = [text for text in EQUIVALENT if text not in known] if len(arguments.modules) == len(MODULES) else []
    print(
        f"{len(found)} mutants, {len(found) - equivalent - len(left)} killed, {equivalent} equivalent, {len(left)} left"
    )
    for text in wrong:
        print(f"not equivalent, or gone: {text}")
    return 1 if left or wrong else 0


if __name__ == "__main__":
    sys.exit(main())
