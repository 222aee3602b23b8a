"""The pictures of the docs show what was recorded, and are told in words as well."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks import bars
from tap_marketo.config import setting_names
from tap_marketo.exports.job_creator import WORKERS
from tests.harness import ROOT
from tests.pictures import export_day, first_sync
from tests.pictures.__main__ import DIRECTORY, PICTURES, with_words
from tests.pictures.terminal import COLUMNS, ROWS, Screen, load
from tests.readme import PAGES

AGAIN = "make docs"
SVG = "{http://www.w3.org/2000/svg}"
SHOWING = [*PAGES, ROOT / "benchmarks" / "RESULTS.md"]


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_drawn_from_what_was_recorded(name: str) -> None:
    module, page = PICTURES[name]
    drawn = module.draw()
    assert (DIRECTORY / f"{name}.svg").read_text(encoding="utf-8") == drawn, AGAIN
    text = page.read_text(encoding="utf-8")
    assert text == with_words(text, name, module.words()), AGAIN


def test_the_bars_are_those_of_the_figures() -> None:
    results = bars.RESULTS.read_text(encoding="utf-8")
    assert results == bars.with_bars(results), AGAIN
    assert bars.BARS.read_text(encoding="utf-8") == bars.svg(results), AGAIN


def test_bars_of_a_figure_that_is_missing_are_not_drawn() -> None:
    results = bars.RESULTS.read_text(encoding="utf-8")
    with pytest.raises(LookupError, match="export jobs"):
        bars.svg(results.replace("| export jobs ", "| exports "))


def test_every_picture_is_shown_with_words_beside_it() -> None:
    shown = []
    for page in SHOWING:
        text = page.read_text(encoding="utf-8")
        for alt, link, below in re.findall(r"(?s)!\[(.*?)\]\((.*?)\)\n\n(.*?)\n\n", text):
            path = (page.parent / link).resolve()
            shown.append(path)
            root = ElementTree.parse(path).getroot()
            assert root.attrib["role"] == "img"
            assert root.findtext(f"{SVG}title"), path
            told = re.sub(r"[*\s]+", " ", below)
            assert told.strip() == root.findtext(f"{SVG}desc"), path
            assert len(alt) > len("a picture"), path
    assert sorted(shown) == sorted([*DIRECTORY.iterdir(), *ROOT.glob("benchmarks/*.svg")])


def test_no_picture_asks_for_anything_from_elsewhere() -> None:
    for path in [*DIRECTORY.iterdir(), *ROOT.glob("benchmarks/*.svg")]:
        text = path.read_text(encoding="utf-8")
        addresses = set(re.findall(r"https?://[\w.]+", text))
        assert addresses <= {"http://www.w3.org", "http://127.0.0.1"}, path
        assert not re.search(r"<script|<image|<foreignObject|@import|url\(", text), path


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_diagrams_name_settings_that_exist(page: Path) -> None:
    diagrams = re.findall(r"(?ms)^```mermaid\n(flowchart.*?)^```", page.read_text("utf-8"))
    for name in re.findall(r"\b[a-z]+(?:_[a-z]+)+\b", "".join(diagrams)):
        assert name in setting_names() or name == "dbt_marketo", name


def test_the_recorded_exports_keep_to_what_the_picture_says() -> None:
    day = export_day.load()
    for each in day.exports:
        now = [x for x in day.exports if x.queued <= each.begun < x.done]
        assert len(now) <= day.held
        assert sum(x.begun <= each.begun for x in now) <= WORKERS
        made = [x for x in day.exports if x.done <= each.queued]
        assert sum(x.size for x in made) < day.allowed


def test_the_recording_of_the_first_sync_ends_with_its_cost() -> None:
    series = first_sync.shown(load(first_sync.RECORDING))
    assert "$ tap-marketo --config config.json --discover > catalog.json" in series[0].rows
    assert " exports, " in series[first_sync.still(series)].rows[-1]
    assert "daily 500 MB" in " ".join(series[-1].rows)


def test_a_screen_shows_what_a_terminal_would() -> None:
    screen = Screen()
    screen.write("1 of 10\r\n")
    screen.write("\r5 of 10 exports\r9")
    assert screen.rows == ["1 of 10", "9 of 10 exports"]
    screen.write("\r" + " " * 20 + "\rWARNING\r\n" + "x" * (COLUMNS + 2))
    assert screen.rows == ["1 of 10", "WARNING", "x" * COLUMNS, "xx"]
    screen.write("\r\n" * ROWS)
    assert Counter(screen.rows) == {"": ROWS}
    with pytest.raises(ValueError, match="does not know"):
        screen.write("\x1b[31m")
