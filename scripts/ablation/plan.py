"""What is to be run: a study's cells, where each of them works, and what all of them must have in common."""

import json
import os
from typing import Any, NamedTuple

from ablation.results import Cell, Result, read
from ablation.studies import AS_THEY_ARE, BASELINE, Study, find_study
from electra_pretrain.config.schema import Config
from electra_pretrain.core import files, json_files
from electra_pretrain.core.errors import UserError, nearest
from electra_pretrain.core.json_files import shown
from electra_pretrain.execution.resume import fingerprint

SETTINGS_NAME = "settings.json"
HELDOUT_BATCHES = 32


class Plan(NamedTuple):
    """What is asked for.

    Attributes:
        study: its name.
        folder: of all that is made.
        results: the file of finished cells.
        more: overrides of every run of the study.
        seeds: how many; None: as many as the study says.
        only: variants to run; none: all.
        corpus: text to build vocabulary and records from.
        data: records that are there already, in place of a corpus.
        nsmc: folder of the task that runs are fine-tuned for; None: they are not.
        split: of the task that is scored; None: the task's own.
        tpu: as run_pretraining takes it; None: GPUs or the CPU.
        discard: whether a finished run's checkpoints go.
    """

    study: str
    folder: str
    results: str
    more: tuple[str, ...] = ()
    seeds: int | None = None
    only: tuple[str, ...] = ()
    corpus: tuple[str, ...] = ()
    data: str | None = None
    nsmc: str | None = None
    split: str | None = None
    tpu: str | None = None
    discard: bool = False

    @property
    def about(self) -> Study:
        return find_study(self.study)

    def cells(self) -> list[Cell]:
        """List the cells, all variants of a seed before those of the next, the baseline first.

        Raises:
            UserError: the study has no such variant.
        """
        known = list(self.about.variants)
        for name in self.only:
            if name not in known:
                raise UserError(f"--only {name}: the study {self.study} has no such variant; {nearest(name, known)}")
        chosen = [name for name in known if not self.only or name in self.only]
        return [Cell(self.study, variant, seed) for seed in range(self.seeds or self.about.seeds) for variant in chosen]

    def overrides(self, cell: Cell) -> list[str]:
        return self.about.overrides_of(cell.variant, self.more, cell.seed)

    def config(self, cell: Cell) -> Config:
        return self.about.config_of(cell.variant, self.more, cell.seed)

    def cell_folder(self, cell: Cell) -> str:
        return os.path.join(self.folder, self.study, f"{cell.variant}-{cell.seed}")

    def run(self, cell: Cell) -> str:
        """Return the folder of a cell's pretraining."""
        return os.path.join(self.cell_folder(cell), "run")

    def log(self, cell: Cell) -> str:
        return os.path.join(self.cell_folder(cell), "log.txt")

    def vocab(self) -> str:
        size = self.config(Cell(self.study, BASELINE, 0)).data.vocab_size
        return os.path.join(self.folder, f"vocab-{size}.txt")

    def records(self, way: str) -> str:
        """Return the folder of records whose short documents are put into rows in a way (`data.short_documents`)."""
        if self.data is not None:
            return self.data
        data = self.config(Cell(self.study, BASELINE, 0)).data
        documents = "" if self.about.documents == AS_THEY_ARE else "-lines"
        return os.path.join(self.folder, "records", f"{way}-{data.max_seq_length}-{data.vocab_size}{documents}")

    def ways(self) -> list[str]:
        """List the ways that the study's runs and their scoring need, without repetition."""
        runs = [self.config(cell).data.short_documents for cell in self.cells()]
        return list(dict.fromkeys(["apart", *runs]))

    def finished(self) -> dict[Cell, Result]:
        """Read what is done of this study.

        Raises:
            UserError: a cell was run under other overrides than it would be now.
        """
        done = {cell: result for cell, result in read(self.results).items() if cell.study == self.study}
        for cell in self.cells():
            if cell in done and list(done[cell].overrides) != self.overrides(cell):
                raise UserError(
                    f"{self.results}: {cell} was run with {' '.join(done[cell].overrides)}, which is not what the study says "
                    "now; name another --folder and --results, or delete that line and the cell's folder"
                )
        return done

    def settings(self) -> dict[str, Any]:
        """Return what all cells of a study have in common."""
        study = self.about
        return {
            "base": study.overrides_of(BASELINE, self.more),
            "config": study.config,
            "documents": study.documents,
            "corpus": list(self.corpus),
            "data": self.data,
            "finetune": list(study.finetune),
            "finetune_steps": study.finetune_steps,
            "finetune_seeds": study.finetune_seeds,
            "heldout_batches": HELDOUT_BATCHES,
        }

    def key(self, cell: Cell, *more: str) -> str:
        """Return what a cell's finished part depends on, as a digest."""
        return fingerprint([self.settings(), self.overrides(cell), more])


def check_settings(plan: Plan) -> None:
    """Note what the study's cells have in common, or refuse to add others to them.

    Raises:
        UserError: the folder's cells were run with other settings.
    """
    path = os.path.join(plan.folder, plan.study, SETTINGS_NAME)
    now = plan.settings()
    if not files.exists(path):
        files.make_parent(path)
        files.write_text(path, json.dumps(now, ensure_ascii=False, indent=2) + "\n")
        return
    before = json_files.read_object(path)
    if changed := [name for name in now if before.get(name) != now[name]]:
        name = changed[0]
        raise UserError(
            f"{path}: cells there were run with {name} {shown(before.get(name))}, now it is {shown(now[name])}; "
            "give the same arguments, or another --folder and --results"
        )
