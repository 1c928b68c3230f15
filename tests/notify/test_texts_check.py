"""Languages: what one lacks is said in English, and a check names it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from triage.errors import Misconfigured
from triage.notify import Texts, phrases
from triage.notify.phrases import locales
from triage.notify.texts_check import check

Language = Callable[..., str]


@pytest.fixture
def language(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Language:
    """Give a function that makes a language "xx" beside the shipped ones, of these files."""
    shipped = phrases.FOLDER
    for path in shipped.iterdir():
        (tmp_path / path.name).symlink_to(path)
    monkeypatch.setattr(phrases, "FOLDER", tmp_path)
    monkeypatch.setattr("triage.notify.texts_check.FOLDER", tmp_path)

    def make(**files: str) -> str:
        phrases._file.cache_clear()
        (tmp_path / "xx").mkdir(exist_ok=True)
        for name, content in files.items():
            (tmp_path / "xx" / name.replace("__", ".")).write_text(content, encoding="utf-8")
        return "xx"

    return make


def test_english_is_whole() -> None:
    """The language that speaks for all others lacks nothing, and has no place that nothing fills."""
    assert check("en") == []


@pytest.mark.parametrize("locale", [one for one in locales() if one != "en"])
def test_shipped_languages_have_nothing_wrong(locale: str) -> None:
    """A language may lack a phrase that is new in English; none of its own is wrong or not asked for."""
    assert [one for one in check(locale) if not one.endswith("is missing")] == []


def test_a_missing_phrase_is_said_in_english(language: Language) -> None:
    """A language of one phrase works: that phrase is its own, every other one is English."""
    texts = Texts.load(language(phrases__toml='[why]\nopened = "Nova."\n'))
    assert texts.phrase("why.opened") == "Nova."
    assert texts.phrase("why.grew", text="x") == "Grown: x."
    assert texts.words("time.months")[0] == "Jan"
    assert texts.find("category.dns.sure.neutral", sending="a", domain="b") == "a finds no mail server for b in DNS"


def test_a_missing_count_follows_the_english_rule(language: Language) -> None:
    """Where the English word is taken, the English rule chooses its form; a language's own rule chooses its own."""
    content = '[plural]\none = "n = 1..3"\n[counts]\nwaiting = { one = "w {n}", many = "ww {n}" }\n'
    texts = Texts.load(language(phrases__toml=content))
    assert [texts.count("counts.waiting", n) for n in (3, 4)] == ["w 3", "ww 4"]
    assert [texts.count("counts.returned", n) for n in (1, 3)] == ["1 returned", "3 returned"]
    assert texts.count("time.takes", 3) == "3 minutes"


def test_a_form_that_is_missing_gives_way_to_many(language: Language) -> None:
    """One missing form does not bring another language into the sentence."""
    content = '[plural]\nfew = "n = 2"\n[counts]\nwaiting = { many = "ww {n}" }\n'
    assert Texts.load(language(phrases__toml=content)).count("counts.waiting", 2) == "ww 2"


def test_a_phrase_that_cannot_be_filled_in_is_said_in_english(language: Language) -> None:
    """An unknown place, an open brace, a list of another length and a rule that cannot be read stop nothing."""
    content = (
        'plural = { one = "n ~ 1" }\n[why]\ngrew = "{nonsense}"\nresolved = "{"\n[time]\nmonths = ["I", "II"]\n'
        '[card]\nfirst = 7\n[counts.waiting]\none = "{nonsense}"\nmany = "{n} w"\n'
    )
    texts = Texts.load(language(phrases__toml=content))
    assert texts.phrase("why.grew", text="x") == "Grown: x."
    assert texts.phrase("why.resolved", text="x") == "Resolved: x."
    assert texts.words("time.months")[11] == "Dec"
    assert texts.phrase("card.first") == "First"
    assert texts.count("counts.waiting", 1) == "1 w"


def test_the_check_names_all_that(language: Language) -> None:
    """Missing, unknown and wrong phrases are named by their path, each once."""
    content = (
        '[plural]\none = "n ~ 1"\n[why]\ngrew = "{nonsense}"\nresolved = "{"\nopen = "x"\n[time]\nmonths = ["I"]\n'
        '[category.dns.sure]\nsending = "{culprit} x"\n'
    )
    found = check(language(phrases__toml=content, card__jinja="", note__toml="[kind]\nwaitng = 'x'\n"))
    assert "why.grew has the unknown place nonsense" in found
    assert any(one.startswith("why.resolved cannot be filled in") for one in found)
    assert "why.open is not used any more" in found
    assert "note.kind.waitng is not used any more" in found
    assert "why.opened is missing" in found
    assert "letter.greeting is missing" in found
    assert "time.months is not a list of as many words as the English one" in found
    assert "the template card.jinja is not used any more" in found
    assert any(one.startswith("plural is wrong") for one in found)
    assert not any(one.startswith(("category.dns.sure.sending", "ends.pools")) for one in found)
    assert len(found) == len(set(found))


def test_the_check_asks_for_every_form_of_the_language(language: Language) -> None:
    """A language with three forms has to bring three for each count."""
    content = '[plural]\none = "n = 1"\nfew = "n = 2..4"\n[counts]\nwaiting = { one = "1", many = "{n}" }\n'
    found = check(language(phrases__toml=content))
    assert "counts.waiting.few is missing" in found
    assert "counts.waiting.one is missing" not in found


def test_a_template_of_a_language_comes_before_the_english_one(language: Language) -> None:
    """Templates are looked for in the language's folder first."""
    texts = Texts.load(language(phrases__toml=""))
    assert [folder.name for folder in texts.folders] == ["xx", "en"]


def test_a_file_that_is_no_toml_is_named(language: Language) -> None:
    """What cannot be read at all stops the start, with the file's name."""
    locale = language(phrases__toml="[")
    with pytest.raises(Misconfigured, match=r"xx/phrases\.toml cannot be read"):
        Texts.load(locale)
