"""`Shelf.check` finds what is wrong with a runbook, and the shipped ones are right."""

import datetime
from pathlib import Path

import pytest

from triage.errors import Misconfigured
from triage.mend import Shelf
from triage.mend.gates import GATES, holds, impossible, may_reach
from triage.mend.runbook import parse
from triage.model.words import CATEGORIES

GOOD = """+++
id = 'own'
title = "Own"
category = 'dns'
applies_to = "A test"
read_on = 2026-11-23

[[sources]]
id = 'one'
title = "One"
url = 'https://docs.example/one'
read_on = 2026-11-23
+++

## Check

### Look at {{ host }}
<!-- when = ["windows"], minutes = 2, at = "server", where = "In a shell", source = ["one"] -->

```powershell
Get-Queue -Identity {{ server | ps }}
```

Expected: Something.

## Change

### Do it
<!-- minutes = 2, at = "here", hint = true -->

Words.

Undo: Nothing.

## Further reading

- one
"""


def check(tmp_path: Path, text: str) -> list[str]:
    """Check a shelf that has this text as a site's own runbook, and give the problems of that one."""
    (tmp_path / "own.md").write_text(text, encoding="utf-8")
    return [problem for problem in Shelf.load(tmp_path).check() if problem.startswith("own:")]


def test_shipped_runbooks_have_no_problem(shelf):
    """Every runbook that we ship passes every proof."""
    assert shelf.check() == []


def test_every_category_has_its_own_runbook(shelf):
    """Each category of the contract has the runbook of its name."""
    assert {category: shelf.find(None, category).front.id for category in CATEGORIES} == {c: c for c in CATEGORIES}


