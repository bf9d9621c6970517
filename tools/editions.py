"""Keeps the languages of the course together: `make sync`.

The English pages are the source. A page of another language has the same code cells,
labels, equations, references and blocks, section by section; its prose is its own. For
each section, `chapters/<language>/translated.yml` holds a hash of the English prose that
was translated, so that a later change of the English is noticed.

    python -m tools.editions                 # carry the code over, mark what is stale
    python -m tools.editions --check         # write nothing; exit 1 and name what differs
    python -m tools.editions --check es/errata   # only this page

A stale section gets a line `% revise: ...` under its heading, and a new one stands in the
page in English under `% translate: ...`. Whoever has done that deletes the line and runs
`make sync` again, which records the section as translated.
"""

import argparse
import difflib
import hashlib
import re
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
CHAPTERS = ROOT / "chapters"
SOURCE = "en"
STATE = "translated.yml"

_FENCE = re.compile(r"^(?P<fence>`{3,}|:{3,})(?P<rest>.*)$")
_HEADING = re.compile(r"^(?P<level>#{1,6}) (?P<text>.+)$")
_MARK = re.compile(r"^ *% (revise|translate): .*$\n?", re.M)
_ROLE = re.compile(r"\{(?P<role>[\w:-]+)\}`(?P<text>[^`]+)`")
_IN_BRACKETS = re.compile(r"<([^<>]+)>$")
_ITEM = re.compile(r"^\s*([-*]|\d+\.) ")
_WORDS_IN_MATHS = re.compile(r"\\(text|mathrm|textbf)\{[^{}]*\}")


class EditionError(ValueError):
    """A page cannot be compared or brought up to date; the message names the place."""


@dataclass
class Section:
    """A heading with what stands under it, up to the next heading; or a glossary's entry.

    Attributes:
        heading: as the page has it; for an entry of a glossary, its English term.
        lines: every line, with the labels before the heading; joined, they are the page.
    """

    heading: str
    lines: list[str] = field(default_factory=list)
    entry: bool = False

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def hash(self) -> str:
        """Of the prose alone, whatever its spacing: code is compared by itself."""
        prose = "\n".join(line for kind, lines in blocks(self.lines) if kind != "cell"
                          for line in lines)
        words = " ".join(_MARK.sub("", prose + "\n").split())
        return hashlib.sha256(words.encode()).hexdigest()[:12]


def sections(text: str) -> list[Section]:
    """The page in pieces: before the first heading, then one for each heading or entry."""
    found, labels, fence, glossary = [Section("")], [], None, False
    for line in text.split("\n"):
        mark = _FENCE.match(line)
        if fence:
            found[-1].lines += [*labels, line]
            labels = []
            fence = None if line.strip() == fence else fence
        elif glossary:
            glossary = not line.startswith(":::")
            terms = found[-1].lines and found[-1].entry and not _defined(found[-1])
            if not glossary:
                found.append(Section("end of the glossary", [line], True))
            elif line and not line[0].isspace():
                if terms:  # a second name: the English one comes last
                    found[-1].lines.append(line)
                    found[-1].heading = line
                else:
                    found.append(Section(line, [line], True))
            else:
                found[-1].lines.append(line)
        elif mark and mark["rest"].startswith("{glossary}"):
            found[-1].lines += [*labels, line]
            labels, glossary = [], True
        elif mark and mark["fence"][0] == "`":
            found[-1].lines += [*labels, line]
            labels, fence = [], mark["fence"]
        elif heading := _HEADING.match(line):
            found.append(Section(heading["text"].strip(), [*labels, line]))
            labels = []
        elif re.match(r"^\([\w:.-]+\)=\s*$", line):
            labels.append(line)
        else:
            found[-1].lines += [*labels, line]
            labels = []
    found[-1].lines += labels
    return [section for section in found if section.lines]


def _defined(entry: Section) -> bool:
    return any(line.startswith(" ") for line in entry.lines)


