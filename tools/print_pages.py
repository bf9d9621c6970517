"""The pages of one language as one HTML document for paper: `tools/pdf.py` prints it.

It is made of the finished pages of `_site/<language>/`, in the order of `_toc.yml`: a title
page, a table of contents whose page numbers are still empty, then the pages without what
only works on a screen. An id is made unique by the name of its page; a link to another page
becomes one to a place of the document; what was folded is open; figures get numbers.
"""

import copy
import html
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import yaml
from bs4 import BeautifulSoup, Tag

from tools import editions, site_editions

ROOT = site_editions.ROOT
STYLE = ROOT / "theme/print.css"

FIGURES = ".course-figure, .course-chart, .course-heads, .course-bertviz"
# What only works on a screen: scripts, menus, buttons that copy, links to themselves.
FURNITURE = ("script, style, noscript, iframe, select, input, [hidden], template, "
             "a.headerlink, .copybtn, .toggle-button, .toctree-wrapper, .backrefs, "
             "details.hide > summary, .course-bertviz-frame")
_REFERRING = {"for", "headers", "aria-labelledby", "aria-describedby", "aria-controls"}


class PrintError(ValueError):
    """The pages of the site cannot be put on paper; the message says which and why."""


@dataclass(frozen=True)
class Book:
    """What is printed: `parts` are captions, each with the names of its pages in order."""

    folder: Path  # of the finished pages
    language: str
    title: str
    version: str
    parts: list[tuple[str, list[str]]]
    words: dict[str, str]  # what is written between the pages: English → the language

    def word(self, english: str) -> str:
        return self.words.get(english, english)


def read_book(site: Path, language: str, version: str) -> Book:
    """The book of one language: the pages of `_toc.yml` that are translated into it.

    Raises:
        PrintError: the site lacks one of them.
    """
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))
    edition = site_editions.about(language)
    config = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))
    parts = [("", [toc["root"]])]
    for part in toc["parts"]:
        caption = edition["theme"].get(part["caption"], part["caption"])
        parts.append((caption, [chapter["file"] for chapter in part["chapters"]]))
    translated = {page.stem for page in editions.pages(language)}
    parts = [(caption, [name for name in names if name in translated])
             for caption, names in parts]
    parts = [part for part in parts if part[1]]
    for name in (name for _, names in parts for name in names):
        if not (site / language / f"{name}.html").exists():
            raise PrintError(f"The site has no {language}/{name}.html: run `make book`.")
    title = edition.get("title", config["title"])
    return Book(site / language, language, title, version, parts, edition.get("words", {}))


def document(book: Book) -> str:
    """The whole book as one HTML document, with addresses of files for what it loads.

    Raises:
        PrintError: a page has no article, or a figure no description.
    """
    names = [name for _, pages in book.parts for name in pages]
    pages = {name: BeautifulSoup((book.folder / f"{name}.html").read_text("utf-8"), "html.parser")
             for name in names}
    articles = {name: _article(page, f"{book.language}/{name}.html")
                for name, page in pages.items()}
    ids = {name: {tag["id"] for tag in article.find_all(id=True)}
           for name, article in articles.items()}
    for name, article in articles.items():
        _number_figures(article, book, name)
        _open(article)
        _link(article, book, name, ids)
        _make_unique(article, name)
    contents = _contents(book, articles)
    sheets = "".join(_sheet(name, article) for name, article in articles.items())
    return "\n".join([
        f'<!doctype html>\n<html lang="{book.language}" data-theme="light">\n<head>',
        f'<meta charset="utf-8">\n<title>{html.escape(book.title)}</title>',
        f"<style>\n{_site_styles(pages[names[0]], book.folder)}</style>",
        f'<link rel="stylesheet" href="{STYLE.as_uri()}">',
        f"<style>\n{sheets}</style>\n</head>\n<body>",
        f'<header class="title-page"><img src="{(ROOT / "theme/favicon.svg").as_uri()}" alt="">',
        f'<p class="title">{html.escape(book.title)}</p>',
        f"<p>{html.escape(book.word('Version {}').format(book.version))}</p></header>",
        contents,
        *(str(article) for article in articles.values()),
        "</body>\n</html>\n",
    ])


def _article(page: BeautifulSoup, name: str) -> Tag:
    article = page.select_one("article.bd-article")
    if article is None or article.h1 is None:
        raise PrintError(f"{name}: no article with a heading to print.")
    return article


def _site_styles(page: BeautifulSoup, folder: Path) -> str:
    """What a page of the site looks like; in a layer, so that theme/print.css outdoes it."""
    addresses = (_address(link["href"], folder) for link in page.select('link[rel~="stylesheet"]'))
    return "".join(["@layer ground;\n",
                    *(f'@import url("{address}") layer(site);\n' for address in addresses)])


def _address(href: str, folder: Path) -> str:
    return (folder / unquote(urlsplit(href).path)).resolve().as_uri()


def _chapter(article: Tag) -> str:
    """The number of the chapter as it stands before its title, or nothing."""
    number = article.h1.select_one(".section-number")
    return number.get_text().strip().rstrip(".") if number else ""


# -- from a page of the site to pages of paper ------------------------------------------


