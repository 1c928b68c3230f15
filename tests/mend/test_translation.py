"""Runbooks in another language: words alone are translated, and what changed since is printed in English."""

import re
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from triage.errors import Misconfigured
from triage.hosts import Hosts
from triage.mend import Shelf, Translation, fill
from triage.mend.runbook import Entry, parse_steps
from triage.mend.translation import differs, digest, digest_of, originals, to_translate
from triage.model import Incident
from triage.notify.phrases import locales

RUNBOOK = """+++
id = 'dns'
title = "{{ domain }} is not found"
category = 'dns'
applies_to = "x"
read_on = 2026-11-23
+++

## Check

### Ask DNS for {{ domain }}
<!-- minutes = 5, at = "here", where = "On any machine", first = ["certain"] -->

Look at `MX`:

```sh
nslookup -type=mx {{ domain | sh }}
```

Expected: A host name, within 1,500 ms; see https://example.org/mx.

## Do not

- Do not guess.

## Further reading
"""
STEP = """### Opýtajte sa DNS ({{ domain }})
<!-- of = "%s", where = "Hocikde" -->

Pozrite `MX`:

```sh
nslookup -type=mx {{ domain | sh }}
```

Expected: Meno servera, do 1 500 ms; pozri https://example.org/mx.
"""
Site = Callable[..., Path]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Give a function that makes a site's folder with one runbook and its translation into "xx"."""

    def make(words: str, runbook: str = RUNBOOK) -> Path:
        (tmp_path / "xx").mkdir(exist_ok=True)
        (tmp_path / "dns.md").write_text(runbook, encoding="utf-8")
        (tmp_path / "xx" / "dns.md").write_text(words, encoding="utf-8")
        return tmp_path

    return make


@pytest.fixture
def step() -> Entry:
    """The English step of the runbook."""
    lines = RUNBOOK.partition("## Check\n")[2].partition("## Do not")[0].split("\n")
    (found,) = parse_steps(lines, "dns")
    return found


def told(site: Path, incident: Callable[..., Incident], hosts: Hosts) -> tuple[str, ...]:
    """Give what a ticket would print of the translated runbook."""
    shelf = Translation.load("xx", site).shelf(Shelf.load(site))
    filled = fill(incident(category="dns", family="routing", side=None), shelf, hosts)
    (check,) = filled.check
    return filled.title, filled.first, check.title, check.body, check.expected or "", check.where or "", *filled.do_not


def test_a_step_is_printed_in_the_language(
    site: Site, step: Entry, incident: Callable[..., Incident], hosts: Hosts
) -> None:
    """Heading, words, place and bullet are translated; command, time and gate are those of the original."""
    words = f"+++\ntitle = '{{{{ domain }}}} sa nenašla'\nof = '{digest('{{ domain }} is not found')}'\n+++\n\n"
    words += STEP % digest_of(step)
    words += f'\n### Nehádajte.\n<!-- of = "{digest_of(Entry(step.gate.__class__(), body="Do not guess."))}" -->\n'
    folder = site(words)
    assert told(folder, incident, hosts) == (
        "fabrikam.example sa nenašla",
        "Opýtajte sa DNS (fabrikam.example)",
        "Opýtajte sa DNS (fabrikam.example)",
        "Pozrite `MX`:\n\n```sh\nnslookup -type=mx fabrikam.example\n```",
        "Meno servera, do 1 500 ms; pozri https://example.org/mx.",
        "Hocikde",
        "Nehádajte.",
    )
    assert list(Translation.load("xx", folder).problems(Shelf.load(folder))) == []


def test_an_original_that_changed_is_printed_in_english(
    site: Site, step: Entry, incident: Callable[..., Incident], hosts: Hosts
) -> None:
    """A wrong step does harm, a foreign one only delays: the check names what is to be translated again."""
    folder = site(STEP % digest_of(step), RUNBOOK.replace("A host name,", "Two host names,"))
    assert told(folder, incident, hosts)[2] == "Ask DNS for fabrikam.example"
    assert list(Translation.load("xx", folder).problems(Shelf.load(folder))) == [
        "xx/dns.md: the original of “Opýtajte sa DNS ({{ domain }})” changed or is gone; it is printed in English"
    ]