def blocks(lines: list[str]) -> list[tuple[str, list[str]]]:
    """Pairs of a kind and its lines: cell, code, directive, label, maths, table, list,
    heading, paragraph."""
    found, i = [], 0
    while i < len(lines):
        line = lines[i]
        mark = _FENCE.match(line)
        if not line.strip() or re.match(r"^ *% ", line):
            i += 1
        elif mark and mark["fence"][0] == "`":
            end = _end(lines, i, mark["fence"])
            kind = ("cell" if mark["rest"].startswith("{code-cell}") else
                    "directive" if mark["rest"].startswith("{") else "code")
            found.append((kind, lines[i : end + 1]))
            i = end + 1
        elif mark:
            end = i + 1
            while mark["rest"] and end < len(lines) and re.match(r"^:[\w-]+:", lines[end]):
                end += 1
            found.append(("directive", lines[i:end]))
            i = end
        elif line.startswith("$$"):
            end = i
            while not re.search(r"\$\$", lines[end][2 if end == i else 0 :]):
                end += 1
            found.append(("maths", lines[i : end + 1]))
            i = end + 1
        else:
            end = i
            while end < len(lines) and lines[end].strip() and not _FENCE.match(lines[end]):
                end += 1
                if _HEADING.match(line) or re.match(r"^\([\w:.-]+\)=", line):
                    break
            kind = ("heading" if _HEADING.match(line) else "table" if line.startswith("|") else
                    "label" if re.match(r"^\([\w:.-]+\)=", line) else
                    "list" if _ITEM.match(line) else "paragraph")
            found.append((kind, lines[i:end]))
            i = end
    return found


def _end(lines: list[str], start: int, fence: str) -> int:
    for i in range(start + 1, len(lines)):
        if lines[i].strip() == fence:
            return i
    raise EditionError(f"the block that opens with {lines[start]!r} is not closed")


def skeleton(section: Section) -> list[str]:
    """What a section must share with its translation, block by block."""
    found = []
    for kind, lines in blocks(section.lines):
        if kind in ("cell", "code", "label"):
            found.append("\n".join(lines))
        elif kind == "maths":
            found.append(_WORDS_IN_MATHS.sub(r"\\\1{}", "\n".join(lines)))
        elif kind == "directive":
            head, *options = lines
            name = re.sub(r"(\{exercise-start\}|\{(?:note|warning|tip|admonition|dropdown)\}).*",
                          r"\1", head)
            found.append("\n".join([name, *(o for o in options if re.match(r"^:[\w-]+:", o))]))
        elif kind == "heading":
            found.append(f"heading of level {len(_HEADING.match(lines[0])['level'])}")
        elif kind == "list":
            found.append(f"list of {sum(bool(_ITEM.match(line)) for line in lines)} items")
        elif kind == "table":
            found.append(f"table of {len(lines)} rows and {lines[1].count('|') - 1} columns")
        elif not section.entry:
            found.append("paragraph")
    return found


def targets(section: Section) -> Counter:
    """What the roles of a section lead to: `cite vaswani2017attention`, `term token`..."""
    found = Counter()
    prose = "\n".join(line for kind, lines in blocks(section.lines) if kind not in ("cell", "code")
                      for line in lines)
    for match in _ROLE.finditer(prose):
        explicit = _IN_BRACKETS.search(match["text"])
        role = match["role"].split(":")[0]
        whole = explicit[1] if explicit else match["text"]
        for target in whole.split(",") if role == "cite" else [whole]:
            found[f"{role} {' '.join(target.split())}"] += 1
    return found


def cells(text: str) -> list[str]:
    """The code cells of a page with their tags, byte for byte."""
    return ["\n".join(lines) for section in sections(text)
            for kind, lines in blocks(section.lines) if kind == "cell"]


def languages() -> list[str]:
    """Every language but the source: each folder of chapters/ with pages."""
    return sorted({page.parent.name for page in CHAPTERS.glob("*/*.md")} - {SOURCE})


def pages(language: str) -> list[Path]:
    return sorted((CHAPTERS / language).glob("*.md"))


def pair(page: Path) -> tuple[list[Section], list[Section]]:
    """The English page and its translation, in sections.

    Raises:
        EditionError: there is no English page of this name.
    """
    source = CHAPTERS / SOURCE / page.name
    if not source.exists():
        raise EditionError(f"{name(page)}: there is no {name(source)} that it could translate.")
    return sections(source.read_text("utf-8")), sections(page.read_text("utf-8"))


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def same_code(page: Path) -> bool:
    """Whether a page has the code cells of the English one, so that it can share its run."""
    source = CHAPTERS / SOURCE / page.name
    return source.exists() and cells(source.read_text("utf-8")) == cells(page.read_text("utf-8"))


def _keys(found: list[Section]) -> list[str]:
    """A name for each section: its heading, with a number where it is not the first."""
    seen, keys = Counter(), []
    for section in found:
        seen[section.heading] += 1
        again = seen[section.heading]
        keys.append(section.heading if again == 1 else f"{section.heading} ({again})")
    return keys


