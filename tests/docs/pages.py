"""README, docs and notebooks as tests read them: fenced blocks, code within prose, headings, links, tables."""

import ast
import json
import re
from pathlib import Path
from typing import NamedTuple

from tests.conftest import ROOT

_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)
_RUNS = "<!-- runs -->"
_BASH = "%%bash\n"


class Block(NamedTuple):
    """A fenced block.

    Attributes:
        language: what stands behind the fence.
        text: what stands within.
        runs: whether it is marked as cheap enough to be run.
    """

    language: str
    text: str
    runs: bool


def all_pages() -> list[Path]:
    readmes = [ROOT / "README.md", ROOT / "README_KO.md", ROOT / "vocab" / "README.md"]
    return [*readmes, *sorted((ROOT / "docs").rglob("*.md")), *notebooks()]


def notebooks() -> list[Path]:
    return sorted((ROOT / "docs").rglob("*.ipynb"))


def read(page: Path) -> str:
    """The text of a page; of a notebook, its cells as a page would show them."""
    text = page.read_text(encoding="utf-8")
    return as_page(json.loads(text)["cells"]) if page.suffix == ".ipynb" else text


def as_page(cells: list[dict]) -> str:
    """Cells as prose and fenced blocks; names of settings in commands have their values, other names an ellipsis."""
    values = settings(cells)
    shown = []
    for cell in cells:
        text = "".join(cell["source"]).rstrip("\n") + "\n"
        if cell["cell_type"] == "code" and text.startswith(_BASH):
            text = re.sub(r'("?)\$([A-Z]+)\b', lambda found: _shown(found[1], found[2], values), text.removeprefix(_BASH))
            text = f"```bash\n{text}```\n"
        elif cell["cell_type"] == "code":
            text = f"```python\n{text}```\n"
        shown.append(text)
    return "\n".join(shown)


def _shown(quote: str, name: str, values: dict[str, str]) -> str:
    """A setting that is empty stands for a word if it is quoted, else for none, as in a shell."""
    return quote + (values.get(name, "…") or (name if quote else ""))


def settings(cells: list[dict]) -> dict[str, str]:
    """What the cell tagged "parameters" assigns, as a shell is given it."""
    (cell,) = (cell for cell in cells if "parameters" in cell["metadata"].get("tags", []))
    assigned = [node for node in ast.parse("".join(cell["source"])).body if isinstance(node, ast.Assign)]
    return {node.targets[0].id: str(ast.literal_eval(node.value)) for node in assigned}


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(text: str) -> list[Block]:
    return [Block(m["language"], m["text"], text[: m.start()].rstrip().endswith(_RUNS)) for m in _FENCE.finditer(text)]


def prose(text: str) -> str:
    """A page without its fenced blocks."""
    return _FENCE.sub("", text)


def code_spans(text: str) -> list[str]:
    """What stands between single backquotes, which may be broken over two lines, in prose and tables."""
    paragraphs = re.split(r"\n\s*\n|\n(?=\||\s*- |\s*\d\. )", prose(text))
    return [" ".join(span.split()) for paragraph in paragraphs for span in re.findall(r"`([^`]+)`", paragraph)]


def headings(text: str) -> list[tuple[int, str]]:
    """Level and words of each heading."""
    return [(len(m[1]), m[2].strip()) for m in re.finditer(r"^(#+) (.*)$", prose(text), re.MULTILINE)]


def anchors(text: str) -> set[str]:
    """The names under which a page's headings are linked to, as GitHub makes them."""
    found: set[str] = set()
    for _, words in headings(text):
        slug = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
        number = sum(1 for other in found if re.fullmatch(rf"{re.escape(slug)}(-\d+)?", other))
        found.add(f"{slug}-{number}" if number else slug)
    return found


def links(text: str) -> list[str]:
    """Targets of links and images that do not lead out of the repository."""
    targets = re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`]*`", "", prose(text)))
    return [target for target in targets if "://" not in target]


def tables(text: str) -> list[list[list[str]]]:
    """Each table's rows of cells, the line below its head left out."""
    found = re.findall(r"(?:^\|.*\|\n)+", prose(text) + "\n", re.MULTILINE)
    rows = [[[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in table.splitlines()] for table in found]
    return [[row for number, row in enumerate(table) if number != 1] for table in rows]
