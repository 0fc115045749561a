"""Rings for tests."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from ataraxis_shm import RingConsumer, RingProducer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextlib.contextmanager
def ring(folder: Path, capacity: int = 4096, *, salt: int = 0) -> Iterator[tuple[RingProducer, RingConsumer]]:
    """Both ends of a new ring, the consumer's end claimed."""
    producer = RingProducer.create(folder / "test.ring", capacity, salt=salt)
    consumer = RingConsumer.attach(producer.path)
    assert consumer.claim()
    try:
        yield producer, consumer
    finally:
        consumer.close()
        producer.close()
        producer.unlink()


def take(consumer: RingConsumer, max_records: int | None = None) -> list[bytes]:
    """Read and advance past the oldest records."""
    batch = consumer.peek(max_records)
    bodies = [bytes(body) for _, body in batch]
    consumer.advance(batch.end)
    return bodies


def take_all(consumer: RingConsumer) -> list[bytes]:
    """Read and advance past everything."""
    bodies = []
    while consumer.backlog:
        bodies += take(consumer)
    return bodies
