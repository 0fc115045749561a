"""Helpers of the tests: children by every start method, plain interpreters, and waiting for what really happened."""

import os
import subprocess
import sys
import time
import uuid
from pathlib import Path

STEP_SECONDS = 0.005


def unique_name(prefix="test"):
    return f"{prefix}-{os.getpid()}-{uuid.uuid4().hex[:8]}"


def run_python(code, *arguments, environment=None, timeout=60, check=True, options=()):
    """Runs code in an interpreter of its own; returns the finished process with its output as text."""
    done = subprocess.run(
        [sys.executable, *options, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        env={**os.environ, **(environment or {})},
        cwd=Path(__file__).parent,
    )
    if check:
        assert done.returncode == 0, f"exit status {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def start_python(code, *arguments, environment=None):
    """Starts an interpreter with pipes for what it is told and what it says."""
    return subprocess.Popen(
        [sys.executable, "-u", "-c", code, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environment or {})},
        cwd=Path(__file__).parent,
    )


def wait_until(condition, seconds=20.0):
    """Waits for a condition that another process makes true; fails when it stays false."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{condition} stayed false for {seconds} seconds"
        time.sleep(STEP_SECONDS)


def fork_and_wait(action):
    """Runs an action in a forked child; returns its exit status: 0, or 1 when it raised, or minus a signal."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            action()
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
