"""Texts that no rule matches are a result: gathered by shape, counted, offered as drafts."""

import hashlib
import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from triage.cli.app import app
from triage.collect.item import Item
from triage.curate import Cluster, coverage, draft, unmatched
from triage.curate.unmatched import Unmatched
from triage.diagnose import Rulebook
from triage.errors import Misconfigured
from triage.hosts import Hosts
from triage.intake import Knowledge, read
from triage.model import Place, Reading

KNOWLEDGE = Knowledge(hosts=Hosts(domains=["contoso.example"]), rulebook=Rulebook.load(None))
ODD = "purple elephants refuse mail of {who} at mx{n}.fabrikam.example (ref 8F2A77C{n})"


def reading(ndr: Callable[..., Any], text: str, number: int = 0) -> Reading:
    """Read one report with that reply."""
    made = ndr(
        status="5.0.0", diagnostic=f"smtp;{text}", final_line=text, cause=None, message_id=f"m{number}@contoso.example"
    )
    content = bytes(made)
    return read(Item(Place(f"{number}.eml"), content, hashlib.sha256(content).hexdigest()), KNOWLEDGE)


@pytest.fixture
def found(ndr: Callable[..., Any]) -> Unmatched:
    """Give what is gathered of five odd replies, in two shapes, and one that a rule knows."""
    texts = [ODD.format(who=f"a{n}@contoso.example", n=n) for n in range(4)]
    every = [*texts, "the moon is in the wrong house", "550 5.1.1 User unknown"]
    return unmatched((reading(ndr, one, n) for n, one in enumerate(every)), KNOWLEDGE.rulebook, KNOWLEDGE.hosts)


def test_replies_of_one_shape_are_counted_together_and_the_most_frequent_comes_first(found: Unmatched) -> None:
    """Six failures: four of one shape, one of another, and one that is known and so not here."""
    assert found.failures == 6
    assert [one.count for one in found.clusters] == [4, 1]
    assert found.clusters[0].inputs == ["0.eml", "1.eml", "2.eml"]


def test_a_draft_holds_nothing_of_the_messages(found: Unmatched) -> None:
    """Neither address nor host nor reference stands in it; the words that say something do."""
    text = draft(found.clusters[0], "2026-11-25")
    assert "purple elephants refuse mail" in text
    assert "a0@" not in text
    assert "mx0" not in text
    assert "8F2A77C" not in text


def active(text: str) -> str:
    """Take the marks of the comment away, as a person does."""
    return "".join(f"{line.removeprefix('# ')}\n" for line in text.splitlines())


def test_a_draft_is_refused_until_its_category_is_decided(found: Unmatched, tmp_path: Path) -> None:
    """A code that says nothing leaves the category open, and an open one cannot become active; a decided one holds."""
    text = active(draft(found.clusters[0], "2026-11-25"))
    rules = tmp_path / "rules.toml"
    rules.write_text(text, encoding="utf-8")
    with pytest.raises(Misconfigured, match="category"):
        Rulebook.load(tmp_path)
    rules.write_text(text.replace("to-be-decided", "policy"), encoding="utf-8")
    assert Rulebook.load(tmp_path).check() == []


def test_a_status_code_names_the_category_and_the_draft_says_so() -> None:
    """5.2.2 is a full mailbox by the registry: proposed, with the word to confirm it."""
    text = draft(Cluster(mask="550 5.2.2 purple elephants here", reply_code=550, status="5.2.2", count=1), "2026-11-25")
    assert 'category = "mailbox-full"' in text
    assert "confirm it or change it" in text


@pytest.mark.parametrize(
    "mask", ["'''\n[[rule]]", 'x" ] = "', "\\", "a' b'' c''' purple elephants", "{n} {n}", "# purple elephants ("]
)
def test_a_hostile_reply_stays_a_string_of_its_draft(mask: str) -> None:
    """Whatever stands in a reply, each line of the draft is a comment, and without the marks it is one rule of TOML."""
    text = draft(Cluster(mask=mask, count=1), "2026-11-25")
    assert all(line.startswith("# ") for line in text.splitlines())
    assert len(tomllib.loads(active(text))["rule"]) == 1


def test_the_command_adds_comments_alone(ndr: Callable[..., Any], tmp_path: Path) -> None:
    """A site's file of rules reads the same before and after; a second draft stands below the first."""
    mail, rules = tmp_path / "a.eml", tmp_path / "rules.toml"
    mail.write_bytes(
        bytes(
            ndr(
                status="5.0.0",
                diagnostic="smtp;purple elephants refuse",
                final_line="purple elephants refuse",
                cause=None,
            )
        )
    )
    rules.write_text("# ours\n", encoding="utf-8")
    done = CliRunner().invoke(app, ["unmatched", str(mail), "--json", "--write", str(rules)])
    assert done.exit_code == 0
    assert json.loads(done.stdout.splitlines()[0])["count"] == 1
    assert tomllib.loads(rules.read_text(encoding="utf-8")) == {}
    assert "purple elephants" in rules.read_text(encoding="utf-8")


def test_coverage_tells_winners_losers_and_the_rest(ndr: Callable[..., Any]) -> None:
    """One report of an unknown user: the rule of its text wins, that of its code is beaten by it, most are not tried."""
    text = "550 5.1.1 User unknown"
    made = ndr(status="5.1.1", diagnostic=f"smtp;{text}", final_line=text, cause=None)
    one = read(Item(Place("x"), bytes(made), "0" * 64), KNOWLEDGE)
    found = coverage([one], KNOWLEDGE.rulebook, KNOWLEDGE.hosts)
    uses = {use.rule: use for use in found.rules}
    winner = one.findings[0].diagnosis.rule if one.findings[0].diagnosis else None
    assert winner is not None
    assert uses[winner].state == "wins"
    beaten = [use for use in found.rules if use.state == "always beaten"]
    assert all(use.beaten_by == {winner: 1} for use in beaten)
    assert beaten
    assert sum(use.state == "not exercised" for use in found.rules) > 300
