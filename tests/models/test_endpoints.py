"""How a language model behind an endpoint is named."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pix2pix_onthefly.errors import InputError, ModelUnavailableError, OnTheFlyError, OptionError
from pix2pix_onthefly.language.endpoint import EndpointModel
from pix2pix_onthefly.models import endpoints
from pix2pix_onthefly.models.families import family_of
from pix2pix_onthefly.models.identity import weights_key
from pix2pix_onthefly.models.rows import ModelRow
from pix2pix_onthefly.options import LoadOptions

ADDRESS = "http://127.0.0.1:8080/v1"


def row_of(address: str = ADDRESS, name: str | None = "small") -> ModelRow:
    return family_of(LoadOptions(family="sd14", language_model=address, language_model_name=name))[1].rewriter


def test_an_address_and_a_name_make_a_row_without_asking_anybody() -> None:
    assert str(row_of()) == f"{ADDRESS}@small"
    assert str(row_of(f" {ADDRESS}/ ")) == f"{ADDRESS}@small"
    assert row_of().bundled
    assert weights_key(row_of(name="large")) != weights_key(row_of())


def test_the_key_comes_from_the_environment_and_is_in_no_record(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    pytest.importorskip("openai")
    keys: list[str] = []
    monkeypatch.setattr(EndpointModel, "__init__", lambda self, url, name, *, key, seconds: keys.append(key))
    for own, other in (("mine", "theirs"), ("", "theirs"), ("", "")):
        monkeypatch.setenv("ONTHEFLY_LANGUAGE_MODEL_KEY", own)
        monkeypatch.setenv("OPENAI_API_KEY", other)
        row = row_of()
        row.load(torch.device("cpu"), torch.float32)
        assert "mine" not in repr(row)
    assert keys == ["mine", "theirs", ""]


@pytest.mark.parametrize(
    ("address", "name", "kind", "sentence"),
    [
        (ADDRESS, None, OptionError, "name the model .* with --language-model-name"),
        (ADDRESS, " ", OptionError, "name the model"),
        ("http://", "small", InputError, "is no address of an endpoint; one looks like http"),
        ("http://host:port/v1", "small", InputError, "is no address"),
        ("http://me:secret@host/v1", "small", InputError, "environment variable ONTHEFLY_LANGUAGE_MODEL_KEY"),
        ("https://host/v1?key=secret", "small", InputError, "environment variable ONTHEFLY_LANGUAGE_MODEL_KEY"),
        ("somebody/model", "small", OptionError, "give the endpoint's address as language_model"),
    ],
)
def test_what_cannot_be_an_endpoint_is_refused(
    address: str, name: str | None, kind: type[OnTheFlyError], sentence: str
) -> None:
    with pytest.raises(kind, match=sentence) as found:
        row_of(address, name)
    assert "secret" not in str(found.value)


def test_without_the_client_one_sentence_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoints, "find_spec", lambda name: None)
    with pytest.raises(ModelUnavailableError, match=r"needs the library openai; pip install '.*\[endpoint\]'"):
        row_of()


def test_naming_an_endpoint_imports_nothing_slow() -> None:
    program = (
        "import sys\nfrom pix2pix_onthefly.models.families import family_of\n"
        "from pix2pix_onthefly.options import LoadOptions\n"
        f"family_of(LoadOptions(language_model={ADDRESS!r}, language_model_name='small'))\n"
        "assert not {'torch', 'openai', 'transformers'} & sys.modules.keys()"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
