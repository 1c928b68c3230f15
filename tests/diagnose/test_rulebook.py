"""The rulebook: what a site may write, what is answered to its mistakes, and which rule is tried first."""

from pathlib import Path

import pytest

from triage.diagnose import Rulebook, diagnose
from triage.diagnose.case import case_of
from triage.diagnose.pattern import PatternSet
from triage.errors import Misconfigured
from triage.hosts import Hosts
from triage.model import Observation

GOOD = """
[[rule]]
id = "system.site.backup"
title = "The nightly backup holds the store"
category = "system"
confidence = "certain"
states_cause = true
when.text = '(?i)\\bbackup in progress\\b'
samples = ["451 4.3.0 Backup in progress"]
source = "our own operations manual"
read_on = 2026-11-23
"""


def seen(text: str) -> Observation:
    """Give a failure whose report says this."""
    return Observation(source="ndr", action="failed", diagnostic=text)


def load(folder: Path, content: str) -> Rulebook:
    """Load a site's rules before ours."""
    (folder / "site.toml").write_text(content, encoding="utf-8")
    return Rulebook.load(folder)


def test_the_rules_of_a_site_come_first(tmp_path: Path) -> None:
    """A site's rule wins over a shipped one on the same text."""
    text = "Connection dropped due to SocketError"
    book = load(tmp_path, GOOD.replace("backup in progress", "Connection dropped"))
    found = diagnose(seen(text), book, Hosts())
    assert found is not None
    assert found.rule == "system.site.backup"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("title = ", "titel = "), "titel"),
        (('category = "system"', 'category = "sytsem"'), "category"),
        (("(?i)", "(?=x)"), "RE2"),
        (("when.text = '(?i)\\bbackup in progress\\b'", "when = {}"), "condition"),
        (('id = "system.site.backup"', 'id = "Backup!"'), "id"),
        (("states_cause = true", 'raises = ["no-such-fact"]'), "no-such-fact"),
        (("[[rule]]", "[[rule"), "cannot be read"),
    ],
    ids=["unknown field", "unknown category", "look-ahead", "no condition", "bad id", "unknown fact", "not TOML"],
)
def test_a_mistake_is_named_with_its_file_and_rule(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    """Whatever is wrong in a site's rules is said before anything runs, with the place."""
    with pytest.raises(Misconfigured, match=said) as error:
        load(tmp_path, GOOD.replace(*change))
    assert "site.toml" in str(error.value)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    """A missing folder is a mistake in the settings, not an empty rulebook."""
    with pytest.raises(Misconfigured, match="nowhere"):
        Rulebook.load(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (GOOD + GOOD, "exists 2 times"),
        (GOOD.replace('samples = ["451 4.3.0 Backup in progress"]', ""), "no sample"),
        (GOOD.replace("source = ", "#"), "no source"),
        (GOOD.replace("read_on = ", "#"), "read_on"),
        (GOOD.replace('["451 4.3.0 Backup', '["451 4.3.0 Restore'), "does not match its own sample"),
        (GOOD.replace("source = ", 'not_samples = ["450 backup in progress"]\nsource = '), "must not"),
        (GOOD + GOOD.replace("system.site.backup", "system.site.second"), "shadowed"),
        (GOOD.replace("states_cause = true", 'runbook = "no-such-runbook"'), "no-such-runbook"),
        (
            GOOD + GOOD.replace("system.site.backup", "policy.site").replace('"system"', '"policy"'),
            "different families",
        ),
    ],
    ids=["twice", "no sample", "no source", "no date", "lost", "not-sample", "shadowed", "no runbook", "families"],
)
def test_the_check_finds_what_contradicts_itself(tmp_path: Path, content: str, said: str) -> None:
    """Each kind of contradiction is found, and said in a sentence that names the rule."""
    problems = load(tmp_path, content).check({"system", "policy"})
    assert any(said in problem and "site" in problem for problem in problems)


def test_good_rules_of_a_site_pass_the_check(tmp_path: Path) -> None:
    """A rule with samples, source and date leaves nothing to say."""
    assert load(tmp_path, GOOD).check() == []


def test_the_index_gives_what_trying_every_rule_gives() -> None:
    """The index leaves no rule out: the candidates hold every rule whose text and status match."""
    from triage.diagnose.rulebook import why_not

    book = Rulebook.load()
    for text in ("Connection dropped due to SocketError", "User unknown", "TLS is required", "", "5.1.1 no"):
        observation = Observation(source="ndr", action="failed", diagnostic=text, status="5.1.1", reply_code=550)
        case = case_of(observation, Hosts())
        slow = next((rule for rule in book.rules if why_not(rule, case) is None), None)
        assert book.match(case) is slow


def test_a_set_of_patterns_finds_all_that_match() -> None:
    """One pass gives the positions of all patterns that occur; an empty set finds nothing."""
    assert PatternSet(["a+", "b", "(?i)AB"]).match("xab") == {0, 1, 2}
    assert PatternSet(["[45]\\.1", "5\\..*"], whole=True).match("5.12") == {1}
    assert PatternSet([]).match("anything") == frozenset()
