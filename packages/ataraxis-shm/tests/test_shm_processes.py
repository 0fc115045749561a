"""Arrays in other processes: by every start method, queue, pool, nested object and plain name; no increment is lost."""

import multiprocessing
import pickle
import queue
import threading
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import pytest

from ataraxis_shm import SharedMemoryArray
from shm_helpers import start_python, unique_name

METHODS = multiprocessing.get_all_start_methods()
PROCESSES = 4
THREADS = 4
INCREMENTS = 5_000

_received = []


@dataclass
class Holder:
    shared: SharedMemoryArray
    others: dict = field(default_factory=dict)


@pytest.fixture
def counters():
    shared = SharedMemoryArray.create_array(unique_name("counters"), np.zeros(3, dtype=np.uint64))
    yield shared
    shared.destroy()


def increment_in_threads(shared):
    def work():
        for _ in range(INCREMENTS):
            with shared.array() as live:
                live[1] += 1

    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def receive_and_increment(arrivals):
    increment_in_threads(arrivals.get(timeout=60))


def receive_by_initializer(shared):
    _received.append(shared)


def increment_received(_):
    increment_in_threads(_received[0])


def read_nested(holder):
    return holder.shared.read_data(0, convert_output=True), holder.others["again"].is_connected


def connect_write_disconnect(shared, number):
    """What a child of a library written for the 3.x line does."""
    shared.connect()
    assert shared.is_connected
    shared.write_data(index=number, data=number + 10)
    shared.disconnect()
    assert not shared.is_connected


def run_all(processes):
    for process in processes:
        process.start()
    for process in processes:
        process.join(100)
    assert [process.exitcode for process in processes] == [0] * len(processes)


@pytest.mark.parametrize("method", METHODS)
def test_increments_of_four_processes_with_four_threads_each_add_up(method, counters):
    context = multiprocessing.get_context(method)
    run_all([context.Process(target=increment_in_threads, args=(counters,)) for _ in range(PROCESSES)])
    assert counters.read_data((0,), convert_output=True) == [0, PROCESSES * THREADS * INCREMENTS, 0]


def test_increments_through_instances_that_came_by_queue_add_up(counters):
    context = multiprocessing.get_context("spawn")
    arrivals = context.Queue()
    for _ in range(PROCESSES):
        arrivals.put(counters)
    run_all([context.Process(target=receive_and_increment, args=(arrivals,)) for _ in range(PROCESSES)])
    arrivals.close()
    arrivals.join_thread()
    assert counters.read_data(1) == PROCESSES * THREADS * INCREMENTS


def test_increments_through_instances_that_came_by_pool_initializer_add_up(counters):
    context = multiprocessing.get_context("forkserver" if "forkserver" in METHODS else "spawn")
    with context.Pool(PROCESSES, initializer=receive_by_initializer, initargs=(counters,)) as pool:
        pool.map(increment_received, range(PROCESSES), chunksize=1)
        pool.close()
        pool.join()
    assert counters.read_data(1) == PROCESSES * THREADS * INCREMENTS


def test_increments_of_unrelated_processes_that_attach_by_name_add_up(counters):
    code = """
import sys
from ataraxis_shm import SharedMemoryArray
from test_shm_processes import increment_in_threads
increment_in_threads(SharedMemoryArray.attach(sys.argv[1]))
"""
    processes = [start_python(code, counters.name) for _ in range(PROCESSES)]
    for process in processes:
        output, errors = process.communicate(timeout=100)
        assert (process.returncode, output, errors) == (0, "", "")
    assert counters.read_data(1) == PROCESSES * THREADS * INCREMENTS


@pytest.mark.parametrize("method", METHODS)
def test_children_written_for_the_3x_line_work(method, counters):
    context = multiprocessing.get_context(method)
    run_all([context.Process(target=connect_write_disconnect, args=(counters, number)) for number in range(3)])
    assert counters.read_data((0,), convert_output=True) == [10, 11, 12]


@pytest.mark.parametrize("method", METHODS)
def test_an_instance_inside_other_objects_reaches_a_process_pool(method, counters):
    counters.write_data(0, 9)
    holder = Holder(counters, {"again": counters})
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context(method)) as pool:
        assert pool.submit(read_nested, holder).result(timeout=60) == (9, True), "one object, connected once"


def test_a_pickle_holds_names_and_connects_on_first_use(counters):
    counters.lock_timeout = 2.5
    data = pickle.dumps(counters)
    assert len(data) < 300
    arrived = pickle.loads(data)
    assert not arrived.is_connected
    assert (arrived.name, arrived.lock_timeout) == (counters.name, 2.5)
    assert "connected=False" in repr(arrived), "a repr does not connect"
    assert not arrived.is_connected
    assert (arrived.shape, arrived.datatype, len(arrived)) == ((3,), np.dtype(np.uint64), 3)
    assert arrived.is_connected


@pytest.mark.parametrize("first_use", ["read_data(0)", "write_data(0, 1)", "array().__enter__()", "shape", "datatype"])
def test_any_first_use_connects(first_use, counters):
    arrived = pickle.loads(pickle.dumps(counters))
    eval(f"arrived.{first_use}", {"arrived": arrived})
    assert arrived.is_connected


class Labelled(SharedMemoryArray):
    pass


def test_a_pickled_subclass_keeps_its_attributes(counters):
    labelled = Labelled.attach(counters.name)
    labelled.label = "wheel"
    arrived = pickle.loads(pickle.dumps(labelled))
    assert (type(arrived), arrived.label, arrived.is_connected) == (Labelled, "wheel", False)


def test_an_instance_that_was_disconnected_before_it_was_pickled_connects_on_use_too(counters):
    counters.disconnect()
    assert pickle.loads(pickle.dumps(counters)).read_data(0) == 0


def test_a_thread_queue_passes_the_instance_itself(counters):
    passing = queue.Queue()
    passing.put(counters)
    assert passing.get() is counters
