"""Lemmas about caps and losses, held against the code that they speak of."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from autonomy import Network
from autonomy.layers import physics
from autonomy.layers.supervision import dead_stop
from autonomy.layers.supervision.caps import caps
from autonomy.layers.supervision.check import check
from autonomy.layers.supervision.isolation import reserve
from autonomy.layers.supervision.milliwatt import PER_KW, ledger_of, net_export_of, to_kw
from tests.lemmas import FEW, SHARES, assert_tied, below, executed, limit_mw, safe_plan, worlds


@FEW
@given(worlds())
def test_fair_shares_add_up_to_no_more_than_the_limit(bounds):
    network = bounds.situation.community.network
    for limits in (network.import_limit_kw, network.export_limit_kw):
        shares = physics.fair_share_kw(network, limits)
        for line in np.flatnonzero(np.isfinite(limits)):
            members, total = below(network, int(line)), Fraction(0)
            for k, i in enumerate(members):
                share = Fraction(float(shares[i]))
                assert_tied("fair-shares", limit=float(limits[line]), N=len(members), k=k, total=total, share=share)
                total += share


def finite(kw: float) -> Fraction:
    return Fraction(float(kw)) if np.isfinite(kw) else Fraction(50)


@FEW
@given(worlds(), st.data())
def test_dead_stop_holds_whatever_is_generated_or_used_within_the_caps(bounds, data):
    situation = bounds.situation
    verdict = dead_stop(situation, ())
    assert not verdict.set_points.battery_kw.any()
    flow = exports = imports = Fraction(0)
    for i in range(bounds.size):
        cap = {name: finite(getattr(verdict, f"{name}_kw")[i]) for name in ("generation_cap", "load_cap")}
        generation, load = (data.draw(SHARES) * value for value in cap.values())
        n, limit = generation - load, max(finite(situation.connection_limit_kw[i]), 0)
        sums = {"flow": flow, "exports": exports, "imports": imports}
        assert_tied("dead-stop", generation=generation, load=load, b=0, n=n, K=limit, **cap, **sums)
        flow, exports, imports = flow + n, exports + cap["generation_cap"], imports + cap["load_cap"]
    network = situation.community.network
    for caps_kw, limits in (
        (verdict.generation_cap_kw, network.export_limit_kw),
        (verdict.load_cap_kw, network.import_limit_kw),
    ):
        for line in np.flatnonzero(np.isfinite(limits)):
            assert sum(Fraction(float(caps_kw[i])) for i in below(network, int(line))) <= Fraction(float(limits[line]))


@FEW
@given(worlds(), st.data())
def test_caps_of_a_decision_hold_the_lines(bounds, data):
    plan = safe_plan(data.draw, bounds)
    assume(not check(bounds, plan))
    situation, points = bounds.situation, to_kw(bounds, plan)
    left = situation.pv_kw - points.curtail_kw, situation.demand_kw - points.shed_kw
    given_caps = caps(bounds, ledger_of(bounds, plan), *left)
    done, network = executed(bounds, plan), situation.community.network
    # Plans as they are executed, exactly; the shares less a billionth, for the floats they are worked out in.
    shares = [
        [max((Fraction(float(cap)) - Fraction(float(kw))) * PER_KW * Fraction(999_999_999, 10**9), Fraction(0))
         if np.isfinite(cap) else Fraction(0) for cap, kw in zip(*pair, strict=True)]
        for pair in zip(given_caps, left, strict=True)
    ]  # fmt: skip
    for line in range(network.n_lines):
        members = below(network, line)
        limits = [limit_mw(values[line]) for values in (network.export_limit_kw, network.import_limit_kw)]
        whole = sum(int(net_export_of(bounds, plan)[i]) for i in members)
        planned, out, into = Fraction(0), Fraction(0), Fraction(0)
        flow = drawn = Fraction(0)
        for k, i in enumerate(members):
            b = int(plan.battery[i])
            g, d = done[i].generation, done[i].load
            rise, fall, more, gain = (data.draw(SHARES) for _ in range(4))
            generation, load = g * fall + (g + shares[0][i] - g * fall) * rise, d + more
            high, low = d * fall + (d + shares[1][i] - d * fall) * rise, g + gain
            n, n_in = generation - load - b, low - high - b
            if k == len(members) - 1:
                assert_tied(
                    "caps-of-a-decision",
                    below=len(members),
                    whole=whole,
                    exports=int(bounds.export_limit[line]),
                    imports=int(bounds.import_limit[line]),
                    planned=planned,
                    flow=flow,
                    drawn=drawn,
                    shares_out=out,
                    shares_in=into,
                    generation_plan=g,
                    load_plan=d,
                    b=b,
                    share_out=shares[0][i],
                    share_in=shares[1][i],
                    generation_cap=g + shares[0][i],
                    load_cap=d + shares[1][i],
                    generation=generation,
                    load=load,
                    generation_low=low,
                    load_high=high,
                    planned_after=planned + done[i].n,
                    Lexp=limits[0],
                    Limp=limits[1],
                )
            planned, flow, drawn = planned + done[i].n, flow + n, drawn + n_in
            out, into = out + shares[0][i], into + shares[1][i]


@FEW
@given(worlds(), st.data())
def test_isolated_share_is_taken_off_every_line(bounds, data):
    situation = bounds.situation
    network, capacity = situation.community.network, situation.capacity
    isolated = np.array([data.draw(st.booleans()) for _ in range(bounds.size)])
    kept = reserve(network, capacity, isolated)
    for name, share_kw in (("import_limit_kw", capacity.fair_import_kw), ("export_limit_kw", capacity.fair_export_kw)):
        limits, left = getattr(capacity, name), getattr(kept, name)
        for line in np.flatnonzero(np.isfinite(limits)):
            taken = sum((Fraction(float(share_kw[i])) for i in below(network, int(line)) if isolated[i]), Fraction(0))
            limit = Fraction(float(limits[line]))
            exact = max(limit - taken, Fraction(0))
            assert float(left[line]) == pytest.approx(float(exact), abs=1e-12)
            assert_tied("isolated-share", limit=limit, taken=taken, left=exact, others=exact, isolated=taken)


@FEW
@given(st.lists(st.integers(-40, 40), min_size=3, max_size=6), st.lists(st.integers(1, 3), min_size=3, max_size=3))
def test_line_losses_stay_below_the_worst_case_that_limits_are_tightened_by(net, scale):
    # One feeder and two lines below it; 40·k/1024 ohm at 200 V are k/1024 per kW, so that every float here is exact.
    network = Network(
        parent=[-1, 0, 0],
        bus_of_prosumer=[k % 3 for k in range(len(net))],
        import_limit_kw=[8.0, 4.0, 4.0],
        export_limit_kw=[6.0, 4.0, 2.0],
        resistance_ohm=[40 * k / 1024 for k in scale],
        nominal_voltage_v=200.0,
    )
    exported = np.array(net) / 16
    flows, sums, worst = (
        physics.lossy_flows(network, exported),
        network.incidence @ exported,
        network.worst_case_loss_kw,
    )
    tightened = network.import_limit_kw - worst
    assume(np.all((-tightened <= sums) & (sums <= network.export_limit_kw)))
    for line in range(3):
        inner = Fraction(float(sum(worst[k] for k in network.lines_of_line[line])))
        limits = [Fraction(float(x[line])) for x in (network.import_limit_kw, network.export_limit_kw)]
        assert_tied(
            "line-losses",
            sum=float(sums[line]),
            below=inner,
            f=float(flows.downstream_kw[line]),
            r=float(network.loss_coefficient_per_kw[line]),
            Limp=limits[0],
            Lexp=limits[1],
            largest=max(limits),
            w=float(worst[line]),
            loss=float(flows.loss_kw[line]),
        )
