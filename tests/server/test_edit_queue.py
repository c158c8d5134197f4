"""The queue: order, sharing, its bound, and what happens when nobody waits or the server ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any

import pytest
from PIL import Image

from pix2pix_onthefly.errors import InputError
from pix2pix_onthefly.options import EditOptions
from pix2pix_onthefly.records import EditCaptions, no_progress
from pix2pix_onthefly.running.jobs import Job
from pix2pix_onthefly.server.edit_queue import EditQueue, Ticket
from pix2pix_onthefly.server.refusals import ClosingError, FullError, TooLongError

PATIENCE = 60.0


class Workshop:
    """An executor that takes so many steps for a map, and can be held up; what it made are the instructions."""

    def __init__(self, steps: int = 1) -> None:
        self.maps: list[list[str]] = []
        self.steps, self.may_go, self.begun = steps, threading.Event(), threading.Event()
        self.may_go.set()

    def map(self, jobs: Sequence[Job], progress: Any = no_progress) -> list[Any]:
        self.maps.append([job.instruction for job in jobs])
        self.begun.set()
        self.may_go.wait(PATIENCE)
        for step in range(self.steps):
            progress("edit", step, self.steps)
            time.sleep(0.01 if self.steps > 1 else 0)
        if any(job.instruction == "fail" for job in jobs):
            raise ZeroDivisionError
        return [InputError("bad") if job.instruction == "bad" else job.instruction for job in jobs]


def _ticket(instruction: str, picture: str = "", seconds: float = PATIENCE, alone: bool = False) -> Ticket:
    captions = EditCaptions(("a",), ("b",), "given")
    job = Job(Image.new("RGB", (8, 8)), instruction, EditOptions(), captions=captions)
    return Ticket(job, picture or instruction, time.monotonic() + seconds, alone=alone)


@pytest.fixture
def workshop() -> Workshop:
    return Workshop()


@pytest.fixture
def queue(workshop: Workshop) -> Any:
    queue = EditQueue(workshop, longest=3, together=2)
    queue.start()
    yield queue
    workshop.may_go.set()
    queue.close()


def _held_up(workshop: Workshop, queue: EditQueue) -> Ticket:
    """A ticket that is being edited until the workshop may go on."""
    workshop.may_go.clear()
    first = _ticket("first")
    queue.submit(first)
    assert workshop.begun.wait(PATIENCE)
    return first


def _submitted(queue: EditQueue, *tickets: Ticket) -> None:
    for ticket in tickets:
        queue.submit(ticket)


def test_edits_of_one_picture_go_together_and_the_others_in_order(workshop: Workshop, queue: EditQueue) -> None:
    _held_up(workshop, queue)
    tickets = [_ticket("a", "one"), _ticket("b", "two"), _ticket("c", "one")]
    _submitted(queue, *tickets)
    workshop.may_go.set()
    assert [ticket.made.result(PATIENCE) for ticket in tickets] == ["a", "b", "c"]
    assert workshop.maps == [["first"], ["a", "c"], ["b"]]


def test_an_edit_that_is_watched_goes_alone(workshop: Workshop, queue: EditQueue) -> None:
    _held_up(workshop, queue)
    tickets = [_ticket("a", "one", alone=True), _ticket("b", "one"), _ticket("c", "one", alone=True)]
    _submitted(queue, *tickets)
    workshop.may_go.set()
    for ticket in tickets:
        ticket.made.result(PATIENCE)
    assert workshop.maps == [["first"], ["a"], ["b"], ["c"]]


def test_a_full_queue_says_when_to_come_again(workshop: Workshop, queue: EditQueue) -> None:
    _held_up(workshop, queue)
    _submitted(queue, *(_ticket(str(number)) for number in range(3)))
    with pytest.raises(FullError) as caught:
        queue.submit(_ticket("one more"))
    assert 0 < caught.value.seconds < 120


def test_who_has_gone_makes_room(workshop: Workshop, queue: EditQueue) -> None:
    _held_up(workshop, queue)
    tickets = [_ticket(str(number)) for number in range(3)]
    _submitted(queue, *tickets)
    tickets[1].cancel()
    queue.submit(last := _ticket("last"))
    workshop.may_go.set()
    assert last.made.result(PATIENCE) == "last"
    assert ["1"] not in workshop.maps


def test_an_edit_that_nobody_waits_for_is_stopped(queue: EditQueue, workshop: Workshop) -> None:
    workshop.steps = 100_000
    queue.submit(ticket := _ticket("long"))
    assert workshop.begun.wait(PATIENCE)
    ticket.cancel()
    workshop.steps = 1
    queue.submit(after := _ticket("after"))
    assert after.made.result(PATIENCE) == "after"


def test_an_edit_ends_when_its_time_is_over(queue: EditQueue, workshop: Workshop) -> None:
    workshop.steps = 100_000
    queue.submit(ticket := _ticket("long", seconds=0.1))
    with pytest.raises(TooLongError):
        ticket.made.result(PATIENCE)


def test_one_that_fails_leaves_those_it_went_with(workshop: Workshop, queue: EditQueue) -> None:
    _held_up(workshop, queue)
    tickets = [_ticket("fail", "one"), _ticket("a", "one"), _ticket("bad")]
    _submitted(queue, *tickets)
    workshop.may_go.set()
    assert tickets[1].made.result(PATIENCE) == "a"
    for ticket, error in ((tickets[0], ZeroDivisionError), (tickets[2], InputError)):
        with pytest.raises(error):
            ticket.made.result(PATIENCE)


def test_closing_finishes_what_runs_and_refuses_what_waits(workshop: Workshop, queue: EditQueue) -> None:
    running, waiting = _held_up(workshop, queue), _ticket("waiting")
    queue.submit(waiting)
    queue.refuse_waiting()
    with pytest.raises(ClosingError):
        waiting.made.result(PATIENCE)
    with pytest.raises(ClosingError):
        queue.submit(_ticket("late"))
    workshop.may_go.set()
    queue.close()
    assert running.made.result(PATIENCE) == "first"
