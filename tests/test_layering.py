"""A module imports only from floors below its own; nothing imports a command; no cycles; light imports."""

import ast
import functools
import re
import subprocess
import sys
from pathlib import Path

import electra_pretrain

PACKAGE = Path(electra_pretrain.__file__).parent
# The picture in docs/architecture.md: a room imports from the floors below and from itself; a room within another may use it.
FLOORS = (
    {"core"},
    {"xla"},
    {"config", "execution", "tpu", "gpu"},
    {"model", "corpus", "plot"},
    {"corpus.cleaning", "corpus.dedup", "corpus.stats", "tokenization"},
    {"records", "checkpoint"},
    {"records.inspect", "train", "convert", "finetuning"},
    {"evaluation"},
    {"cli"},
)
COMMANDS = len(FLOORS)
# They meet in core.batch: how text becomes rows and what is computed of rows are nobody's business but their own.
STRANGERS = {("records", "model"), ("train", "convert"), ("train", "finetuning"), ("convert", "finetuning")}


def room(module):
    """The innermost room that a module is in; "" for a command."""
    parts = module.split(".")[1:]
    known = set().union(*FLOORS)
    return next((name for n in (2, 1) if (name := ".".join(parts[:n])) in known), "")


def floor(module):
    return next((number for number, rooms in enumerate(FLOORS) if room(module) in rooms), COMMANDS)


@functools.cache
def modules():
    """Every module's name, and its tree."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(("electra_pretrain", *(part for part in parts if part != "__init__")))
        found.append((name, ast.parse(path.read_text())))
    return found


def imports(tree):
    """Modules of the package that a module imports, anywhere in it."""
    names = dict(modules())
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("electra_pretrain"))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("electra_pretrain"):
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in names else node.module


GRAPH = {name: sorted(set(imports(tree))) for name, tree in modules()}


def test_every_module_has_a_room_or_is_a_command():
    homeless = [name for name, _ in modules() if not room(name) and name.count(".") > 1]
    assert homeless == []


def test_imports_go_down():
    wrong = []
    for module, imported in GRAPH.items():
        for other in set(imported) - {"electra_pretrain"}:
            if not (floor(other) < floor(module) or (room(other) and room(other) == room(module))):
                wrong.append(f"{module} imports {other}")
    assert sorted(wrong) == []


def test_strangers_do_not_know_each_other():
    wrong = [
        f"{module} imports {other}"
        for module, imported in GRAPH.items()
        for other in imported
        if {(room(module), room(other)), (room(other), room(module))} & STRANGERS
    ]
    assert wrong == []


def test_a_file_in_the_root_is_a_command():
    names = [name for name, tree in modules() if name.count(".") == 1 and not room(name)]
    trees = dict(modules())
    assert [name for name in names if not any(getattr(node, "name", "") == "main" for node in trees[name].body)] == []


def test_there_are_no_cycles():
    done, path = set(), []

    def visit(module):
        assert module not in path, f"cycle: {' -> '.join([*path, module])}"
        if module in done:
            return
        path.append(module)
        for other in GRAPH.get(module, []):
            visit(other)
        done.add(path.pop())

    for module in GRAPH:
        visit(module)


LIGHT = (
    "core",
    "xla",
    "config",
    "execution",
    "tpu",
    "gpu",
    "corpus",
    "corpus.cleaning",
    "corpus.dedup",
    "corpus.stats",
    "tokenization",
    "plot",
    "cli",
)


def test_what_handles_text_names_tensorflow_only_within_functions():
    for name, tree in modules():
        if room(name) in LIGHT:
            top = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
            assert not [node for node in top if re.search(r"(import|from) tensorflow\b", ast.unparse(node))], name


def run_python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)


def test_the_trainer_imports_with_tensorflow_numpy_and_absl_alone():
    """As on a TPU machine: everything that handles text, and what only exports need, is blocked."""
    blocked = [
        "tensorflow_text",
        "tokenizers",
        "sentencepiece",
        "safetensors",
        "tqdm",
        "zstandard",
        "google.cloud",
        "transformers",
        "torch",
    ]
    code = f"""
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if any(name == b or name.startswith(b + ".") for b in {blocked!r}):
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, Blocker())
import electra_pretrain.run_pretraining, electra_pretrain.train.loop, electra_pretrain.train.devices
print("imported", "tensorflow_text" in sys.modules)
"""
    result = run_python(code)
    assert result.stdout.strip() == "imported False", result.stderr[-2000:]


def test_help_needs_no_tensorflow():
    commands = [name for name, tree in modules() if any(getattr(node, "name", "") == "main" for node in tree.body)]
    assert "electra_pretrain.build_data" in commands
    code = f"""
import sys
for name in {commands!r}:
    __import__(name)
heavy = (
    "tensorflow", "jax", "torch", "transformers", "datasets", "tokenizers", "sentencepiece", "matplotlib", "google.cloud",
    "emoji",
)
print([name for name in heavy if name in sys.modules])
"""
    assert run_python(code).stdout.strip() == "[]"
