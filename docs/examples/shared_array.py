"""A rig in miniature: a camera process, a sensor process and a monitor share one array.

The camera counts its frames, the sensor keeps the newest reading, the monitor watches both and says when it is enough.

    python docs/examples/shared_array.py [--frames 200] [--start-method spawn]
"""

import argparse
import multiprocessing
import time

import numpy as np

from ataraxis_shm import SharedMemoryArray

FRAMES, READING, READINGS, STOP = range(4)  # what each element means


def camera(state: SharedMemoryArray) -> None:
    """Count frames at 500 Hz until somebody says stop."""
    while not state[STOP]:  # connects by itself when it is first used here
        with state.array() as live:  # nobody else reads or writes during the block
            live[FRAMES] += 1
        time.sleep(0.002)


def sensor(name: str) -> None:
    """Keep the newest of a series of readings; this process knows only the name of the array."""
    state = SharedMemoryArray.attach(name)
    generator = np.random.default_rng(7)
    while not state[STOP]:
        with state.array() as live:  # the value and its number change together
            live[READING] = generator.integers(200, 300)
            live[READINGS] += 1
        time.sleep(0.005)


def monitor(state: SharedMemoryArray, frames: int) -> tuple[int, int]:
    """Watch until there are enough frames and a reading, then stop everybody; return what was counted."""
    while (seen := state.read_data((0, 3)))[FRAMES] < frames or not seen[READINGS]:
        print(f"frame {seen[FRAMES]:4}, reading {seen[READING]:3} (number {seen[READINGS]})")
        time.sleep(0.05)
    state[STOP] = 1
    return int(seen[FRAMES]), int(seen[READINGS])


def main() -> None:
    """Make the array, start the processes, watch, clean up."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--start-method", choices=multiprocessing.get_all_start_methods(), default="spawn")
    options = parser.parse_args()
    processes = multiprocessing.get_context(options.start_method)

    state = SharedMemoryArray.create_array("example_state", np.zeros(4, dtype=np.int64), exist_ok=True)
    workers = [processes.Process(target=camera, args=(state,)), processes.Process(target=sensor, args=(state.name,))]
    for worker in workers:
        worker.start()
    frames, readings = monitor(state, options.frames)
    for worker in workers:
        worker.join()
    state.disconnect()
    state.destroy()
    print(f"stopped after {frames} frames and {readings} readings")


if __name__ == "__main__":
    main()
