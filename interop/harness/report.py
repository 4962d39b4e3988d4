"""What a run leaves: the matrix as text, results.json, and index.html, which links each cell to its logs."""

import html
import json
import re
from dataclasses import asdict
from pathlib import Path

from .matrix import ALL_CASES, FAILED, PASSED, UNSUPPORTED, Cell

SIGNS = {PASSED: "✓", FAILED: "✕", UNSUPPORTED: "?"}
LETTERS = {case.letter: case for case in ALL_CASES}
NOT_PLAYED = '<span class="none" title="this pair was not asked for, or speaks no HTTP version in common">–</span>'
STYLE = """
:root { color-scheme: light dark; --page: #fff; --text: #1b1f24; --soft: #57606a; --line: #d0d7de; --head: #f6f8fa;
  --passed: #116329; --passed-back: #dafbe1; --failed: #a40e26; --failed-back: #ffebe9; --unsupported: #57606a;
  --unsupported-back: #eaeef2; --link: #0969da }
@media (prefers-color-scheme: dark) { :root { --page: #0d1117; --text: #e6edf3; --soft: #9198a1; --line: #30363d;
  --head: #161b22; --passed: #7ee787; --passed-back: #12361f; --failed: #ffa198; --failed-back: #4b1113;
  --unsupported: #9198a1; --unsupported-back: #21262d; --link: #58a6ff } }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 1800px; padding: 1rem; background: var(--page); color: var(--text);
  font: 16px/1.5 system-ui, sans-serif }
h1 { font-size: 1.5rem; margin: 0 0 .25rem } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem }
p { margin: .25rem 0 } a { color: var(--link) } .soft { color: var(--soft); font-size: .9rem }
.scroll { overflow-x: auto; border: 1px solid var(--line); border-radius: 8px }
table { border-collapse: collapse; width: 100% }
th, td { border-bottom: 1px solid var(--line); padding: .5rem; text-align: left; vertical-align: top }
tr:last-child > * { border-bottom: 0 } thead th { background: var(--head); white-space: nowrap }
tbody th { position: sticky; left: 0; background: var(--head); white-space: nowrap; font-weight: 600 }
.cells { display: flex; flex-wrap: wrap; gap: 3px; min-width: 8.6rem }
.none { color: var(--soft) } .fewer .cells .unsupported { display: none }
.bad { border-left: 4px solid var(--failed); padding: .1rem .8rem; margin: 1rem 0 }
label { cursor: pointer } .tools { display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; margin: .5rem 0 }
.cells a { min-width: 2.2em; padding: .1em .35em; border-radius: 4px; text-align: center; text-decoration: none;
  font: 600 .8rem/1.6 ui-monospace, monospace }
.cells a:focus-visible, .cells a:hover { outline: 2px solid currentColor }
.passed { color: var(--passed); background: var(--passed-back) }
.failed { color: var(--failed); background: var(--failed-back) }
.unsupported { color: var(--unsupported); background: var(--unsupported-back) }
.cells .failed { box-shadow: inset 0 0 0 2px } .cells .unsupported { font-weight: 400 }
.mark { display: inline-block; padding: 0 .5em; border-radius: 4px; font-weight: 600 }
dl { columns: 26rem; column-gap: 2rem; margin: 0 } dl div { display: flex; gap: .8rem; break-inside: avoid }
dt { font: 600 .9rem/1.6 ui-monospace, monospace; flex: 0 0 2.6rem } dd { margin: 0 }
details { border: 1px solid var(--line); border-radius: 8px; padding: .5rem .8rem; margin: .5rem 0 }
summary { cursor: pointer; font-weight: 600 }
li { margin: .2rem 0; overflow-wrap: anywhere } ul { padding-left: 1.2rem; margin: .3rem 0 }
:target { outline: 2px solid var(--link); outline-offset: 3px; border-radius: 4px }
"""


def _names(cells: list[Cell]) -> tuple[list[str], list[str]]:
    clients = list(dict.fromkeys(cell.client for cell in cells))
    return clients, list(dict.fromkeys(cell.server for cell in cells))


def text(cells: list[Cell]) -> str:
    """The matrix as the QUIC interop runner prints it: a row for each server, a column for each client."""
    clients, servers = _names(cells)
    lines = []
    for server in servers:
        lines.append(f"server {server}")
        for client in clients:
            pair = [cell for cell in cells if (cell.client, cell.server) == (client, server)]
            if not pair:
                continue
            parts = []
            for result in (PASSED, UNSUPPORTED, FAILED):
                letters = ",".join(cell.letter for cell in pair if cell.result == result)
                if letters:
                    parts.append(f"{SIGNS[result]}({letters})")
            lines.append(f"  {client:<13}{' '.join(parts)}")
    return "\n".join(lines)


def counted(cells: list[Cell]) -> str:
    """How many cells there are of each result."""
    return ", ".join(f"{sum(cell.result == one for cell in cells)} {one}" for one in SIGNS)


def failures(folder: Path, cells: list[Cell]) -> str:
    """Three lines for each cell that failed: why, where its packets and logs are, and how to play it again."""
    lines = []
    for cell in cells:
        if cell.result == FAILED:
            lines.append(f"{cell.server} ← {cell.client}, {cell.case}: {' '.join(cell.reason.split())}")
            lines.append(f"    look: {folder / cell.folder} (packets.txt, client.log, server.log)")
            words = f"--server {cell.server} --client {cell.client} --case {cell.case}"
            lines.append(f"    play: interop/run {words} --seed {cell.seed.split('/')[0]}")
    return "\n".join(lines)


