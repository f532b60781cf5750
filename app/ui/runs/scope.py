"""Which runs of a workspace the table is of, as they are chosen in the sidebar."""

from __future__ import annotations

from dataclasses import dataclass

from app.records.runs import Run

#: What the index calls the source of the workspace's own executions.
OWN = "execution:."


@dataclass(frozen=True, slots=True)
class Scope:
    """All runs, those of some sources, or of one experiment in them.

    Attributes:
        title: what it is called.
        sources: the names of the sources; () for all.
        experiment: the name of the experiment; None for all.
    """

    title: str = "All runs"
    sources: tuple[str, ...] = ()
    experiment: str | None = None

    @classmethod
    def of_experiment(cls, name: str) -> Scope:
        """Return the runs of an experiment of ours, or all runs for ""."""
        return cls(name, (OWN,), name) if name else cls()

    def has(self, run: Run) -> bool:
        """Whether a run of ours belongs to it."""
        return (not self.sources or OWN in self.sources) and self.experiment in (None, run.experiment)

    def query(self) -> str:
        """Return the query that its runs meet, "" for all."""
        from app.records.query.syntax import quote

        parts = []
        if self.sources:
            parts.append(f"run.origin in ({', '.join(map(quote, self.sources))})")
        if self.experiment is not None:
            parts.append(f"run.experiment = {quote(self.experiment)}")
        return " and ".join(parts)
