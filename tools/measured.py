"""The tables of the page “What was measured”; one of the book's extensions.

`{measured} tokenizers` shows the newest run of a part of `make bench` or of `make faults`
that lies in `benchmarks/results/`, with its date and machine. The texts of the tables are in
English there; `chapters/<language>/edition.yml` has them in the language of the edition,
under `measured`.
"""

from pathlib import Path

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

from benchmarks import measure, report
from tools import site_editions

NAMED_BY_DATE = "[0-9]*.json"  # those that `measure.results_file` names


class MeasuredError(ValueError):
    """There is nothing to show; the message says what to do."""


def newest(part: str, folder: Path) -> dict:
    """The results that have the newest run of a part.

    A run that measured something wins over one that could not, such as the part `gpu`
    where there is none; a full run wins over a quick one.

    Raises:
        MeasuredError: no file has the part.
    """
    found = [measure.load(path) for path in sorted(folder.glob(NAMED_BY_DATE))]
    found = [results for results in found if part in results["parts"]]
    if not found:
        raise MeasuredError(f"no results of {part!r}: run `make bench` or `make faults`")

    def worth(results):
        run = results["parts"][part]
        return any(row.value is not None for row in run["rows"]), not run["quick"], results["date"]

    return max(found, key=worth)


class Measured(SphinxDirective):
    """`{measured} tokenizers`: when and where, and the table."""

    required_arguments = 1

    def run(self):
        part = self.arguments[0]
        self.env.note_reread()  # results change while the page's own text stays the same
        try:
            results = newest(part, measure.RESULTS)
        except MeasuredError as error:
            raise self.error(f"measured: {error}.") from error
        # Texts of the tables in the language of the edition.
        words = site_editions.about(self.config.language).get("measured", {})
        table = report.section(results, part, lambda english: words.get(english, english))
        lines = StringList(table.splitlines(), source=part)
        shown = nodes.container(classes=["course-measured"])
        self.state.nested_parse(lines, self.content_offset, shown)
        return [shown]


def setup(app):
    """Sphinx calls this: the module is one of the book's extensions."""
    app.add_directive("measured", Measured)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
