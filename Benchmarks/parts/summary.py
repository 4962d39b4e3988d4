"""From the records of all turns to medians, ratios and rows; and the rows as text and as Markdown."""
import statistics

PERCENTILES = ["p50", "p90", "p99", "p99.9"]
RANGES = {
    "connections": "connections (at a set rate)", "streams": "streams of a connection", "servers": "servers",
    "frontends": "frontends with certificates",
}
FLAT = 1.3  # the goal of issue 6: no more than this over a range


def gather(records, part, key, value):
    """{key of a record: median of its value}, of the records of one part that have the value."""
    values = {}
    for record in records:
        if record["part"] == part and (found := value(record)) is not None:
            values.setdefault(key(record), []).append(found)
    return {key: statistics.median(found) for key, found in values.items()}


def summarise(result):
    """The medians of a result, ready for tables and plots."""
    records, proxies = result["records"], list(result["proxies"])
    return {
        "cases": cases(records, proxies, result["cases"]),
        "latency": latency(records),
        "memory": memory(records, proxies),
        "workers": workers(records),
        "ranges": {part: spread(records, part, lambda record: record.get("cost")) for part in RANGES},
        "starts": {part: spread(records, part, lambda record: record.get("start_seconds"))
                   for part in ("servers", "frontends")},
    }


def ratio(medians, peer):
    own = medians.get("portico")
    return own / medians[peer] if own and medians.get(peer, 0) > 0 else None


def cases(records, proxies, wanted):
    rows = []
    for case in wanted:
        costs, marks = {}, set()
        for record in records:
            if record["part"] == "cases" and record["case"] == case["name"]:
                if record["cost"] is not None:
                    costs.setdefault(record["proxy"], []).append(record["cost"])
                if record["wrong"]:
                    marks.add(record["proxy"])
        if not costs and not marks:
            continue
        medians = {name: statistics.median(found) for name, found in costs.items()}
        rows.append({
            "case": case["name"], "what": case["what"], "unit": case["unit"],
            "digits": 1 if case["unit"] == "request" and not case["new_connections"] else 0,
            "medians": medians, "ratios": {name: ratio(medians, name) for name in proxies if name != "portico"},
            "goals": {"haproxy": case.get("haproxy_goal"), "nginx": case.get("nginx_goal")},
            "range": [min(costs["portico"]), max(costs["portico"])] if costs.get("portico") else None,
            "marks": sorted(marks)})
    return rows


def latency(records):
    """By case, by share of saturation, by proxy: the rate, and seconds by percentile."""
    found = {}
    for percentile in PERCENTILES:
        medians = gather(records, "latency", lambda record: (record["case"], record["share"], record["proxy"]),
                         lambda record: record["latency"] and record["latency"].get(percentile))
        for (case, share, proxy), value in medians.items():
            found.setdefault(case, {}).setdefault(str(share), {}).setdefault(proxy, {})[percentile] = value
    for record in records:
        if record["part"] == "latency" and record["case"] in found:
            proxy = found[record["case"]].get(str(record["share"]), {}).get(record["proxy"])
            if proxy is not None:
                proxy["rate"] = record["rate"]
    return found


def memory(records, proxies):
    medians = gather(records, "memory", lambda record: (record["case"], record["proxy"]),
                     lambda record: record.get("bytes_each"))
    rows = []
    for case in ("h3", "h2", "h1"):
        own = {proxy: medians[case, proxy] / 1024 for proxy in proxies if (case, proxy) in medians}
        if own:
            rows.append({"case": case, "medians": own,
                         "ratios": {name: ratio(own, name) for name in proxies if name != "portico"}})
    return rows


def workers(records):
    """By case and proxy: what two workers carry, as a multiple of one."""
    shows = any(record.get("throughput_shows") for record in records)
    value = (lambda record: record.get("throughput")) if shows else (lambda record: record.get("cost"))
    medians = gather(records, "workers", lambda record: (record["case"], record["proxy"], record["workers"]), value)
    rows = []
    for case, proxy, count in medians:
        one, two = medians.get((case, proxy, 1)), medians.get((case, proxy, 2))
        if count == 1 and one and two:
            rows.append({"case": case, "proxy": proxy, "by": "throughput" if shows else "CPU time",
                         "one": one, "two": two, "times": two / one if shows else 2 * one / two})
    return rows


def spread(records, part, value):
    """By case, by proxy: [size, median] in the order of sizes."""
    medians = gather(records, part, lambda record: (record["case"], record["proxy"], record["count"]), value)
    found = {}
    for (case, proxy, count), median in sorted(medians.items(), key=lambda item: item[0][2]):
        found.setdefault(case, {}).setdefault(proxy, []).append([count, median])
    return found


def growth(points):
    """How many times dearer a size is than a smaller one, at most."""
    least, most = None, 1.0
    for _, value in points:
        least = value if least is None else min(least, value)
        most = max(most, value / least if least else 1.0)
    return most if len(points) > 1 else None


def text(number, digits=2):
    return "-" if number is None else f"{number:,.{digits}f}"


