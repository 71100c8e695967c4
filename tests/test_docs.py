"""The documentation is tested like code: blocks are run, printed answers compared, links, names and keys resolved."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import io
import re
import shlex
import shutil
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pytest

import autonomy
from autonomy import cli
from autonomy.economics import Economics
from autonomy.evidence import Kpi
from autonomy.layers.community import Community
from autonomy.layers.decision import Cause, Certificate, Decision, Mode
from autonomy.layers.intent import POLICIES
from autonomy.layers.invariants import INVARIANTS
from autonomy.layers.network import Network
from autonomy.layers.observation import Forecast, Limits, Observation
from autonomy.simulator import Reward
from autonomy.solvers.backends import BACKENDS

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
FENCE = re.compile(r"^```(?P<words>[^\n`]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
SHELL = ("bash", "sh")
EXTRAS = ("stable_baselines3", "gymnasium", "cvxpy", "pyarrow", "onnx")


@dataclass(frozen=True, kw_only=True)
class Block:
    """A fenced block: its language, the file to save it as, the one it is part of, the library it needs, its place."""

    language: str
    file: str
    source: str
    needs: str
    text: str
    line: int
    end: int


def blocks_of(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    found = []
    for match in FENCE.finditer(text):
        language, _, rest = match["words"].partition(" ")
        words = dict(word.split("=") for word in rest.split())
        line = text.count("\n", 0, match.start("text")) + 1
        end = text.count("\n", 0, match.end()) + 1
        known = {"file": words.pop("file", ""), "source": words.pop("from", ""), "needs": words.pop("needs", "")}
        assert not words, f"{page.name}, line {line}: {words}"
        found.append(Block(language=language, text=match["text"], line=line, end=end, **known))
    return found


def commands_of(block: Block) -> Iterator[list[str]]:
    """Yield the words of each `autonomy …` line of a shell block, without the program's name."""
    for line in block.text.splitlines():
        for command in line.split("&&"):
            words = shlex.split(command, comments=True)
            if words and Path(words[0]).name == "autonomy":
                yield words[1:]


def is_short(words: list[str]) -> bool:
    """Whether a command is worth running here: a named window or the small example data, not the whole year."""
    return "--to" in words or "--data" in words


def is_there(library: str) -> bool:
    """Whether a library is installed; none is needed where the name is empty."""
    return not library or importlib.util.find_spec(library) is not None


def names_in(page: str) -> set[str]:
    """Return everything a page sets in `code`."""
    return set(re.findall(r"`([^`\n]+)`", (ROOT / page).read_text(encoding="utf-8")))


