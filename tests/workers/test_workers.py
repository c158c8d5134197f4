"""How workers are named, and what is said where there are none: nothing slow has begun by then."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pix2pix_onthefly.errors import OnTheFlyError, OptionError
from pix2pix_onthefly.workers.workers import LocalWorkers, opened_workers
from tests.cli import helpers as cli_helpers
from tests.cli.helpers import onthefly
from tests.workers.clusters import Deed, as_it_is, do, elsewhere, needs_ray

here = cli_helpers.here  # a fixture is found by its name in the module of the tests


def test_this_process_carries_out_units_in_their_order(tmp_path: Path) -> None:
    units = [Deed(2, tmp_path), Deed(1, tmp_path)]
    made = list(LocalWorkers().each(do, elsewhere, units, as_it_is))
    assert [(place, one[1]) for place, one in made if isinstance(one, tuple)] == [(0, 0), (0, 1), (1, 0)]


@pytest.mark.parametrize("name", ["", "dask", "local:2", "ray:", "gpu"])
def test_an_unknown_name_is_refused(name: str) -> None:
    with pytest.raises(OptionError, match="workers must be"), opened_workers(name):
        pass


@needs_ray
@pytest.mark.parametrize("address", ["ray://head:10001", "head", "head:0", "head:x"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(OptionError, match="is not of the form HOST:PORT"), opened_workers(f"ray:{address}"):
        pass


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(OnTheFlyError, match=r"pip install 'pix2pix-onthefly\[ray\]'"), opened_workers("ray"):
        pass


@needs_ray
@pytest.mark.parametrize(
    "command",
    [
        ("batch", "cat.png", "--instruction", "make it a dog"),
        ("evaluate", "minibrush:dev"),
        ("sweep", "paper", "minibrush:dev"),
    ],
)
def test_a_cluster_that_does_not_answer_is_said_before_anything_is_loaded(
    here: Path, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    result = onthefly(*command, "--out", "out", "--workers", "ray:127.0.0.1:1")
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: no Ray answers at 127.0.0.1:1 (")
    assert not (here / "out").exists()
