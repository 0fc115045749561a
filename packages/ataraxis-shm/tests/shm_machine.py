"""Run as a script, in a process of its own: every order of everything an instance can do, against a plain model.

A crash of the interpreter is what this looks for, so `test_shm_machine` looks at the exit status.
"""

import gc
import sys
import uuid

import numpy as np
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, rule, run_state_machine_as_test

from ataraxis_shm import (
    NotConnectedError,
    SegmentExistsError,
    SegmentNotFoundError,
    SharedMemoryArray,
)

NAMES = st.sampled_from(["a", "b"])
VALUES = st.integers(0, 255)


class Tracked:
    """An instance, and what it should be connected to."""

    def __init__(self, shared, name, segment, *, connects_on_use):
        self.shared = shared
        self.name = name
        self.segment = segment
        self.last = segment
        self.connects_on_use = connects_on_use


class Machine(RuleBasedStateMachine):
    instances = Bundle("instances")
    views = Bundle("views")

    def __init__(self):
        super().__init__()
        self.prefix = uuid.uuid4().hex
        self.named = {}
        self.alive = []

    def full(self, name):
        return f"{self.prefix}-{name}"

    def ready(self, tracked):
        """What an access does first: connect if it may."""
        if tracked.segment is None and tracked.connects_on_use:
            tracked.segment = tracked.last = self.named.get(tracked.name)
        return tracked.segment

    @rule(target=instances, name=NAMES, exist_ok=st.booleans(), size=st.integers(1, 3000), value=VALUES)
    def create(self, name, exist_ok, size, value):
        segment = np.full(size, value, dtype=np.uint8)
        try:
            shared = SharedMemoryArray.create_array(self.full(name), segment, exist_ok)
        except SegmentExistsError:
            assert not exist_ok
            assert name in self.named
            return self.by_name(name)
        assert exist_ok or name not in self.named
        self.named[name] = segment
        return Tracked(shared, name, segment, connects_on_use=True)

    @rule(target=instances, name=NAMES)
    def attach(self, name):
        try:
            shared = SharedMemoryArray.attach(self.full(name))
        except SegmentNotFoundError:
            assert name not in self.named
            return self.by_name(name)
        return Tracked(shared, name, self.named[name], connects_on_use=True)

    @rule(target=instances, name=NAMES)
    def by_name(self, name):
        return Tracked(SharedMemoryArray(self.full(name)), name, None, connects_on_use=True)

    @rule(tracked=instances)
    def connect(self, tracked):
        try:
            tracked.shared.connect()
        except SegmentNotFoundError:
            assert tracked.name not in self.named
        else:
            tracked.segment = tracked.last = self.named[tracked.name]
            tracked.connects_on_use = True

    @rule(tracked=instances)
    def disconnect(self, tracked):
        tracked.shared.disconnect()
        tracked.segment = None
        tracked.connects_on_use = False

    @rule(tracked=instances)
    def destroy(self, tracked):
        tracked.shared.destroy()
        if tracked.last is None or self.named.get(tracked.name) is tracked.last:
            self.named.pop(tracked.name, None)

    @rule(tracked=consumes(instances))
    def drop(self, tracked):
        tracked.shared = None

    @rule(tracked=consumes(views))
    def drop_view(self, tracked):
        del tracked

    @rule()
    def collect(self):
        gc.collect()

    def attempt(self, tracked, access):
        """Does what needs a connection; returns the model's memory when it worked."""
        segment = self.ready(tracked)
        try:
            access(tracked.shared)
        except NotConnectedError:
            assert segment is None
            assert not tracked.connects_on_use
        except SegmentNotFoundError:
            assert segment is None
            assert tracked.name not in self.named
        else:
            assert segment is not None
            return segment
        return None

    @rule(tracked=instances, value=VALUES, with_lock=st.booleans())
    def write(self, tracked, value, with_lock):
        segment = self.attempt(tracked, lambda shared: shared.write_data(-1, value, with_lock))
        if segment is not None:
            segment[-1] = value

    @rule(tracked=instances, with_lock=st.booleans())
    def read(self, tracked, with_lock):
        got = []
        segment = self.attempt(tracked, lambda shared: got.append(shared.read_data((0,), with_lock=with_lock)))
        assert segment is None or np.array_equal(np.atleast_1d(got[0]), segment)

    @rule(target=views, tracked=instances, with_lock=st.booleans())
    def take_view(self, tracked, with_lock):
        taken = []

        def take(shared):
            with shared.array(with_lock=with_lock) as live:
                taken.append(live[len(live) // 2 :])

        segment = self.attempt(tracked, take)
        return (taken[0], segment[len(segment) // 2 :]) if taken else (np.zeros(1), np.zeros(1))

    @rule(
        tracked=instances, other=instances, action=st.sampled_from(["connect", "disconnect", "destroy"]), value=VALUES
    )
    def act_inside_a_block(self, tracked, other, action, value):
        def use(shared):
            with shared.array() as live:
                getattr(self, action)(other)
                live[0] = value

        segment = self.attempt(tracked, use) if tracked is not other else None
        if segment is not None:
            segment[0] = value

    @rule(pair=views, value=VALUES)
    def use_view(self, pair, value):
        view, model = pair
        assert np.array_equal(view, model)
        view[0] = value
        model[0] = value

    @rule(tracked=instances)
    def describe(self, tracked):
        assert tracked.shared.is_connected == (tracked.segment is not None)
        repr(tracked.shared)
        if tracked.segment is not None:
            assert tracked.shared.shape == tracked.segment.shape

    def teardown(self):
        for name in list(self.named):
            SharedMemoryArray(self.full(name)).destroy()


if __name__ == "__main__":
    number, examples = int(sys.argv[1]), int(sys.argv[2])
    # Nothing is destroyed or collected at the end: the interpreter's exit has to cope with what is left.
    run_state_machine_as_test(
        seed(number)(Machine),
        settings=settings(
            max_examples=examples,
            stateful_step_count=40,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    print("survived")  # noqa: T201 (this is what the test waits for)
