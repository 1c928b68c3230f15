"""What people copy out of exports and logs: it is told from what only looks like it, and hostile sizes stay bounded."""

import re
import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.decode import test_log_variants, test_queue_variants, test_report_variants, test_tracking_variants
from triage.decode import decode
from triage.decode.copied import cut_at, sign_before, taken_off
from triage.decode.export_markup import MAX_NESTED, read_page, read_xml
from triage.decode.protocol_log.copied import copied_log
from triage.hosts import Hosts

HOSTS = Hosts(domains=["contoso.example"])
ALL = [
    content
    for module in (test_queue_variants, test_tracking_variants, test_log_variants, test_report_variants)
    for content, _, _ in module.VARIANTS.values()
]
ROW = "2026-10-18T09:14:00.000Z,Out,08DD3FA500000001,7,192.0.2.10:16547,203.0.113.7:25,*,,TLS negotiation failed with error X"
OBJS = '<Objs Version="1.1.0.1" xmlns="http://schemas.microsoft.com/powershell/2004/04">'
QUEUE = '<Props><S N="LastError">421 4.4.2 x</S><I32 N="MessageCount">5</I32></Props>'
PAGE = "<html><body><table><tr><th>Identity</th><th>MessageCount</th><th>LastError</th></tr>"

OTHERS: dict[str, str] = {
    "a page with another table": "<html><body><table><tr><th>Name</th><th>Status</th></tr><tr><td>a</td><td>b</td></tr></table>",
    "a page without a table": "<!DOCTYPE html><html><body><p>LastError and MessageCount</p></body></html>",
    "objects of another cmdlet": (
        f'{OBJS}<Obj RefId="0"><Props><S N="Name">Outbound</S><B N="RequireTLS">true</B></Props></Obj></Objs>'
    ),
    "rows of a web server's log": "2026-10-18T09:14:00.000Z,GET,/owa,200\n2026-10-18T09:14:01.000Z,GET,/ecp,302\n",
    "a search in source code": 'src/a.py:14:def last_error(status):\nsrc/a.py:15:    return "421 4.4.2"\nsrc/b.py:2:import os\n',
    "a table of a spreadsheet": "Server;Typ;Fehler\nEX01;1;keiner\nEX02;2;421 Apfel\n",
    "another program's settings": "class Settings\n{\n  Status = Retry\n  Name = x\n}\n",
    "a head of a protocol log alone": "#Fields: session-id,date-time,remote-endpoint,event,data,context\n",
}  # fmt: skip


@pytest.mark.parametrize("text", OTHERS.values(), ids=OTHERS.keys())
def test_what_only_looks_like_an_export_is_left_alone(text: str) -> None:
    """Nothing is made of tables, objects, logs and searches that are about something else."""
    document = decode(text.encode(), HOSTS)
    assert (document.kind, document.observations) == ("other", ())


@pytest.mark.parametrize(
    ("line", "file"),
    [
        (ROW, None),
        (f"SEND2026101809-1.LOG:{ROW}", "send2026101809-1.log"),
        (f"D:\\Logs\\Smtp Send\\SEND20261018-1.LOG:1204:{ROW}", "send20261018-1.log"),
        (f"./a/RECV20261018-1.LOG-12-{ROW}", "recv20261018-1.log"),
        (f"> SEND20261018-1.LOG:13:{ROW}", "send20261018-1.log"),
        (f"> > {ROW}", None),
        (f"77:{ROW}", None),
        (f"\t  {ROW}", None),
    ],
)
def test_what_stands_before_a_row_is_taken_off(line: str, file: str | None) -> None:
    """A quote sign, a file's name and a number are no part of the row; the name tells which log it was."""
    assert cut_at(line, re.compile(r"\d{4}-\d\d-\d\dT")) == (ROW, file)


def test_lines_of_the_writers_own_hide_no_quote() -> None:
    """Who quotes writes a line or two himself: they stay, and the sign is taken off all others."""
    text = "On Sunday Karl wrote:\n> a : 1\n> b : 2\n>\n> c : 3\nregards\n"
    sign = sign_before(text)
    assert sign is not None
    assert taken_off(text, sign) == "On Sunday Karl wrote:\na : 1\nb : 2\n\nc : 3\nregards\n"


def test_a_text_without_signs_has_none() -> None:
    """Times and shares at the start of lines are no signs of a copy."""
    assert sign_before("09:14 begin\n09:15 end\n") is None
    assert sign_before("Identity : EX01\\3\nLastError : x\n") is None


def test_a_document_type_is_refused() -> None:
    """Entities that grow without end are never read: PowerShell writes no document type."""
    bomb = '<!DOCTYPE a [<!ENTITY b "bbbbbbbbbb"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>'
    assert list(read_xml(f'{bomb}{OBJS}<Obj RefId="0">{QUEUE}</Obj></Objs>')) == [{}]


def test_objects_deeper_than_any_real_one_are_refused() -> None:
    """Nesting is bounded; what stands before it is read."""
    deep = '<Obj RefId="1">' * (MAX_NESTED + 1)
    rows = list(read_xml(f'{OBJS}<Obj RefId="0">{QUEUE}</Obj>{deep}'))
    assert rows == [{"lasterror": "421 4.4.2 x", "messagecount": "5"}, {}]