def _matched(source: list[Section], translation: list[Section]) -> list[tuple]:
    """(English section, its translation or None): headings in order, entries by term."""
    entries = {s.heading: s for s in translation if s.entry}
    rest = iter([s for s in translation if not s.entry])
    return [(s, entries.get(s.heading) if s.entry else next(rest, None)) for s in source]


def differences(page: Path) -> list[str]:
    """What is wrong with a translated page; each line names the file and the heading."""
    try:
        return [f"{name(page)}, {line}" for _, line in _findings(page)]
    except EditionError as error:
        return [str(error) if name(page) in str(error) else f"{name(page)}: {error}"]


def count_sections(page: Path) -> tuple[int, int]:
    """How many sections a page should have, and how many of these are complete and fresh.

    A section with several faults counts once. Of a page that is missing, cannot be compared
    or was never recorded no section counts; what the English page has not takes one away.
    """
    source = CHAPTERS / SOURCE / page.name
    if not source.exists():
        return len(sections(page.read_text("utf-8"))), 0
    total = len(sections(source.read_text("utf-8")))
    if not page.exists():
        return total, 0
    try:
        found = _findings(page)
    except EditionError:
        return total, 0
    if page.stem not in read_state(page.parent):
        return total, 0
    wrong = {place for place, _ in found if place is not None}
    added = sum(place is None for place, _ in found)
    return total, max(0, total - len(wrong) - added)


def _findings(page: Path) -> list[tuple[int | None, str]]:
    """Pairs of an English section's number, None for the whole page, and what is wrong there."""
    source, translation = pair(page)
    return [*_structure(source, translation), *_staleness(page, source)]


def _structure(source, translation) -> list[tuple[int | None, str]]:
    found = []
    for number, (english, other) in enumerate(_matched(source, translation)):
        place = f"section “{other.heading if other else english.heading}”"
        if other is None:
            found.append((number, f"{place}: missing"))
            continue
        if mark := _MARK.search(other.text + "\n"):
            todo = mark.group().strip(" %\n")
            found.append((number, f"{place}: still to do: {todo}"))
        left, right = skeleton(english), skeleton(other)
        if left != right:
            i, want, got = _first_difference(left, right)
            found.append((number, f"{place}: block {i + 1} should have {_short(want)}; it has "
                                  f"{_short(got)} (English: “{english.heading}”)"))
        lost, added = targets(english) - targets(other), targets(other) - targets(english)
        if lost or added:
            found.append((number, f"{place}: references missing: {sorted(lost.elements()) or 'none'}, "
                                  f"not in the English: {sorted(added.elements()) or 'none'}"))
    count = sum(not s.entry for s in translation) - sum(not s.entry for s in source)
    if count > 0:
        found.append((None, f"section “{[s for s in translation if not s.entry][-1].heading}”: the "
                            f"page has {count} more sections than the English one"))
    strange = {s.heading for s in translation if s.entry} - {s.heading for s in source if s.entry}
    return found + [(None, f"entry “{term}”: the English glossary has no such term")
                    for term in sorted(strange)]


def _first_difference(left: list, right: list) -> tuple[int, str, str]:
    """The place of the first difference, and what stands there; of blocks, their lines."""
    i = next((i for i, (a, b) in enumerate(zip(left, right)) if a != b),
             min(len(left), len(right)))
    want, got = (side[i] if i < len(side) else "" for side in (left, right))
    if "\n" in want and "\n" in got:
        return i, *_first_difference(want.split("\n"), got.split("\n"))[1:]
    return i, want, got


def _short(block: str) -> str:
    line = " ".join(block.split()) or "nothing"
    return repr(line if len(line) <= 90 else line[:87] + "...")


def _staleness(page: Path, source) -> list[tuple[int | None, str]]:
    recorded = read_state(page.parent).get(page.stem)
    if recorded is None:
        return [(None, "is not in translated.yml: run `make sync`")]
    found = []
    for number, (key, section) in enumerate(zip(_keys(source), source)):
        if key not in recorded:
            found.append((number, f"the English section “{key}” is not recorded as translated: "
                                  "run `make sync`"))
        elif recorded[key].split()[0] != section.hash():
            found.append((number, f"section {_place(page, source, section)}: the English section "
                                  f"“{key}” changed since it was translated: run `make sync`, "
                                  "revise, delete the mark, run `make sync`"))
    return found


def _place(page: Path, source, section) -> str:
    translation = sections(page.read_text("utf-8"))
    other = next(o for s, o in _matched(source, translation) if s is section)
    return f"“{other.heading if other else section.heading}”"


