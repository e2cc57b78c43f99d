"""What the documents show is what happens: every fenced block is run or checked, and none is left out.

| block    | what is done with it                                                                               |
| -------- | -------------------------------------------------------------------------------------------------- |
| `python` | run by this interpreter from the root of the repository; those of a document share their names     |
| `sh`     | run by bash from the root of the repository; lines that only call `make` or `docker` are looked up |
| `json`   | parsed                                                                                             |
| `toml`   | loaded as a table of conventions                                                                   |
| `text`   | stands behind an `sh` or `python` block and is exactly what it prints                              |

`make run`, `make test` and the container are run by .ci/run and tests/e2e; here their targets have to exist. In the
pages that are made of examples, a figure between them has to stand in a block of the same page.
"""

import json
import math
import os
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]  # one call, whose result is taken apart here

from app.conventions import load
from app.server import Farewell
from app.settings import Settings, table
from tests.e2e.process import Running, running

ROOT = Path(__file__).parents[2]
PAGES = tuple(sorted(page.relative_to(ROOT).as_posix() for page in ROOT.glob("docs/**/*.md")))
DOCUMENTS = ("README.md", "CONTRIBUTING.md", *PAGES)
ALL = (*DOCUMENTS, "CHANGELOG.md", "SECURITY.md", "samples/README.md")
EXAMPLES = ("docs/the-question.md", "docs/questions.md", "docs/kl-weights.md")
"""The pages that are made of examples."""

ADDRESS = "http://127.0.0.1:8000"
RUN = frozenset({"sh", "python"})
"""The kinds of blocks that do something."""

PARSE: dict[str, Callable[[str], object]] = {"json": json.loads, "toml": load}
"""How the blocks that say something are read."""

ERRANDS = ("make", "docker", "git clone", "cd")
"""Commands that are for a person's own machine: they install, build, or do not end."""

SESSION = """
import contextlib, io, json, sys

names = {"__name__": "__main__"}
for document, line, text in json.load(sys.stdin):
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown):
        exec(compile("\\n" * line + text, document, "exec"), names)
    print(json.dumps(shown.getvalue()), flush=True)
"""
"""Runs the blocks on its standard input with shared names, and prints what each of them printed as a line of JSON."""


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its document, the line where it opens, its kind, its text, and what it is shown to print."""

    document: str
    line: int
    kind: str
    text: str
    output: str = ""

    @property
    def place(self) -> str:
        """Where it is, for people."""
        return f"{self.document}:{self.line}"


def fenced(document: str, text: str) -> list[Block]:
    """Find the fenced blocks of a document; a `text` block joins the one before it as its output."""
    found: list[Block] = []
    pattern = re.compile(r"^```(.*)\n((?:.*\n)*?)```$", re.MULTILINE)
    for match in pattern.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        kind, content = match.groups()
        if kind == "text" and found and found[-1].kind in RUN and not found[-1].output:
            before = found.pop()
            found.append(Block(document, before.line, before.kind, before.text, content))
        else:
            found.append(Block(document, line, kind, content))
    return found


def errands(block: Block) -> list[list[str]]:
    """Give the commands of an `sh` block, as words, if all of them are errands; none if one is to be run."""
    commands = [part for line in block.text.splitlines() for part in re.split(r"&&|\|\|?|;", line.partition("#")[0])]
    commands = [part.strip() for part in commands if part.strip()]
    asked = [shlex.split(part) for part in commands if re.match(rf"({'|'.join(ERRANDS)})\b", part)]
    return asked if block.kind == "sh" and len(asked) == len(commands) else []


def is_target(word: str, makefile: str) -> bool:
    """Tell whether a Makefile has a rule for a target, or one for a pattern that fits it."""
    rules: list[str] = re.findall(r"^([\w%-]+):", makefile, re.MULTILINE)
    return any(re.fullmatch(re.escape(rule).replace("%", ".+"), word) for rule in rules)


def unaccounted(block: Block) -> str | None:
    """Tell why nothing can be said of a block; None if it will be run, looked up or parsed."""
    if block.kind not in RUN | PARSE.keys():
        return f"{block.place}: a block of kind {block.kind!r} is neither run nor parsed"
    if errands(block) and block.output:
        return f"{block.place}: shows an output that nobody compares"
    return None


def finished(command: Sequence[str], given: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command to its end as a reader would."""
    here = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONWARNINGS": "error", "NO_PROXY": "*"}
    return subprocess.run(  # noqa: S603 - the command is a block of our own documents
        command, cwd=ROOT, env=os.environ | here, capture_output=True, text=True, timeout=60, check=False, input=given
    )


