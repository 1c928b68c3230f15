"""Settings: where they come from, which source wins, and what is said of a wrong one."""

from pathlib import Path

import pytest

from triage.errors import Misconfigured, NotFound
from triage.settings import listed_settings, load_settings


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_without_a_file_the_defaults_hold() -> None:
    """A new user needs no settings file."""
    settings = load_settings()
    assert settings.ours.domains == ()
    assert settings.redact == "cards"


def test_a_file_in_the_working_folder_is_read(tmp_path: Path) -> None:
    """`triage.toml` in the working folder counts without being named."""
    (tmp_path / "triage.toml").write_text('[ours]\ndomains = ["contoso.example"]\n', encoding="utf-8")
    assert load_settings().ours.domains == ("contoso.example",)


def test_the_environment_has_the_last_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A value in the environment overrules the file's, and leaves the others alone."""
    (tmp_path / "triage.toml").write_text('authserv_id = "a.example"\nredact = "all"\n', encoding="utf-8")
    monkeypatch.setenv("TRIAGE_AUTHSERV_ID", "b.example")
    settings = load_settings()
    assert (settings.authserv_id, settings.redact) == ("b.example", "all")


def test_folders_are_relative_to_the_file_that_names_them(tmp_path: Path) -> None:
    """A settings file can be used from any folder."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "t.toml").write_text('rules = "rules"\n', encoding="utf-8")
    assert load_settings(tmp_path / "etc" / "t.toml").rules == tmp_path / "etc" / "rules"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("redct = 'all'", "redct"),
        ("redact = 'some'", "redact"),
        ("[ours]\ndomain = []", "ours.domain"),
        ("= 1", "t.toml"),
    ],
    ids=["misspelt", "no such value", "misspelt in a table", "no TOML"],
)
def test_a_wrong_setting_is_named(tmp_path: Path, text: str, named: str) -> None:
    """The error says which setting is wrong."""
    (tmp_path / "t.toml").write_text(text, encoding="utf-8")
    with pytest.raises(Misconfigured, match=named):
        load_settings(tmp_path / "t.toml")


def test_a_named_file_that_is_missing_is_an_error(tmp_path: Path) -> None:
    """A file that was named must be there; only the default may be missing."""
    with pytest.raises(NotFound, match=r"none\.toml"):
        load_settings(tmp_path / "none.toml")


def test_every_setting_has_a_help_text() -> None:
    """No setting goes without a meaning."""
    assert [one.name for one in listed_settings() if not one.help] == []
