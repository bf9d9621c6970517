"""The plain notebooks are their chapters: the same code, and prose that any tool shows."""

import re

import jupytext
import nbformat
import pytest

from tools import notebooks
from tools.plain_markdown import Book, MarkdownError, Page

ENTRY = """@misc{vaswani2017attention,
  title = {Attention Is All You Need},
  author = {Vaswani, Ashish and Shazeer, Noam and Parmar, Niki},
  year = {2017},
  eprint = {1706.03762}
}
"""


@pytest.fixture
def book(tmp_path):
    folder = tmp_path / "en"
    folder.mkdir()
    (folder / "other.md").write_text("(other)=\n# Another page\n\n(e20)=\n### E20: doubled\n")
    (tmp_path / "references.bib").write_text(ENTRY)
    return Book.read(folder, tmp_path / "references.bib")


def plain(text, book):
    return Page("page.md", book, text).convert(text)


def test_the_notebooks_are_up_to_date():
    outdated = ", ".join(sorted(path.name for path in notebooks.outdated()))
    assert not outdated, f"{outdated}: not what the .md and _config.yml give: run `make notebooks`"


@pytest.mark.parametrize("source", notebooks.chapters(), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_notebook_has_the_code_of_its_chapter_and_no_outputs(source):
    notebook = nbformat.read(source.with_suffix(".ipynb"), as_version=4)
    code = [c for c in notebook.cells if c.cell_type == "code"]
    original = [c for c in jupytext.read(source, fmt="md:myst").cells if c.cell_type == "code"]
    assert [c.source for c in code] == [c.source for c in original]
    assert [c.metadata.get("tags", []) for c in code] == [c.metadata.get("tags", []) for c in original]
    assert all(c.outputs == [] and c.execution_count is None for c in code)
    assert len({c.id for c in notebook.cells}) == len(notebook.cells)
    assert notebook.metadata["language"] == source.parent.name


@pytest.mark.parametrize("source", notebooks.chapters(), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_no_myst_is_left_in_the_prose(source):
    notebook = nbformat.read(source.with_suffix(".ipynb"), as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            prose = re.sub(r"```.*?```|`[^`]*`", "", cell.source, flags=re.S)
            assert not re.search(r"^:::|^\(\S+\)=|\{[\w:-]+\}`|^```\{", prose, re.M), cell.source


@pytest.mark.parametrize("myst, expected", [
    ("{cite:p}`vaswani2017attention`", "([Vaswani et al., 2017](https://arxiv.org/abs/1706.03762))"),
    ("{cite:t}`vaswani2017attention`", "[Vaswani et al. (2017)](https://arxiv.org/abs/1706.03762)"),
    ("a {term}`query` and {term}`keys <key>`", "a query and keys"),
    ("see {ref}`e20`, {ref}`here <e20>`", "see “E20: doubled”, here"),
    ("{doc}`other`", "“Another page”"),
    ("{glue:text}`recall`", "`recall`"),
    ("(label)=\n## Title", "## Title"),
    (":::{note}\nOne.\n:::", "> **Note.** One."),
    (":::{admonition} Why\n:class: tip\nOne.\n\nTwo.\n:::", "> **Why.** One.\n>\n> Two."),
    (":::{dropdown} More\nText\n:::", "<details><summary>More</summary>\n\nText\n\n</details>"),
    ("$$x = 1$$ (eq-x)\n\nby {eq}`eq-x`", "$$x = 1 \\tag{1}$$\n\nby (1)"),
    ("```{math}\n:label: m\nx\n```", "$$\nx\n$$"),
    ("```{exercise-start} Do it\n:label: ex-do\n```\nText\n```{exercise-end}\n```", "#### Exercise: Do it\n\nText"),
    ("```python\n{term}`x`\n```", "```python\n{term}`x`\n```"),
    ("::::{note}\n:::{tip}\nDeep.\n:::\n::::", "> **Note.** > **Tip.** Deep."),
])
def test_myst_becomes_plain_markdown(myst, expected, book):
    assert plain(myst, book) == expected


@pytest.mark.parametrize("myst, message", [
    (":::{video} x\n:::", "directive {video}"),
    ("{kbd}`x`", "role {kbd}"),
    ("{ref}`nowhere`", "no page has the label 'nowhere'"),
    ("{cite:p}`nobody1999nothing`", "no entry 'nobody1999nothing'"),
    ("{eq}`eq-none`", "no equation 'eq-none'"),
    (":::{note}\nnever closed", "is not closed"),
    ("- a\n  :::{note}\n  b\n  :::", "is indented"),
    ("```{solution-start} ex-none\n```\nx\n```{solution-end}\n```", "no page has the label 'ex-none'"),
])
def test_what_has_no_plain_form_is_refused_by_name(myst, message, book):
    with pytest.raises(MarkdownError, match=re.escape(message)) as error:
        plain(myst, book)
    assert "page.md" in str(error.value)


@pytest.mark.parametrize("content, message", [
    (b"---\na: [\n---\n\n# T\n", "page.md: cannot be read"),
    (b"# T\n\ncaf\xe9\n", "page.md:3: is not UTF-8"),
    (b"# T\n\n```{code-cell} ipython3\n:tags: [a\n1\n```\n", "page.md: cannot be read"),
])
def test_a_page_that_cannot_be_read_is_named(tmp_path, book, content, message):
    page = tmp_path / "page.md"
    page.write_bytes(content)
    with pytest.raises(MarkdownError, match=re.escape(message)):
        notebooks.notebook_text(page, book)


def test_a_bibliography_that_cannot_be_read_is_named(tmp_path, book):
    (tmp_path / "references.bib").write_text(ENTRY + "@misc{x,\n")
    with pytest.raises(MarkdownError, match=r"references.bib: syntax error in line \d+"):
        Book.read(tmp_path / "en", tmp_path / "references.bib")


def test_the_bibliography_lists_what_the_page_cites(book):
    text = "{cite:p}`vaswani2017attention`\n\n:::{bibliography}\n:filter: docname in docnames\n:::"
    assert "*Attention Is All You Need*. 2017. https://arxiv.org/abs/1706.03762" in plain(text, book)