class Session:
    """The blocks of one document, run once and in their order; Python's share their names, as in a notebook."""

    def __init__(self, blocks: Sequence[Block], address: str) -> None:
        python = [block for block in blocks if block.kind == "python"]
        given = [(block.document, block.line, block.text.replace(ADDRESS, address)) for block in python]
        done = finished([sys.executable, "-c", SESSION], json.dumps(given)) if python else None
        self._address = address
        self._failure = "" if done is None else done.stderr
        lines = [] if done is None else done.stdout.splitlines()
        self._printed = dict(zip([block.line for block in python], map(json.loads, lines), strict=False))

    def printed(self, block: Block) -> str:
        """Give what a block prints; one that fails is an error, and so is one behind it."""
        if block.kind == "sh":
            done = finished(["bash", "-euo", "pipefail", "-c", block.text.replace(ADDRESS, self._address)])
            assert done.returncode == 0, f"{block.place}: {done.stderr}"
            return done.stdout.replace(self._address, ADDRESS)
        assert block.line in self._printed, f"{block.place}: {self._failure}"
        return str(self._printed[block.line]).replace(self._address, ADDRESS)


def prose(text: str) -> str:
    """Leave out blocks, code, links and the numbers of headings: what is left is what the writer says."""
    text = re.sub(r"^```.*\n(?:.*\n)*?```$", "", text, flags=re.MULTILINE)
    text = re.sub(r"`[^`\n]*`", "", text)
    text = re.sub(r"\[[^]]*\]\([^)]*\)", "", text)
    return re.sub(r"^#+ \d+\.", "", text, flags=re.MULTILINE)


NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?:e[-+]?\d+)?(?![\w])")


def unfounded(text: str) -> list[str]:
    """Give the figures of a page's prose, above ten or with a decimal point, that no block of it has, even rounded."""
    blocks = " ".join(f"{block.text} {block.output}" for block in fenced("", text))
    known = {float(figure) for figure in NUMBER.findall(blocks)}
    found = [figure for figure in NUMBER.findall(prose(text)) if "." in figure or float(figure) > 10]
    return [figure for figure in found if not any(is_rounded(figure, value) for value in known)]


def is_rounded(figure: str, value: float) -> bool:
    """Tell whether a figure is a value, or is what rounding to as many digits makes of it."""
    decimals = len(figure.partition("e")[0].partition(".")[2])
    return math.isclose(float(figure), value) or ("e" not in figure and f"{value:.{decimals}f}" == figure)


