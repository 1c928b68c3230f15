"""`triage diagnose`: what each document says, and what follows from it alone. Touches no store."""

import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated

import typer

from triage.cli.options import PATHS, SettingsFile
from triage.cli.screen import kind_of, log_to_stderr, meter, not_read, put_line, say
from triage.model.words import SESSION_LOGS

if TYPE_CHECKING:
    from triage.model import Diagnosis, Finding, Observation, Reading


def diagnose(
    paths: Annotated[
        list[str] | None, typer.Argument(metavar="PATH…", help=f"{PATHS}, as without any.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line (docs/contract.md).")] = False,
    suspects: Annotated[
        bool,
        typer.Option(
            "--suspects",
            help="Of protocol logs read only the sessions with peers of which some row speaks of a failed handshake, a "
            "demand for TLS, a lost connection or a masked banner: in half the time. What goes well with all others, "
            "refusals and failed connections are left out, and each log is read by itself.",
        ),
    ] = False,
    settings: SettingsFile = None,
) -> None:
    """Say of each document what it is, what failed where, why, and what would decide it. Keeps nothing.

    A reply that is piped in alone is answered too: echo "451 5.7.3 Must issue a STARTTLS command first" | triage
    diagnose. Exit code 1 means that some input could not be read; each is named.
    """
    from triage.collect.files import measure
    from triage.intake import Work, inputs, pasted, readings
    from triage.settings import load_settings
    from triage.wiring import crew_of, knowledge_of

    log_to_stderr()
    if not paths and sys.stdin.isatty():
        raise typer.BadParameter("Name a PATH, or pipe something in: echo '451 5.7.3 …' | triage diagnose.")
    paths = paths or ["-"]
    values = load_settings(settings)
    knowledge = knowledge_of(values)
    unreadable = seen = 0
    size = measure(paths)
    works = (Work(item, pasted(item, knowledge)) for item in inputs(paths))
    with meter(size) as shown, crew_of(values, size) or nullcontext() as crew:
        for work, reading in readings(works, knowledge, crew, shown.move, suspects=suspects):
            seen += 1
            with shown.aside():
                _tell(reading, as_json)
            shown.update(work.item.consumed, f"{seen} documents")
            unreadable += reading.kind == "unreadable"
    if unreadable:
        raise typer.Exit(1)


def _tell(reading: "Reading", as_json: bool) -> None:
    from triage.model.wire import reading_pieces

    if as_json:
        put_line(reading_pieces(reading))
    else:
        _print(reading)
    if reading.kind == "unreadable":
        not_read(reading)


def _print(reading: "Reading") -> None:
    place = reading.source.path if not reading.source.index else f"{reading.source.path} [{reading.source.index}]"
    say(f"{place}: {kind_of(reading)}")
    alike: dict[tuple[object, ...], list[Observation]] = {}
    concluded: dict[tuple[object, ...], Diagnosis] = {}
    for number, finding in enumerate(reading.findings):
        if finding.diagnosis is not None:
            key = _key(finding) or (number,)
            alike.setdefault(key, []).append(finding.observation)
            concluded.setdefault(key, finding.diagnosis)
    for key, seen in alike.items():
        diagnosis = concluded[key]
        say(f"  {_subject(seen)}{_hop(seen[0])}{_span(seen)}")
        say(f"    {diagnosis.category}, {diagnosis.confidence}: {seen[0].diagnostic or 'no diagnostic'}")
        if diagnosis.next_check and diagnosis.rule is not None:
            say(f"    next: {diagnosis.next_check}")
    if not alike and (words := _nothing(reading)):
        say(f"  {words}")


def _key(finding: "Finding") -> tuple[object, ...] | None:
    """Tell which observations of a log are one line: a log has one for each hour. Anything else stands alone."""
    seen, diagnosis = finding.observation, finding.diagnosis
    if seen.source not in SESSION_LOGS or diagnosis is None:
        return None
    hop = (_hop(seen), seen.action)
    return (*hop, seen.diagnostic, diagnosis.category, diagnosis.confidence, diagnosis.next_check)


def _subject(seen: "list[Observation]") -> str:
    first, count = seen[0], sum(one.count for one in seen)
    if first.source in SESSION_LOGS:
        return f"{count} {'session' if count == 1 else 'sessions'} {first.action}"
    who = first.recipient or first.recipient_domain
    many = f", {count} {'sessions' if first.source == 'tls-report' else 'messages'}" if count > 1 else ""
    return f"{first.action} {who}{many}" if who else f"{first.action}{many}"


def _hop(seen: "Observation") -> str:
    sending = seen.sending_host or seen.ehlo or seen.sending_ip
    receiving = seen.receiving_host or seen.receiving_ip
    return f"  ({sending or 'unknown'} → {receiving or 'unknown'})" if sending or receiving else ""


def _span(seen: "list[Observation]") -> str:
    """Say from when to when a log shows it, in UTC."""
    times = sorted(time for one in seen for time in (one.time, one.until) if time)
    if not times or seen[0].source not in SESSION_LOGS:
        return ""
    first, last = (time[:16].replace("T", " ") for time in (times[0], times[-1]))
    return f"  {first} UTC" if first == last else f"  {first} to {last} UTC"


def _nothing(reading: "Reading") -> str:
    """Say why there is nothing to say, where a person would wonder."""
    if reading.kind == "protocol-log":
        well = sum(finding.observation.count for finding in reading.findings)
        return f"No session failed; {well} handed mail over." if well else "No session failed."
    if reading.source.path == "-" and reading.kind == "other" and reading.what is None:
        return "This is no bounce, export, log or TLS report, and no reply with a code or the name of an error."
    return ""
