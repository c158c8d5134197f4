"""Requests made up from the endpoint's own description: whatever is sent, the server does not fail."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings

from tests.evaluation.fixtures import draw_picture
from tests.server.running import QUICK, Running, png


@pytest.mark.slow
def test_no_request_makes_the_server_fail(server: Running) -> None:
    schema = schemathesis.openapi.from_url(f"{server.address}/openapi.json")
    tried: list[int] = []
    results: Any = schema.get_all_operations()
    for result in results:
        operation = result.ok()

        @schemathesis_case(operation)
        def send(case: Any) -> None:
            answer = case.call(base_url=server.address)
            tried.append(answer.status_code)
            assert answer.status_code < 500 or answer.status_code in (503, 504), answer.text

        send()
    assert len(tried) > 50


def schemathesis_case(operation: Any) -> Any:
    """Runs a function on cases of an operation."""
    from hypothesis import given

    def decorate(function: Any) -> Any:
        checks: Any = list(HealthCheck)
        quiet = settings(max_examples=60, deadline=None, suppress_health_check=checks, database=None)
        return quiet(given(case=operation.as_strategy())(function))

    return decorate


@pytest.mark.parametrize(
    "odd",
    [
        {"steps": "\x00"},
        {"prompt": "\ud800".encode("utf-8", "surrogatepass").decode("utf-8", "replace")},
        {"n": "١"},
        {"size": "9" * 400},
        {"seed": "9" * 30},
        {"seed": "1e3"},
        {"guidance_scale": "nan"},
        {"strength": "inf"},
        {"before": ["a cat"], "after": []},
        {"caption": " "},
        {"stream": "maybe"},
        {"method": "x-0.5"},
        {"preset": "none"},
        {"": "x"},
    ],
)
def test_odd_fields_are_refused_in_words(server: Running, odd: dict[str, Any]) -> None:
    data = {**QUICK, "prompt": "a dog", **odd}
    answer = server.edits(data, png(draw_picture(1, (80, 60))))
    assert answer.status_code in (200, 400), answer.text
    if "prompt" not in odd:
        assert answer.status_code == 400, answer.text
        assert answer.json()["error"]["message"]