def test_good_runbook_has_no_problem(tmp_path):
    """The runbook from which the faulty ones below are made is right."""
    assert check(tmp_path, GOOD) == []


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("### Do it\n<!-- minutes = 2, at = \"here\", hint = true -->\n\nWords.\n\nUndo: Nothing.\n", "", '"Change" is empty'),
        ("category = 'dns'\n", "category = 'dns'\nfull = true\n", '"Way round" is empty'),
        ("{{ host }}", "{{ hots }}", "unfilled placeholder 'hots'"),
        ("{{ host }}", "{{ host", "the template is wrong"),
        ("{{ server | ps }}", "{{ server }}", "needs the filter ps"),
        ("{{ host }}", "{{ host | ps }}", "needs no filter"),
        ('["windows"]', '["widnows"]', "unknown gate 'widnows'"),
        ("Words.", '{% if "widnows" in gates %}a{% endif %}', "unknown gate 'widnows'"),
        ("Words.", '{% if "exchange-2010" in gates %}a{% endif %}', "belongs into `when`"),
        ('at = "here"', 'at = "there"', "is not one of"),
        ("read_on = 2026-11-23\n+++", "+++", "has no read_on date"),
        ("https://docs", "http://docs", "no https address"),
        ("- one", "- two", "no source of this id"),
        ("Expected: Something.", "", "needs `Expected:`"),
        ("Undo: Nothing.", "", "needs `Undo:`"),
        ("Words.\n", "", "the step is empty"),
        ("Get-Queue", "Get-Queu", "Get-Queu is not in vocabulary.toml"),
        ("-Identity", "-Identiy", "Get-Queue has no -Identiy"),
        ("Words.", "Under `HKLM\\SYSTEM\\CurentControlSet`.", "HKLM\\SYSTEM\\CurentControlSet is not in"),
        ("Words.", "Set 0xAA0.", "it allows SSL 3.0 as well"),
        ("Words.", "Run `reg import x.reg`.", "needs the gate tls12-change"),
        ("Words.", "Get-TlsCipherSuite shows it.", "reaches Exchange 2016"),
        ("Words.", "Use -TlsCertificateName.", "reaches Exchange 2010"),
        ("Words.", "Run HealthChecker.", "reaches Exchange 2013"),
        (', source = ["one"]', "", "the step names no source"),
        ('source = ["one"]', 'source = ["two"]', "there is no source 'two'"),
        ('source = ["one"]', 'source = ["one"], hint = true', "a step with a source is no hint"),
        ('["windows"]', '["windows", "postfix"]', "nothing can fulfil"),
        ('["windows"]', '["exchange-2016", "exchange-2019|exchange-se"]', "nothing can fulfil"),
        ('["windows"]', '["windows", "not windows|exchange"]', "nothing can fulfil"),
        ('where = "In a shell"', 'where = "On {{ hots }}"', "unfilled placeholder 'hots'"),
        ("Words.", "`Get-MessageTraceV2` shows it.", "exists in Exchange Online alone"),
        ('at = "here", hint', 'at = "tenant", hint', "does not exist in Exchange Online"),
        ("Words.", "Run HealthChecker.", "a host of unknown version"),
    ],
)  # fmt: skip
def test_fault_is_found(tmp_path, old, new, problem):
    """Each kind of fault in a runbook is named."""
    good = GOOD.replace("Words.", "`Get-Queue` shows it.") if "does not exist in" in problem else GOOD
    assert old in good
    found = check(tmp_path, good.replace(old, new))
    assert any(problem in one for one in found), found


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("no front matter", "front matter is wrong"),
        (GOOD.replace("category = 'dns'", "category = 'nonsense'"), "front matter is wrong"),
        (GOOD.replace("## Check", "## Chekc"), "is not one of the sections"),
        (GOOD + "\n## Check\n", "stands twice"),
        (GOOD.replace("<!-- minutes = 2, at", "<!-- minutes = two, at"), "is wrong"),
        (GOOD.replace("<!-- minutes = 2, at", "<!-- minuets = 2, at"), "is wrong"),
        (GOOD.replace("### Look at {{ host }}", "Look"), "outside of a step"),
        (GOOD.replace("```\n\nExpected", "\n\nExpected"), "code block is not closed"),
        (GOOD.replace("- one", "one"), "bullets of one line"),
        (GOOD.replace("### Do it\n", '<!-- part = "nowhere" -->\n### Do it\n'), "there is no part 'nowhere'"),
    ],
)
def test_file_that_is_no_runbook_is_refused(tmp_path, text, problem):
    """A file that cannot be read as a runbook stops the run with a sentence that names the fault."""
    (tmp_path / "own.md").write_text(text, encoding="utf-8")
    with pytest.raises(Misconfigured, match=problem.replace("(", r"\(")):
        Shelf.load(tmp_path)


def test_site_runbook_comes_first(tmp_path):
    """A site's runbook takes the place of the shipped one of the same id; the others stay."""
    (tmp_path / "dns.md").write_text(GOOD.replace("id = 'own'", "id = 'dns'"), encoding="utf-8")
    site = Shelf.load(tmp_path)
    assert site.find(None, "dns").front.title == "Own"
    assert site.find("tls-version", "dns").front.id == "tls-version"


def test_site_folder_that_is_missing_is_named(tmp_path):
    """A folder that does not exist is a wrong setting, not an empty shelf."""
    with pytest.raises(Misconfigured, match="does not exist"):
        Shelf.load(tmp_path / "nowhere")


def test_binary_file_is_named(tmp_path):
    """A runbook that is not UTF-8 is named."""
    (tmp_path / "bad.md").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(Misconfigured, match=r"bad\.md cannot be read"):
        Shelf.load(tmp_path)


def test_labels_inside_code_are_code():
    """`Expected:` and headings inside a code block belong to the code."""
    text = GOOD.replace("Words.", "```\nExpected: no\n### no heading\n```")
    (step,) = parse(text, "x").sections["Change"]
    assert step.expected is None
    assert "### no heading" in step.body


@pytest.mark.parametrize(
    ("when", "gates", "expected"),
    [
        ([], set(), True),
        (["windows"], {"windows"}, True),
        (["windows", "ours"], {"windows"}, False),
        (["exim|postfix"], {"postfix"}, True),
        (["not exim|postfix"], {"postfix"}, False),
        (["not exim"], {"postfix"}, True),
    ],
)
def test_when_is_read_as_documented(when, gates, expected):
    """All items must hold, one of several joined by a bar is enough, `not` turns an item round."""
    assert holds(when, frozenset(gates)) is expected