def test_objects_that_break_off_are_told() -> None:
    """A file that was cut gives the objects before the cut, and one row that could not be read."""
    whole = f'{OBJS}<Obj RefId="0">{QUEUE}</Obj><Obj RefId="1"><Props><S N="LastErr'
    document = decode(whole.encode(), HOSTS)
    assert ([one.count for one in document.observations], document.suppressed) == ([5], {"unreadable-row": 1})


def test_signs_in_a_cell_are_its_own() -> None:
    """Markup in a cell is taken out, entities are resolved, and a table within a table hides nothing else."""
    rows = f"{PAGE}<tr><td>EX01\\3</td><td><b>5</b></td><td>a &lt;b&gt; &amp;&nbsp;c<br>d</td></tr></table>"
    assert list(read_page(rows)) == [{"identity": "EX01\\3", "messagecount": "5", "lasterror": "a <b> & c d"}]


@settings(deadline=None, max_examples=200)
@given(
    st.sampled_from(ALL),
    st.lists(st.tuples(st.integers(0, 1), st.floats(0, 1), st.binary(max_size=12)), max_size=6),
)
def test_no_damage_raises(content: bytes, damages: list[tuple[int, float, bytes]]) -> None:
    """Bytes put in and cut out anywhere leave something that is read, set aside or left alone."""
    for cut, place, new in damages:
        at = int(place * len(content))
        content = content[:at] + new + content[at + cut * 50 :]
    document = decode(content, HOSTS)
    assert all(0 < one.count < 10**12 for one in document.observations)


MB = 2**20
HOSTILE: dict[str, Callable[[], str]] = {
    "a page of cells": lambda: PAGE + "<td>" * (MB // 2),
    "a page of rows": lambda: PAGE + "<tr><td>EX01\\3</td><td>5</td><td>421 4.4.2 x</td></tr>" * (MB // 32),
    "a page of signs that open": lambda: PAGE + "<td " * (MB // 2),
    "a page of one cell": lambda: PAGE + "<tr><td>" + "x&amp;<b" * (MB // 4),
    "tables in tables": lambda: PAGE + "<table><tr><td>" * (MB // 8),
    "objects": lambda: OBJS + f'<Obj RefId="0">{QUEUE}</Obj>' * (MB // 64),
    "a value without end": lambda: OBJS + f'<Obj RefId="0">{QUEUE}</Obj><Obj RefId="0"><S N="LastError">' + "x" * (2 * MB),
    "members without end": lambda: OBJS + f'<Obj RefId="0">{QUEUE}</Obj><Obj RefId="0"><LST>' + "<S>x</S>" * (MB // 4),
    "rows that run on": lambda: f"> {ROW}\n" + f"> {'x' * 60}\n" * (MB // 32),
    "rows that run on and begin again": lambda: (f"> {ROW}\n" + f"> {'x' * 60}\n" * 20) * (MB // 700),
    "file names that never end": lambda: f"a.log:{ROW}\n" + ("a.b" * 90 + "\n") * (MB // 128),
    "quote signs": lambda: f"> {ROW}\n" + "> " * MB,
    "quotes": lambda: f'"date-time","session-id","event","data","context"\n"{ROW}\n' + '"' * (2 * MB),
    "delimiters": lambda: f"{ROW}\n".replace(",", "\t") + "\t" * (2 * MB),
    "rows of a search": lambda: f"SEND20261018-1.LOG:1:{ROW}\n" * (MB // 64),
    "columns of another language": lambda: "a\tb\tc\n" + "x.example\tDnsConnectorDelivery\t421 4.4.2 x 4\n" * (MB // 64),
    "groups that never end": lambda: "[{LED=" * (MB // 2) + "\n" + "x;[{LED=4\n" * 20,
    "lists of rows": lambda: f"date-time : {ROW[:24]}\nsession-id : 08DD3FA500000001\nevent : *\n" * (MB // 64),
    "a listed value without end": lambda: f"date-time : {ROW[:24]}\n" + "    x\n" * (MB // 4),
    "signs that a wiki escaped": lambda: "&lt;,&gt;," * (MB // 8) + f"\n{ROW}\n" + "&amp;" * (MB // 8),
    "a list on one line": lambda: "a LastError : 4 Identity : EX01\\3 MessageCount : 5 Status : Retry " * (MB // 64),
    "wide blanks": lambda: f"Identity : EX01\\3\nLastError : {' ' * MB}x{' ' * MB}",
    "classes": lambda: "class A\n{\n  LastError = 4\n  MessageCount = 5\n}\n" * (MB // 32),
}  # fmt: skip
SECONDS = 15
"""Linear work on two megabytes takes below three, quadratic work hours."""


@pytest.mark.parametrize("made", HOSTILE.values(), ids=HOSTILE.keys())
def test_reading_a_copy_ends_soon(made: Callable[[], str]) -> None:
    """The time is in proportion to the size, whatever stands in a page, in objects or in rows that were copied."""
    content = made().encode()
    begun = time.process_time()
    decode(content, HOSTS)
    assert time.process_time() - begun < SECONDS


def test_a_row_that_runs_on_is_cut() -> None:
    """Lines without end make no row without end."""
    rows = copied_log((f"> {ROW}\n" + f"> {'x' * 60}\n" * 10_000).encode())
    assert rows is not None
    assert max(map(len, rows.split(b"\n"))) < 70_000
