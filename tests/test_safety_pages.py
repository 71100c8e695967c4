"""The pages of a safety report: links resolve, nothing is loaded, nothing overflows, and all numbers are the JSON's."""

from __future__ import annotations

import base64
import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from autonomy.safety.pages import pages_of
from autonomy.safety.pages.words import filled, groups_of
from autonomy.safety.verdict import Verdict
from tests.browser import Page, chromium, page


@pytest.fixture(scope="module")
def folder(report_folder: Path) -> Path:
    return report_folder


@pytest.fixture(scope="module")
def report(folder: Path) -> dict[str, Any]:
    said: dict[str, Any] = json.loads((folder / "report.json").read_bytes())
    return said


class Outline(HTMLParser):
    """What a page links to and names, and what tables, figures and headings it has."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: list[str] = []
        self.loaded: list[str] = []
        self.tags: list[str] = []
        self.untold = 0
        self.headings: list[int] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        self.tags.append(tag)
        self.links += [str(said["href"])] if tag == "a" else []
        self.loaded += [str(said[name]) for name in ("src", "href") if name in said and tag not in ("a",)]
        self.ids += [str(said["id"])] if "id" in said else []
        self.untold += tag == "svg" and not said.get("aria-label")
        self.headings += [int(tag[1])] if tag in ("h1", "h2", "h3", "h4") else []


@pytest.fixture(scope="module")
def outline(folder: Path) -> Outline:
    parsed = Outline()
    parsed.feed((folder / "report.html").read_text(encoding="utf-8"))
    return parsed


def test_every_link_leads_to_something_in_the_folder(folder: Path, outline: Outline) -> None:
    assert len(outline.links) > 100
    assert len(set(outline.ids)) == len(outline.ids)
    for link in outline.links:
        assert link[1:] in outline.ids if link.startswith("#") else (folder / link).is_file(), link


def test_the_page_loads_nothing_and_runs_no_script(folder: Path, outline: Outline) -> None:
    assert "script" not in outline.tags
    assert all(address.startswith("data:") for address in outline.loaded)
    text = (folder / "report.html").read_text(encoding="utf-8")
    assert 'http-equiv="Content-Security-Policy" content="default-src \'none\'' in text
    assert "url(" not in text
    assert "@import" not in text


def test_figures_have_text_alternatives_and_tables_captions_and_heads(outline: Outline) -> None:
    assert outline.untold == 0
    assert outline.tags.count("svg") >= 5
    assert outline.tags.count("table") == outline.tags.count("caption") == outline.tags.count("thead") > 10
    assert outline.headings[0] == 1
    assert outline.headings.count(1) == 1


def test_the_first_screen_has_every_claim_worst_first_and_its_sentence_with_numbers(
    folder: Path, report: dict[str, Any]
) -> None:
    markdown = (folder / "report.md").read_text(encoding="utf-8")
    head = (folder / "report.html").read_text(encoding="utf-8").partition('<div class="evidence"')[0]
    for group in (groups_of(report).promises, groups_of(report).limits, groups_of(report).controls):
        ranks = [Verdict(claim["verdict"]).rank for claim in group]
        assert ranks == sorted(ranks, reverse=True)
        for claim in group:
            assert f'href="#{claim["id"].replace(".", "-")}"' in head
    for claim in report["claims"]:
        sentence = filled(claim, "sentence")
        assert "{" not in sentence + filled(claim, "statement")
        assert sentence.replace("|", "\\|") in markdown


def test_a_broken_promise_turns_the_page_red(report: dict[str, Any]) -> None:
    changed = json.loads(json.dumps(report))
    claim = next(claim for claim in changed["claims"] if claim["id"] == "runtime.limits")
    claim.update(verdict="REFUTED", witness={"broken": {"line": 1}})
    html = pages_of(changed)["report.html"]
    assert 'class="verdict broken"' in html
    assert "1 claim did not come out as promised: runtime.limits." in html
    assert html.index("Not as promised. </strong>") < html.index("The formula for the least load")
    assert 'class="verdict broken"' not in pages_of(report)["report.html"]


def test_the_same_report_gives_the_same_pages(folder: Path, report: dict[str, Any]) -> None:
    for name, text in pages_of(report).items():
        assert (folder / name).read_text(encoding="utf-8") == text


needs_chromium = pytest.mark.skipif(chromium() is None, reason="no Chromium on this machine")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with page(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@needs_chromium
@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [360, 768, 1200])
def test_nothing_overflows_and_nothing_is_requested(browser: Page, folder: Path, width: int, dark: bool) -> None:
    browser.open(folder / "report.html", width=width, dark=dark)
    browser.value("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert browser.value("document.documentElement.scrollWidth") <= width
    assert browser.value(
        "[...document.querySelectorAll('.scroll')].every(x => getComputedStyle(x).overflowX === 'auto')"
    )
    assert [address for address in browser.requests if not address.startswith(("file:", "data:"))] == []
    ground = browser.value("getComputedStyle(document.body).backgroundColor")
    assert ground == ("rgb(18, 22, 26)" if dark else "rgb(255, 255, 255)")


@needs_chromium
def test_print_shows_what_is_folded_away_on_screen(browser: Page, folder: Path, report: dict[str, Any]) -> None:
    browser.open(folder / "report.html", width=1200)
    assert (
        browser.value("document.querySelector('#gate-lines .body').checkVisibility({contentVisibilityAuto: true})")
        is False
    )
    browser.ask("Emulation.setEmulatedMedia", media="print")
    height = browser.value("document.querySelector('#gate-lines .body').getBoundingClientRect().height")
    assert height > 100
    printed = base64.b64decode(browser.ask("Page.printToPDF", preferCSSPageSize=True)["data"])
    assert printed.startswith(b"%PDF")
    assert printed.count(b"/Type /Page\n") + printed.count(b"/Type /Page ") > len(report["claims"]) // 4
