"""The languages stay together: what differs is named, what is stale is marked."""

import re
import shutil

import pytest

from tools import editions

TRANSLATED = [page for code in editions.languages() for page in editions.pages(code)]


@pytest.mark.parametrize("page", TRANSLATED, ids=lambda page: f"{page.parent.name}/{page.stem}")
def test_a_translated_page_is_complete_and_fresh(page):
    assert editions.differences(page) == []


def test_the_spanish_edition_is_complete():
    names = {code: {page.name for page in editions.pages(code)} for code in ("en", "es", "ja")}
    assert names["es"] == names["en"]
    assert names["ja"] >= {"index.md", "05_bertology.md"}
    assert set(editions.languages()) == {"es", "ja"}


def test_nothing_is_recorded_that_is_not_there():
    for code in editions.languages():
        assert set(editions.read_state(editions.CHAPTERS / code)) == {p.stem for p in editions.pages(code)}


def test_the_glossary_names_its_terms_in_both_languages_and_the_chapters_link_them(root):
    books = {code: editions.sections((root / f"chapters/{code}/glossary.md").read_text("utf-8"))
             for code in ("en", "es")}
    english, spanish = ({s.heading: s.text for s in book if s.entry and s.heading != "end of the glossary"}
                        for book in books.values())
    assert len(english) >= 120 and set(english) == set(spanish)
    chapters = {re.search(r"^\((chapter-[a-z]+)\)=$", text, re.M)[1]: text
                for text in (p.read_text("utf-8") for p in sorted((root / "chapters/en").glob("0*.md")))}
    for term, text in english.items():
        name = re.search(r"Spanish: \*(.+?)\*\.", text)
        first = spanish[term].split("\n")[0]
        assert name and name[1] == first, term  # one name, the same on both pages
        [chapter] = re.findall(r"\{ref\}`Chapter \d <(chapter-[a-z]+)>`", text)
        assert re.search(rf"\{{term\}}`(?:[^`<]+<)?{re.escape(term)}>?`", chapters[chapter], re.I), term

PAGE = """---
kernelspec: {name: python3}
---

(top)=
# Title

One {term}`token` of {cite:p}`b2020,a2019`, see {eq}`eq-x`.

```{code-cell} ipython3
:tags: [hide-input]
# not a heading
x = 1
```

## Second

$$
x = y \\text{ if }
$$ (eq-x)

- one
- two

| a | b |
|---|---|
| 1 | 2 |

```{exercise-start} An exercise
:label: ex-one
```
Write it.
```{exercise-end}
```

```{code-cell} ipython3
y = 2
```
"""
TRANSLATION = (PAGE.replace("# Title", "# Título").replace("One", "Un").replace("of", "de")
               .replace("see", "véase").replace("`token`", "`ficha <token>`").replace("## Second", "## Segunda")
               .replace("{ if }", "{ si }").replace("- one", "- uno").replace("| a | b |", "| c | d |")
               .replace("An exercise", "Un ejercicio").replace("Write it.", "Escríbelo."))
GLOSSARY = """# Glossary

:::{glossary}
batch
  Examples.

head
  Of a layer.
:::
"""
GLOSARIO = """# Glosario

:::{glossary}
cabeza
head
  De una capa.

lote
batch
  Ejemplos.
:::
"""


@pytest.fixture
def chapters(tmp_path, monkeypatch):
    monkeypatch.setattr(editions, "ROOT", tmp_path)
    monkeypatch.setattr(editions, "CHAPTERS", tmp_path / "chapters")
    for code, pages in (("en", (PAGE, GLOSSARY)), ("es", (TRANSLATION, GLOSARIO))):
        folder = tmp_path / "chapters" / code
        folder.mkdir(parents=True)
        for name, text in zip(("page", "glossary"), pages):
            (folder / f"{name}.md").write_text(text)
    return tmp_path / "chapters"


def run(monkeypatch, *arguments):
    monkeypatch.setattr("sys.argv", ["editions", *arguments])
    return editions.main()


def edit(path, *replacements):
    text = path.read_text()
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)


def check(chapters, page="page"):
    return editions.differences(chapters / f"es/{page}.md")


def test_a_page_is_its_sections():
    for text in (PAGE, GLOSSARY, GLOSARIO):
        assert "\n".join(s.text for s in editions.sections(text)) == text
    assert [s.heading for s in editions.sections(PAGE)] == ["", "Title", "Second"]
    assert [s.heading for s in editions.sections(GLOSARIO)] == [
        "Glosario", "head", "batch", "end of the glossary"]


def test_a_new_translation_is_recorded_and_then_fresh(chapters, monkeypatch):
    assert check(chapters) == ["chapters/es/page.md, is not in translated.yml: run `make sync`"]
    assert run(monkeypatch) == 0
    assert check(chapters) == check(chapters, "glossary") == []
    assert run(monkeypatch, "--check") == 0