def test_conditions_are_no_words(step: Entry) -> None:
    """A step whose gate, time or source changed is the same step to a translator; one that moved place is not."""
    other = step.gate.__class__(when=("windows",), minutes=9, where=step.gate.where)
    assert digest_of(Entry(other, step.title, step.body, step.expected, step.undo)) == digest_of(step)
    moved = step.gate.__class__(where="Elsewhere")
    assert digest_of(Entry(moved, step.title, step.body, step.expected, step.undo)) != digest_of(step)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (("nslookup -type=mx", "nslookup -type=a"), "has other commands in its body"),
        (("`MX`", "MX"), "has other words in backticks in its body"),
        (("({{ domain }})", ""), "has other values in its title"),
        (("({{ domain }})", "({{ host }})"), "has other values in its title"),
        (("Meno servera", "Meno {% servera"), "has braces that nothing closes in its Expected"),
        (
            ("Expected: Meno servera, do 1 500 ms; pozri https://example.org/mx.\n", ""),
            "has words where the original has none, or none where it has in its Expected",
        ),
        (
            ("Meno servera", "Meno.\n\nUndo: Nič."),
            "has words where the original has none, or none where it has in its Undo",
        ),
        (("1 500 ms", "1 600 ms"), "has other numbers or names (without 1500, with 1600) in its Expected"),
        (("Opýtajte sa DNS", "Opýtajte sa main.cf"), "has other numbers or names (with main.cf) in its title"),
        (("example.org/mx.", "example.org/my."), "has other links in its Expected"),
        (('where = "Hocikde"', 'where = "Exchange 2010"'), "has other numbers or names (with 2010) in its where"),
        (('where = "Hocikde"', 'where = "{{ host }}"'), "has other values in its where"),
    ],
    ids=[
        "command", "code", "value-left-out", "other-value", "brace", "no-expected", "undo-added", "number", "name",
        "link", "where", "value-in-where",
    ],
)  # fmt: skip
def test_a_translation_cannot_change_what_is_done(
    change: tuple[str, str], why: str, site: Site, step: Entry, incident: Callable[..., Incident], hosts: Hosts
) -> None:
    """Another command, value, number, link or part is refused: the English step is printed, and the check says why."""
    folder = site((STEP % digest_of(step)).replace(*change))
    assert told(folder, incident, hosts)[2] == "Ask DNS for fabrikam.example"
    found = list(Translation.load("xx", folder).problems(Shelf.load(folder)))
    assert any(why in one for one in found)


