"""The docs say what is so."""

import re
import subprocess
from pathlib import Path

import pytest

from contracts.measures import MEASURES
from contracts.topics import MEASURE_TOPICS, TOPICS

ROOT = Path(__file__).parents[2]
MARKDOWN = [
    *ROOT.glob("*.md"),
    *ROOT.glob("docs/**/*.md"),
    *ROOT.glob("*/README.md"),
    *ROOT.glob("*/*/README.md"),
]
LINK = re.compile(r"\[[^\]]*\]\((?!https?://|#)([^)#]+)[^)]*\)")


def makefile_targets():
    return set(re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))


@pytest.mark.parametrize("path", MARKDOWN, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_link_leads_somewhere(path):
    for target in LINK.findall(path.read_text()):
        assert (path.parent / target).exists(), target


def test_every_topic_is_in_the_architecture():
    page = (ROOT / "docs" / "architecture.md").read_text()

    for topic in TOPICS:
        if topic not in MEASURE_TOPICS.values():
            assert f"`{topic.name}`" in page
    assert "`measure-<measure>-v1`" in page


def test_every_measure_is_in_the_glossary():
    page = (ROOT / "docs" / "glossary.md").read_text()

    for measure in MEASURES:
        assert f"`{measure.field}`" in page


def test_the_menu_has_every_command_that_the_docs_name():
    named = {target for path in MARKDOWN for target in re.findall(r"`make ([a-z]+)", path.read_text())}

    assert named <= makefile_targets()


def test_make_help_lists_the_menu():
    command = ["make", "--no-print-directory", "help"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout

    assert {line.split()[0] for line in listed.splitlines()} == makefile_targets()


def test_ci_runs_the_readmes_test_command():
    readme = (ROOT / "README.md").read_text()

    assert "make demo" in readme
    assert "make test" in readme
    assert (ROOT / ".ci" / "run").read_text().rstrip().endswith("make test")


def test_every_decision_is_numbered_and_listed():
    decisions = sorted(path.name for path in (ROOT / "docs" / "decisions").glob("[0-9]*.md"))
    listed = (ROOT / "docs" / "decisions" / "README.md").read_text()

    assert all(re.match(r"\d{4}-", name) for name in decisions)
    assert len({name[:4] for name in decisions}) == len(decisions)
    for name in decisions:
        assert name in listed