@pytest.mark.parametrize("old, new, named", [
    ("x = 1", "x = 2", "“Título”: block 4 should have 'x = 1'; it has 'x = 2'"),
    (":tags: [hide-input]\n", "", "“Título”"),
    ("(top)=\n", "", "“Título”"),
    ("Un {term}", "\n\nUn {term}", None),  # spacing is free
    ("b2020,a2019", "b2020", "references missing: ['cite a2019']"),
    ("<token>", "<ficha>", "['term token'], not in the English: ['term ficha']"),
    ("x = y", "x = z", "“Segunda”"),
    ("- two\n", "", "list of 2 items'; it has 'list of 1 items'"),
    ("| 1 | 2 |\n", "", "table of 3 rows"),
    (":label: ex-one", ":label: ex-uno", "“Segunda”"),
    ("Escríbelo.\n", "Escríbelo.\n\nY más.\n", "“Segunda”"),
    ("## Segunda", "### Segunda", "heading of level 2"),
    ("## Segunda", "Segunda", "missing"),
    ("- two\n", "- two\n\n## Tercera\n", "“Tercera”: the page has 1 more sections"),
])
def test_a_difference_names_the_file_and_the_heading(chapters, monkeypatch, old, new, named):
    run(monkeypatch)
    edit(chapters / "es/page.md", (old, new))
    found = check(chapters)
    if named is None:
        assert found == []
    else:
        assert any(line.startswith("chapters/es/page.md, ") and named in line for line in found), found


def test_a_section_with_several_faults_counts_once(chapters, monkeypatch):
    page = chapters / "es/page.md"
    assert editions.count_sections(page) == (3, 0)  # never recorded
    run(monkeypatch)
    assert editions.count_sections(page) == (3, 3)
    assert editions.count_sections(chapters / "es/glossary.md") == (4, 4)
    edit(chapters / "en/page.md", ("Write it.", "Write it well."))
    edit(page, ("- two\n", ""), ("x = y", "x = z"))
    assert len(check(chapters)) > 1 and editions.count_sections(page) == (3, 2)
    edit(page, ("x = 1", "x = 2"))
    assert editions.count_sections(page) == (3, 1)
    edit(page, ("x = 2", "x = 1"), ("Escríbelo.\n", "Escríbelo.\n\n## Tercera\n"))
    assert editions.count_sections(page) == (3, 1)
    page.unlink()
    assert editions.count_sections(page) == (3, 0)
    (chapters / "es/alone.md").write_text("# Sola\n\n## Dos\n")
    assert editions.count_sections(chapters / "es/alone.md") == (2, 0)


def test_a_changed_english_paragraph_names_the_section_to_look_at(chapters, monkeypatch, capsys):
    run(monkeypatch)
    edit(chapters / "en/page.md", ("Write it.", "Write it well."))
    [line] = check(chapters)
    assert line.startswith("chapters/es/page.md, section “Segunda”: the English section “Second” changed")
    assert run(monkeypatch, "--check") == 1
    # sync marks it, again and again, until somebody takes the mark away
    for _ in range(2):
        run(monkeypatch)
        assert "## Segunda\n% revise: " in (chapters / "es/page.md").read_text()
        assert len(check(chapters)) == 2
    edit(chapters / "es/page.md", ("Escríbelo.", "Escríbelo bien."),
         ("% revise: the English text changed (“Second”).\n", ""))
    assert len(check(chapters)) == 1  # not yet recorded
    run(monkeypatch)
    assert check(chapters) == []
    assert (chapters / "es/page.md").read_text() == TRANSLATION.replace("Escríbelo.", "Escríbelo bien.")


def test_english_that_changes_again_is_marked_again(chapters, monkeypatch):
    run(monkeypatch)
    edit(chapters / "en/page.md", ("Write it.", "Write it well."))
    run(monkeypatch)
    edit(chapters / "es/page.md", ("% revise: the English text changed (“Second”).\n", ""))
    edit(chapters / "en/page.md", ("Write it well.", "Write it very well."))
    run(monkeypatch)
    assert "% revise" in (chapters / "es/page.md").read_text()


def test_new_lines_of_the_same_words_are_no_change(chapters, monkeypatch):
    run(monkeypatch)
    edit(chapters / "en/page.md", ("Write it.", "Write\nit.  "))
    assert check(chapters) == []


def test_sync_carries_code_over_and_leaves_the_prose(chapters, monkeypatch):
    run(monkeypatch)
    new = "```{code-cell} ipython3\nz = 3\n```\n"
    edit(chapters / "en/page.md", ("x = 1", "x = 10"), (":tags: [hide-input]\n", ""),
         ("- one\n", f"{new}\n- one\n"), ("y = 2", "y = 20"))
    assert len(check(chapters)) == 2 and not editions.same_code(chapters / "es/page.md")
    run(monkeypatch)
    assert editions.same_code(chapters / "es/page.md")
    text = (chapters / "es/page.md").read_text()
    for prose in ("# Título", "Escríbelo.", "## Segunda", "Un ejercicio", "y = 20", "x = 10"):
        assert prose in text
    edit(chapters / "en/page.md", ("y = 20", "y = 21"))
    run(monkeypatch)
    assert editions.same_code(chapters / "es/page.md")