def anchors(text: str) -> set[str]:
    """Give the anchors of a page's headings, as they are made where it is read."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"^```.*\n(?:.*\n)*?```$", "", text, flags=re.MULTILINE), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


BLOCKS = [block for name in DOCUMENTS for block in fenced(name, (ROOT / name).read_text())]
shown = [block for block in BLOCKS if block.kind in RUN and not errands(block)]


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    """Run the service."""
    with running() as server:
        yield server


@pytest.fixture(scope="module")
def sessions(server: Running) -> Callable[[Block], str]:
    """Run each document once, when the first of its blocks is asked for."""
    made: dict[str, Session] = {}

    def printed(block: Block) -> str:
        if block.document not in made:
            made[block.document] = Session([one for one in shown if one.document == block.document], server.url)
        return made[block.document].printed(block)

    return printed


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.place)
def test_every_block_is_accounted_for(block: Block) -> None:
    assert unaccounted(block) is None


@pytest.mark.parametrize("block", shown, ids=lambda block: block.place)
def test_a_block_prints_what_the_document_shows(block: Block, sessions: Callable[[Block], str]) -> None:
    if "curl" in block.text and shutil.which("curl") is None and "LOSSGRID_TEST_REQUIRE" not in os.environ:
        pytest.skip("there is no curl here")
    assert sessions(block) == block.output


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.kind in PARSE], ids=lambda block: block.place)
def test_a_block_of_data_can_be_read(block: Block) -> None:
    assert PARSE[block.kind](block.text)


@pytest.mark.parametrize("block", [block for block in BLOCKS if errands(block)], ids=lambda block: block.place)
def test_an_errand_can_be_run(block: Block) -> None:
    makefile = (ROOT / "Makefile").read_text()
    for program, *words in errands(block):
        if program == "make":
            targets = [word for word in words if "=" not in word]
            assert targets
            assert [word for word in targets if not is_target(word, makefile)] == []
        if program == "docker":
            assert words[0] in {"build", "run"}
            assert "lossgrid" in words
            assert (ROOT / "Dockerfile").is_file()


def test_the_documents_that_are_made_of_examples_show_some() -> None:
    assert {block.document for block in shown} >= {"README.md", "CONTRIBUTING.md", *EXAMPLES}


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_figure_in_the_text_stands_in_a_block(name: str) -> None:
    assert unfounded((ROOT / name).read_text()) == []


def test_each_of_the_twenty_questions_has_its_entry() -> None:
    entries = re.split(r"^## ", (ROOT / "docs/questions.md").read_text(), flags=re.MULTILINE)[1:]
    assert [int(entry.partition(".")[0]) for entry in entries] == list(range(1, 21))
    assert [entry.partition("\n")[0] for entry in entries if "\n*Asked:* " not in entry] == []
    assert [entry.partition("\n")[0] for entry in entries if "```python" not in entry or "```text" not in entry] == []


def test_a_question_needs_only_the_first_block_of_its_page(server: Running) -> None:
    first, *others = [block for block in shown if block.document == "docs/questions.md"]
    backwards = [first, *reversed(others)]
    session = Session(backwards, server.url)
    assert [block.place for block in backwards if session.printed(block) != block.output] == []


def test_the_weights_of_every_class_are_explained() -> None:
    headings = re.findall(r"^## Class (\w)", (ROOT / "docs/kl-weights.md").read_text(), re.MULTILINE)
    assert headings == list("ABCDEFGH")


def test_every_page_is_in_the_index() -> None:
    text = (ROOT / "docs/README.md").read_text()
    pages = [page for page in PAGES if page != "docs/README.md" and "docs/decisions/" not in page]
    assert [page for page in pages if f"]({page.removeprefix('docs/')})" not in text] == []


def test_the_readme_can_be_read_in_one_sitting() -> None:
    assert (ROOT / "README.md").read_text().count("\n") < 200


def test_the_readme_shows_how_long_a_batch_takes() -> None:
    shown = re.findall(r"!\[[^\]]+\]\(([^)]+\.svg)\)", (ROOT / "README.md").read_text())
    assert shown == ["docs/benchmarks/overview.svg"]
    assert (ROOT / shown[0]).is_file()


def test_the_operations_page_has_the_table_of_settings() -> None:
    assert f"\n\n{table()}\n" in (ROOT / "docs" / "operations.md").read_text()


@pytest.mark.parametrize("name", ALL)
def test_every_link_within_the_repository_leads_somewhere(name: str) -> None:
    lost = []
    for link in re.findall(r"\]\(([^)]+)\)", (ROOT / name).read_text()):
        path, _, anchor = link.partition("#")
        target = (ROOT / name).parent / path if path else ROOT / name
        if not path.startswith("http") and not (
            target.exists() and (not anchor or anchor in anchors(target.read_text()))
        ):
            lost.append(link)
    assert lost == []


def lacking(text: str) -> list[str]:
    """Give the commands in the running text of a page that name a test, a target or a module that does not exist."""
    makefile, found = (ROOT / "Makefile").read_text(), []
    for command in re.findall(r"`((?:\.venv/bin/)?(?:pytest|make|python -m) [^`]+)`", text):
        words = shlex.split(command)
        program, rest = ("-m", words[2:]) if words[1] == "-m" else (words[0].rpartition("/")[2], words[1:])
        if program == "-m" and rest[0] == "pytest":
            program, rest = rest[0], rest[1:]
        named = [word for word in rest if not re.match(r"-|\w+=|\d?>", word)]
        if program == "make":
            lost = [word for word in named if not is_target(word, makefile)]
        elif program == "pytest":
            lost = [word for word in named if not (ROOT / word).exists()]
        else:
            lost = [] if named[0] in {"pip", "app"} or is_module(named[0]) else named[:1]
        found += [command] if lost or not named else []
    return found


def is_module(name: str) -> bool:
    """Tell whether a module of the repository can be run."""
    path = ROOT / name.replace(".", "/")
    return path.with_suffix(".py").exists() or (path / "__main__.py").exists()


@pytest.mark.parametrize("name", ALL)
def test_a_command_in_the_text_names_what_there_is(name: str) -> None:
    assert lacking((ROOT / name).read_text()) == []


def test_the_manifest_for_a_cluster_can_be_read() -> None:
    text = (ROOT / "docs/operations.md").read_text()
    (block,) = re.findall(r"^    spec:\n(?:    .*\n|\n(?=    ))*", text, re.MULTILINE)
    pod = yaml.safe_load(textwrap.dedent(block))["spec"]
    (container,) = pod["containers"]
    mounted = {mount["name"] for mount in container["volumeMounts"]}
    assert mounted == {volume["name"] for volume in pod["volumes"]}
    assert all(isinstance(one["value"], str) for one in container["env"])  # as Kubernetes wants it
    values = {one["name"].removeprefix("LOSSGRID_").lower(): one["value"] for one in container["env"]}
    settings = Settings(**values)
    farewell = Farewell(settings.drain_seconds, settings.graceful_seconds)
    assert pod["terminationGracePeriodSeconds"] > farewell.kill_seconds


# The harness itself: that it can fail.

PAGE = """
```sh
make run && docker run --rm lossgrid   # an errand
```

