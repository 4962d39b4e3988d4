"""The plots of a result, and the page that shows them beside the tables."""
from html import escape

from parts import svg
from parts.summary import PERCENTILES, RANGES, machine_words, summarise, tables

STYLE = """
:root { color-scheme: light dark; --ink: #1f2328; --line: #d8dee4; --ground: #ffffff; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --line: #30363d; --ground: #0d1117; } }
body { margin: 2rem auto; max-width: 1100px; padding: 0 1rem; font: 15px/1.5 system-ui, sans-serif;
  color: var(--ink); background: var(--ground); }
table { border-collapse: collapse; font-size: 13px; display: block; overflow-x: auto; }
th, td { border-bottom: 1px solid var(--line); padding: .25rem .6rem; text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
svg.plot { width: 100%; max-width: 760px; border: 1px solid var(--line); border-radius: 6px; margin: .5rem 0; }
"""


def plots(result):
    """{file name: SVG}."""
    found, proxies = summarise(result), list(result["proxies"])
    out = {}
    kinds = {
        "cost-small": ("CPU time for a request", "µs", lambda row: row["unit"] == "request" and row["digits"]),
        "cost-new": ("CPU time for a new connection and one request", "µs", lambda row: not row["digits"]
                     and row["unit"] == "request"),
        "cost-large": ("CPU time for a MB of body", "µs", lambda row: row["unit"] == "MB"),
    }
    for name, (title, unit, wanted) in kinds.items():
        groups = [(row["case"], row["medians"]) for row in found["cases"] if wanted(row)]
        if groups and name == "cost-small":
            direct = [group for group in groups if "-to-" not in group[0]]
            behind = [group for group in groups if "-to-" in group[0]]
            if behind:
                out["cost-behind.svg"] = svg.bars(f"{title}, H2 and H3 to the servers", "case", unit, behind, proxies)
            groups = direct
        if groups:
            out[f"{name}.svg"] = svg.bars(title, "case", unit, groups, proxies)
    if found["memory"]:
        groups = [(f"idle {row['case'].upper()}", row["medians"]) for row in found["memory"]]
        out["memory.svg"] = svg.bars("Memory of an idle connection", "connection", "KiB", groups, proxies)
    for case, shares in found["latency"].items():
        labels = dict(enumerate(PERCENTILES))
        for share, by in shares.items():
            series = {name: [(index, value[each] * 1e3) for index, each in labels.items() if each in value]
                      for name, value in by.items()}
            rate = next(iter(by.values())).get("rate") or 0
            out[f"latency-{case}-{share}.svg"] = svg.lines(
                f"Latency, {case.upper()}, {rate:,.0f} requests/s ({share} % of saturation)", "percentile", "ms",
                series, x_log=False, y_log=True, labels=labels)
        if len(shares) > 1:
            series = {}
            for by in shares.values():
                for name, value in by.items():
                    if value.get("rate") and value.get("p99"):
                        series.setdefault(name, []).append((value["rate"], value["p99"] * 1e3))
            out[f"latency-{case}.svg"] = svg.lines(
                f"99th-percentile latency, {case.upper()}", "requests/s", "ms", series, x_log=False, y_log=True)
    for part, what in RANGES.items():
        for case, by in found["ranges"][part].items():
            out[f"{part}-{case}.svg"] = svg.lines(
                f"CPU time for a request ({case.upper()}) by number of {what}", part, "µs", by)
    for part, by_case in found["starts"].items():
        for by in by_case.values():
            out[f"start-{part}.svg"] = svg.lines(
                f"Start-up time by number of {RANGES[part]}", part, "s", by, y_log=True)
    return {name: text for name, text in out.items() if text}


def page(result, drawn):
    """One file that needs no other."""
    body = [f"<h1>Portico beside its peers</h1><p>{escape(machine_words(result))}</p>"]
    for title, note, heads, rows in tables(result):
        cells = "".join(f"<th>{escape(head)}</th>" for head in heads)
        lines = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
        body.append(f"<h2>{escape(title)}</h2><p>{escape(note)}</p><table><tr>{cells}</tr>{lines}</table>")
    body.append("<h2>Plots</h2>")
    body += [text.replace(svg.STYLE, "") for text in drawn.values()]
    return (f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Portico: benchmarks</title>'
            f"<style>{STYLE}</style>{svg.STYLE}</head><body>{''.join(body)}</body></html>\n")
