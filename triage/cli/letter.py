"""`triage letter` and `triage note`: drafts for people outside of the mail team. Nothing is sent."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from triage.cli.options import IncidentId, SettingsFile, Store
from triage.cli.screen import say

if TYPE_CHECKING:
    from triage.model.draft import NoteKind
    from triage.model.words import Actor

Language = Annotated[
    str | None, typer.Option("--language", metavar="LOCALE", help="The language, such as en or sk; else the setting.")
]
OwnLanguage = Annotated[
    str | None,
    typer.Option(
        "--language",
        metavar="LOCALE",
        help="The language, such as en or sk; else that of the bounce, where it tells one that we have, else the setting.",
    ),
]
OutFile = Annotated[
    Path | None, typer.Option("--out", metavar="FILE", help="Write the draft to this file; else it is printed.")
]


def letter(
    incident_id: IncidentId,
    language: Language = None,
    out: OutFile = None,
    store: Store = None,
    settings: SettingsFile = None,
) -> None:
    """Draft a letter to the partner's postmaster, where the partner is the one to act. Nothing is sent."""
    from triage.errors import NotFound
    from triage.group import find_incident, known_names
    from triage.mend import letter as facts_of
    from triage.model.draft import NoLetter
    from triage.notify import Texts, letter_text
    from triage.settings import load_settings
    from triage.wiring import existing_store_of, hosts_of, now

    values = load_settings(settings)
    texts = Texts.load(language or values.locale)
    with existing_store_of(values, store) as documents:
        incident = find_incident(documents, incident_id)
        facts = facts_of(incident, known_names(documents, hosts_of(values)))
    if isinstance(facts, NoLetter):
        raise NotFound(f"There is no letter for {incident.id}: {who_acts(facts.actor)}.")
    _give(letter_text(facts, texts, now=now()), out)


def who_acts(actor: "Actor | None") -> str:
    """Say who has to act, where that is not a partner's postmaster."""
    told = {
        None: "its verdict names nobody to act yet",
        "nobody": "nobody has to act",
        "microsoft": "Microsoft has to act, and takes a support request, not a letter",
        "recipient": "the recipient has to act; `triage note` drafts a word to the sender",
        "sender": "the sender has to act; `triage note` drafts a word to them",
    }
    return told.get(actor) or f"our {str(actor).replace('-', ' ')} has to act, not a partner"


def note(
    incident_id: IncidentId,
    recipient: Annotated[
        str | None, typer.Option("--recipient", metavar="ADDRESS", help="The message to this recipient, by its state.")
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option(
            "--kind",
            metavar="KIND",
            help="Which note: returned, waiting, wrong-address, inactive, mailbox-full, too-large, blocked, content,"
            " too-many, delivered; else what the incident says.",
        ),
    ] = None,
    language: OwnLanguage = None,
    out: OutFile = None,
    store: Store = None,
    settings: SettingsFile = None,
) -> None:
    """Draft two or three sentences to the person whose message came back or waits. Nothing is sent."""
    from triage.group import affected, find_incident
    from triage.mend import find_affected
    from triage.mend import note as facts_of
    from triage.notify import Texts, note_text
    from triage.notify.phrases import locales
    from triage.settings import load_settings
    from triage.wiring import existing_store_of, now

    values, wanted = load_settings(settings), _kind(kind)
    with existing_store_of(values, store) as documents:
        incident = find_incident(documents, incident_id)
        one = find_affected(tuple(affected(documents, incident.id)), recipient) if recipient else None
    facts = facts_of(incident, one, wanted)
    of_bounce = facts.language if facts.language in locales("note") else None
    _give(note_text(facts, Texts.load(language or of_bounce or values.locale), now=now()), out)


def _kind(given: str | None) -> "NoteKind | None":
    from triage.errors import NotFound
    from triage.mend import KINDS

    found = next((one for one in KINDS if one == given), None)
    if given is not None and found is None:
        raise NotFound(f"There is no note “{given}”; there are: {', '.join(KINDS)}.")
    return found


def _give(draft: str, out: Path | None) -> None:
    if out is None:
        say(draft.rstrip("\n"))
        return
    from triage.errors import Misconfigured

    try:
        out.write_text(draft, encoding="utf-8", errors="replace")
    except OSError as error:
        raise Misconfigured(f"The draft cannot be written to {out}: {error}.") from error
    say(f"A draft was written to {out}. Nothing was sent.")
