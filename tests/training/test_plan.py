"""How a training run is planned: by steps or by the clock, and from which seeds."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from functools import partial

import pytest
import torch

from pix2pix_onthefly.world.scenes import HELD_OUT_SEED, sample_scene
from training import all as training_all
from training.plan import Pace, Plan, read_plan

STEPS = Plan(steps=100, batch=4, learning_rate=1.0, cooldown=20, warmup=10)
CLOCK = Plan(steps=100, batch=4, learning_rate=1.0, cooldown=20, warmup=10, minutes=30.0)
DEFAULTS = {"steps": 100, "batch": 4, "learning_rate": 1.0, "cooldown": 20}


def _after(minutes: float, *, step: int = 50, earlier: float = 0.0) -> Pace:
    return Pace(CLOCK, step, earlier, started=time.monotonic() - minutes * 60)


def test_a_run_by_steps_rises_stays_and_falls() -> None:
    rates = {step: Pace(STEPS, step).learning_rate() for step in (0, 9, 50, 80, 90, 100)}
    assert rates == pytest.approx({0: 0.1, 9: 1.0, 50: 1.0, 80: 1.0, 90: 0.5, 100: 0.0})
    assert [Pace(STEPS, step).cooling() for step in (80, 81)] == [False, True]
    assert [Pace(STEPS, step).done() for step in (99, 100)] == [False, True]


def test_a_run_by_the_clock_cools_down_in_its_last_third_whatever_its_steps() -> None:
    rates = [_after(minutes, step=5000).learning_rate() for minutes in (1, 19.9, 25, 29)]
    assert rates == pytest.approx([1.0, 1.0, 0.5, 0.1], abs=0.01)
    assert [_after(minutes).cooling() for minutes in (19.9, 20.1)] == [False, True]
    assert [_after(minutes, step=5).done() for minutes in (29.9, 30.1)] == [False, True]


def test_minutes_before_a_cut_count() -> None:
    assert _after(10.5, earlier=20).done()
    assert not _after(9.5, earlier=20).done()


def test_no_seed_of_a_run_draws_a_held_out_scene() -> None:
    """Whole numbers from `HELD_OUT_SEED` on seed held-out scenes; seed 7 of a run once reached into them."""
    held_out = {sample_scene(random.Random(HELD_OUT_SEED + index)) for index in range(500)}
    plan = Plan(**DEFAULTS, seed=7)
    assert not any(sample_scene(plan.rng(step)) in held_out for step in range(500))
    assert plan.rng(3).random() == plan.rng(3).random() != plan.rng(4).random()
    assert plan.rng(3).random() != Plan(**DEFAULTS, seed=8).rng(3).random()


def test_the_cpu_has_its_own_defaults() -> None:
    plan = read_plan("", **DEFAULTS, cuda_batch=1024, arguments=["--device", "cpu", "--threads", "1"])
    assert (plan.batch, plan.compiled, plan.workers, plan.device.type) == (4, False, 0, "cpu")
    plan = read_plan("", **DEFAULTS, arguments=["--batch=7", "--compile", "--workers=2", "--minutes=9", "--threads=1"])
    assert (plan.batch, plan.compiled, plan.workers, plan.minutes) == (7, True, 2, 9.0)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["--minutes", "0"], "--minutes must be above 0"), (["--batch=-1"], "at least 1"), (["--steps=0"], "at least 1")],
)
def test_impossible_plans_are_refused(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_info:
        read_plan("", **DEFAULTS, arguments=arguments)
    assert exit_info.value.code == 2
    assert words in capsys.readouterr().err


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.parametrize("read", [partial(read_plan, "", **DEFAULTS), training_all.read_arguments])
def test_a_gpu_that_is_not_there_is_said_before_anything_is_loaded(
    read: Callable[..., object], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_info:
        read(arguments=["--device", "cuda"])
    assert exit_info.value.code == 2
    assert "no CUDA device" in capsys.readouterr().err


def test_minutes_are_shared_out_so_that_all_end_in_time() -> None:
    scripts, spent = training_all.TIMED, 0.0
    for index, script in enumerate(scripts[:-1]):
        spent += training_all.minutes_of(script, scripts[index:], 9 - spent) + training_all.START_AND_END
    assert spent == pytest.approx(9)
    assert training_all.minutes_of("diffusion", ["diffusion"], 9) == pytest.approx(9 - training_all.START_AND_END)


def test_a_script_that_took_too_long_shortens_those_that_follow() -> None:
    coming = training_all.TIMED[1:]
    assert training_all.minutes_of("diffusion", coming, 5) < training_all.minutes_of("diffusion", coming, 7)
    assert training_all.minutes_of("rewriter", ["rewriter"], -1) > 0


def test_shared_options_reach_the_scripts_that_train() -> None:
    given = training_all.read_arguments(["--minutes=9", "--device=cpu", "--only=diffusion", "--batch=512"])
    assert given.scripts == ["diffusion"]
    arguments = training_all.arguments_of("diffusion", given.scripts, given, left=9.0)
    assert arguments == ["--minutes=8.650", "--device=cpu", "--batch=512"]
    assert training_all.arguments_of("make_pool", ["make_pool"], given, left=9.0) == []


def test_without_minutes_steps_are_scaled() -> None:
    given = training_all.read_arguments(["--steps-scale=0.5"])
    steps = training_all.planned_steps("autoencoder")
    assert given.scripts == list(training_all.SCRIPTS)
    expected = [f"--steps={steps['steps'] // 2}", f"--cooldown={steps['cooldown'] // 2}"]
    assert training_all.arguments_of("autoencoder", given.scripts, given, None) == expected