def table_under(page: str, heading: str) -> list[list[str]]:
    """Return the body rows of the first table under a heading."""
    section = (ROOT / page).read_text(encoding="utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("|")]
    assert len(rows) > 2, f"no table under {heading!r}"
    cells = [re.split(r"(?<!\\)\|", row.strip("|")) for row in rows[2:]]
    return [[cell.strip().replace("\\|", "|") for cell in row] for row in cells]


@pytest.mark.parametrize("page", [page for page in PAGES if blocks_of(page)], ids=lambda page: page.name)
def test_every_block_of_a_page_runs_and_prints_what_the_page_says(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = blocks_of(page)
    for library in EXTRAS:
        if any(library in block.text for block in blocks if block.language == "python"):
            pytest.importorskip(library)
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)  # what Python does with the folder it is started in
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for block, following in zip(blocks, [*blocks[1:], None], strict=True):
        if block.file:
            (tmp_path / block.file).write_text(block.text, encoding="utf-8")
        if block.language == "toml":
            tomllib.loads(block.text)
        if block.language in SHELL:
            for words in commands_of(block):
                cli.parser().parse_args(words)
                if is_short(words):
                    assert cli.main(words) == cli.EXIT_OK, f"{page.name}, line {block.line}"
        if block.language == "python" and not block.source and is_there(block.needs):
            printed = io.StringIO()
            # Blank lines in front make a traceback point into the page.
            code = compile("\n" * (block.line - 1) + block.text, str(page), "exec")
            with contextlib.redirect_stdout(printed):
                exec(code, namespace)  # noqa: S102 - our own pages
            if following is not None and following.language == "text" and following.line - block.end <= 3:
                assert printed.getvalue() == following.text, f"{page.name}, line {following.line}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_shows_of_a_file_stands_in_it(page: Path) -> None:
    for block in blocks_of(page):
        if block.source:
            lines = {line.strip() for line in (ROOT / block.source).read_text(encoding="utf-8").splitlines()}
            assert {line.strip() for line in block.text.splitlines()} <= lines | {""}, f"{page.name}, line {block.line}"


def test_the_quickstart_is_really_run() -> None:
    blocks = blocks_of(ROOT / "docs" / "quickstart.md")
    commands = [words for block in blocks if block.language in SHELL for words in commands_of(block)]
    assert sum(block.language == "python" for block in blocks) >= 8
    assert sum(map(is_short, commands)) >= 4
    assert ["run"] in commands


def test_a_command_that_does_not_exist_would_be_noticed() -> None:
    text = "autonomy fly --to the-moon\n"
    block = Block(language="bash", file="", source="", needs="", text=text, line=1, end=2)
    with pytest.raises(autonomy.errors.ConfigError):
        [cli.parser().parse_args(words) for words in commands_of(block)]


@pytest.mark.parametrize("page", [page for page in PAGES if blocks_of(page)], ids=lambda page: page.name)
def test_every_block_names_its_language(page: Path) -> None:
    for block in blocks_of(page):
        assert block.language in {*SHELL, "csv", "json", "python", "text", "toml"}, f"{page.name}, line {block.line}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_relative_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        path = (page.parent / file) if file else page
        assert path.exists(), f"{page.name}: {target}"
        assert path.resolve().is_relative_to(ROOT), f"{page.name}: {target} leaves the repository"
        if anchor:
            assert anchor in anchors_of(path), f"{page.name}: {target}"


def anchors_of(page: Path) -> set[str]:
    """Return the anchors that a renderer makes of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_a_page_names_is_there(page: Path) -> None:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    for name in re.findall(r"`((?:autonomy|docs|examples|tests|\.ci)/[\w./-]+)`", text):
        assert (ROOT / name).exists(), f"{page.name}: {name}"


def test_every_page_that_the_code_points_to_is_there() -> None:
    for path in sorted((ROOT / "autonomy").rglob("*.py")):
        for name in re.findall(r"\bdocs/[\w-]+\.md", path.read_text(encoding="utf-8")):
            assert (ROOT / name).is_file(), f"{path.relative_to(ROOT)} points to {name}"


def test_every_dotted_name_of_a_page_exists() -> None:
    for page in PAGES:
        for name in re.findall(r"`(autonomy(?:\.\w+)+)`", FENCE.sub("", page.read_text(encoding="utf-8"))):
            assert resolve(name) is not None, f"{page.name}: {name}"


def resolve(dotted: str) -> object:
    """Return what a dotted name stands for: a module, or something in one."""
    parts = dotted.split(".")
    for split in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:split]))
        except ModuleNotFoundError:
            continue
        for part in parts[split:]:
            found = getattr(found, part)
        return found
    raise AssertionError(dotted)


def keys_in(text: str) -> set[str]:
    """Return the citation keys [Name2000] or [Name2000; Other2001] of a text."""
    groups = re.findall(r"\[((?:[A-Z][A-Za-z]+\d{4}[a-z]?(?:; )?)+)\]", text)
    return {key for group in groups for key in group.split("; ")}


def references() -> set[str]:
    text = (ROOT / "docs" / "references.md").read_text(encoding="utf-8")
    return set(re.findall(r"^- \*\*\[(\w+)\]\*\*", text, re.MULTILINE))


def test_every_key_cited_in_code_or_docs_is_a_reference_and_every_reference_is_cited() -> None:
    cited = set()
    for path in [*(ROOT / "autonomy").rglob("*.py"), *PAGES]:
        if path.name != "references.md":
            found = keys_in(path.read_text(encoding="utf-8"))
            assert found <= references(), f"{path.name}: {sorted(found - references())}"
            cited |= found
    assert {"Kiwiel2008", "Hochbaum1995"} <= cited
    assert references() == cited


def test_every_doi_in_the_code_is_in_the_references() -> None:
    text = (ROOT / "docs" / "references.md").read_text(encoding="utf-8")
    for path in (ROOT / "autonomy").rglob("*.py"):
        for doi in re.findall(r"doi:(10\.\d+/[^\s,]+?)\.?(?=[\s,]|$)", path.read_text(encoding="utf-8")):
            assert f"doi:{doi.rstrip('.)')}" in text.replace("[", "").replace("]", " "), f"{path.name}: {doi}"


def test_keys_are_found_alone_and_in_groups() -> None:
    assert keys_in("as in [Kiwiel2008].") == {"Kiwiel2008"}
    assert keys_in("[Kiwiel2008; Hochbaum1995]") == {"Kiwiel2008", "Hochbaum1995"}
    assert keys_in("x[0], [feed-in, retail], [0.1.0], [A2C]") == set()


@pytest.mark.parametrize(
    "kind", [Certificate, Community, Decision, Economics, Forecast, Kpi, Limits, Network, Observation, Reward]
)
def test_the_notation_names_every_field(kind: Any) -> None:
    missing = {item.name for item in fields(kind)} - names_in("docs/notation.md")
    assert not missing


def test_the_notation_has_exactly_the_causes_of_the_code() -> None:
    assert {row[0].strip("`") for row in table_under("docs/notation.md", "Causes")} == {cause.value for cause in Cause}


def test_the_notation_has_exactly_the_modes_of_the_code() -> None:
    assert [row[0].strip("`") for row in table_under("docs/notation.md", "Modes")] == [mode.value for mode in Mode]


def test_the_notation_has_exactly_the_rules_of_the_code() -> None:
    rows = table_under("docs/notation.md", "Safety rules")
    assert [(row[0], row[1].strip("`"), row[2]) for row in rows] == [(r.name, r.formula, r.unit) for r in INVARIANTS]


def test_the_constants_have_the_values_of_the_code() -> None:
    rows = table_under("docs/notation.md", "Constants")
    for name, value, *_ in rows:
        assert resolve(name.strip("`")) == float(value), name


def test_the_quickstart_lists_exactly_the_policies_of_the_catalogue() -> None:
    assert [row[0].strip("`") for row in table_under("docs/quickstart.md", "Run")] == list(POLICIES)


def test_every_extra_that_the_pages_name_is_declared() -> None:
    declared = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"])
    for page in PAGES:
        found = set(re.findall(r"autonomy-stack\[(\w+)\]|`\[(\w+)\]`", page.read_text(encoding="utf-8")))
        named = {name for pair in found for name in pair if name} - {"economics", "community", "network", "defaults"}
        assert named <= declared, f"{page.name}: {sorted(named - declared)}"


def test_the_backends_are_named_in_the_docs() -> None:
    assert set(BACKENDS) <= names_in("docs/how-it-works.md")


def test_the_licence_is_the_whole_apache_licence_and_nothing_else() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="ascii")
    assert text.split()[:4] == ["Apache", "License", "Version", "2.0,"]
    assert all(f"\n   {clause}. " in text for clause in range(1, 10))
    assert text.rstrip().endswith("limitations under the License.")
    assert re.findall(r"Copyright [^a-zA-Z].*", text) == ["Copyright [yyyy] [name of copyright owner]"]


def test_the_changelog_has_the_version_of_the_package() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    headings = re.findall(r"^## \[([^\]]+)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert version in headings
