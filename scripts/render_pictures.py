"""Makes the pictures of the docs from real output: a card as Teams would show it, a ticket, a terminal.

    python scripts/render_pictures.py --card out/ID/teams.json --ticket out/ID/ticket.html --terminal run.txt --out docs/pictures

Needs Chromium, and `node_modules` (`npm ci`) for the card. Exits with 1 and a sentence where one is missing.
"""

import argparse
import html
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
CARD_WIDTH, TICKET_WIDTH, TERMINAL_WIDTH = 760, 960, 1240
TICKET_HEIGHT = 1500
"""Pixels of a ticket that a README shows: the first page of it."""

FONT = '"Segoe UI", "Noto Sans", "DejaVu Sans", sans-serif'
MEASURE = """<script>addEventListener('load', () => {
  document.title = 'height=' + Math.ceil(document.documentElement.getBoundingClientRect().height);
});</script>"""
POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')

# The light theme of Teams, as far as our cards use it.
HOST_CONFIG = {
    "fontFamily": FONT,
    "fontSizes": {"small": 12, "default": 14, "medium": 16, "large": 20, "extraLarge": 24},
    "fontWeights": {"lighter": 200, "default": 400, "bolder": 600},
    "spacing": {"small": 6, "default": 8, "medium": 16, "large": 24, "extraLarge": 32, "padding": 16},
    "separator": {"lineThickness": 1, "lineColor": "#d1d1d1"},
    "supportsInteractivity": True,
    "actions": {"maxActions": 6, "buttonSpacing": 8, "actionsOrientation": "horizontal", "actionAlignment": "left"},
    "factSet": {
        "title": {"color": "default", "isSubtle": False, "weight": "bolder", "wrap": False, "maxWidth": 90},
        "value": {"color": "default", "isSubtle": False, "weight": "default", "wrap": True},
        "spacing": 16,
    },
    "containerStyles": {
        "default": {
            "backgroundColor": "#ffffff",
            "foregroundColors": {
                "default": {"default": "#242424", "subtle": "#616161"},
                "accent": {"default": "#4f52b2", "subtle": "#4f52b2"},
                "attention": {"default": "#c4314b", "subtle": "#c4314b"},
                "good": {"default": "#237b4b", "subtle": "#237b4b"},
                "warning": {"default": "#835c00", "subtle": "#835c00"},
            },
        }
    },
}
CARD_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><style>
body {{ margin: 0; padding: 24px; background: #f0f0f0; }}
#card {{ background: #fff; border-radius: 6px; box-shadow: 0 1px 3px #0003; }}
.ac-pushButton {{ font: 600 14px {font}; border: 1px solid #d1d1d1; border-radius: 4px; background: #fff; padding: 6px 12px; }}
</style><div id="card"></div><script>{library}</script><script>
const card = new AdaptiveCards.AdaptiveCard();
AdaptiveCards.AdaptiveCard.onProcessMarkdown = (text, result) => {{
  result.outputHtml = text.replace(/[&<>]/g, c => '&#' + c.charCodeAt(0) + ';');
  result.didProcess = true;
}};
card.hostConfig = new AdaptiveCards.HostConfig({config});
card.parse({card});
document.getElementById('card').appendChild(card.render());
</script>{measure}</html>"""
TERMINAL_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><style>
body {{ margin: 0; padding: 20px; background: #16191f; }}
pre {{ margin: 0; color: #e4e7ec; font: 14px/1.45 "Cascadia Mono", "DejaVu Sans Mono", monospace; }}
</style><pre>{text}</pre>{measure}</html>"""


def main() -> int:
    """Render what is asked for; give the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--card", type=Path, help="teams.json of an incident")
    parser.add_argument("--ticket", type=Path, help="ticket.html of an incident")
    parser.add_argument("--terminal", type=Path, help="what a command printed, as text")
    parser.add_argument("--node-modules", type=Path, default=ROOT / "node_modules")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "pictures")
    given = parser.parse_args()
    browser = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    library = given.node_modules / "adaptivecards" / "dist" / "adaptivecards.min.js"
    if browser is None or (given.card and not library.exists()):
        print(f"No pictures: {'Chromium' if browser is None else 'node_modules (npm ci)'} is missing.", file=sys.stderr)
        return 1
    given.out.mkdir(parents=True, exist_ok=True)
    if given.card:
        shoot(browser, card_page(given.card, library), given.out / "card.png", CARD_WIDTH)
    if given.ticket:
        shoot(browser, given.ticket.read_text("utf-8"), given.out / "ticket.png", TICKET_WIDTH, TICKET_HEIGHT)
    if given.terminal:
        page = TERMINAL_PAGE.format(text=html.escape(given.terminal.read_text("utf-8")), measure=MEASURE)
        shoot(browser, page, given.out / "terminal.png", TERMINAL_WIDTH)
    return 0


def card_page(path: Path, library: Path) -> str:
    """Make the page that renders a card with the published library; what closes a script is escaped."""
    content = json.loads(path.read_text("utf-8"))["attachments"][0]["content"]
    return CARD_PAGE.format(
        font=FONT,
        library=library.read_text("utf-8").replace("</script", "<\\/script"),
        config=json.dumps(HOST_CONFIG),
        card=json.dumps(content).replace("<", "\\u003c"),
        measure=MEASURE,
    )


def shoot(browser: str, page: str, picture: Path, width: int, tallest: int = 4_000) -> None:
    """Measure a page, then take its picture at that height."""
    with tempfile.TemporaryDirectory() as folder:
        measured = Path(folder) / "measured.html"
        measured.write_text(page if MEASURE in page else POLICY.sub("", page) + MEASURE, "utf-8")
        dom = run(browser, folder, width, 600, "--dump-dom", measured.as_uri())
        found = re.search(r"<title>height=([0-9]+)</title>", dom)
        height = min(int(found.group(1)) if found else tallest, tallest)
        shown = Path(folder) / "shown.html"
        shown.write_text(page, "utf-8")
        run(browser, folder, width, height, f"--screenshot={picture.resolve()}", shown.as_uri())
    print(f"{picture} ({width} x {height})")


def run(browser: str, folder: str, width: int, height: int, *arguments: str) -> str:
    """Run the browser without a window and without the network; give what it prints."""
    command = [
        *(
            browser,
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--virtual-time-budget=3000",
        ),
        *(
            "--host-resolver-rules=MAP * ~NOTFOUND",
            f"--user-data-dir={folder}/profile",
            f"--window-size={width},{height}",
        ),
        *arguments,
    ]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout


if __name__ == "__main__":
    sys.exit(main())