def test_a_removed_cell_goes(chapters, monkeypatch):
    run(monkeypatch)
    edit(chapters / "en/page.md", ("```{code-cell} ipython3\ny = 2\n```\n", ""))
    run(monkeypatch)
    assert "y = 2" not in (chapters / "es/page.md").read_text() and check(chapters) == []


def test_a_new_section_comes_in_english_with_a_mark(chapters, monkeypatch):
    run(monkeypatch)
    edit(chapters / "en/page.md", ("## Second", "## Between\n\nText.\n\n## Second"))
    assert any("“Between” is not recorded" in line for line in check(chapters))
    run(monkeypatch)
    text = (chapters / "es/page.md").read_text()
    assert "## Between\n% translate: this section is new" in text
    assert text.index("## Between") < text.index("## Segunda")
    edit(chapters / "en/page.md", ("Text.", "Longer text."))
    run(monkeypatch)
    assert (chapters / "es/page.md").read_text() == text  # to be translated, still
    edit(chapters / "es/page.md", ("## Between\n% translate: this section is new (“Between”).\n\nText.",
                                   "## Enmedio\n\nTexto."))
    run(monkeypatch)
    assert check(chapters) == []


def test_a_section_that_comes_in_both_languages_at_once_is_recorded(chapters, monkeypatch):
    run(monkeypatch)
    edit(chapters / "en/page.md", ("## Second", "## Between\n\nText.\n\n## Second"), ("Write it.", "Write it well."))
    edit(chapters / "es/page.md", ("## Segunda", "## Enmedio\n\nTexto.\n\n## Segunda"))
    run(monkeypatch)
    text = (chapters / "es/page.md").read_text()
    assert "## Enmedio\n\nTexto." in text  # fresh
    assert "## Segunda\n% revise" in text  # what changed besides is still noticed


def test_sections_that_move_keep_their_translation(chapters, monkeypatch):
    three = ("## Second", "## First\n\nAlpha.\n\n## Second"), ("## Segunda", "## Primera\n\nAlfa.\n\n## Segunda")
    edit(chapters / "en/page.md", three[0])
    edit(chapters / "es/page.md", three[1])
    run(monkeypatch)
    head, rest = (chapters / "en/page.md").read_text().split("## First\n\nAlpha.\n\n")
    (chapters / "en/page.md").write_text(head + rest + "\n## First\n\nAlpha.\n")
    run(monkeypatch)
    text = (chapters / "es/page.md").read_text()
    assert text.index("## Segunda") < text.index("## Primera\n\nAlfa.")


def test_a_renamed_section_is_the_same_one(chapters, monkeypatch):
    run(monkeypatch)
    edit(chapters / "en/page.md", ("## Second", "## Other"))
    run(monkeypatch)
    assert "## Segunda\n% revise" in (chapters / "es/page.md").read_text()


def test_a_removed_section_goes_and_is_named(chapters, monkeypatch, capsys):
    run(monkeypatch)
    text = (chapters / "en/page.md").read_text()
    (chapters / "en/page.md").write_text(text[: text.index("## Second")])
    run(monkeypatch)
    assert "“Segunda”: removed" in capsys.readouterr().out
    assert check(chapters) == []


def test_a_page_whose_sections_nobody_knows_is_left_alone(chapters, monkeypatch, capsys):
    run(monkeypatch)
    edit(chapters / "es/page.md", ("## Segunda", "Segunda"))
    before = (chapters / "es/page.md").read_text()
    assert run(monkeypatch) == 1
    assert "chapters/es/page.md has 2 sections and translated.yml knows 3" in capsys.readouterr().err
    assert (chapters / "es/page.md").read_text() == before


def test_glossary_entries_are_matched_by_their_english_name(chapters, monkeypatch):
    run(monkeypatch)
    edit(chapters / "en/glossary.md", ("Examples.", "Some examples."), ("batch\n", "arm\n  New.\n\nbatch\n"))
    found = check(chapters, "glossary")
    assert any("section “batch”: the English section “batch” changed" in line for line in found)
    assert any("“arm”: missing" in line for line in found)
    run(monkeypatch)
    text = (chapters / "es/glossary.md").read_text()
    assert text.index("arm") < text.index("cabeza") < text.index("lote")
    assert "  % translate: this section is new" in text and "  % revise: " in text


def test_a_page_without_an_english_one_is_named(chapters):
    shutil.copyfile(chapters / "es/page.md", chapters / "es/other.md")
    assert check(chapters, "other") == [
        "chapters/es/other.md: there is no chapters/en/other.md that it could translate."]


def test_a_page_that_does_not_exist_is_refused(chapters, monkeypatch, capsys):
    assert run(monkeypatch, "--check", "es/nothing") == 2
    assert "no such page" in capsys.readouterr().err