@pytest.mark.parametrize(
    ("when", "version", "expected"),
    [
        (["exchange-2016"], "exchange-2010", False),
        (["windows"], "exchange-2010", True),
        (["unknown-system|windows"], "exchange-2010", True),
        (["unknown-system"], "exchange-2010", False),
        (["below-code-limit"], "exchange-2019", False),
        (["tls12-change"], "exchange-2007-or-older", False),
        (["exchange-2016|exchange-se"], None, False),
        (["windows"], None, True),
        (["tls12-change"], None, False),
        (["not exchange-2010"], "exchange-2010", False),
    ],
)
def test_reach_of_a_step_is_judged_by_version(when, version, expected):
    """Whether a step can be printed for a version follows from its gates alone."""
    assert may_reach(when, version) is expected


def test_every_gate_says_what_it_means():
    """Each gate has a sentence, for the list of `docs/runbooks.md`."""
    assert [name for name, text in GATES.items() if len(text) < 8] == []


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        (["windows", "sending"], False),
        (["exchange-2016|postfix", "windows"], False),
        (["exchange-2016|exim", "postfix"], True),
        (["sending", "receiving"], True),
        (["ours", "not not-ours"], False),
        (["exchange", "not exchange"], True),
        (["to-gmail", "to-yahoo"], False),
    ],
)
def test_a_when_that_nothing_can_fulfil_is_known(when, expected):
    """Two gates of which at most one holds, or a gate that another item denies, make a step that nobody ever sees."""
    assert impossible(when) is expected


def test_part_may_bring_its_sources(tmp_path):
    """The front matter of a part joins the sources of the runbook that names it; a part without one is read too."""
    (tmp_path / "parts").mkdir()
    part = '### Look\n<!-- minutes = 1, source = ["two"] -->\n\nWords.\n\nExpected: Something.\n'
    front = (
        "+++\n[[sources]]\nid = 'two'\ntitle = \"Two\"\nurl = 'https://docs.example/two'\nread_on = 2026-11-20\n+++\n\n"
    )
    text = GOOD.replace("## Change", '<!-- part = "look" -->\n\n## Change')
    (tmp_path / "parts" / "look.md").write_text(part, encoding="utf-8")
    assert any("there is no source 'two'" in one for one in check(tmp_path, text))
    (tmp_path / "parts" / "look.md").write_text(front + part, encoding="utf-8")
    assert check(tmp_path, text) == []


def test_part_with_wrong_front_matter_is_named(tmp_path):
    """A part whose front matter cannot be read stops the run with its name."""
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "look.md").write_text("+++\ntitle = 1\n+++\n\n### Look\n", encoding="utf-8")
    with pytest.raises(Misconfigured, match=r"look\.md"):
        Shelf.load(tmp_path)


def test_stale_sources_are_listed_oldest_first(tmp_path):
    """A page that nobody has read since the day is listed once, with the runbooks that name it."""
    old = GOOD.replace("read_on = 2026-11-23\n+++", "read_on = 2025-01-31\n+++")
    (tmp_path / "own.md").write_text(old, encoding="utf-8")
    found = Shelf.load(tmp_path).check(datetime.date(2025, 6, 1))
    assert found == ["stale: https://docs.example/one (named by own) was last read on 2025-01-31"]
    assert Shelf.load(tmp_path).check(datetime.date(2025, 1, 31)) == []
    days = [one.rpartition(" ")[2] for one in Shelf.load(tmp_path).check(datetime.date(2030, 1, 1))]
    assert days == sorted(days)
    assert days[0] == "2025-01-31"


def test_docs_list_every_gate_and_value():
    """The page for people who write runbooks names every gate and every value."""
    from triage.mend.template import VALUES

    page = (Path(__file__).parents[2] / "docs" / "runbooks.md").read_text(encoding="utf-8")
    assert [name for name in (*GATES, *VALUES) if f"`{name}`" not in page] == []
