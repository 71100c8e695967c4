"""Sweeps on a Ray cluster of a head and two machines, all on this one: workers, machines and commands that die."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import autonomy
from autonomy.benchmark.dispatch.case import Case, Sweep
from autonomy.benchmark.dispatch.kept import kept
from autonomy.benchmark.dispatch.row import DispatchRow
from autonomy.benchmark.dispatch.workers import here, ray_cluster
from autonomy.benchmark.row import Outcome
from autonomy.errors import ConfigError

pytestmark = pytest.mark.skipif(find_spec("ray") is None, reason="needs Ray: pip install 'autonomy-stack[ray]'")

LIMIT_S = 300.0
PATIENCE_S = 120.0
NODE = {"include_dashboard": False, "object_store_memory": 80 * 2**20}
TIMINGS = ("latency_p50_s", "latency_p99_s", "seconds", "charged_s")

WAITS = '''
"""Says in a file which process plays, and does nothing until it may go on."""
import os
import time
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parent


class Act:
    def __init__(self):
        self.waited = False

    def __call__(self, community, observation):
        if not self.waited:
            (FOLDER / f"{os.getpid()}-{os.getppid()}-{time.time_ns()}.play").touch()
            while not (FOLDER / "go").exists():
                time.sleep(0.02)
            self.waited = True
        return np.ones((community.n_prosumers, 3))
'''
KILLS = """
import os
import secrets
import signal


def act(community, observation):
    os.kill(os.getpid(), signal.SIGKILL)
"""
SLEEPS = """
import time


def act(community, observation):
    time.sleep(60)
"""
STUBBORN = """
import time


def act(community, observation):
    while True:
        try:
            time.sleep(60)
        except BaseException:
            pass
