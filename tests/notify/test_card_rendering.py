"""Cards rendered by the library that Microsoft publishes, and by a browser."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from triage.model import Diagnosis, Evidence, FilledRunbook, Incident
from triage.model.words import CATEGORIES
from triage.notify import Texts, card, ticket_html

ROOT = Path(__file__).resolve().parents[2]
LINK = "https://triage.contoso.example/incidents/1"
WRONG = {"attachments": [{"content": {"type": "AdaptiveCard", "version": "1.5", "body": [{"type": "Nonsense"}]}}]}
MARKED = {
    "type": "AdaptiveCard",
    "version": "1.5",
    "body": [{"type": "TextBlock", "text": "[a](https://evil.example) **b**"}],
}
ATTACKS = (
    "[a](https://evil.example)",
    "**b** _i_",
    "<at>All</at>",
    "- item",
    "1. item",
    "<https://evil.example>",
    "![](x)",
)

pytestmark = pytest.mark.needs_node


def rendered(messages: list[Any]) -> list[dict[str, Any]]:
    """Render messages with the `adaptivecards` package in one run of node."""
    done = subprocess.run(
        ["node", str(Path(__file__).parent / "render_card.js"), str(ROOT / "node_modules")],
        input=json.dumps(messages),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    results: list[dict[str, Any]] = json.loads(done.stdout)
    return results


def test_the_library_renders_every_card_without_errors(
    make_incident: Callable[..., Incident], diagnosis: Diagnosis, runbook: FilledRunbook, texts: Texts, now: str
) -> None:
    """Each category's card parses and renders with no event, and its headline and buttons are there."""
    messages = [
        card(
            make_incident(verdict=msgspec.structs.replace(diagnosis, category=one)), runbook, texts, now=now, link=LINK
        )
        for one in CATEGORIES
    ]
    for message, shown in zip(json.loads(json.dumps(messages)), rendered(messages), strict=True):
        assert shown["events"] == []
        assert shown["text"].startswith(message["attachments"][0]["content"]["body"][0]["text"])
        assert shown["buttons"] == ["Open incident", "Steps", "Affected mail"]


def test_the_renderer_reports_what_is_wrong() -> None:
    """The proof can fail: an unknown element is reported, a link and emphasis in a text are seen."""
    wrong, marked = rendered([WRONG, {"attachments": [{"content": MARKED}]}])
    assert any("Nonsense" in event for event in wrong["events"])
    assert marked["links"] == ["https://evil.example"]
    assert marked["marked"] == 1


def test_attacks_render_as_words(
    make_incident: Callable[..., Incident], diagnosis: Diagnosis, runbook: FilledRunbook, texts: Texts, now: str
) -> None:
    """Links, emphasis, lists, images and mentions in the evidence show as plain text."""
    messages = []
    for attack in ATTACKS:
        evidence = (Evidence(id="x", supports=True, text=attack), Evidence(id="y", supports=False, text=attack))
        verdict = msgspec.structs.replace(diagnosis, evidence=evidence)
        messages.append(
            card(make_incident(verdict=verdict), msgspec.structs.replace(runbook, first=attack), texts, now=now)
        )
    for shown in rendered(messages):
        assert (shown["events"], shown["links"], shown["marked"]) == ([], [], 0)


@pytest.mark.needs_chromium
def test_the_pictures_of_the_docs_can_be_made(
    tmp_path: Path, make_incident: Callable[..., Incident], runbook: FilledRunbook, texts: Texts, now: str
) -> None:
    """The script gives a picture of a card, of a ticket and of a terminal, of the width that it says."""
    (tmp_path / "teams.json").write_text(json.dumps(card(make_incident(), runbook, texts, now=now)), "utf-8")
    (tmp_path / "ticket.html").write_text(ticket_html(make_incident(), runbook, (), texts, now=now), "utf-8")
    (tmp_path / "run.txt").write_text("id  what is broken\n", "utf-8")
    command = [sys.executable, str(ROOT / "scripts" / "render_pictures.py"), "--out", str(tmp_path / "pictures")]
    given = ["--card", "teams.json", "--ticket", "ticket.html", "--terminal", "run.txt"]
    done = subprocess.run([*command, *given], cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    sizes = {path.name: path.read_bytes()[:24] for path in (tmp_path / "pictures").iterdir()}
    assert set(sizes) == {"card.png", "ticket.png", "terminal.png"}
    assert all(head.startswith(b"\x89PNG") for head in sizes.values())
    said = dict(re.findall(r"(\w+\.png) \((\d+) x", done.stdout))
    assert {name: int.from_bytes(head[16:20], "big") for name, head in sizes.items()} == {
        n: int(w) for n, w in said.items()
    }
