"""The chart of scripts/bench: for each row a bar on a scale of factors, how many times what the best
stock build does, and how many times the bare limit."""
import math
from xml.sax.saxutils import escape

LEFT, WIDTH, LINE, BAR = 190, 620, 44, 15
COLOURS = (("ratio_to_best_stock", "#2b6cb0", "to the best stock build"),
           ("ratio_to_bare", "#b7791f", "to the bare limit"))
LEAST, MOST = 0.25, 64.0


def x_of(factor):
    factor = min(max(factor, LEAST), MOST)
    return LEFT + WIDTH * math.log(factor / LEAST) / math.log(MOST / LEAST)


def text(x, y, words, anchor="start"):
    return '<text x="%.1f" y="%.1f" text-anchor="%s">%s</text>' % (x, y, anchor, escape(words))


def scale(height):
    factor = LEAST
    while factor <= MOST:
        x = x_of(factor)
        yield '<line x1="%.1f" y1="40" x2="%.1f" y2="%d" stroke="%s"/>' % (
            x, x, height - 22, "#333" if factor == 1 else "#ddd")
        yield text(x, height - 6, "%g×" % factor, "middle")
        factor *= 2


def bars(row, y):
    yield text(LEFT - 8, y + BAR + 4, row["row"], "end")
    for key, colour, _ in COLOURS:
        ratio = row.get(key)
        if ratio:
            median, least, most = ratio
            from_x, to_x = sorted((x_of(1), x_of(median)))
            yield '<rect x="%.1f" y="%d" width="%.1f" height="%d" fill="%s"/>' % (
                from_x, y, max(to_x - from_x, 1), BAR, colour)
            yield '<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="#000"/>' % (
                x_of(least), y + BAR / 2, x_of(most), y + BAR / 2)
            yield text(max(to_x, x_of(most)) + 5, y + BAR - 3, "%.2f" % median)
        y += BAR + 2


def chart(report):
    rows = report["throughput"]
    height = 48 + LINE * len(rows) + 26
    parts = ['<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" '
             'font-size="12">' % (LEFT + WIDTH + 60, height),
             '<rect width="100%" height="100%" fill="#fff"/>',
             text(LEFT, 18, "iperfref: received bytes over loopback, medians of %d pairs; lines: least to "
                            "greatest" % report["pairs"])]
    for i, (_, colour, words) in enumerate(COLOURS):
        parts.append('<rect x="%d" y="25" width="10" height="10" fill="%s"/>' % (LEFT + 200 * i, colour))
        parts.append(text(LEFT + 200 * i + 15, 34, words))
    parts += scale(height)
    for i, row in enumerate(rows):
        parts += bars(row, 48 + LINE * i)
    return "\n".join(parts) + "\n</svg>\n"