"""


class Machines:
    """A head without processors, and two machines with one each."""

    def __init__(self) -> None:
        cluster_utils = import_module("ray.cluster_utils")  # reads the environment
        self._cluster: Any = cluster_utils.Cluster(initialize_head=True, head_node_args={**NODE, "num_cpus": 0})
        self.address: str = self._cluster.address
        self.workers = [self._started(), self._started()]

    def _started(self) -> Any:
        return self._cluster.add_node(**NODE, num_cpus=1)

    def kill_one(self) -> int:
        """Kill what makes a machine part of the cluster, and return the number of the process its workers are of."""
        dies = self.workers.pop()
        (raylet,) = dies.all_processes["raylet"]
        self._cluster.remove_node(dies, allow_graceful=False)
        return int(raylet.process.pid)

    def replace(self) -> None:
        while len(self.workers) < 2:
            self.workers.append(self._started())

    def stop(self) -> None:
        self._cluster.shutdown()


@pytest.fixture(scope="module")
def machines() -> Iterator[Machines]:
    list(here(cases_of("mpc", weeks=1), LIMIT_S))  # compiles the kernels, once for all processes
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_AUTH_MODE", "token")
        patch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))
        started = Machines()
        yield started
        started.stop()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in {"waits": WAITS, "kills": KILLS, "sleeps": SLEEPS, "stubborn": STUBBORN}.items():
        (tmp_path / f"{name}.py").write_text(text)
    return tmp_path


def plays(folder: Path) -> list[tuple[int, int]]:
    """Return, for every time that a waiting policy was played, the process and the one that started it."""
    found = [path.stem.split("-") for path in folder.glob("*.play")]
    return [(int(worker), int(parent)) for worker, parent, _ in found]


def until(condition: Callable[[], Any]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


class Meanwhile(threading.Thread):
    """Does something beside the sweep, lets waiting policies go on, and hands its failure to who waits for it."""

    def __init__(self, folder: Path, job: Callable[[], object]) -> None:
        super().__init__(daemon=True)
        self._go, self._job, self._fault = folder / "go", job, None
        self.start()

    def run(self) -> None:
        try:
            self._job()
        except BaseException as fault:  # noqa: BLE001 - whatever it is belongs to the test's thread
            self._fault = fault
        finally:
            self._go.touch()

    def result(self) -> None:
        self.join()
        if self._fault is not None:
            raise self._fault


def cases_of(*policies: str, weeks: int = 2) -> list[Case]:
    return [
        Case(community="four", week=week, policy=policy, forecast="7-day-mean", hours=6)
        for policy in policies
        for week in range(weeks)
    ]


def figures(rows: Any) -> list[dict[str, Any]]:
    """Return rows without what the clock says, in one order; a NaN is equal to a NaN."""
    plain = [{name: value for name, value in asdict(row).items() if name not in TIMINGS} for row in rows]
    return sorted(({name: repr(value) for name, value in row.items()} for row in plain), key=lambda row: row["key"])


@pytest.fixture
def start(machines: Machines, folder: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Give what starts the command in the folder; whatever still runs at the end is killed."""
    started: list[subprocess.Popen[bytes]] = []

    def command(
        *policies: str, address: str = machines.address, env: dict[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        words = [
            *(sys.executable, "-m", "autonomy", "benchmark", "dispatch", "--quick", "--communities", "four"),
            *("--policies", ",".join(policies), "--forecasts", "7-day-mean", "--no-unshielded"),
            *("--ray", address, "--out", "out"),
        ]
        started.append(subprocess.Popen(words, cwd=folder, env=env))
        return started[-1]

    yield command
    for process in started:
        process.kill()
        process.wait()


def rows_on_disk(folder: Path) -> dict[str, DispatchRow]:
    return kept(folder / "out" / "cases.jsonl", time_limit_s=0.0)


def sweep_of(*policies: str) -> Sweep:
    return Sweep(
        policies=policies, communities=("four",), forecasts=("7-day-mean",), weeks=2, hours=24, unshielded=False
    )


def test_the_command_has_two_workers_play_at_once_and_gives_the_rows_of_this_process(start, folder, monkeypatch):
    monkeypatch.chdir(folder)  # which is not where the cluster was started: paths are those of the command
    policies = ("self-consumption", "mpc", "waits.py:Act")
    command = start(*policies)
    until(lambda: len(plays(folder)) == 2)
    (folder / "go").touch()
    assert command.wait(PATIENCE_S) == 0
    cases = sweep_of(*policies).cases()
    rows = rows_on_disk(folder)
    assert set(rows) == {case.key for case in cases}
    assert figures(rows.values()) == figures(here(cases, LIMIT_S))
    assert (folder / "out" / "results.md").is_file()


def test_who_is_killed_is_played_again_and_who_kills_its_worker_has_failed(machines, folder):
    kills, waits = f"{folder}/kills.py:act", f"{folder}/waits.py:Act"
    cases = cases_of(waits, kills, "mpc")

    def kill_one_of_two() -> None:
        until(lambda: len(plays(folder)) == 2)
        os.kill(plays(folder)[0][0], signal.SIGKILL)

    killer = Meanwhile(folder, kill_one_of_two)
    rows = list(ray_cluster(cases, LIMIT_S, address=machines.address, workers=1))
    killer.result()
    assert len(plays(folder)) == 3
    assert figures(row for row in rows if row.ran) == figures(here(cases_of(waits, "mpc"), LIMIT_S))
    dead = [row for row in rows if not row.ran]
    assert [(row.policy, row.outcome, row.charged_s) for row in dead] == [(kills, Outcome.FAILED, LIMIT_S)] * 2
    assert {row.message for row in dead} == {"the process that played it died 3 times (WorkerCrashedError)"}


def test_what_a_machine_was_playing_when_it_died_is_played_by_another(machines, folder):
    waits = f"{folder}/waits.py:Act"
    cases = cases_of(waits, "mpc")

    def kill_a_machine() -> None:
        until(lambda: len(plays(folder)) == 2)
        dead = machines.kill_one()
        (worker,) = [worker for worker, parent in plays(folder) if parent == dead]
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)

    killer = Meanwhile(folder, kill_a_machine)
    rows = list(ray_cluster(cases, LIMIT_S, address=machines.address, workers=1))
    killer.result()
    machines.replace()
    assert len(plays(folder)) == 3
    assert figures(rows) == figures(here(cases, LIMIT_S))


def test_who_takes_too_long_is_charged_the_limit_even_who_does_not_stop(machines, folder):
    cases = cases_of(f"{folder}/sleeps.py:act", f"{folder}/stubborn.py:act", weeks=1)
    rows = {
        Path(row.policy).stem: row for row in ray_cluster(cases, 10.0, address=machines.address, workers=1, grace_s=1.0)
    }
    assert {row.outcome for row in rows.values()} == {Outcome.TIME_LIMIT}
    assert {row.charged_s for row in rows.values()} == {10.0}
    assert rows["sleeps"].message == "took longer than 10 s"
    assert rows["stubborn"].message == "took longer than 10 s and did not stop; its process was ended"


def test_a_command_that_is_killed_goes_on_where_it_was(start, folder):
    policies = ("self-consumption", f"{folder}/waits.py:Act")
    command = start(*policies)
    until(lambda: len(plays(folder)) == 2 and len(rows_on_disk(folder)) == 6)
    before = (folder / "out" / "cases.jsonl").read_bytes()
    command.kill()
    command.wait()
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid, _ in plays(folder)))
    (folder / "go").touch()
    assert start(*policies).wait(PATIENCE_S) == 0
    after = (folder / "out" / "cases.jsonl").read_bytes()
    assert after.startswith(before)
    assert len(after.splitlines()) == len(rows_on_disk(folder)) == 8
    assert figures(rows_on_disk(folder).values()) == figures(here(sweep_of(*policies).cases(), LIMIT_S))