```python
answer = 6 * 7
print(answer)
```

which prints

```text
42
```

```yaml
a: 1
```

```text
nobody prints this
```
"""


def test_the_harness_finds_every_block_and_joins_outputs() -> None:
    places = [(block.place, block.kind, block.output) for block in fenced("page", PAGE)]
    assert places == [
        ("page:2", "sh", ""),
        ("page:6", "python", "42\n"),
        ("page:17", "yaml", ""),
        ("page:21", "text", ""),
    ]


def test_the_harness_names_the_blocks_that_it_cannot_account_for() -> None:
    messages = [message for block in fenced("page", PAGE) if (message := unaccounted(block))]
    assert messages == [
        "page:17: a block of kind 'yaml' is neither run nor parsed",
        "page:21: a block of kind 'text' is neither run nor parsed",
    ]
    block = Block("page", 1, "sh", "make run\n", "done\n")
    assert unaccounted(block) == "page:1: shows an output that nobody compares"


@pytest.mark.parametrize(
    ("text", "count"),
    [("make run\n", 1), ("docker build -t a . && docker run a\n", 2), ("make test; echo done\n", 0), ("makeup\n", 0)],
)
def test_the_harness_knows_an_errand(text: str, count: int) -> None:
    assert len(errands(Block("page", 1, "sh", text))) == count


def test_the_harness_knows_the_targets_of_a_makefile() -> None:
    makefile = "run: .venv ## serve\n\tpython -m app\ncheck-%: %.txt\n\ttrue\n"
    words = ["run", "check-all", "check-", "runs", "true"]
    assert [word for word in words if is_target(word, makefile)] == ["run", "check-all"]


def test_the_harness_gives_what_is_printed() -> None:
    blocks = [
        Block("page", 1, "python", "answer = 6 * 7\n"),
        Block("page", 4, "python", "print(answer)\n"),
        Block("page", 7, "python", f"print('{ADDRESS}'[-4:], '{ADDRESS}')\n"),
        Block("page", 9, "sh", f"echo {ADDRESS}"),
        Block("page", 9, "sh", f"echo {ADDRESS} | cut -d: -f3"),
    ]
    session = Session(blocks, "http://127.0.0.1:1234")
    assert [session.printed(block) for block in blocks] == [
        "",
        "42\n",
        f"1234 {ADDRESS}\n",
        f"{ADDRESS}\n",
        "1234\n",
    ]


@pytest.mark.parametrize(("kind", "text"), [("sh", "false | true"), ("python", "raise ValueError"), ("python", "1 +")])
def test_the_harness_does_not_take_a_failure_for_an_output(kind: str, text: str) -> None:
    block = Block("page", 5, kind, text)
    with pytest.raises(AssertionError, match="page:5"):
        Session([block], ADDRESS).printed(block)


def test_the_harness_names_the_line_that_fails_and_keeps_what_was_printed_before() -> None:
    before, block = (
        Block("README.md", 1, "python", "print(1)\n"),
        Block("README.md", 4, "python", "\nraise ValueError\n"),
    )
    session = Session([before, block], ADDRESS)
    assert session.printed(before) == "1\n"
    with pytest.raises(AssertionError, match=r'"README.md", line 6'):
        session.printed(block)


@pytest.mark.parametrize(
    ("text", "figures"),
    [
        ("At 0.25 nat, of 4 in 10, it is [1234](http://127.0.0.1:8000).\n", ["0.25"]),
        ("Of 0.013, 0.01241 and 1e-6 there are 20.\n```python\nprint(0.012411, 1e-6, 20)\n```\n", ["0.013"]),
        ("## 12. On 90 features, `x = 1.5`\n", ["90"]),
        ("Nearly 1.24.\n```text\nnobody printed 1.2444\n```\n", []),
    ],
)
def test_the_harness_names_the_figures_that_no_block_shows(text: str, figures: list[str]) -> None:
    assert unfounded(text) == figures


def test_the_harness_names_the_commands_that_lead_nowhere() -> None:
    good = [
        "`make run`",
        "`make hostile URL=http://a`",
        "`pytest tests/formats`",
        "`python -m scripts.audit 2>/dev/null`",
    ]
    good += [
        "`.venv/bin/python -m pytest -x tests/spool`",
        "`python -m app`",
        "`python -m benchmarks.burst --rounds 2`",
    ]
    bad = ["make ruin", "pytest tests/format", "python -m scripts.edit", ".venv/bin/python -m pytest tests/none"]
    assert lacking(" ".join([*good, *(f"`{command}`" for command in bad)])) == bad


def test_the_harness_makes_the_anchors_of_headings() -> None:
    assert anchors("# A `b_c`, or D?\n\n```sh\n# no heading\n```\n## 1. Mean-sum\n") == {"a-b_c-or-d", "1-mean-sum"}
