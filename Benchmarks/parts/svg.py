"""Plots as SVG: bars in groups, and lines. They follow the reader's light or dark scheme."""
import math
from html import escape

WIDTH, HEIGHT = 760, 360
LEFT, RIGHT, TOP, BOTTOM = 70, 16, 58, 54
STYLE = """<style>
.plot { --ink: #1f2328; --quiet: #656d76; --line: #d8dee4; --ground: #ffffff;
  --a: #0969da; --b: #bc4c00; --c: #1a7f37; --d: #8250df; --e: #9a6700; --f: #cf222e;
  background: var(--ground); font: 12px system-ui, sans-serif; }
@media (prefers-color-scheme: dark) { .plot { --ink: #e6edf3; --quiet: #8d96a0; --line: #30363d; --ground: #0d1117;
  --a: #4493f8; --b: #f0883e; --c: #3fb950; --d: #ab7df8; --e: #d29922; --f: #ff7b72; } }
.plot text { fill: var(--ink); } .plot .quiet { fill: var(--quiet); }
.plot .title { font-size: 15px; font-weight: 600; }
.plot .grid { stroke: var(--line); stroke-width: 1; } .plot .curve { fill: none; stroke-width: 2; }
</style>"""
COLOURS = "abcdef"


def ticks(low, high, is_log):
    """Round values from about `low` to about `high`."""
    if is_log:
        first, last = math.floor(math.log10(low) + 1e-9), math.ceil(math.log10(high) - 1e-9)
        values = [10.0 ** power for power in range(first, max(last, first + 1) + 1)]
        if len(values) > 3:
            return values
        return [step * value for value in values[:-1] for step in (1, 2, 5)] + values[-1:]
    step = 10 ** math.floor(math.log10(high - low))
    for divisor in (5, 2.5, 2, 1):
        if (high - low) / (step / divisor) <= 8:
            step /= divisor
            break
    return [index * step for index in range(math.floor(low / step), math.ceil(high / step - 1e-9) + 1)]


def number(value):
    if value == 0:
        return "0"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


class Canvas:
    """The pieces of one plot."""

    def __init__(self, title, across, up, names):
        self.pieces = [f'<svg xmlns="http://www.w3.org/2000/svg" class="plot" viewBox="0 0 {WIDTH} {HEIGHT}" '
                       f'role="img" aria-label="{escape(title)}">', STYLE,
                       f'<rect width="{WIDTH}" height="{HEIGHT}" fill="var(--ground)"/>']
        self.text(LEFT, 20, title, "title")
        self.text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, across, "quiet", "middle")
        middle = (TOP + HEIGHT - BOTTOM) / 2
        self.pieces.append(f'<text x="16" y="{middle:.1f}" class="quiet" text-anchor="middle" '
                           f'transform="rotate(-90 16 {middle:.1f})">{escape(up)}</text>')
        left = LEFT
        for index, name in enumerate(names):
            self.pieces.append(f'<rect x="{left}" y="32" width="11" height="11" fill="{colour(index)}"/>')
            self.text(left + 15, 42, name)
            left += 30 + 7 * len(name)

    def text(self, x, y, words, kind="", anchor="start"):
        self.pieces.append(
            f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}">{escape(words)}</text>')

    def line(self, x1, y1, x2, y2):
        self.pieces.append(f'<line class="grid" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>')

    def whole(self):
        return "\n".join(self.pieces + ["</svg>"]) + "\n"


def colour(index):
    return f"var(--{COLOURS[index % len(COLOURS)]})"


def scale(marks, start, end, is_log):
    """A function from values to places, from the first mark to the last."""
    change = math.log10 if is_log else float
    low, high = change(marks[0]), change(marks[-1])
    return lambda value: start + (change(value) - low) / ((high - low) or 1) * (end - start)


def bars(title, across, up, groups, names):
    """`groups` is [(label, {name: value})]."""
    top = max((value for _, values in groups for value in values.values()), default=1) or 1
    canvas, marks = Canvas(title, across, up, names), ticks(0, top, False)
    place = scale(marks, HEIGHT - BOTTOM, TOP, False)
    for mark in marks:
        canvas.line(LEFT, place(mark), WIDTH - RIGHT, place(mark))
        canvas.text(LEFT - 6, place(mark) + 4, number(mark), "quiet", "end")
    room = (WIDTH - RIGHT - LEFT) / max(1, len(groups))
    width = room * 0.8 / max(1, len(names))
    for index, (label, values) in enumerate(groups):
        left = LEFT + room * index + room * 0.1
        canvas.text(left + room * 0.4, HEIGHT - BOTTOM + 16, label, "", "middle")
        for turn, name in enumerate(names):
            if name in values:
                y = place(max(0, values[name]))
                canvas.pieces.append(
                    f'<rect x="{left + turn * width:.1f}" y="{y:.1f}" width="{width * 0.92:.1f}" '
                    f'height="{HEIGHT - BOTTOM - y:.1f}" fill="{colour(turn)}"><title>{escape(name)}: '
                    f'{number(values[name])}</title></rect>')
                canvas.text(left + (turn + 0.46) * width, y - 3, number(values[name]), "quiet", "middle")
    return canvas.whole()


def lines(title, across, up, series, x_log=True, y_log=False, labels=None):
    """`series` is {name: [(x, y)]}; `labels` is {x: text} for an axis that has no numbers."""
    points = [point for each in series.values() for point in each if not y_log or point[1] > 0]
    if not points:
        return None
    xs, ys = [x for x, _ in points], [y for _, y in points]
    across_marks = sorted(labels) if labels else ticks(min(xs), max(xs), x_log)
    up_marks = ticks(min(ys) if y_log else 0, max(ys) or 1, y_log)
    canvas = Canvas(title, across, up, list(series))
    to_x = scale(across_marks, LEFT, WIDTH - RIGHT - 20, x_log)
    to_y = scale(up_marks, HEIGHT - BOTTOM, TOP, y_log)
    for mark in up_marks:
        canvas.line(LEFT, to_y(mark), WIDTH - RIGHT, to_y(mark))
        canvas.text(LEFT - 6, to_y(mark) + 4, number(mark), "quiet", "end")
    for mark in across_marks:
        canvas.line(to_x(mark), HEIGHT - BOTTOM, to_x(mark), HEIGHT - BOTTOM + 4)
        canvas.text(to_x(mark), HEIGHT - BOTTOM + 18, labels[mark] if labels else number(mark), "quiet", "middle")
    for index, each in enumerate(series.values()):
        places = [(to_x(x), to_y(y), y) for x, y in each if not y_log or y > 0]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in places)
        canvas.pieces.append(f'<polyline class="curve" stroke="{colour(index)}" points="{path}"/>')
        canvas.pieces += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.2" fill="{colour(index)}"><title>{number(value)}'
                          '</title></circle>' for x, y, value in places]
    return canvas.whole()
