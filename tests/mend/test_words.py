"""What stands around a step, in each language."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from triage.hosts import Hosts
from triage.mend import Shelf, Translation, fill, words
from triage.mend.fill import _ANY_LAST_UPDATE, _ANY_WINDOWS_UPDATES, _LAST_UPDATE, _WINDOWS_UPDATES
from triage.mend.template import VALUES, stand_in
from triage.mend.words import Words, problems
from triage.model import Incident
from triage.notify.phrases import locales


@pytest.fixture
def language(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Words]:
    """Give a function that makes a language "xx" of this content."""

    def make(content: str) -> Words:
        (tmp_path / "words.toml").write_bytes((words.FOLDER / "words.toml").read_bytes())
        (tmp_path / "xx").mkdir()
        (tmp_path / "xx" / "words.toml").write_text(content, encoding="utf-8")
        monkeypatch.setattr(words, "FOLDER", tmp_path)
        words._read.cache_clear()
        return Words("xx")

    return make


@pytest.fixture(autouse=True)
def _forget() -> None:
    words._read.cache_clear()


def test_what_is_missing_or_wrong_is_said_in_english(language: Callable[[str], Words]) -> None:
    """A missing sentence, one with a place that nothing fills, and one with an open brace are said in English."""
    found = language('[say]\non = "Na {host}"\nforged = "{nonsense}"\ntoo_old = "{"\n[names]\nserver = "stroj"\n')
    assert found.say("on", host="x") == "Na x"
    assert found.say("forged").startswith("No registry change: the report may be forged.")
    assert found.say("too_old").startswith("No registry change: Exchange 2007")
    assert found.say("no_file", host="x").startswith("No .reg file: x is not ours.")
    assert (found.name("the server"), found.name("the other server")) == ("stroj", "the other server")
    assert found.name("mail.contoso.example") == "mail.contoso.example"


def test_the_check_names_all_that(language: Callable[[str], Words]) -> None:
    """Each sentence by its path, once; a language without such a file has nothing to check."""
    language('[say]\nforged = "{nonsense}"\nold = "x"\n')
    found = list(problems("xx"))
    assert "say.forged has the unknown place nonsense" in found
    assert "words.say.old is not used any more" in found
    assert "words.names.server is missing" in found
    assert len(found) == len(set(found))
    assert list(problems("yy")) == []


@pytest.mark.parametrize("locale", locales())
def test_shipped_words_have_nothing_wrong(locale: str) -> None:
    """No shipped language has one that is wrong or that nothing asks for."""
    assert [one for one in problems(locale) if not one.endswith("is missing")] == []


def test_every_stand_in_has_a_word() -> None:
    """What stands in place of an unknown value is one of the words that a language has."""
    known = set(words._read("en")["names"].values())
    assert {stand_in(name) for name in VALUES} - {"Exchange"} <= known


def test_every_value_in_words_has_a_word() -> None:
    """The updates that a step names are sentences of ours, not names: a language tells them in its own words."""
    told = {*_LAST_UPDATE.values(), *_WINDOWS_UPDATES.values(), _ANY_LAST_UPDATE, _ANY_WINDOWS_UPDATES}
    sentences = {one for one in told if " " in one and not one.startswith("SP3 RU32")}
    assert sentences <= set(words._read("en")["names"].values())


def test_a_slovak_ticket_is_slovak_around_its_steps(
    incident: Callable[..., Incident], shelf: Shelf, hosts: Hosts
) -> None:
    """Where a step is taken, by whom, why a change is withheld, and what is not known, are all in the language."""
    slovak = Translation.load("sk").shelf(shelf)
    ours = fill(incident(build="14.3.123.4"), slovak, hosts)
    assert any(step.where == "Na serveri hq-ex10a.contoso.example: Exchange Management Shell" for step in ours.before)
    assert any("verzia 14.3.123.4 je staršia než SP3 RU9" in told for told in ours.withheld)
    theirs = fill(
        incident(build="14.3.513.0", ours=False, side="receiving", receiving="mx1.fabrikam.example"), slovak, hosts
    )
    assert any("Žiadny súbor .reg: server mx1.fabrikam.example nie je náš." in told for told in theirs.withheld)
    unknown = fill(incident(sending=None, confidence="possible"), slovak, hosts)
    assert unknown.title.startswith("Na overenie: Server odosielateľa ")
    assert any("Na serveri odosielateľa zatiaľ nič nemeňte" in told for told in unknown.withheld)


SLOVAK = [
    (file, line)
    for file in sorted((words.FOLDER / "sk").rglob("*.*"))
    for line in re.sub(r"(?ms)^```.*?^```$", "", file.read_text("utf-8")).split("\n")
]


def test_slovak_runbooks_keep_to_the_glossary() -> None:
    """One word for one thing (docs/texts.md): none of the words that stand under "not" there."""
    shunned = re.compile(
        r"(?i)\b(nedoručenk|fronta\b|povesť|povesti\b|hovor\w+ TLS|ukradnut|spätn\w+ men|prijíman\w+ domén|administrátor"
        r"|denník|blacklist|whitelist|transportné pravidl)"
    )
    assert [(file.name, line) for file, line in SLOVAK if shunned.search(line)] == []


def test_slovak_names_of_hosts_stand_behind_the_word_server() -> None:
    """A host that is not known reads "servera odosielateľa": so its place stands behind "server", in any case."""
    alone = re.compile(
        r"(?<!server )(?<!servera )(?<!serveri )(?<!serveru )(?<!serverom )\{\{ (host|sender|receiver) \}\}",
        re.IGNORECASE,
    )
    assert [(file.name, line) for file, line in SLOVAK if alone.search(line)] == []
