"""`onthefly rewrite`: the whole record, and an exit code that tells whether the instruction was understood."""

from __future__ import annotations

import json

from pix2pix_onthefly.cli.console import NOT_UNDERSTOOD
from tests.cli.helpers import onthefly


def test_the_record_of_an_edit() -> None:
    result = onthefly("rewrite", "make the cat a dog", "--caption", "a cat in the snow", "--json")
    record = json.loads(result.stdout)
    assert result.exit_code == 0
    assert (record["before"], record["after"]) == (["a cat in the snow"], ["a dog in the snow"])
    assert (record["outcome"], record["kind"], record["question"], record["note"]) == ("complied", "replace", "", "")


def test_what_is_not_understood_has_an_exit_code_of_its_own() -> None:
    result = onthefly("rewrite", "what is this?", "--caption", "a cat in the snow", "--json")
    record = json.loads(result.stdout)
    assert result.exit_code == NOT_UNDERSTOOD == 3
    assert record["outcome"] == "not understood"
    assert record["note"].endswith("nothing was changed.")


def test_without_json_the_reason_is_shown() -> None:
    result = onthefly("rewrite", "remove the dog", "--caption", "a cat in the snow")
    assert result.exit_code == 3
    assert "There is no dog in the picture (a cat in the snow); nothing was changed." in result.stdout
