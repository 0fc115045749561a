"""No sequence of calls crashes the interpreter: a state machine in processes of their own."""

import random
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("examples", [15, pytest.param(3000, marks=[pytest.mark.torture, pytest.mark.timeout(1800)])])
def test_any_order_of_calls_leaves_the_interpreter_alive(examples):
    number = random.SystemRandom().randrange(2**32)
    script = Path(__file__).with_name("shm_machine.py")
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-W", "error", script, str(number), str(examples)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "survived\n", ""), f"seed {number}\n{done.stderr}"
