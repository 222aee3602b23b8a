"""SVG as the pictures of the docs and of the benchmarks are written: shapes, text, two themes.

A picture brings its own background and the colours of its text, so that it can be read on a light
page and on a dark one, whichever of its two themes the browser chooses.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

WIDTH = 860
"""Of every picture, in pixels: about what a page of GitHub has room for."""

# The first of each is for a light page, the second for a dark one. What is compared differs in
# lightness as well, for who sees colours differently.
_COLOURS = {
    "page": ("#ffffff", "#161b22"),
    "edge": ("#d0d7de", "#30363d"),
    "ink": ("#1f2328", "#e6edf3"),
    "faint": ("#59636e", "#9da7b3"),
    "first": ("#1f6feb", "#58a6ff"),
    "second": ("#b35900", "#e3903c"),
    "third": ("#4d2d8f", "#c8a6ff"),
    "grey": ("#8c959f", "#6e7681"),
}


def _theme(which: int) -> str:
    fills = "".join(f".{name}{{fill:{pair[which]}}}" for name, pair in _COLOURS.items())
    lines = "".join(f".line-{name}{{stroke:{pair[which]}}}" for name, pair in _COLOURS.items())
    return fills + lines


def rect(kind: str, x: float, y: float, width: float, height: float, more: str = "") -> str:
    """Return a rectangle.

    Args:
        kind: its classes: a colour, or ``line-`` and a colour.
        x, y: its upper left corner, in pixels.
        width, height: in pixels.
        more: further attributes.
    """
    shape = f'x="{x:.4g}" y="{y:.4g}" width="{width:.4g}" height="{height:.4g}"'
    return f'<rect class="{kind}" {shape}{more and " " + more}/>'


def text(kind: str, x: float, y: float, words: str, more: str = "") -> str:
    """Return a line of text whose base line is at y; see :func:`rect`."""
    place = f'x="{x:.4g}" y="{y:.4g}"{more and " " + more}'
    return f'<text class="{kind}" {place}>{escape(words, quote=False)}</text>'


def line(kind: str, points: Iterable[tuple[float, float]], more: str = "") -> str:
    """Return a line from point to point."""
    path = " ".join(f"{x:.5g},{y:.5g}" for x, y in points)
    return f'<polyline class="line-{kind}" fill="none" points="{path}"{more and " " + more}/>'


def picture(title: str, description: str, height: int, shapes: Iterable[str], css: str = "") -> str:
    """Return a whole SVG file.

    Args:
        title: what it shows, for who cannot see it.
        description: what it says, for the same.
        height: in pixels.
        shapes: what is drawn, upon a background with an edge.
        css: more rules of style.
    """
    base = (
        "text{font:13px system-ui,-apple-system,'Segoe UI','DejaVu Sans',sans-serif}"
        ".bold{font-weight:600}.small{font-size:12px}.end{text-anchor:end}.middle{text-anchor:middle}"
    )
    style = f"{base}{_theme(0)}@media(prefers-color-scheme:dark){{{_theme(1)}}}{css}"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
            f'width="{WIDTH}" height="{height}" role="img" aria-labelledby="title words">',
            f'<title id="title">{escape(title, quote=False)}</title>',
            f'<desc id="words">{escape(description, quote=False)}</desc>',
            f"<style>{style}</style>",
            rect("page line-edge", 0.5, 0.5, WIDTH - 1, height - 1, 'rx="6"'),
            *shapes,
            "</svg>\n",
        ]
    )
