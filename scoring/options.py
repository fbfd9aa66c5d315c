"""The options of the command, as `scoring.arguments` reads them."""

from dataclasses import dataclass
from pathlib import Path

from scoring.row import in_bucket
from scoring.table import STANDARD_OUTPUT


@dataclass(frozen=True)
class UndoOptions:
    """The options of `undo`: the undo journal of a run, and whether to write errors only."""

    journal: Path
    quiet: bool


@dataclass(frozen=True, kw_only=True)
class ScoreOptions:
    """The options of a run, one field per option of the command line; see its help.

    `out` names tables as the command line does, "-" among them. `journal` and `undo_journal` are None where their
    place follows from the table; `journal_path` and `undo_journal_path` say where they are.
    """

    sources: list[str]
    out: list[str]
    journal: Path | None
    report: Path | None
    playlists: Path | None
    include: list[str]
    exclude: list[str]
    relative_to: str | None
    model: str | None
    models: Path
    excerpts: int
    force: bool
    retry_errors: bool
    by_content: bool
    dry_run: bool
    timeout: float
    workers: int
    engine: str
    address: str | None
    write_tags: bool
    overwrite: bool
    least_confidence: float
    names: Path | None
    keep_time: bool
    undo_journal: Path | None
    quiet: bool

    @property
    def tables(self) -> list[str]:
        """The tables but for standard output."""
        return [out for out in self.out if out != STANDARD_OUTPUT]

    @property
    def journal_path(self) -> Path:
        """Where the rows of the run are kept."""
        return self.journal or self._beside(".journal")

    @property
    def undo_journal_path(self) -> Path:
        """Where the former tags of songs are kept."""
        return self.undo_journal or self._beside(".tags")

    def _beside(self, suffix: str) -> Path:
        """Return the file beside the first table that belongs to the run; for a table in a bucket, it is here.

        Where the only table goes to standard output, it is beside the journal.
        """
        out = self.tables[0] if self.tables else str(self.journal)
        name = out.rstrip("/")
        return Path((name.rpartition("/")[2] if in_bucket(out) else name) + suffix)
