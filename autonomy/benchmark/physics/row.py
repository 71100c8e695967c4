"""One line of the results: a policy on a case. All fields are plain, so that a row is a line of a CSV file."""

from __future__ import annotations

from dataclasses import dataclass

SCHEMA = "autonomy-benchmark-physics/1"
ENERGY_KWH = 1e-3
"""Largest difference of a battery's stored energy, at any step of the window."""
SOLVER_KW = 1e-5
"""kW by which the residuals of two power flows may differ; ten times the rules' own tolerance is far off."""
SOLVER_PU = 1e-7
"""Per unit, the same for voltages, and for loadings as a fraction."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PhysicsRow:
    """Figures of one policy on one case.

    Attributes:
        case: Its name.
        policy: Its name.
        steps: Steps T that were compared.
        timestep_h: Hours of a step.
        violations: Rules that the simulator counted as broken.
        throughput_kwh: kWh charged and discharged by all batteries, at their terminals.
        energy_difference_kwh: Largest difference of a battery's kWh between simulator and OpenDSS, over all steps.
        import_kw: Largest import of the feeder, kW >= 0, by OpenDSS.
        export_kw: Largest export of the feeder, kW >= 0, by OpenDSS.
        loss_kw: Largest loss of all lines, by OpenDSS.
        loss_kwh: Energy lost, by OpenDSS.
        model_loss_kwh: Energy lost, by the simulator.
        feeder_difference_kw: Largest difference of the feeder's flow between simulator and OpenDSS.
        loss_error_kw: The largest stated error of the model.
        excess_kw: Most by which a step's difference is beyond its stated error; negative when all are within.
        over_limit_kw: Most by which a line's flow by OpenDSS, at either end, is beyond its limit in kW; negative when
            all have room.
        voltage_min_pu: Lowest voltage of any bus and step, by OpenDSS.
        voltage_max_pu: Highest voltage.
        loading: Largest current over rated current of any line and step, by OpenDSS.
        model_loading: Largest flow over rating of any line and step, by the simulator.
        programs_voltage_pu: Largest difference of a voltage between OpenDSS and power-grid-model.
        programs_loading: Largest difference of a loading between the two.
        programs_flow_kw: Largest difference of a line's flow, at either end, between the two.
        opendss_s: Seconds that OpenDSS took, Python's part included.
        power_grid_s: Seconds that power-grid-model took.
    """

    case: str
    policy: str
    steps: int
    timestep_h: float
    violations: int
    throughput_kwh: float
    energy_difference_kwh: float
    import_kw: float
    export_kw: float
    loss_kw: float
    loss_kwh: float
    model_loss_kwh: float
    feeder_difference_kw: float
    loss_error_kw: float
    excess_kw: float
    over_limit_kw: float
    voltage_min_pu: float
    voltage_max_pu: float
    loading: float
    model_loading: float
    programs_voltage_pu: float
    programs_loading: float
    programs_flow_kw: float
    opendss_s: float
    power_grid_s: float

    def faults(self) -> tuple[str, ...]:
        """Return a sentence for everything that does not agree; NaN never does."""
        energy = f"stored energy differs by {self.energy_difference_kwh:.3g} kWh from OpenDSS"
        feeder = f"the feeder's flow is {self.excess_kw:.3g} kW farther from OpenDSS than the stated loss error"
        limits = (
            f"a flow by OpenDSS is {self.over_limit_kw:.3g} kW beyond its limit, farther than the stated loss error"
        )
        voltages = f"OpenDSS and power-grid-model differ by {self.programs_voltage_pu:.3g} in a voltage"
        loadings = f"OpenDSS and power-grid-model differ by {self.programs_loading:.3g} in a loading"
        flows = f"OpenDSS and power-grid-model differ by {self.programs_flow_kw:.3g} kW in a flow"
        checks = (
            (self.violations == 0, f"the simulator counted {self.violations} broken rules"),
            (self.energy_difference_kwh <= ENERGY_KWH, energy),
            (self.excess_kw <= SOLVER_KW, feeder),
            (self.over_limit_kw <= self.loss_error_kw + SOLVER_KW, limits),
            (self.programs_voltage_pu <= SOLVER_PU, voltages),
            (self.programs_loading <= SOLVER_PU, loadings),
            (self.programs_flow_kw <= SOLVER_KW, flows),
        )
        return tuple(sentence for holds, sentence in checks if not holds)