def grouped(cells: list[Cell], result: str) -> str:
    """One line for each pair and reason, with the cases it is the reason of."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for cell in cells:
        if cell.result == result:
            reason = re.sub(r":\d+|^\d+\] : ", "", " ".join(cell.reason.split()))
            found.setdefault((cell.server, cell.client, reason), []).append(cell.case)
    return "\n".join(
        f"{server} ← {client}: {reason}: {', '.join(names)}" for (server, client, reason), names in found.items()
    )


def write(folder: Path, cells: list[Cell], seed: int, began: str) -> None:
    """Writes results.json and index.html into the run's folder."""
    facts = {"seed": seed, "began": began, "cells": [asdict(cell) for cell in cells]}
    (folder / "results.json").write_text(json.dumps(facts, indent=1) + "\n")
    (folder / "index.html").write_text(page(folder, cells, seed, began))


def _anchor(cell: Cell) -> str:
    return cell.folder.replace("/", "-")


def _cell_link(cell: Cell) -> str:
    title = html.escape(f"{cell.case}: {cell.result}. {cell.reason}"[:200])
    return f'<a class="{cell.result}" href="#{_anchor(cell)}" title="{title}">{cell.letter}</a>'


def _logs(folder: Path, cell: Cell) -> str:
    place = folder / cell.folder
    files = sorted(file for file in place.rglob("*") if file.is_file()) if place.exists() else []
    return " ".join(
        f'<a href="{html.escape(str(file.relative_to(folder)))}">{html.escape(str(file.relative_to(place)))}</a>'
        for file in files
    )


def _detail(folder: Path, cell: Cell) -> str:
    reason = f": {html.escape(cell.reason)}" if cell.reason else ""
    return (
        f'<li id="{_anchor(cell)}"><span class="mark {cell.result}">{SIGNS[cell.result]} {cell.case}</span>{reason} '
        f'<span class="soft">{cell.seconds:.1f} s · {_logs(folder, cell)}</span></li>'
    )


def _failures(cells: list[Cell]) -> str:
    """What went wrong, where one looks first."""
    items = "".join(
        f'<li><a href="#{_anchor(cell)}">{html.escape(cell.server)} ← {html.escape(cell.client)}, {cell.case}</a>: '
        f"{html.escape(cell.reason)}</li>"
        for cell in cells
        if cell.result == FAILED
    )
    return f'<div class="bad"><h2>Failed</h2><ul>{items}</ul></div>' if items else ""


def _row(server: str, clients: list[str], cells: list[Cell]) -> str:
    columns = []
    for client in clients:
        pair = [cell for cell in cells if (cell.client, cell.server) == (client, server)]
        shown = f'<div class="cells">{"".join(_cell_link(cell) for cell in pair)}</div>'
        columns.append(f"<td>{shown if pair else NOT_PLAYED}</td>")
    return f'<tr><th scope="row">{html.escape(server)}</th>{"".join(columns)}</tr>'


def page(folder: Path, cells: list[Cell], seed: int, began: str) -> str:
    """The page: what failed, the matrix, what the letters mean, and each pair's cells with their logs."""
    clients, servers = _names(cells)
    head = "".join(f'<th scope="col">{html.escape(client)}</th>' for client in clients)
    rows, details = [_row(server, clients, cells) for server in servers], []
    for server in servers:
        for client in clients:
            pair = [cell for cell in cells if (cell.client, cell.server) == (client, server)]
            if pair:
                items = "".join(_detail(folder, cell) for cell in pair)
                is_open = " open" if any(cell.result == FAILED for cell in pair) else ""
                title = f"{html.escape(server)} ← {html.escape(client)}"
                details.append(
                    f"<details{is_open}><summary>{title} ({counted(pair)})</summary><ul>{items}</ul></details>"
                )
    used = dict.fromkeys(cell.letter for cell in cells)
    legend = "".join(
        f"<div><dt>{letter}</dt><dd>{LETTERS[letter].name}: {html.escape(LETTERS[letter].about)}</dd></div>"
        for letter in used
    )
    marks = " ".join(f'<span class="mark {result}">{sign} {result}</span>' for result, sign in SIGNS.items())
    # A cell's logs are in a closed list; following the link opens it.
    script = (
        "function show(){const e=location.hash&&document.getElementById(location.hash.slice(1));"
        "if(e){const d=e.closest('details');if(d)d.open=true;e.scrollIntoView({block:'center'})}}"
        "addEventListener('hashchange',show);show();"
        "document.getElementById('fewer').onchange=e=>document.body.classList.toggle('fewer',e.target.checked)"
    )
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Portico interoperability</title><style>{STYLE}</style></head><body>
<h1>Portico interoperability</h1>
<p>{counted(cells)} of {len(cells)} cells. Rows are servers, columns clients; a cell leads to its reason and logs.</p>
<p>{marks}</p>
<p class="soft">{html.escape(began)} · seed {seed} · <a href="results.json">results.json</a></p>
{_failures(cells)}
<h2>Matrix</h2>
<div class="tools"><a href="#letters">What the letters mean</a>
<label><input type="checkbox" id="fewer"> Hide unsupported cells</label></div>
<div class="scroll"><table><thead><tr><th scope="col">server</th>{head}</tr></thead>
<tbody>{"".join(rows)}</tbody></table></div>
<h2 id="letters">Letters</h2><dl>{legend}</dl>
<h2>Cells</h2>{"".join(details)}
<script>{script}</script></body></html>
"""