def read_state(folder: Path) -> dict[str, dict[str, str]]:
    """Page → English heading → hash of the English prose that was translated.

    Where the translation waits for a revision, the hash of the English prose that it
    was marked for stands behind.
    """
    path = folder / STATE
    return (yaml.safe_load(path.read_text("utf-8")) or {}) if path.exists() else {}


def write_state(folder: Path, state: dict) -> None:
    text = ("# Which English prose each section translates; written by `make sync`.\n"
            + yaml.safe_dump(state, allow_unicode=True, sort_keys=False, width=1000))
    if not (folder / STATE).exists() or (folder / STATE).read_text("utf-8") != text:
        (folder / STATE).write_text(text, encoding="utf-8")


def sync(page: Path, recorded: dict[str, str] | None) -> tuple[str, dict[str, str], list[str]]:
    """Bring one page up to date.

    Returns the page's new text, what is to be recorded, and what was done, line by line.

    Raises:
        EditionError: the page's sections are not those that were recorded.
    """
    source, translation = pair(page)
    keys, done = _keys(source), []
    now = {key: section.hash() for key, section in zip(keys, source)}
    if recorded is None:  # a new translation: of the English page as it is
        recorded = now
    elif _count(recorded, translation) != len(translation) == len(source):
        # Sections came or went in both languages at once: those are new translations.
        recorded = {key: recorded.get(key, now[key]) for key in keys}
    olds = dict(zip(recorded, _in_order_of(recorded, translation, page)))
    used = _pairing(list(recorded), keys)
    out, state = [], {}
    for key, english in zip(keys, source):
        old_key = used.get(key)
        if old_key is None:
            out.append(_untranslated(english))
            state[key] = f"none {english.hash()}"
            done.append(f"“{key}”: new; its English text stands in the page, to be translated")
            continue
        section = olds[old_key]
        section.lines, carried = _with_cells_of(english, section)
        if carried:
            done.append(f"“{section.heading}”: {carried}")
        translated, *marked = recorded[old_key].split()
        is_marked = _MARK.search(section.text + "\n")
        if translated == english.hash() or (marked == [english.hash()] and not is_marked):
            state[key] = english.hash()
            if marked:
                done.append(f"“{section.heading}”: recorded as translated")
        else:
            state[key] = f"{translated} {english.hash()}"
            untranslated = translated == "none" and is_marked  # its mark says enough
            if not untranslated and (marked != [english.hash()] or not is_marked):
                section = _marked(section, english)
                done.append(f"“{section.heading}”: the English section “{key}” changed: revise")
        out.append(section)
    for old in set(recorded) - set(used.values()):
        done.append(f"“{olds[old].heading}”: removed, as the English section “{old}” was")
    if any(s.entry for s in source):
        out = _glossary_order(out)
    return "\n".join(section.text for section in out), state, done


def _count(recorded, translation) -> int:
    """How many sections the page would have if it were as it was recorded."""
    entries = {s.heading for s in translation if s.entry}
    return len(entries) + len([key for key in recorded if key not in entries])


def _in_order_of(recorded, translation, page) -> list[Section]:
    """The translated sections, one for each recorded key."""
    entries = {s.heading: s for s in translation if s.entry}
    others = [s for s in translation if not s.entry]
    keys = [key for key in recorded if key not in entries]
    if len(keys) != len(others):
        raise EditionError(
            f"{name(page)} has {len(others)} sections and {STATE} knows {len(keys)}: put back "
            f"the heading that went, or take away the one that came; the English page leads. "
            f"Recorded: {', '.join(keys)}.")
    rest = iter(others)
    return [entries[key] if key in entries else next(rest) for key in recorded]


def _pairing(old: list[str], new: list[str]) -> dict[str, str]:
    """New key → the old key that it continues: the same name, or renamed in its place."""
    used = {key: key for key in new if key in old}
    gone, come = [k for k in old if k not in used], [k for k in new if k not in used]
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for tag, i, j, k, m in matcher.get_opcodes():
        if tag == "replace":
            left = [key for key in old[i:j] if key in gone]
            right = [key for key in new[k:m] if key in come]
            used |= dict(zip(right, left))
    return used


