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


@pytest.mark.parametrize(
    ("text", "name", "variable"),
    [
        ('[sinks.teams]\nurl = "https://x/?sig=s3cr3t"', "sinks.teams.url", "TRIAGE_SINKS__TEAMS__URL"),
        ('[sinks.webhook]\nsecret = "whsec_s3cr3t"', "sinks.webhook.secret", "TRIAGE_SINKS__WEBHOOK__SECRET"),
        ('[sinks]\nproxy = "http://a:s3cr3t@proxy"', "sinks.proxy", "TRIAGE_SINKS__PROXY"),
    ],
)
def test_a_secret_in_a_file_is_refused(tmp_path: Path, text: str, name: str, variable: str) -> None:
    """Files are copied, kept and shared: the error names the setting and its variable, and not the secret."""
    (tmp_path / "t.toml").write_text(text, encoding="utf-8")
    with pytest.raises(Misconfigured, match=variable) as raised:
        load_settings(tmp_path / "t.toml")
    assert name in str(raised.value)
    assert "s3cr3t" not in str(raised.value)


def test_secrets_come_from_the_environment_beside_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hosts stand in the file, the address in the environment, and neither replaces the other."""
    (tmp_path / "triage.toml").write_text('[sinks.webhook]\nhosts = ["hooks.contoso.example"]\n', encoding="utf-8")
    monkeypatch.setenv("TRIAGE_SINKS__WEBHOOK__URL", "https://hooks.contoso.example/in")
    own = load_settings().sinks.webhook
    assert own.hosts == ("hooks.contoso.example",)
    assert own.url is not None
    assert own.url.get_secret_value() == "https://hooks.contoso.example/in"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("TRIAGE_SINKS__WEBHOOK__PASSWORD", "s3cr3t"),
        ("TRIAGE_SINKS__TEAMS", '["s3cr3t"]'),
        ("TRIAGE_SINKS", "s3cr3t"),
        ("TRIAGE_OURS__DOMAINS", "s3cr3t"),
    ],
)
def test_a_wrong_variable_is_told_without_its_value(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    """Whatever is wrong in the environment is a sentence without what stands there, along the whole chain of errors."""
    monkeypatch.setenv(variable, value)
    with pytest.raises(Misconfigured) as raised:
        load_settings()
    error: BaseException | None = raised.value
    while error is not None:
        assert "s3cr3t" not in str(error)
        error = error.__cause__ or error.__context__


def test_the_routing_is_a_table(tmp_path: Path) -> None:
    """Rows of a file are taken in their order; a sink that does not exist is named."""
    (tmp_path / "t.toml").write_text(
        '[[routing]]\nsinks = ["teams"]\nchanges = ["opened"]\nat_least = "certain"\n', encoding="utf-8"
    )
    (row,) = load_settings(tmp_path / "t.toml").routing
    assert (row.sinks, row.changes, row.at_least) == (("teams",), ("opened",), "certain")
    (tmp_path / "t.toml").write_text('[[routing]]\nsinks = ["pager"]\n', encoding="utf-8")
    with pytest.raises(Misconfigured, match="there is no sink pager"):
        load_settings(tmp_path / "t.toml")


def test_certificates_are_found_beside_the_file(tmp_path: Path) -> None:
    """The file of trusted certificates is taken from the settings file's own folder."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "t.toml").write_text('[sinks]\nca_file = "ca.pem"\n', encoding="utf-8")
    assert load_settings(tmp_path / "etc" / "t.toml").sinks.ca_file == tmp_path / "etc" / "ca.pem"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[ours]\ndomain = []", "ours.domain: there is no such name; domains is meant perhaps."),
        ('[ours]\ndomains = "contoso.example"', 'ours.domains: a list is wanted, such as ["…", "…"].'),
        ('[serve]\nsmtp = "localhost"', "as address:port"),
        ('[retention]\nraw_days = "long"', "retention.raw_days: a whole number is wanted, or it should be 'forever'."),
        ('[[routing]]\nsinks = ["teams"]\nteams = 1', "routing.0.teams: there is no such name."),
        (
            '[ours]\nrules = "rules"',
            "ours.rules: it stands below [ours] and belongs above the first table of the file.",
        ),
    ],
    ids=["misspelt", "no list", "no port", "one of two", "in a row", "below a table"],
)
def test_a_wrong_setting_says_what_is_wanted(tmp_path: Path, text: str, words: str) -> None:
    """The sentence is for whoever typed it: no pattern, no word of a library, one sentence for each setting."""
    (tmp_path / "t.toml").write_text(text, encoding="utf-8")
    with pytest.raises(Misconfigured) as caught:
        load_settings(tmp_path / "t.toml")
    assert words in str(caught.value)


def test_a_wrong_variable_is_named_and_not_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the environment says it, nobody has to search the file for it."""
    (tmp_path / "triage.toml").write_text('redact = "all"\n', encoding="utf-8")
    monkeypatch.setenv("TRIAGE_REDACT", "some")
    with pytest.raises(Misconfigured, match="TRIAGE_REDACT"):
        load_settings()
