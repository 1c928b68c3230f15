"""What `triage diagnose` tells a person: whoever is on call, with one log or one line."""

import json
from pathlib import Path

import pytest

from tests.cli.command import ROOT, run

STARTTLS = b"451 5.7.3 Must issue a STARTTLS command first\n"
LOGS = ROOT / "examples" / "logs" / "hq-ex10a"


@pytest.mark.parametrize("arguments", [(), ("-",)])
def test_a_line_in_a_pipe_is_answered(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """One pasted reply gets its cause and the next check, with and without the dash."""
    done = run(tmp_path, "diagnose", *arguments, stdin=STARTTLS)
    assert (done.returncode, done.stderr) == (0, b"")
    first, *rest = done.stdout.decode().splitlines()
    assert first == "-: other (pasted-reply)"
    assert any(line.strip().startswith("tls-required, certain: 451 5.7.3") for line in rest)
    assert any(line.strip().startswith("next: ") for line in rest)


def test_a_line_in_a_pipe_has_its_json(tmp_path: Path) -> None:
    """The same answer for programs, as the contract says."""
    told = json.loads(run(tmp_path, "diagnose", "--json", stdin=STARTTLS).stdout)
    (seen,) = told["observations"]
    assert (told["what"], seen["diagnosis"]["category"], seen["impact"]) == ("pasted-reply", "tls-required", "none")


def test_why_explains_a_pasted_line(tmp_path: Path) -> None:
    """The words that decided are shown for a line too."""
    done = run(tmp_path, "why", "-", stdin=STARTTLS)
    assert "matched »Must issue a STARTTLS command first«" in done.stdout.decode()


def test_a_pasted_line_is_never_counted(tmp_path: Path) -> None:
    """`triage run` makes no incident of a line that nobody can ascribe to anything."""
    done = run(tmp_path, "run", "-", stdin=STARTTLS)
    assert done.returncode == 0
    assert b"1 other" in done.stdout
    assert b"No incident" in done.stdout


def test_a_text_without_a_reply_says_so(tmp_path: Path) -> None:
    """Who pastes something else is told what was looked for, and not left with the word `other`."""
    done = run(tmp_path, "diagnose", stdin=b"see you at nine\n")
    assert done.returncode == 0
    assert b"no reply with a code" in done.stdout


def test_a_log_says_how_many_sessions_failed_between_whom_and_when(tmp_path: Path) -> None:
    """Five handshakes of the example logs failed, three in the first file: hours of one fault are one line."""
    log = LOGS / "SEND20261018-1.LOG"
    done = run(tmp_path, "diagnose", str(log), encoding="utf-8")
    _, fault, cause, following = done.stdout.splitlines()
    assert fault == (
        "  3 sessions failed  (hq-ex10a.contoso.example → am6eur05ft012.mail.protection.outlook.com)"
        "  2026-10-18 09:14 to 2026-10-18 09:20 UTC"
    )
    assert cause.strip() == "tls-version, probable: TLS negotiation failed with error SocketError"
    assert following.strip().startswith("next: ")


def test_a_log_in_which_nothing_failed_says_so(tmp_path: Path) -> None:
    """A log without a failure is an answer too."""
    done = run(tmp_path, "diagnose", str(LOGS / "RECV20261018-1.LOG"), encoding="utf-8")
    assert "No session failed; 1 handed mail over." in done.stdout
