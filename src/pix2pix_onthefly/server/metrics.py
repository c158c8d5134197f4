"""Figures for Prometheus, in a registry of their own."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from .edit_queue import EditQueue

_SECONDS = (0.5, 1, 2, 5, 10, 20, 60, 120, 300)


class Metrics:
    """What an endpoint counts.

    Args:
        queue: whose length is told.
    """

    def __init__(self, queue: EditQueue) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "onthefly_requests", "Requests for edits by the status of their answer.", ["status"], registry=self.registry
        )
        self.seconds = Histogram(
            "onthefly_request_seconds", "Seconds of a request.", buckets=_SECONDS, registry=self.registry
        )
        waiting = Gauge("onthefly_waiting_requests", "Requests that wait.", registry=self.registry)
        waiting.set_function(lambda: len(queue))
        running = Gauge("onthefly_running_requests", "Requests that are being edited.", registry=self.registry)
        running.set_function(lambda: queue.running)

    def text(self) -> bytes:
        """All of it in Prometheus's form."""
        return generate_latest(self.registry)
