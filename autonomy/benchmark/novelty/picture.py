"""One day with a faulty meter: what it said, how novel that was, who traded, and the way back to trust."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from autonomy.benchmark.novelty.alarms import is_doubted, played
from autonomy.benchmark.novelty.run import Bench
from autonomy.layers.supervision.novelty import NoveltyWatch
from autonomy.report.palette import INK, light
from autonomy.report.svg import canvas

DAY, BEFORE = 24, 8
"""A Thursday in August, in a held-out week, and how many days are played before it."""
HOME = 3
FIRST, LAST = 10, 14
"""Hours in which the home's PV meter shows half of the truth."""


def draw(bench: Bench, path: Path) -> None:
    """Write the picture: the simulator, and a controller with the watch, over the days up to the end of the day."""
    slots = bench.slots
    first = (DAY - BEFORE) * slots
    scenario = bench.scenario.window(first, (BEFORE + 1) * slots)
    pv = scenario.pv_kw.copy()
    pv[BEFORE * slots + FIRST : BEFORE * slots + LAST, HOME] *= 0.5
    watch = NoveltyWatch(bench.calibration)
    scores, trades, doubted = [], [], []
    for decision, _ in played(scenario, watch, pv):
        now = watch.scorer.scores
        scores.append(np.full(len(scenario.names), np.nan) if now is None else now.prosumers)
        trades.append(np.abs(decision.trade_kw))
        doubted.append(is_doubted(decision, HOME))
    today = slice(BEFORE * slots, None)
    _draw(
        path,
        title=f"{scenario.names[HOME]}, {scenario.time[-1].astype('datetime64[D]')}",
        truth=scenario.pv_kw[today, HOME],
        shown=pv[today, HOME],
        scores=np.array(scores)[today],
        limit=bench.calibration.prosumer_threshold,
        trades=np.array(trades)[today],
        doubted=np.array(doubted)[today],
    )


def _draw(path: Path, *, title: str, **series: Any) -> None:
    truth, shown, scores = series["truth"], series["shown"], series["scores"]
    limit, trades, doubted = series["limit"], series["trades"], series["doubted"]
    hours = np.linspace(0.0, 24.0, truth.size + 1)[:-1]
    step: dict[str, Any] = {"drawstyle": "steps-post"}
    with canvas(7.2) as figure:
        panels: Any = figure.subplots(3, 1, sharex=True, height_ratios=(1, 1.4, 1))
        top, middle, bottom = panels
        top.plot(hours, truth, color=light("grey"), linestyle="--", label="true PV", **step)
        top.plot(hours, shown, color=INK, label="what its meter says", **step)
        top.set_ylabel("kW")
        top.set_title(title)
        middle.plot(hours, np.delete(scores, HOME, axis=1), color=light("grey"), linewidth=0.6, **step)
        middle.plot([], [], color=light("grey"), linewidth=0.6, label="scores of the other homes")
        middle.plot(hours, scores[:, HOME], color=INK, label="its novelty score", **step)
        middle.axhline(limit, color=light("alarm"), linestyle="--", label=f"threshold {limit:.2f}")
        novel = scores[:, HOME] > limit
        middle.plot(hours[novel], scores[novel, HOME], "o", color=light("alarm"), label="alarm")
        middle.set_ylim(-2.0, max(3.0, 1.1 * float(np.nanmax(scores))))
        middle.set_ylabel("score u")
        others = np.delete(trades, HOME, axis=1).sum(axis=1)
        bottom.plot(hours, others, color=light("grey"), label="offered by all others", **step)
        bottom.plot(hours, trades[:, HOME], color=INK, label="offered by this home", **step)
        bottom.set_ylabel("kW of trade")
        bottom.set_xlabel("hour of the day")
        for axes in panels:
            for hour in hours[doubted]:
                axes.axvspan(hour, hour + hours[1], color=light("alarm"), alpha=0.08, linewidth=0)
            axes.legend(loc="upper left")
        figure.savefig(path, facecolor="white", dpi=90)
