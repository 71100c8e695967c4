"""A backend in a process of its own: what hangs, dies or lies there is a sentence here."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import planted_backends as planted
import pytest

from autonomy.solvers.allocation import CENTRE, Status
from autonomy.solvers.backends import setup_of
from autonomy.solvers.isolation import SERVE, Isolated
from autonomy.solvers.message import Message, introduction, question
from tests.instances import assert_true, plain_instance


@pytest.fixture(scope="module")
def moody():
    backend = Isolated(plain_instance().hierarchy, "planted_backends:Moody", timeout_s=0.8)
    yield backend
    backend.close()


def in_mood(mood):
    problem = plain_instance()
    problem.cells[CENTRE, 0] = mood
    return problem


def solve_until_it_is_back(backend, problem):
    """A child that is starting answers FAILED in time, and some day it has started."""
    for _ in range(60):
        answer = backend.solve(problem)
        if answer.status is Status.SOLVED:
            return answer
        assert "is still starting" in answer.message
    raise AssertionError(answer.message)


@pytest.mark.parametrize(
    ("mood", "said"),
    [
        (planted.HANG, "the process of 'planted_backends:Moody' did not answer within 0.8 s and was killed"),
        (planted.ABORT, "the process of 'planted_backends:Moody' ended with signal 6"),
        (
            planted.RAISE,
            "the process of 'planted_backends:Moody' reports: the solver raised ZeroDivisionError: as planted",
        ),
        (planted.DREAM, "called solved, but the answer is not all numbers"),
        (planted.LIE, "called solved, but bounds are left by"),
        (planted.SHORT, "the answer has 22 numbers and the status 'solved': expected 23 and a status"),
    ],
)
def test_a_backend_that_misbehaves_in_its_process_fails_with_a_sentence_and_answers_the_next_instance(
    moody, mood, said
):
    good = plain_instance()
    solve_until_it_is_back(moody, good)
    start = time.monotonic()
    answer = moody.solve(in_mood(mood))
    took = time.monotonic() - start
    assert answer.status is Status.FAILED
    assert said in answer.message
    assert took < 60  # the planted loop would run for days
    assert_true(good, solve_until_it_is_back(moody, good), 1e-9)


def test_what_a_solver_prints_does_not_disturb_its_answer(moody, capfd):
    solve_until_it_is_back(moody, plain_instance())
    answer = moody.solve(in_mood(planted.PRINT))
    assert answer.status is Status.SOLVED, answer.message
    assert capfd.readouterr().out == ""


def test_arrays_of_another_size_do_not_reach_the_process(moody):
    good = plain_instance()
    before = moody.process_id
    answer = moody.solve(replace(good, bounds=good.bounds[:, :1]))
    assert answer.message == "bounds has the shape (2, 1): expected (2, 3)"
    assert moody.process_id == before


def test_poison_passes_through_the_pipe_unchanged_and_is_refused_on_the_other_side():
    good = plain_instance()
    backend = setup_of("isolated:piqp")(good.hierarchy)
    bad = plain_instance()
    bad.cells[CENTRE, 2] = np.nan
    assert backend.solve(bad).message == "centre[2] = nan: expected a number within ±1e+12"
    assert_true(good, backend.solve(good), 1e-7)
    backend.close()
    assert backend.solve(good).message == "the process of 'piqp' is closed"


def test_a_library_that_is_missing_in_the_process_is_an_import_error_here():
    with pytest.raises(ImportError, match="a_library_nobody_has"):
        Isolated(plain_instance().hierarchy, "planted_backends:needs_what_is_not_installed")
    with pytest.raises(ImportError, match="no_such_module"):
        Isolated(plain_instance().hierarchy, "no_such_module:Anything")


def test_a_backend_that_cannot_start_says_so_at_every_solve():
    good = plain_instance()
    backend = Isolated(good.hierarchy, "planted_backends:fails_to_start")
    answer = backend.solve(good)
    assert answer.status is Status.FAILED
    assert answer.message.endswith("reports: ZeroDivisionError: as planted")
    backend.close()


def test_the_process_ends_with_the_backend():
    backend = Isolated(plain_instance().hierarchy, "nested")
    process = backend._child.process
    assert process.poll() is None
    del backend
    assert process.wait(timeout=30) == -9


def test_a_process_whose_caller_is_gone_does_not_run_on_for_ever():
    hierarchy = plain_instance().hierarchy
    child = subprocess.Popen(
        [sys.executable, "-c", SERVE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(entry or os.curdir for entry in sys.path)},
    )
    introduction(hierarchy, "planted_backends:Moody", 0.2).write(child.stdin)
    assert Message.read(child.stdout).words["ready"]
    question(in_mood(planted.HANG)).write(child.stdin)
    assert child.wait(timeout=60) == -signal.SIGALRM
    child.stdin.close()
    child.stdout.close()


def test_a_fork_of_the_caller_gets_a_process_of_its_own():
    problem = plain_instance()
    backend = Isolated(problem.hierarchy, "nested")
    parents = backend._child
    parents.owner = -1  # as it looks from a fork
    solve_until_it_is_back(backend, problem)
    assert backend.process_id != parents.process.pid
    backend.close()


def test_what_is_no_message_ends_the_conversation():
    assert Message.read(io.BytesIO(b"")) is None
    assert Message.read(io.BytesIO(b'{"bytes": 8}\n1234')) is None
    for line in (b"Segmentation fault\n", b"[1]\n", b'{"bytes": "many"}\n'):
        with pytest.raises(ValueError, match=r"not a message|Expecting value"):
            Message.read(io.BytesIO(line))
