"""A module imports only from floors below its own; data and model never import each other; no cycles; light imports."""

import ast
import subprocess
import sys
from pathlib import Path

import electra_pretrain

PACKAGE = Path(electra_pretrain.__file__).parent
FLOOR_0 = {"config", "config_rules", "batch", "files", "rng", "errors", "progress", "quiet"}
FLOORS = {"tpu": 1, "plot": 1, "text": 1, "tokenization": 1, "data": 2, "model": 2, "train": 3, "convert": 3, "downstream": 3}


def floor(module):
    top = module.split(".")[1] if "." in module else ""
    if not top or top in FLOOR_0:
        return 0
    return FLOORS.get(top, 4)


def modules():
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(("electra_pretrain", *(part for part in parts if part != "__init__")))
        yield name, ast.parse(path.read_text())


def imports(tree):
    """Modules of the package that a module imports, anywhere in it."""
    names = {name for name, _ in modules()}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("electra_pretrain"))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("electra_pretrain"):
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in names else node.module


GRAPH = {name: sorted(set(imports(tree))) for name, tree in modules()}


def test_imports_go_down():
    wrong = []
    for module, imported in GRAPH.items():
        for other in imported:
            same_room = module.split(".")[1:2] == other.split(".")[1:2]
            above, below = floor(module), floor(other)
            allowed = below < above or (below == above and (above in (0, 4) or same_room or module == "electra_pretrain"))
            if not allowed and not (above == below == 1 and other.startswith("electra_pretrain.text")):
                wrong.append(f"{module} imports {other}")
    assert wrong == []


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


def test_text_and_floor_0_name_tensorflow_only_within_functions():
    for name, tree in modules():
        if floor(name) <= 1:
            top = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
            assert not [node for node in top if "tensorflow" in ast.unparse(node)], name


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
import electra_pretrain.run_pretraining, electra_pretrain.train.run, electra_pretrain.train.devices
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
    "tensorflow", "torch", "transformers", "datasets", "tokenizers", "sentencepiece", "matplotlib", "google.cloud", "emoji"
)
print([name for name in heavy if name in sys.modules])
"""
    assert run_python(code).stdout.strip() == "[]"
