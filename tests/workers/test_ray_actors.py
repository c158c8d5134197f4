"""Actors of a local Ray: every unit once, whoever dies, and errors that end a run as without Ray."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from pix2pix_onthefly.errors import InputError, OnTheFlyError
from pix2pix_onthefly.workers.ray_actors import ATTEMPTS, RayWorkers
from pix2pix_onthefly.workers.ray_cluster import Cluster
from pix2pix_onthefly.workers.workers import Lost, opened_workers
from tests.workers import clusters
from tests.workers.clusters import Deed, as_it_is, do, dying, elsewhere, needs_ray, threads_elsewhere, unable

pytestmark = needs_ray
cluster = clusters.cluster  # a fixture is found by its name in the module of the tests


@pytest.fixture
def deeds(tmp_path: Path) -> list[Deed]:
    """Four units of three pieces each, with a folder of its own each."""
    folders = [tmp_path / str(number) for number in range(4)]
    for folder in folders:
        folder.mkdir()
    return [Deed(3, folder) for folder in folders]


def test_every_unit_is_carried_out_once_by_two_processes(cluster: Cluster, deeds: list[Deed]) -> None:
    """Each as it is told to be when it goes."""

    meeting = Deed(3, deeds[0].folder, company=2)
    made = list(RayWorkers(cluster).each(do, elsewhere, deeds, lambda _: meeting))
    for place in range(4):
        assert [one[1] for found, one in made if found == place and isinstance(one, tuple)] == [0, 1, 2]
    assert len({one[0] for _, one in made if isinstance(one, tuple)}) == 2


def test_a_worker_has_its_share_of_threads_and_the_drivers_folder(
    cluster: Cluster, deeds: list[Deed], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert list(RayWorkers(cluster).each(do, threads_elsewhere, deeds[:1], as_it_is)) == [(0, ("1", str(tmp_path)))]


def test_a_unit_whose_worker_dies_is_tried_on_another_so_many_times(
    cluster: Cluster, deeds: list[Deed], capfd: pytest.CaptureFixture[str]
) -> None:
    once, always = Deed(3, deeds[1].folder, deaths=1), Deed(3, deeds[2].folder, deaths=99)
    made = list(RayWorkers(cluster).each(do, elsewhere, [deeds[0], once, always, deeds[3]], as_it_is))
    ends = dict(made)
    assert [one[1] for one in ends.values() if isinstance(one, tuple)] == [2, 2, 2]
    assert ends[2] == Lost(f"{ATTEMPTS} workers died at it")
    assert len(list(always.folder.iterdir())) == ATTEMPTS
    assert capfd.readouterr().out == ""  # results go there, and nothing of Ray's


def test_an_error_of_a_unit_ends_the_run_as_without_ray(cluster: Cluster, deeds: list[Deed]) -> None:
    with pytest.raises(InputError, match="no room"):
        list(RayWorkers(cluster).each(do, elsewhere, [Deed(1, deeds[0].folder, error="no room")], as_it_is))


def test_a_worker_that_cannot_begin_says_why(cluster: Cluster, deeds: list[Deed]) -> None:
    with pytest.raises(OnTheFlyError, match="weights are not on this node"):
        list(RayWorkers(cluster).each(do, unable, deeds, as_it_is))


@pytest.mark.slow
def test_workers_that_die_of_loading_end_the_run(cluster: Cluster, deeds: list[Deed]) -> None:
    with pytest.raises(OnTheFlyError, match="die while they load the models"):
        list(RayWorkers(cluster).each(do, dying, deeds, as_it_is))


def test_a_unit_whose_worker_dies_after_its_last_piece_is_done(cluster: Cluster, deeds: list[Deed]) -> None:
    made: list[object] = []
    fatal = Deed(1, deeds[0].folder, deaths=99, company=2)  # its piece is on its way until a second file says it came
    for _, one in RayWorkers(cluster).each(do, elsewhere, [fatal], lambda deed: None if made else deed):
        made.append(one)
        (fatal.folder / "received").touch()
    assert len(made) == 1
    assert not isinstance(made[0], Lost)


def test_nothing_is_loaded_for_what_is_done(cluster: Cluster, deeds: list[Deed]) -> None:
    assert not list(RayWorkers(cluster).each(do, unable, deeds, lambda _: None))


def test_a_cluster_without_room_is_said_at_once(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Cluster, "offered", lambda _: 0)
    with pytest.raises(OnTheFlyError, match="neither a GPU nor a CPU"), opened_workers("ray"):
        pass


def test_ray_leaves_signals_to_the_program(cluster: Cluster) -> None:
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert signal.getsignal(signal.SIGINT) in (signal.default_int_handler, signal.SIG_IGN)  # ignored in the background