def test_a_machine_with_another_version_is_an_error_and_no_result(machines, monkeypatch):
    monkeypatch.setattr(autonomy, "__version__", "0.0.1")
    with pytest.raises(ConfigError, match=r"version .* of this package, this one 0\.0\.1"):
        list(ray_cluster(cases_of("mpc"), LIMIT_S, address=machines.address, workers=1))


def test_a_machine_without_the_file_of_a_policy_is_an_error_and_no_result(machines, folder):
    file = folder / "elsewhere.py"
    file.write_text(SLEEPS)
    rows = ray_cluster(cases_of(f"{folder}/waits.py:Act", f"{file}:act"), LIMIT_S, address=machines.address, workers=1)

    def change_one_file() -> None:
        until(lambda: len(plays(folder)) == 2)
        file.write_text(KILLS)

    Meanwhile(folder, change_one_file)
    played: list[DispatchRow] = []
    with pytest.raises(ConfigError, match=r"has another file of a policy or none: .*elsewhere\.py"):
        played.extend(rows)
    assert {row.outcome for row in played} == {Outcome.RAN}


def test_a_ray_of_this_machine_gives_the_rows_of_this_process_and_leaves_nothing_in_the_home(start, folder):
    home = folder / "home"
    home.mkdir()
    (folder / "go").touch()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    command = start("mpc", "waits.py:Act", address="local", env={**environment, "HOME": str(home)})
    assert command.wait(PATIENCE_S) == 0
    assert [path.name for path in home.iterdir() if path.name == ".ray"] == []
    assert {worker for worker, _ in plays(folder)} != {command.pid}
    with contextlib.chdir(folder):
        assert figures(rows_on_disk(folder).values()) == figures(here(sweep_of("mpc", "waits.py:Act").cases(), LIMIT_S))


def test_a_cluster_without_a_processor_is_not_waited_for_for_ever(machines):
    with pytest.raises(ConfigError, match=r"no processor for 0\.1 s; the same command goes on"):
        list(ray_cluster(cases_of("mpc"), LIMIT_S, address="local", workers=0, nobody_s=0.1))


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("127.0.0.1:1", "nobody listens"),
        ("127.0.0.1:99999", "nobody listens"),
        ("nonsense", "expected local, auto or HOST:PORT"),
        ("ray://127.0.0.1:10001", "expected local, auto or HOST:PORT"),
    ],
)
def test_an_address_where_nobody_is_is_refused_at_once(address, said):
    started = time.monotonic()
    with pytest.raises(ConfigError, match=said):
        list(ray_cluster(cases_of("mpc"), LIMIT_S, address=address, workers=1))
    assert time.monotonic() - started < 10.0
