"""Results as tables of Markdown: for the terminal, for a file, and for a page of the book."""

from collections.abc import Callable
from pathlib import Path

from benchmarks import measure
from benchmarks.measure import Row

HEADS = ("what", "measured", "promised", "kept")


def table(rows: list[Row], word: Callable[[str], str] = str) -> str:
    """The rows as a Markdown table, with the notes below it.

    Args:
        word: gives a text of the table in the language of the reader.
    """
    lines = [[word(head) for head in HEADS], ["---"] * len(HEADS)]
    notes = dict.fromkeys(row.note for row in rows if row.note and row.value is not None)
    numbers = {note: number for number, note in enumerate(notes, 1)}
    for row in rows:
        sign = f" ({numbers[row.note]})" if row.note in numbers else ""
        kept = {None: "", True: word("yes"), False: f"**{word('no')}**"}[row.kept]
        lines.append([word(row.what) + sign, figure(row, word), promise(row, word), kept])
    text = "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
    below = "\n".join(f"{number}. {word(note)}" for note, number in numbers.items())
    return f"{text}\n\n{below}\n" if below else f"{text}\n"


def figure(row: Row, word: Callable[[str], str] = str) -> str:
    """`11.4 ×`, `50 of 50`, `0.51 [0.43, 0.58]`, or why there is none."""
    if row.value is None:
        return f"{word('not measured')}: {word(row.note)}"
    if row.of is not None:
        return f"{row.value:,.0f} {word('of')} {row.of:,}"
    text = number(row.value)
    if row.low is not None:
        text += f" [{number(row.low)}, {number(row.high)}]"
    return _with(text, row.unit, word)


def promise(row: Row, word: Callable[[str], str] = str) -> str:
    """`≥ 7 ×`, `≤ 240 s`, or nothing."""
    if row.of is not None and row.least is not None:
        return word("all") if row.least == row.of else f"≥ {row.least:,}"
    bounds = [f"{sign} {number(bound)}" for sign, bound in (("≥", row.least), ("≤", row.most))
              if bound is not None]
    return _with(", ".join(bounds), row.unit, word) if bounds else ""


def number(value: float) -> str:
    """Three digits, and all those before the point."""
    if value == int(value) and abs(value) >= 1 or abs(value) >= 100:
        return f"{value:,.0f}"
    if value and abs(value) < 0.001:
        return f"{value:.1e}"
    return f"{value:.3g}"


def _with(text: str, unit: str, word: Callable[[str], str]) -> str:
    return f"{text} {word(unit)}" if unit else text


def about(date: str, has: dict, word: Callable[[str], str] = str) -> str:
    """When and on what machine, in a line."""
    parts = [date, has["processor"], f"{has['cores']} {word('cores')}",
             f"{has['memory_gb']} GB", *([has["gpu"]] if "gpu" in has else []), has["system"],
             f"{word('threads')}: {has['threads']}",
             f"{word('matrix products')}: {number(has['matrix_gflops'])} GFLOP/s",
             f"Python {has['Python']}",
             *(f"{name} {has['versions'][name]}" for name in ("torch", "transformers"))]  # fmt: skip
    return ", ".join(parts)


def section(results: dict, part: str, word: Callable[[str], str] = str) -> str:
    """A part: its table, and below it when and where it was measured."""
    found = results["parts"][part]
    quick = f", {word('a quick run')}" if found["quick"] else ""
    took = f"{found['seconds']:,} s{quick}"
    return f"{table(found['rows'], word)}\n*{about(results['date'], found['machine'], word)}; {took}.*\n"


def write(path: Path) -> Path:
    """Write the tables of a file of results beside it; returns the file of Markdown."""
    results = measure.load(path)
    parts = [f"## {part}\n\n{section(results, part)}" for part in results["parts"]]
    markdown = path.with_suffix(".md")
    markdown.write_text("\n".join([f"# {results['date']}\n", *parts]), "utf-8")
    return markdown
