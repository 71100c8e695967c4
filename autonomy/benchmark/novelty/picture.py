"""One day with a faulty meter: what it said, how novel that was, the alarm, and the way back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from autonomy.benchmark.novelty.planted import Meters
from autonomy.benchmark.novelty.run import Bench
from autonomy.layers.supervision.novelty.yardstick import worst
from autonomy.report.palette import INK, light
from autonomy.report.svg import canvas

DAY = 24
"""A held-out Thursday in August: day 24 of the data, from 0."""
HOME = 3
FIRST, LAST = 10, 14
"""Hours in which the home's PV meter shows half of the truth."""
HOLD_STEPS = 4
"""Steps without a doubt until the supervisor trusts again, its default."""


def draw(bench: Bench, path: Path) -> None:
    """Write the picture."""
    truth, steps = bench.meters.pv_kw[:, HOME], np.arange(DAY * bench.slots, (DAY + 1) * bench.slots)
    pv = bench.meters.pv_kw.copy()
    pv[steps[FIRST] : steps[LAST], HOME] *= 0.5
    faulty = Meters(
        pv_kw=pv,
        demand_kw=bench.meters.demand_kw,
        retail_price=bench.meters.retail_price,
        feed_in_price=bench.meters.feed_in_price,
    )
    data, _ = bench.figures(faulty)
    scores = worst(bench.calibration.prosumers.score(bench.slot[steps], data.figures[steps]))
    limit, hours = bench.calibration.prosumer_threshold, np.arange(bench.slots) * 24 / bench.slots
    novel = scores[:, HOME] > limit
    with canvas(5.4) as figure:
        panels: Any = figure.subplots(2, 1, sharex=True, height_ratios=(1, 1.3))
        above, below = panels
        above.plot(hours, truth[steps], color=light("grey"), linestyle="--", drawstyle="steps-post", label="true PV")
        above.plot(hours, pv[steps, HOME], color=INK, drawstyle="steps-post", label="what the meter says")
        above.set_ylabel("kW")
        above.set_title(f"{bench.scenario.names[HOME]}, {bench.scenario.time[steps[0]].astype('datetime64[D]')}")
        above.legend(loc="upper left")
        others = np.delete(scores, HOME, axis=1)
        below.plot(hours, others, color=light("grey"), linewidth=0.6, drawstyle="steps-post")
        below.plot([], [], color=light("grey"), linewidth=0.6, label="the sixteen other homes")
        below.plot(hours, scores[:, HOME], color=INK, drawstyle="steps-post", label="its novelty score")
        below.axhline(limit, color=light("alarm"), linestyle="--", label=f"threshold {limit:.2f}")
        below.plot(hours[novel], scores[novel, HOME], "o", color=light("alarm"), label="alarm: no trade for this home")
        if novel.any():
            last = int(np.flatnonzero(novel)[-1])
            back = min(last + HOLD_STEPS, bench.slots - 1)
            below.axvspan(hours[np.flatnonzero(novel)[0]], hours[back], color=light("alarm"), alpha=0.08)
            below.annotate("trusted again", (hours[back], limit), xytext=(4, 6), textcoords="offset points")
        below.set_ylim(-2.0, max(3.0, 1.1 * float(np.nanmax(scores))))
        below.set_ylabel("score u")
        below.set_xlabel("hour of the day")
        below.legend(loc="upper left")
        figure.savefig(path, facecolor="white", dpi=110)
