"""What is compared: a community on a grid, over a window."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from autonomy.hosts.grid import Grid
from autonomy.hosts.simbench import read_simbench
from autonomy.layers.arrays import Matrix
from autonomy.layers.community import Community
from autonomy.layers.network import Network
from autonomy.scenario import Scenario

CABLE_KM = 0.25
CABLE_OHM_PER_KM, CABLE_REACTANCE_PER_KM, CABLE_KVA = 0.208, 0.080, 187.0
"""NAYY 4×150 mm² aluminium: resistance, reactance, and what 270 A carry at 400 V."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Case:
    """A community on its grid over a window.

    Attributes:
        name: Short name.
        community: N prosumers.
        grid: The community's network with reactances and ratings.
        scenario: T steps.
        demand_kvar: (T, N) kvar that the demand draws, + = inductive; None for unity power factor, as in the model.
    """

    name: str
    community: Community
    grid: Grid
    scenario: Scenario
    demand_kvar: Matrix | None = None

    def first(self, steps: int) -> Case:
        """Return the first `steps` steps of the case, or all where there are fewer."""
        steps = min(steps, self.scenario.n_steps)
        reactive = None if self.demand_kvar is None else self.demand_kvar[:steps]
        return replace(self, scenario=self.scenario.window(0, steps), demand_kvar=reactive)


def fontana() -> Case:
    """Return the demo community's first held-out week, its feeder being 250 m of cable (the real one is unknown)."""
    demo = Community.demo()
    network = Network.single_feeder(
        n_prosumers=demo.n_prosumers,
        import_limit_kw=float(demo.network.import_limit_kw[0]),
        export_limit_kw=float(demo.network.export_limit_kw[0]),
        resistance_ohm=CABLE_KM * CABLE_OHM_PER_KM,
    )
    return Case(
        name="fontana",
        community=replace(demo, network=network),
        grid=Grid(network=network, reactance_ohm=CABLE_KM * CABLE_REACTANCE_PER_KM, rating_kva=CABLE_KVA),  # type: ignore[arg-type]
        scenario=next(Scenario.demo().held_out_weeks()),
    )


def simbench(folder: Path) -> tuple[Case, Case]:
    """Return the SimBench community's week at unity power factor, and with the reactive power of its profiles."""
    found = read_simbench(folder)
    plain = Case(name="simbench", community=found.community, grid=found.grid, scenario=found.scenario)
    return plain, replace(plain, name="simbench-reactive", demand_kvar=found.demand_kvar)


def cases(folder: Path | None) -> tuple[Case, ...]:
    """Return all cases; those of SimBench only where the folder of its files is given."""
    return (fontana(), *(simbench(folder) if folder is not None else ()))
