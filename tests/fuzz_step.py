"""Fuzz `Controller.step`: python -m tests.fuzz_step --steps 1000000 --seed 0

Every step is judged by the specification (`tests/specification.py`) in exact decimals, every fiftieth in fractions as
well, which have to agree; every tenth by CHECK once more. Half the blocks have the monitors. In 30 % of the steps the
observation or the intent holds NaN, infinities, 1e308, strings, None, wrong shapes or junk. Steps come in blocks; each
has its own seed and a controller of its own, so `--start` goes on where a run was broken off, and the counts of two
runs add up.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import numpy as np

from autonomy import Community, Controller, Decision, Mode, Network
from autonomy.layers.supervision import Screen
from autonomy.layers.supervision.check import check
from autonomy.layers.supervision.milliwatt import PER_KW, Plan, bounds_of
from autonomy.solvers.machine import load_machine
from tests.specification import broken_rules, exactly

BLOCK = 1000
"""Steps of one block."""
SAMPLE = 50
"""Of so many steps one is judged in fractions too; the others in decimals of any length, which are exact as well."""
CHECKED = 10
"""Of so many steps without monitors one is put to CHECK again."""
DIRTY = 0.3
"""Share of the steps with something in them that no meter and no policy should send."""
SPECIAL = np.array([np.nan, np.inf, -np.inf, 1e308, -1e308, 5e-324, -0.0, -1.0, 1e9, 1e4, 230.0])
JUNK: tuple[Any, ...] = (None, "three", "3", b"", [], [[1.0]], {}, {"a": 1}, True, 10**400, 1j, np.ones((2, 1)),
                         object(), float("nan"), 1e308, [1.0, None], ["1", "2"], np.array(["x"]), -1)  # fmt: skip
MEASURED = ("demand_kw", "pv_kw", "soc", "retail_price", "feed_in_price", "applied_battery_kw")
GLANCE = None if (machine := load_machine()) is None else machine.glance
LIMITS = ("charge_limit_kw", "discharge_limit_kw", "soc_min", "soc_max", "charge_efficiency", "discharge_efficiency",
          "connection_limit_kw", "active", "can_curtail", "can_shed", "charge_floor_kw")  # fmt: skip
GRID = ("grid_import_limit_kw", "grid_export_limit_kw")


def communities() -> dict[str, Community]:
    """Return what is fuzzed: a feeder, a deep tree, ramps, unequal and odd limits, batteries that leak, losses."""
    home: dict[str, Any] = {"charge_limit_kw": 5.0, "discharge_limit_kw": 5.0, "charge_efficiency": 0.95,
                            "discharge_efficiency": 0.9, "soc_min": 0.1, "soc_max": 0.95}  # fmt: skip
    deep = Network(
        parent=[-1, 0, 1, 2, 2, 4],
        bus_of_prosumer=[0, 1, 3, 5, 5],
        import_limit_kw=[9.0, 8.0, np.inf, 2.0, 5.5, 4.0],
        export_limit_kw=[7.0, np.inf, 5.0, 3.0, 2.5, 2.0],
    )
    odd = Network(
        parent=[-1, 0, 0],
        bus_of_prosumer=[1, 1, 2, 2],
        import_limit_kw=[4.123456789, 0.0, 3.3],
        export_limit_kw=[np.inf, 2.0000005, 1e-6],
    )
    lossy = Network(
        parent=[-1, 0, 1],
        bus_of_prosumer=[1, 2, 2],
        import_limit_kw=[8.0, 7.0, 6.0],
        export_limit_kw=[8.0, 7.0, 6.0],
        resistance_ohm=[0.05, 0.3, 0.4],
    )
    feeder = Network.single_feeder(n_prosumers=3, import_limit_kw=5.0, export_limit_kw=4.0)
    return {
        "feeder": Community(battery_capacity_kwh=10.0, connection_limit_kw=12.0, network=feeder, **home),
        "tree": Community(battery_capacity_kwh=[10.0, 6.4, 0.0, 13.5, 5.0], network=deep, timestep_h=0.25, **home),
        "ramps": Community(battery_capacity_kwh=10.0, ramp_limit_kw=[0.5, 1.234567, np.inf], network=feeder, **home),
        "odd": Community(
            battery_capacity_kwh=[0.3, 1e-9, 1e9, 6.4],
            charge_limit_kw=[92.816623, 5e-324, 39.141451, 1e308],
            discharge_limit_kw=[55.0061, 1.5e-6, 1e308, 0.3],
            charge_efficiency=[1e-6, 1.0, 0.7, 0.999999],
            discharge_efficiency=[0.6, 1e-6, 1.0, 0.95],
            soc_min=[0.1, 0.0, 0.3, 0.95],
            soc_max=[0.9, 1.0, 0.3, 0.95],
            connection_limit_kw=[3.3, np.inf, 12.345678901, 1e-6],
            network=odd,
            timestep_h=1 / 60,
        ),
        "leaks": Community(battery_capacity_kwh=10.0, self_discharge_per_h=[0.01, 5e-5, 0.9], network=feeder, **home),
        "losses": Community(battery_capacity_kwh=10.0, connection_limit_kw=[4.0, 5.0, 6.0], network=lossy, **home),
    }


@dataclass(kw_only=True)
class Tally:
    """What a run found.

    Attributes:
        steps: How many steps.
        dirty: In how many of them something was wrong with the observation or the intent.
        raised: Exceptions that came out of `step`, by type.
        internal: Faults inside the stack that `step` turned into a dead stop, by text.
        broken: Rules of the specification that were broken, by name.
        rejected: Decisions that CHECK rejects and that do not say so.
        modes: Steps by mode.
        seconds: Duration of every step by the clock.
        busy: The same in time of the processor, which does not count waiting for it.
        first: The first finding, to be read by a person.
    """

    steps: int = 0
    dirty: int = 0
    raised: Counter[str] = field(default_factory=Counter)
    internal: Counter[str] = field(default_factory=Counter)
    broken: Counter[str] = field(default_factory=Counter)
    rejected: int = 0
    modes: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    busy: list[float] = field(default_factory=list)
    first: str = ""

    @property
    def findings(self) -> int:
        return sum(map(sum, (self.raised.values(), self.internal.values(), self.broken.values()))) + self.rejected

    def note(self, *what: Any) -> None:
        if not self.first:
            self.first = " | ".join(map(repr, what))
            print(f"first finding: {self.first}", file=sys.stderr, flush=True)


def soiled(random: np.random.Generator, values: Any, size: int) -> Any:
    """Return something that no meter sends in the place of `values`."""
    kind = random.integers(0, 4)
    if kind == 0:
        return JUNK[random.integers(len(JUNK))]
    if kind == 1:
        return random.choice(SPECIAL, int(random.integers(0, 2 * size)))
    changed = np.array(values, dtype=np.float64)
    changed[random.random(size) < 0.5] = random.choice(SPECIAL)
    return changed.tolist() if kind == 2 else changed


def block_of(
    community: Community, random: np.random.Generator, steps: int
) -> Iterator[tuple[dict[str, Any], Any, bool]]:
    """Yield observations, answers of the policy, and whether something is wrong with them."""
    size = community.n_prosumers
    shape = (steps, size)
    scale = random.choice([0.0, 1.0, 3.0, 9.0], shape)
    # Whole and half milliwatts are where rounding costs most; plain floats are most of the rest.
    power = [np.where(random.random(shape) < 0.3, np.rint(scale * random.random(shape) * 2e6) / 2e6,
                      scale * random.random(shape)) for _ in range(2)]  # fmt: skip
    band = random.uniform(community.soc_min, community.soc_max, shape)
    soc = np.where(random.random(shape) < 0.2, random.choice([0.0, 0.05, 0.1, 0.95, 0.97, 1.0], shape), band)
    wanted = random.normal(0.0, 4.0, (steps, size, 3))
    for k in range(steps):
        sent: dict[str, Any] = {"demand_kw": power[0][k], "pv_kw": power[1][k], "soc": soc[k],
                                "retail_price": np.full(size, 0.3), "feed_in_price": np.full(size, 0.1)}  # fmt: skip
        answer, is_dirty = np.asfortranarray(wanted[k]), bool(random.random() < DIRTY)
        if random.random() < 0.2:
            sent["applied_battery_kw"] = random.normal(0.0, 3.0, size)
        if random.random() < 0.1:
            names = random.choice(LIMITS, 2)
            sent["limits"] = {str(name): random.choice([0.0, 0.2, 0.9, 1.0, 3.0, np.nan], size) for name in names}
            if random.random() < 0.5:
                floors = [-np.inf, -3.0, 0.0, 0.5, 1.234567, 9.0, np.nan]
                sent["limits"]["charge_floor_kw"] = random.choice(floors, size)
            if random.random() < 0.5:
                name = random.choice(GRID)
                sent["limits"][str(name)] = float(random.choice([0.0, 1e-7, 0.5, 2.0, np.inf, np.nan, -1.0]))
        if is_dirty:
            if random.random() < 0.5:
                answer = soiled(random, answer, size)
            if random.random() < 0.7:
                name = str(random.choice(MEASURED))
                sent[name] = soiled(random, sent.get(name, np.zeros(size)), size)
            if random.random() < 0.1:
                sent["limits"] = {str(random.choice([*LIMITS, *GRID])): soiled(random, np.ones(size), size)}
            if random.random() < 0.05:
                sent.pop(str(random.choice(MEASURED)), None)
            if random.random() < 0.05:
                sent["limits"] = JUNK[random.integers(len(JUNK))]
        yield sent, answer, is_dirty


def fuzz_block(
    community: Community, random: np.random.Generator, steps: int, tally: Tally, *, is_watched: bool
) -> None:
    """Run one block and count what it finds; decimals have to be exact, see `exactly`."""
    answer: list[Any] = [None]
    monitors = None if is_watched else ()
    controller = Controller(community, policy=lambda community, observation: answer[0], monitors=monitors)
    # Monitors may isolate whom the screen believes; CHECK would have to know.
    screen, before = None if is_watched else Screen(community, GLANCE), np.zeros(community.n_prosumers)
    for sent, wanted, is_dirty in block_of(community, random, steps):
        answer[0] = wanted
        started, busy = time.perf_counter(), time.thread_time()
        try:
            decision = controller.step(sent)
        except Exception as fault:  # noqa: BLE001 - what is looked for
            tally.raised[type(fault).__name__] += 1
            tally.note(sent, wanted, fault)
            continue
        tally.busy.append(time.thread_time() - busy)
        tally.seconds.append(time.perf_counter() - started)
        tally.steps, tally.dirty = tally.steps + 1, tally.dirty + is_dirty
        judge(community, screen, sent, decision, before, tally)
        before = decision.battery_kw


def judge(
    community: Community, screen: Screen | None, sent: Mapping[str, Any], decision: Decision, before: Any, tally: Tally
) -> None:
    """Count what is wrong with one decision; decimals have to be exact."""
    tally.modes[decision.mode.value] += 1
    for reason in decision.reasons:
        if reason.cause.value == "internal-error":
            tally.internal[reason.text] += 1
            tally.note(sent, decision, reason)
    broken = broken_rules(community, sent, decision, before=before, number=Decimal)
    if tally.steps % SAMPLE == 0 and broken != broken_rules(community, sent, decision, before=before):
        raise ArithmeticError("decimals and fractions disagree")
    for rule in broken:
        tally.broken[rule.partition(" of prosumer")[0].partition(" by ")[0]] += 1
        tally.note(rule, sent, decision, before)
    if screen is not None and tally.steps % CHECKED == 0 and is_rejected(screen, sent, decision, before):
        tally.rejected += 1
        tally.note("CHECK", sent, decision, before)


def is_rejected(screen: Screen, sent: Mapping[str, Any], decision: Decision, before: Any) -> bool:
    """Return whether CHECK rejects what was decided; a dead stop and an admitted excess are not its business."""
    admitted = any(reason.cause.value == "limit-not-held" for reason in decision.reasons)
    if decision.mode is Mode.DEAD_STOP or admitted:
        return False
    with np.errstate(all="ignore"):
        bounds = bounds_of(screen(sent, before), within_ramp=False)
    rows = (decision.battery_kw, decision.curtail_kw, decision.shed_kw)
    battery, curtail, shed = (np.rint(row * PER_KW).astype(np.int64) for row in rows)
    # A cut of everything is the measured float; its milliwatts are those of the measurement.
    curtail = np.where(decision.curtail_kw == bounds.situation.pv_kw, np.maximum(curtail, bounds.curtailable), curtail)
    shed = np.where(decision.shed_kw == bounds.situation.demand_kw, np.maximum(shed, bounds.sheddable), shed)
    curtail, shed = np.minimum(curtail, bounds.curtailable), np.minimum(shed, bounds.sheddable)
    return check(bounds, Plan(battery, curtail, shed)) != ()


def fuzz(*, steps: int, seed: int, start: int = 0) -> Tally:
    """Fuzz `steps` steps from block `start` on, every other round over the communities with the monitors."""
    tally, fuzzed = Tally(), list(communities().values())
    for block in range(start, start + -(-steps // BLOCK)):
        left = steps - (block - start) * BLOCK
        random, is_watched = np.random.default_rng([seed, block]), block // len(fuzzed) % 2 == 1
        with exactly():
            fuzz_block(fuzzed[block % len(fuzzed)], random, min(left, BLOCK), tally, is_watched=is_watched)
        if block % 100 == 99:
            print(f"block {block}: {tally.findings} findings", file=sys.stderr, flush=True)
    return tally


def main() -> int:
    """Print what a run found; exit code 2 if that is anything."""
    parser = argparse.ArgumentParser(description="Fuzz Controller.step.")
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start", type=int, default=0, help="first block, to go on where a run was broken off")
    arguments = parser.parse_args()
    # The first step compiles or loads machine code; it is not the step that is measured.
    fuzz(steps=len(communities()) * BLOCK if arguments.steps > 10**5 else 10, seed=-arguments.seed % 2**32 or 1)
    tally = fuzz(steps=arguments.steps, seed=arguments.seed, start=arguments.start)
    print(f"steps                 {tally.steps}, {tally.dirty} with something wrong in them")
    print(f"modes                 {dict(sorted(tally.modes.items()))}")
    print(f"exceptions            {sum(tally.raised.values())} {dict(tally.raised) or ''}")
    print(f"internal errors       {sum(tally.internal.values())} {dict(tally.internal) or ''}")
    print(f"broken rules          {sum(tally.broken.values())} {dict(tally.broken) or ''}")
    print(f"rejected by CHECK     {tally.rejected}")
    for name, seconds in (("clock", tally.seconds), ("processor", tally.busy)):
        p50, p99, most = np.percentile(seconds, [50, 99, 100]) * 1e6
        print(f"{name + ' µs':<21} p50 {p50:.0f}, p99 {p99:.0f}, max {most:.0f}")
    if tally.first:
        print(f"first finding         {tally.first}")
    return 2 if tally.findings else 0


if __name__ == "__main__":
    sys.exit(main())
