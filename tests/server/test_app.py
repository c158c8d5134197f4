"""The endpoint beside edits: errors in one form, limits, figures, its description; clients that go; its end."""

from __future__ import annotations

import threading
import time
from typing import Any

import httpx2
import pytest

from pix2pix_onthefly.editor import Editor
from pix2pix_onthefly.records import EditCaptions
from pix2pix_onthefly.running.jobs import Job
from pix2pix_onthefly.server.edit_queue import Ticket
from tests.evaluation.fixtures import draw_picture
from tests.server.running import QUICK, Running, png, running

PICTURE = png(draw_picture(1, (80, 60)))
LONG = {**QUICK, "method": "attention", "steps": 999, "prompt": "a dog"}
PATIENCE = 60.0


def _wait_until(true: Any) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_what_is_not_there_is_told_in_the_same_form(server: Running) -> None:
    for answer, status in ((server.get("/nothing"), 404), (server.get("/v1/images/edits"), 405)):
        assert answer.status_code == status
        assert set(answer.json()["error"]) == {"message", "type", "param", "code"}


@pytest.mark.parametrize("content", [b"", b"{}", b"--x\r\nno form"])
def test_a_body_that_is_no_form_is_refused(server: Running, content: bytes) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = httpx2.post(f"{server.address}/v1/images/edits", content=content, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_a_request_without_a_picture_says_so(server: Running) -> None:
    answer = server.edits({"prompt": "a dog"})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "image")


def test_a_request_that_is_too_large_is_refused(server: Running) -> None:
    answer = server.edits({"prompt": "a dog"}, PICTURE + bytes(1_100_000))
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")


def test_the_figures_count_requests_and_the_description_lists_settings(server: Running) -> None:
    assert server.edits({**QUICK, "prompt": "a dog"}, PICTURE).status_code == 200
    figures = server.get("/metrics").text
    assert 'onthefly_requests_total{status="200"}' in figures
    assert "onthefly_waiting_requests 0.0" in figures
    described = server.get("/openapi.json").json()["paths"]["/v1/images/edits"]["post"]["requestBody"]
    fields = described["content"]["multipart/form-data"]["schema"]["properties"]
    assert (fields["steps"]["minimum"], fields["steps"]["maximum"]) == (2, 999)
    page = server.get("/docs").text
    assert "<code>steps</code>" in page
    assert "src=" not in page


def test_no_page_of_another_origin_may_call_unless_it_is_named(server: Running, shared_editor: Editor) -> None:
    origin = {"Origin": "https://example.org"}
    assert "access-control-allow-origin" not in server.get("/health", headers=origin).headers
    with running(shared_editor, cors="https://example.org") as one:
        assert one.get("/health", headers=origin).headers["access-control-allow-origin"] == "https://example.org"


def test_an_edit_whose_client_has_gone_is_stopped(server: Running) -> None:
    with pytest.raises(httpx2.TimeoutException):
        httpx2.post(f"{server.address}/v1/images/edits", data=LONG, files={"image": PICTURE}, timeout=0.5)
    _wait_until(lambda: server.queue.running == 0 and len(server.queue) == 0)


def test_a_request_that_takes_too_long_is_told_so_and_stopped(shared_editor: Editor) -> None:
    with running(shared_editor, time_limit=1.0) as one:
        answer = one.edits(LONG, PICTURE)
        assert (answer.status_code, answer.json()["error"]["code"]) == (504, "time_limit")
        assert answer.headers["x-should-retry"] == "false"
        _wait_until(lambda: one.queue.running == 0)


def test_a_full_queue_answers_429_with_retry_after(shared_editor: Editor) -> None:
    may_go = threading.Event()
    options = shared_editor.options(method="sdedit", steps=3, size=64)
    captions = EditCaptions(("a cat",), ("a dog",), "given")
    job = Job(draw_picture(1, (80, 60)), "a dog", options, "a cat", captions)

    def hold(*_: object) -> None:
        may_go.wait(PATIENCE)

    held, waiting = (Ticket(job, name, time.monotonic() + PATIENCE, hold, alone=True) for name in "ab")
    with running(shared_editor, waiting=1) as one:
        one.queue.submit(held)
        _wait_until(lambda: one.queue.running == 1)
        one.queue.submit(waiting)
        refused = one.edits({**QUICK, "prompt": "a dog"}, PICTURE)
        waiting.cancel()
        may_go.set()
        assert held.made.result(PATIENCE).instruction == "a dog"
    assert refused.status_code == 429
    assert 0 < int(refused.headers["retry-after"]) < 120


def test_the_end_finishes_what_runs_and_refuses_what_waits(shared_editor: Editor) -> None:
    answers: dict[int, httpx2.Response] = {}

    def send(one: Running, number: int, steps: int) -> None:
        answers[number] = one.edits({**QUICK, "steps": steps, "prompt": f"a dog {number}"}, PICTURE)

    with running(shared_editor) as one:
        threads = [threading.Thread(target=send, args=(one, number, steps)) for number, steps in ((0, 60), (1, 61))]
        for number, thread in enumerate(threads):
            thread.start()
            _wait_until(lambda number=number: one.queue.running == 1 and len(one.queue) == number)
        one.queue.refuse_waiting()
    for thread in threads:
        thread.join()
    assert answers[0].status_code == 200
    assert (answers[1].status_code, answers[1].json()["error"]["code"]) == (503, "closing")