def test_a_condition_in_the_wrong_order_is_refused(step: Entry) -> None:
    """The parts of a condition are there and do not fit: the template is wrong, so the English step is printed."""
    english = Entry(step.gate, "x", '{% if "windows" in gates %}a{% else %}b{% endif %}')
    wrong = Entry(step.gate, "y", 'a{% else %}b{% endif %}{% if "windows" in gates %}')
    right = Entry(step.gate, "y", '{% if "windows" in gates %}A{% else %}B{% endif %}')
    assert any("in another order" in one for one in differs(english, wrong))
    assert differs(english, right) == []


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("### Krok\n\nText.\n", "does not say of which step it is"),
        ("+++\ntitle = 'x'\n+++\n", "front matter is wrong"),
        ("+++\ntitle = 'x'\nof = 'y'\nid = 'z'\n+++\n", "front matter is wrong"),
        ('### Krok\n<!-- of = -->\n', "is wrong"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_named(words: str, why: str, site: Site) -> None:
    """A typing error in a translation is a sentence with the file's name."""
    with pytest.raises(Misconfigured, match=rf"xx/dns\.md.*{why}"):
        Translation.load("xx", site(words))


def test_what_a_translator_gets_is_a_translation(site: Site, step: Entry) -> None:
    """The printed form, unchanged, is a translation that holds."""
    bullet = Entry(step.gate.__class__(), body="Do not guess.")
    folder = site(to_translate(step) + "\n" + to_translate(bullet))
    translation = Translation.load("xx", folder)
    assert list(translation.problems(Shelf.load(folder))) == []
    assert translation.missing(Shelf.load(folder).runbooks["dns"]) == []


def test_what_a_language_lacks_of_a_runbook_is_counted(site: Site, step: Entry) -> None:
    """Each runbook that is not translated to its end is named once, with how much it lacks; a whole one is not."""
    bullet = Entry(step.gate.__class__(), body="Do not guess.")
    title = f"+++\ntitle = 'x'\nof = '{digest('{{ domain }} is not found')}'\n+++\n\n"
    lacks = "the runbook dns lacks a translation of {}; `triage texts steps xx dns` prints it"

    def told(words: str) -> list[str]:
        folder = site(words)
        return [one for one in Translation.load("xx", folder).lacks(Shelf.load(folder)) if "runbook dns " in one]

    assert told("") == [lacks.format("2 of its 2 steps and bullets and its title")]
    assert told(title + to_translate(step)) == [lacks.format("1 of its 2 steps and bullets")]
    assert told(to_translate(step) + "\n" + to_translate(bullet)) == [lacks.format("its title")]
    assert told(title + to_translate(step) + "\n" + to_translate(bullet)) == []
    assert list(Translation.load("en").lacks(Shelf.load(None))) == []


def test_english_needs_no_translation(shelf: Shelf) -> None:
    """The language of the originals loads nothing, and gives the very shelf."""
    assert Translation.load("en").shelf(shelf) is shelf


@pytest.mark.parametrize("locale", [name for name in locales() if name != "en"])
def test_shipped_translations_change_words_alone(locale: str, shelf: Shelf) -> None:
    """No shipped step that is printed has another command, value, number or part than its original."""
    steps = {digest_of(entry): entry for entry in originals(shelf)}
    given = [(words.file, step) for words in Translation.load(locale).files for step in words.steps]
    assert len(given) > 40
    known = [(file, step) for file, step in given if step.gate.of in steps]
    assert [(file, step.title) for file, step in known if differs(steps[step.gate.of or ""], step)] == []


def structure(entry: Entry) -> tuple[object, ...]:
    """Give what has to be the same of a step in every language: its gate, and all in it that is no prose."""
    text = "\n".join((entry.title, entry.body, entry.expected or "", entry.undo or ""))
    blocks = [block.partition("\n```")[0] for block in ("\n" + text).split("\n```")[1::2]]
    prose = "".join(("\n" + text).split("\n```")[0::2])
    values = sorted(set(re.findall(r"\{\{[^}]*\}\}|\{%[^%]*%\}", text)) - {"{{ role }}"})
    return (
        msgspec.structs.replace(entry.gate, where=None, of=None),
        bool(entry.title), bool(entry.expected), bool(entry.undo),
        blocks, sorted(prose.split("`")[1::2]), values,
        sorted(re.findall(r"https?://[^\s)]+[^\s).,;:]", text)),
        len(re.findall(r"(?m)^- ", entry.body)) if entry.title else 0,
    )  # fmt: skip


@pytest.mark.parametrize("locale", [name for name in locales() if name != "en"])
@pytest.mark.parametrize("name", sorted(Shelf.load(None).runbooks))
def test_a_translated_runbook_has_the_structure_of_its_original(name: str, locale: str, shelf: Shelf) -> None:
    """Same sections, steps, gates, places, commands, links and lists, whatever of the words is translated."""
    english = shelf.runbooks[name]
    other = Translation.load(locale).shelf(shelf).runbooks[name]
    assert list(other.sections) == list(english.sections)
    for section, entries in english.sections.items():
        assert [structure(one) for one in other.sections[section]] == [structure(one) for one in entries]
    assert re.findall(r"\{\{[^}]*\}\}", other.front.title) == re.findall(r"\{\{[^}]*\}\}", english.front.title)
    assert msgspec.structs.replace(other.front, title="") == msgspec.structs.replace(english.front, title="")