def _with_cells_of(english: Section, section: Section) -> tuple[list[str], str]:
    """The section's lines with the code cells of the English section, and what changed."""
    want = ["\n".join(lines) for kind, lines in blocks(english.lines) if kind == "cell"]
    pieces = _pieces(section.lines)
    have = [text for is_cell, text in pieces if is_cell]
    if want == have:
        return section.lines, ""
    out, done = [], Counter()
    edits = iter(_cell_edits(have, want))
    for is_cell, text in pieces:
        if not is_cell:
            out.append(text)
            continue
        before, replacement = next(edits)
        out += [f"{cell}\n" for cell in before]
        done["added"] += len(before)
        if replacement is None:
            done["removed"] += 1
        else:
            done["changed"] += replacement != text
            out.append(replacement)
    before, _ = next(edits)
    out += [f"\n{cell}\n" for cell in before]
    done["added"] += len(before)
    what = ", ".join(f"{number} {kind}" for kind, number in done.items() if number)
    return "\n".join(out).split("\n"), f"code cells: {what}"


def _pieces(lines: list[str]) -> list[tuple[bool, str]]:
    """The lines cut into (is a code cell, text); joined by newlines they are the lines."""
    out, current, i = [], [], 0
    while i < len(lines):
        mark = _FENCE.match(lines[i])
        if mark and mark["rest"].startswith("{code-cell}"):
            end = _end(lines, i, mark["fence"])
            if current:
                out.append((False, "\n".join(current)))
                current = []
            out.append((True, "\n".join(lines[i : end + 1])))
            i = end + 1
        else:
            current.append(lines[i])
            i += 1
    return out + ([(False, "\n".join(current))] if current else [])


def _cell_edits(have: list[str], want: list[str]) -> list[tuple[list[str], str | None]]:
    """For each cell that is there: the new cells before it, and what takes its place.

    One more pair at the end holds the new cells after the last.
    """
    edits = [([], None) for _ in range(len(have) + 1)]
    matcher = difflib.SequenceMatcher(None, have, want, autojunk=False)
    for tag, i, j, k, m in matcher.get_opcodes():
        same = min(j - i, m - k)
        for offset in range(same):
            edits[i + offset] = (edits[i + offset][0], want[k + offset])
        edits[i + same][0].extend(want[k + same : m])
    return edits


def _marked(section: Section, english: Section) -> Section:
    mark = f"% revise: the English text changed (“{english.heading or 'the page’s beginning'}”)."
    lines = _MARK.sub("", section.text + "\n")[:-1].split("\n")
    if section.entry:
        lines = [*lines[:-1], f"  {mark}", lines[-1]] if not lines[-1] else [*lines, f"  {mark}"]
    else:
        at = next((i + 1 for i, line in enumerate(lines) if _HEADING.match(line)), len(lines))
        lines.insert(at, mark)
    return Section(section.heading, lines, section.entry)


def _untranslated(english: Section) -> Section:
    section = Section(english.heading, list(english.lines), english.entry)
    marked = _marked(section, english)
    marked.lines = [line.replace("% revise: the English text changed",
                                 "% translate: this section is new") for line in marked.lines]
    return marked


def _glossary_order(found: list[Section]) -> list[Section]:
    """Entries by the name that the reader sees first, wherever the English page has them."""
    import unicodedata

    def visible(section):
        plain = unicodedata.normalize("NFD", section.lines[0])
        return "".join(c for c in plain if not unicodedata.combining(c)).casefold()

    entries = [s for s in found if s.entry and s.heading != "end of the glossary"]
    first = found.index(entries[0])
    return [*found[:first], *sorted(entries, key=visible), *found[first + len(entries) :]]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="only say what differs")
    parser.add_argument("pages", nargs="*", help="such as es/glossary; by default all")
    arguments = parser.parse_args()
    chosen = [page for language in languages() for page in pages(language)]
    if arguments.pages:
        asked = {f"{page.removesuffix('.md')}" for page in arguments.pages}
        chosen = [page for page in chosen if f"{page.parent.name}/{page.stem}" in asked]
        if len(chosen) != len(asked):
            print(f"editions: no such page among {sorted(asked)}.", file=sys.stderr)
            return 2
    if arguments.check:
        found = [line for page in chosen for line in differences(page)]
        print("\n".join(found) or f"{len(chosen)} translated pages: complete and fresh.")
        return bool(found)
    failed = False
    for page in chosen:
        try:
            state = read_state(page.parent)
            text, state[page.stem], done = sync(page, state.get(page.stem))
        except EditionError as error:
            print(f"editions: {error}", file=sys.stderr)
            failed = True
            continue
        if text != page.read_text("utf-8"):
            page.write_text(text, encoding="utf-8")
        write_state(page.parent, dict(sorted(state.items())))
        print("".join(f"{name(page)}, {line}\n" for line in done), end="")
    return failed


if __name__ == "__main__":
    sys.exit(main())