def _number_figures(article: Tag, book: Book, name: str) -> None:
    """A number and, as caption, the description that a figure has in any case."""
    chapter = _chapter(article)
    figures = [figure for figure in article.select(FIGURES)
               if not any(outer in figure.parents for outer in article.select(FIGURES))]
    for count, figure in enumerate(figures, start=1):
        number = f"{chapter}.{count}" if chapter else str(count)
        if not (description := _description(figure)):
            raise PrintError(f"{book.language}/{name}.html: figure {number} has no description.")
        caption = BeautifulSoup("<figcaption><strong></strong> </figcaption>", "html.parser")
        caption.strong.string = book.word("Figure {}").format(number)
        caption.figcaption.append(description)
        holder = figure.wrap(Tag(name="figure", attrs={
            "id": f"figure-{number.replace('.', '-')}", "class": "numbered"}))
        holder.append(caption.figcaption)
        for table in figure.find_all("details"):  # the same as text; it may fill pages
            holder.insert_after(table.extract())


def _description(figure: Tag) -> str:
    """What alt texts, labels and titles say of a figure: the first of them, outside in."""
    for tag in (figure, *figure.find_all(True)):
        for attribute in ("alt", "aria-label", "title"):
            if text := " ".join(str(tag.get(attribute, "")).split()):
                return text
    return ""


def _open(article: Tag) -> None:
    """Leave out what only works on a screen, and unfold what is folded."""
    for tag in article.select(FURNITURE):
        if not tag.decomposed:
            tag.decompose()
    for image in article.find_all("img"):
        del image["loading"]
    for details in article.find_all("details"):
        details.name = "div"
        del details["open"]
        if summary := details.find("summary", recursive=False):
            summary.name = "p"
            summary["class"] = [*summary.get("class", []), "summary"]


def _link(article: Tag, book: Book, name: str, ids: dict[str, set[str]]) -> None:
    """Lead links to a place of the document; a link to a page that is not in it is text."""
    for link in article.find_all("a", href=True):
        target = urlsplit(link["href"])
        if target.scheme or target.netloc:
            continue
        page = unquote(target.path).removesuffix(".html") if target.path else name
        place = unquote(target.fragment)
        if page not in ids:
            link.unwrap()
        elif place in ids[page]:
            link["href"] = f"#{_unique(page, place)}"
        else:
            link["href"] = f"#{page}"
    for image in article.find_all("img", src=True):
        if not urlsplit(image["src"]).scheme:
            image["src"] = _address(image["src"], book.folder)


def _unique(page: str, place: str) -> str:
    return f"{page}--{place}"


def _make_unique(article: Tag, name: str) -> None:
    """Put the page's name before its ids, and wherever else the page names them."""
    for tag in article.find_all(True):
        for attribute, value in tag.attrs.items():
            if attribute == "id":
                tag[attribute] = _unique(name, value)
            elif attribute in _REFERRING:
                places = value if isinstance(value, list) else value.split()
                tag[attribute] = " ".join(_unique(name, place) for place in places)
            elif tag.name != "a" and attribute in ("href", "xlink:href") and value[:1] == "#":
                tag[attribute] = "#" + _unique(name, value[1:])
            elif isinstance(value, str) and "url(#" in value:
                tag[attribute] = value.replace("url(#", f"url(#{_unique(name, '')}")
    article["id"] = name
    article["class"] = "sheet"


def _sheet(name: str, article: Tag) -> str:
    """The running title of a page: a kind of paper sheet of its own in CSS."""
    title = _title(article.h1).replace("\\", r"\\").replace('"', r'\"')
    kind = re.sub(r"\W", "-", f"sheet-{name}")
    return (f'@page {kind} {{ @top-left {{ content: "{title}" }} }}\n'
            f'[id="{name}"] {{ page: {kind} }}\n')


def _title(heading: Tag) -> str:
    return " ".join(heading.get_text().split())


# -- the table of contents --------------------------------------------------------------


def _contents(book: Book, articles: dict[str, Tag]) -> str:
    """Chapters and their sections; `data-of` says whose page number an entry waits for."""
    head = html.escape(book.word("Contents"))
    lines = [f'<nav class="book-contents" id="contents"><h1>{head}</h1>']
    for caption, names in book.parts:
        if caption:
            lines.append(f'<p class="part">{html.escape(caption)}</p>')
        lines.append("<ol>")
        for name in names:
            article = articles[name]
            lines.append(f"<li>{_entry(article.h1, name)}")
            if sections := article.find_all("h2"):
                items = (f"<li>{_entry(heading, _place(heading))}</li>" for heading in sections)
                lines += ["<ol>", *items, "</ol>"]
            lines.append("</li>")
        lines.append("</ol>")
    return "\n".join([*lines, "</nav>"])


def _place(heading: Tag) -> str:
    """The heading's own id: its section may begin on the page before, in the space above it."""
    if not heading.get("id"):
        heading["id"] = f"{heading.find_parent(id=True)['id']}--heading"
    return heading["id"]


def _entry(heading: Tag, place: str) -> str:
    title = copy.copy(heading)
    for tag in title.find_all(True):
        del tag["id"]
        if tag.name == "a":
            tag.unwrap()
    return (f'<a href="#{html.escape(place)}"><span class="entry">{title.decode_contents()}</span>'
            f'<span class="leader"></span><span class="number" data-of="{html.escape(place)}">'
            "</span></a>")


def with_numbers(text: str, pages: dict[str, int]) -> str:
    """The document with its contents filled in: `pages` has the page of each place."""
    return re.sub(r'( data-of="([^"]*)">)[^<]*',
                  lambda entry: f"{entry[1]}{pages[html.unescape(entry[2])]}", text)