def judged(value, goal):
    """A ratio beside its goal."""
    if value is None:
        return "-"
    return f"{value:.2f}" + (f" (goal {goal:.2f}{'' if value <= goal else ', missed'})" if goal else "")


def tables(result):
    """All tables: (title, note, heads, rows), cells as text."""
    found, proxies = summarise(result), list(result["proxies"])
    peers = [name for name in proxies if name != "portico"]
    out = []
    if found["cases"]:
        rows = []
        for row in found["cases"]:
            cells = [row["what"], row["unit"]]
            cells += [text(row["medians"].get(name), row["digits"]) + "!" * (name in row["marks"]) for name in proxies]
            cells += [judged(row["ratios"].get(name), row["goals"].get(name)) for name in peers]
            cells.append(f"{row['range'][0]:,.{row['digits']}f}..{row['range'][1]:,.{row['digits']}f}"
                         if row["range"] else "-")
            rows.append(cells)
        out.append(("CPU time in µs", "User and system time of the process. Ratio: Portico divided by the peer.",
                    ["case", "for one"] + proxies + [f"to {name}" for name in peers] + ["portico min..max"], rows))
    if found["memory"]:
        rows = [[f"idle {row['case'].upper()} connection"] + [text(row["medians"].get(name), 1) for name in proxies]
                + [judged(row["ratios"].get(name), 0.7 if name == "haproxy" else None) for name in peers]
                for row in found["memory"]]
        out.append(("Memory of an idle connection in KiB", "Private memory of the process; each has had a request.",
                    ["connection"] + proxies + [f"to {name}" for name in peers], rows))
    if found["latency"]:
        rows = []
        for case, shares in found["latency"].items():
            for share, by in shares.items():
                p99 = {name: value.get("p99") for name, value in by.items()}
                rate = next(iter(by.values())).get("rate")
                rows.append([f"{case.upper()} at {share} %", text(rate, 0)]
                            + [text(p99[name] * 1e3, 2) if p99.get(name) is not None else "-" for name in proxies]
                            + [judged(ratio(p99, name), 0.8 if share == "70" else None) for name in peers])
        out.append(("99th-percentile latency in ms",
                    "At a share of what the slowest of them carries: the same rate for all.",
                    ["load", "requests/s"] + proxies + [f"to {name}" for name in peers], rows))
    ranges = []
    for part, what in RANGES.items():
        for case, by in found["ranges"][part].items():
            for name, points in by.items():
                more = growth(points)
                ranges.append([what, case.upper(), name, " ".join(f"{size:,}: {value:.1f}" for size, value in points),
                               text(more)])
    if ranges:
        out.append(("CPU time in µs for a request over ranges",
                    f"Growth: how many times dearer a size is than a smaller one, at most (goal: {FLAT}).",
                    ["range of", "load", "proxy", "size: µs", "growth"], ranges))
    starts = [[RANGES[part], name, " ".join(f"{size:,}: {value:.3f}" for size, value in points)]
              for part, by_case in found["starts"].items() for by in by_case.values() for name, points in by.items()]
    if starts:
        out.append(("Start-up time in s", "From the start of the program until it listens everywhere.",
                    ["with", "proxy", "size: s"], starts))
    if found["workers"]:
        by = found["workers"][0]["by"]
        rows = [[row["case"].upper(), row["proxy"], text(row["one"], 1), text(row["two"], 1), text(row["times"])]
                for row in found["workers"]]
        note = ("Throughput in requests/s, load and origin on other cores." if by == "throughput" else
                "There are less than four cores: from the CPU time of a request in µs, 2 x one / two.")
        out.append(("Two workers (goal: 1.8 times one)", note, ["load", "proxy", "one", "two", "times"], rows))
    return out


def plain_text(result):
    lines = []
    for title, note, heads, rows in tables(result):
        widths = [max(len(row[column]) for row in [heads] + rows) for column in range(len(heads))]
        shown = ["  ".join(cell.ljust(width) if index == 0 else cell.rjust(width)
                           for index, (cell, width) in enumerate(zip(row, widths))).rstrip() for row in [heads] + rows]
        lines += ["", f"{title}. {note}", shown[0], "-" * len(shown[0])] + shown[1:]
    return "\n".join(lines)


def machine_words(result):
    machine = result["machine"]
    words = [f"{machine['processor']}, {machine['cores']} cores", f"{machine.get('memory_gb', '?')} GB",
             machine.get("system", "?"), f"Linux {machine['kernel']}"]
    load = result["load_average"]
    return (f"{', '.join(words)}. {result['rounds']} rounds of {result['seconds']:g} s; load of the machine "
            f"{load['before'][0]:.1f} before, {load['after'][0]:.1f} after. "
            + "; ".join(f"{name}: {version}" for name, version in result["proxies"].items()) + ".")


def markdown(result):
    lines = [f"Measured {result['started']} on {machine_words(result)}"]
    for title, note, heads, rows in tables(result):
        lines += ["", f"### {title}", "", note, "", "| " + " | ".join(heads) + " |",
                  "|" + "|".join("---" if index == 0 else "---:" for index in range(len(heads))) + "|"]
        lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)
