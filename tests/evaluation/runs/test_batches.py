"""How turns are shared out into batches, shares and limits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pix2pix_onthefly.errors import OptionError
from pix2pix_onthefly.evaluation.data.magicbrush import load_dataset
from pix2pix_onthefly.evaluation.data.turns import MULTI, SETTINGS, SINGLE
from pix2pix_onthefly.evaluation.runs.batches import BLOCK, Shard, plan
from tests.evaluation.runs.made import write_world


def test_batches_are_the_same_in_every_share(tmp_path: Path) -> None:
    dataset = load_dataset(write_world(tmp_path / "world", (2 * BLOCK, 4, 4)))
    whole = plan(dataset, SETTINGS, 4)
    shares = [batch for number in (1, 2, 3) for batch in plan(dataset, SETTINGS, 4, shard=Shard(number, 3))]
    assert sorted(whole, key=str) == sorted(shares, key=str)
    assert sorted(_keys(whole)) == sorted(
        (turn.session, turn.number, setting) for turn in dataset.turns for setting in SETTINGS
    )
    assert all(len(batch) <= 4 for batch in whole)


def _keys(batches: Any) -> list[tuple[str, int, str]]:
    return [
        (slot.turn.session, slot.turn.number, name) for batch in batches for slot in batch for name in slot.settings
    ]


@pytest.mark.parametrize("limit", range(1, 8))
def test_a_limit_takes_the_first_turns_and_whole_chains(world: Path, limit: int) -> None:
    dataset = load_dataset(world)
    single = _keys(plan(dataset, (SINGLE,), 4, limit))
    assert sorted(single) == sorted((turn.session, turn.number, SINGLE) for turn in dataset.turns[:limit])
    taken = dataset.turns[:limit]
    whole = [turns for turns in dataset.sessions() if all(turn in taken for turn in turns)]
    both = _keys(plan(dataset, SETTINGS, 4, limit))
    chained = sorted((turn.session, turn.number, MULTI) for turns in whole for turn in turns)
    assert sorted(key for key in both if key[2] == MULTI) == chained
    assert sorted(key for key in both if key[2] == SINGLE) == sorted(single)


def test_a_chain_is_never_begun_before_its_picture_is_there(tmp_path: Path) -> None:
    dataset = load_dataset(write_world(tmp_path / "world", (3, 5, 5)))
    made: set[tuple[str, int, str]] = set()
    for batch in plan(dataset, SETTINGS, 3):
        for slot in batch:
            before = (slot.turn.session, slot.turn.number - 1, MULTI)
            assert not slot.chained or before in made
        made |= {(slot.turn.session, slot.turn.number, name) for slot in batch for name in slot.settings}


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "1/0", "a/b", "-1/2", ""])
def test_a_share_must_make_sense(text: str) -> None:
    with pytest.raises(OptionError, match="is not of the form i/n"):
        Shard.of(text)
    assert Shard.of("2/3") == Shard(2, 3)
