"""A user's script for ataraxis-shm, checked by mypy --strict against the installed wheel and run."""

import multiprocessing

import numpy as np

from ataraxis_shm import SharedMemoryArray


def count(shared: SharedMemoryArray) -> None:
    """Add one to the first element, a thousand times."""
    for _ in range(1000):
        with shared.array() as live:
            live[0] += 1


if __name__ == "__main__":
    shared = SharedMemoryArray.create_array("user_script_counter", np.zeros(4, dtype=np.int64), exist_ok=True)
    workers = [multiprocessing.get_context("spawn").Process(target=count, args=(shared,)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    total: int = shared.read_data(0, convert_output=True)
    shared.disconnect()
    shared.destroy()
    if total != 2000:
        raise SystemExit(f"{total} increments arrived, expected 2000")
