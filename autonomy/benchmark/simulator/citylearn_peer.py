"""CityLearn 3 on the homes of the demo community; run by CityLearn's own interpreter, so it imports nothing of ours.

    python citylearn_peer.py DATA STEPS SEED

DATA is `citylearn_challenge_2022_phase_all` of the wheel citylearn 2.1.2, whose column headers are older than CityLearn
3; they are translated into a temporary folder. Prints one JSON object: version, buildings, and seconds of every step.
"""

from __future__ import annotations

import csv
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

BUILDING = (
    "month", "hour", "day_type", "daylight_savings_status", "indoor_dry_bulb_temperature",
    "average_unmet_cooling_setpoint_difference", "indoor_relative_humidity", "non_shiftable_load", "dhw_demand",
    "cooling_demand", "heating_demand", "solar_generation",
)  # fmt: skip
PRICING = ("electricity_pricing", *(f"electricity_pricing_predicted_{k}" for k in (1, 2, 3)))
SKY = (
    "outdoor_dry_bulb_temperature", "outdoor_relative_humidity", "diffuse_solar_irradiance", "direct_solar_irradiance",
)  # fmt: skip
WEATHER = (*SKY, *(f"{name}_predicted_{k}" for name in SKY for k in (1, 2, 3)))
CARBON = ("carbon_intensity",)


def translate(source: Path, target: Path) -> Path:
    """Copy the data set with CityLearn 3's headers; return its schema."""
    schema = json.loads((source / "schema.json").read_text(encoding="utf-8"))
    schema["root_directory"] = str(target)
    schema["observations"] = {_renamed(name): value for name, value in schema["observations"].items()}
    for path in source.glob("*.csv"):
        headers = {"pricing": PRICING, "weather": WEATHER, "carbon_intensity": CARBON}.get(path.stem, BUILDING)
        with path.open(encoding="utf-8", newline="") as given, (target / path.name).open("w", newline="") as made:
            rows, out = csv.reader(given), csv.writer(made)
            if len(next(rows)) != len(headers):
                raise SystemExit(f"{path} has other columns than the data of citylearn 2.1.2")
            out.writerow(headers)
            out.writerows([value or "0" for value in row] for row in rows)
    place = target / "schema.json"
    place.write_text(json.dumps(schema), encoding="utf-8")
    return place


def _renamed(observation: str) -> str:
    for hours, number in (("6h", "1"), ("12h", "2"), ("24h", "3")):
        observation = observation.replace(f"_predicted_{hours}", f"_predicted_{number}")
    return observation


def main(data: str, steps: int, seed: int) -> None:
    """Time `steps` steps of random actions, all homes under one agent, observations and rewards included."""
    import citylearn  # noqa: PLC0415 - only this interpreter has it
    from citylearn.citylearn import CityLearnEnv  # noqa: PLC0415 - likewise

    folder = Path(tempfile.mkdtemp(prefix="citylearn-"))
    try:
        environment = CityLearnEnv(str(translate(Path(data), folder)), central_agent=True)
        environment.reset()
        space, seconds = environment.action_space[0], []
        space.seed(seed)
        for _ in range(steps):
            action = [space.sample()]
            start = time.perf_counter()
            environment.step(action)
            seconds.append(time.perf_counter() - start)
        found = {"version": citylearn.__version__, "buildings": len(environment.buildings), "seconds": seconds}
        print(json.dumps(found))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
