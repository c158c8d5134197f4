"""A configuration's name holds by content what its results depend on: after a change old results are not done."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module, invalidate_caches
from pathlib import Path

import pytest

from pix2pix_onthefly.code_digest import _digest, code_digest
from pix2pix_onthefly.evaluation.runs import setup as room
from pix2pix_onthefly.evaluation.runs.configurations import Configuration
from pix2pix_onthefly.evaluation.runs.setup import prompts_digest
from pix2pix_onthefly.methods import attention_guidance, direction, fixed_direction, phrases
from pix2pix_onthefly.methods.table import METHODS, MethodRow
from pix2pix_onthefly.options import DdimOptions, EditOptions, SdeditOptions
from pix2pix_onthefly.rewriting import formats
from tests.evaluation.runs.made import QUICK, setup_of

Namer = Callable[..., str]


@pytest.fixture
def name(world: Path, tmp_path: Path, tiny_family: str) -> Namer:
    """Names of configurations, of our method if no other is given."""
    setup = setup_of(world, tmp_path)

    def of(method: str = "attention", **changes: object) -> str:
        return setup.name(Configuration(setup.editor.options(**{**QUICK, "method": method, **changes})))

    return of


def test_another_wording_of_the_prompt_makes_another_name(name: Namer, monkeypatch: pytest.MonkeyPatch) -> None:
    before, pool = name(), prompts_digest("world")
    monkeypatch.setitem(formats.WORDINGS, "terse", formats.WORDINGS["terse"] + " Be brief.")
    assert name() != before
    assert prompts_digest("world") != pool
    monkeypatch.undo()
    assert name() == before


def test_another_example_in_the_pool_makes_another_name(name: Namer, monkeypatch: pytest.MonkeyPatch) -> None:
    before, load = name(), room.load_pool
    monkeypatch.setattr(room, "load_pool", lambda pool: (replace(load(pool)[0], instruction="x"), *load(pool)[1:]))
    assert name() != before
    monkeypatch.undo()
    assert prompts_digest("world") != prompts_digest("photographs")


def test_other_code_of_the_rewriter_makes_another_name(name: Namer, monkeypatch: pytest.MonkeyPatch) -> None:
    before = name()
    monkeypatch.setattr(room, "code_digest", lambda *modules: code_digest(*modules)[::-1])
    assert name() != before


def module_of(folder: Path, stem: str, code: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module that can be imported by its name while the test runs."""
    (folder / f"{stem}.py").write_text(code)
    monkeypatch.syspath_prepend(str(folder))
    invalidate_caches()
    import_module(stem)
    monkeypatch.delitem(sys.modules, stem)
    return stem


def test_other_code_of_a_method_makes_another_name(
    name: Namer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of its own method alone; the same code in another file makes the same."""
    code = "from pix2pix_onthefly.methods.ddim import DdimEditing\n\n\nclass Mine(DdimEditing):\n    strength = 1\n"
    stems = {"first": code, "second": code.replace("1", "2"), "third": code}
    ours, names = name(), dict[str, str]()
    for stem, text in stems.items():
        module_of(tmp_path, f"method_{stem}", text, monkeypatch)
        row = MethodRow(DdimOptions(), "is a test's", f"method_{stem}:Mine")
        monkeypatch.setitem(METHODS, "ddim", row)
        names[stem] = name("ddim")
        assert name() == ours
    assert names["first"] == names["third"] != names["second"]


def test_code_counts_with_what_it_is_built_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fixed direction is made of phrases and of the guided edit: other code of these is another method, while a
    neighbour's code is none of its business."""
    import inspect

    def digest_with(changed: object) -> str:
        read = inspect.getsource
        with monkeypatch.context() as patch:
            patch.setattr(inspect, "getsource", lambda module: read(module) + "# changed" * (module is changed))
            _digest.cache_clear()
            return code_digest(fixed_direction)

    from pix2pix_onthefly.methods import ddim, table

    plain = digest_with(None)
    for part in (fixed_direction, phrases, attention_guidance, direction):
        assert digest_with(part) != plain, part.__name__
    for stranger in (ddim, table, formats):
        assert digest_with(stranger) == plain, stranger.__name__


def test_settings_of_a_method_make_another_name(name: Namer) -> None:
    names = [
        name(),
        name("ddim"),
        name("ddim", negative="source"),
        name("ddim", guidance_scale=2.0),
        name("sdedit-0.3"),
        name("sdedit-0.5"),
    ]
    assert len(set(names)) == len(names)
    assert names[1].startswith("ddim-0shot-")
    assert names[4].startswith("sdedit-0-3-0shot-")
    assert name("sdedit", strength=0.3) == names[4]


def test_a_configuration_as_plain_data_tells_its_method() -> None:
    """Names of results hang on it."""
    plain = Configuration(EditOptions.of(SdeditOptions(strength=0.3))).plain()
    assert set(plain) == {"options", "caption_source"}
    assert plain["options"] == EditOptions.of(SdeditOptions(strength=0.3)).flat()
    assert EditOptions.of(SdeditOptions(strength=0.3)).flat()["method"] == "sdedit"
