"""What makes the pages light and strict, on small pieces of markup."""

import json
import re

import pytest

from tools import fonts, node, pages
from tools.execution import executed_pages


@pytest.fixture
def site(tmp_path):
    (tmp_path / "_static").mkdir()
    return pages.Site(tmp_path, "en")


SVG = ('<svg viewBox="0 0 200 100" role="img" aria-label="A line that rises &amp; falls." '
       'style="width: 100%; max-width: 150pt; height: auto"><path d="M0 0" stroke="currentColor"/></svg>')


def test_a_formula_is_drawn_as_mathml(tmp_path):
    path = tmp_path / "a.html"
    page = ('<p><span class="math notranslate nohighlight">\\(a &lt; \\sqrt{d_k}\\)</span></p>'
            '<div class="math notranslate nohighlight" id="eq">\n<span class="eqno">(1)</span>\\[x^2\\]</div>')
    drawn = pages.draw_maths({path: page})[path]
    assert drawn.count("<math") == 2 and "<msqrt>" in drawn and "\\(" not in drawn
    assert '<mo>&lt;</mo>' in drawn and '<span class="eqno">(1)</span>' in drawn and 'id="eq"' in drawn
    assert 'display="block"' in drawn.split("eqno")[1]


def test_a_formula_that_cannot_be_drawn_is_named(tmp_path):
    page = '<span class="math notranslate nohighlight">\\(\\nosuchthing{x}\\)</span>'
    with pytest.raises(node.NodeError, match="nosuchthing"):
        pages.draw_maths({tmp_path / "a.html": page})


def test_a_figure_becomes_a_file_with_its_description_and_size(site):
    page = pages.figures(f'<div class="course-figure" tabindex="0">{SVG}</div>', site)
    assert 'alt="A line that rises &amp; falls."' in page and 'loading="lazy"' in page
    assert 'width="200" height="100"' in page and "<svg" not in page
    text = (site.folder / re.search(r'src="([^"]*)"', page)[1]).read_text()
    assert text.startswith("<svg") and 'xmlns="http://www.w3.org/2000/svg"' in text
    assert "prefers-color-scheme:dark" in text and "aria-label" not in text


@pytest.mark.parametrize("old, new", [('aria-label="A line that rises &amp; falls."', ""),
                                      ("A line that rises &amp; falls.", " "), ("</svg>", "<g></svg>")])
def test_a_figure_without_a_description_or_cut_off_is_refused(site, old, new):
    with pytest.raises(pages.PageError, match="figure"):
        pages.figures(f'<div class="course-figure">{SVG.replace(old, new)}</div>', site)


def test_icons_are_masks_and_unknown_ones_are_named(site):
    page = pages.icons('<i class="theme-switch fa-solid fa-moon fa-lg" data-mode="dark" title="Dark"></i>'
                       '<i class="fab fa-github"></i>', site)
    assert page == ('<span class="icon icon-moon theme-switch icon-large" data-mode="dark" '
                    'aria-hidden="true"></span><span class="icon icon-github" aria-hidden="true"></span>')
    assert all("mask-image: url(" in site.rules[f"icon-{name}"] for name in ("moon", "github"))
    with pytest.raises(pages.PageError, match="no-such-thing"):
        pages.icons('<i class="fas fa-no-such-thing"></i>', site)


def test_data_leave_the_page_for_a_script_that_a_disk_can_load(site):
    data = {"weights": [1, 2], "text": "</b> & “c”"}
    inside = json.dumps(data).replace("</", "<\\/")
    page = pages.data_files(f'<div class="course-heads"><script type="application/json">{inside}</script></div>', site)
    name, source = re.search(r'data-name="(\w+)" data-src="([^"]*)"', page).groups()
    text = (site.folder / source).read_text()
    assert json.loads(re.fullmatch(rf'courseData\("{name}", (.*)\);\n', text)[1]) == data


def test_a_chart_is_compiled_to_vega_in_the_ink_of_the_page(site):
    chart = {"mark": {"type": "point", "color": "#010203"}, "data": {"values": [{"a": 1}]},
             "encoding": {"x": {"field": "a", "type": "quantitative"}}}
    page = pages.data_files('<div class="course-chart" role="group"><div class="course-chart-view"></div>'
                            f'<script type="application/json">{json.dumps(chart)}</script></div>', site)
    text = (site.folder / re.search(r'data-src="([^"]*)"', page)[1]).read_text()
    assert "vega/v" in text and '"marks"' in text and "currentColor" in text and "#010203" not in text


def test_code_has_a_span_only_where_its_colour_changes(site):
    (site.folder / "_static/pygments.css").write_text("".join(
        f'html[data-theme="{theme}"] .highlight .{name} {{ color: {colour} }}\n'
        for theme in ("light", "dark")
        for name, colour in (("k", "red"), ("kn", "red"), ("n", "black"), ("w", "black"), ("o", "blue"), ("s1", "blue"))))
    page = pages.plain_code('<pre><span></span><span class="kn">import</span><span class="w"> </span>'
                            '<span class="n">a</span> <span class="o">=</span> <span class="k">if</span></pre>'
                            '<p><span class="n">not code</span></p>', site)
    assert page == ('<pre><span class="k">import</span> a = <span class="k">if</span></pre>'
                    '<p><span class="n">not code</span></p>')


def test_what_a_script_would_evaluate_is_made_code_before():
    script = pages.no_evaluation(
        'add({"plural_expr": "n == 1 ? 0 : 1"}); P = new Function(\n"n",\n`return (${catalog.plural_expr})`\n);')
    assert script == 'add({"plural_expr": (n) => Number(n == 1 ? 0 : 1)}); P = catalog.plural_expr;'
    with pytest.raises(pages.PageError, match="runs text as code"):
        pages.no_evaluation("x = eval('1')")


def test_a_style_attribute_becomes_a_class(site):
    page = pages.style_classes('<td class="a" style="color: red;">x</td><p style="color: red">', site)
    (name, style), = site.rules.items()
    assert page == f'<td class="{name} a">x</td><p class="{name}">' and style == "color: red"
    pages.style_classes('<p style="--heads: url(data:image/png;base64,aGVsbG8=)">', site)
    picture = re.search(r"url\(\.\./(.*)\)", list(site.rules.values())[1])[1]
    assert (site.folder / picture).read_bytes() == b"hello"


def test_the_themes_handlers_are_named_and_others_refused(site):
    assert pages.handlers('<button onclick="window.print()">', site) == '<button data-does="print">'
    with pytest.raises(pages.PageError, match="steal"):
        pages.handlers('<button onclick="steal()">', site)


def test_scripts_are_one_and_those_from_elsewhere_are_refused(site):
    (site.folder / "_static/a.js").write_text("let a = 1;")
    page = ('<head><meta charset="utf-8" /><script src="_static/a.js?v=1"></script>'
            "<script>let b = 2;</script></head>")
    new = pages.own_scripts(page, site)
    assert site.scripts == ["let a = 1;"] and site.settings == ["let b = 2;"]
    assert new.index("Content-Security-Policy") < new.index("early.js") < new.index("site.js")
    assert "let" not in new
    with pytest.raises(pages.PageError, match="example.org"):
        pages.own_scripts('<script src="https://example.org/x.js"></script>', site)


def test_settings_come_before_the_scripts_that_read_them_and_nothing_is_strict(site):
    for name, text in (("a", "'use strict';\nfirst(setting);"), ("searchtools", '/* Search */\n"use strict";\nsearch();'),
                       ("language_data", "undeclared = 1;")):
        (site.folder / f"_static/{name}.js").write_text(text)
    pages.own_scripts('<head><script src="_static/a.js"></script><script>var setting = 1;</script></head>', site)
    pages.write_scripts(site)
    together, search = ((site.folder / f"_static/{name}.js").read_text() for name in ("site", "search"))
    assert together.index("setting=1") < together.index("first(setting)")
    assert "use strict" not in together + search and "undeclared=1" in search


def test_what_assistive_technology_is_told_wrongly_is_mended(site):
    page = ('<div role="list" class="citation-list"><div role="doc-biblioentry" id="a"></div></div>'
            '<summary aria-label="Toggle hidden content">Show</summary><nav role="navigation"></nav>'
            '<button class="btn search-button-field x" aria-label="Search">Search Ctrl+K</button>')
    assert pages.roles(page, site) == (
        '<div class="citation-list"><div id="a"></div></div><summary>Show</summary>'
        '<nav role="navigation"></nav><button class="btn search-button-field x">Search Ctrl+K</button>')


@pytest.mark.parametrize("left, what", [
    ("<script>x()</script>", "a script inside"), ("<style>p{}</style>", "a style inside"),
    ('<p class="a" style="x: y">', "a style inside"), ('<p onclick="x()">', "a handler"),
    ('<i class="fas fa-rocket"></i>', "an icon"),
    ('<span class="math notranslate nohighlight">\\(x\\)</span>', "a formula"),
])
def test_what_a_step_leaves_over_is_an_error(tmp_path, left, what):
    pages.check(tmp_path / "a.html", "<p>text</p>")
    with pytest.raises(pages.PageError, match=f"a.html: {what}"):
        pages.check(tmp_path / "a.html", left)


def test_blank_lines_go_but_code_keeps_its_own(site):
    page = "<p>\n\n   a\n</p>\n<pre>x\n\n    y</pre>"
    assert pages.thrift(page, site) == "<p>\na\n</p>\n<pre>x\n\n    y</pre>"


def test_the_font_has_the_letters_of_the_formulas_and_their_larger_forms(tmp_path):
    from fontTools.ttLib import TTFont

    fonts.write_maths(["<p>Z</p><math><mi>q</mi><mo>∑</mo><msqrt></msqrt></math>"], tmp_path / "m.woff2")
    font = TTFont(tmp_path / "m.woff2")
    known = font.getBestCmap()
    assert {ord(letter) for letter in "q𝑞∑√"} <= known.keys() and ord("Z") not in known
    variants = font["MATH"].table.MathVariants.VertGlyphCoverage.glyphs
    assert known[ord("√")] in variants


def test_no_package_names_where_it_came_from(root):
    """The lock names versions and checksums, and leaves the place to npm's own settings."""
    lock = json.loads((root / "package-lock.json").read_text())
    wanted = json.loads((root / "package.json").read_text())["devDependencies"]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in wanted.values())
    for name, package in lock["packages"].items():
        assert "resolved" not in package, name
        assert not name or package["integrity"].startswith("sha512-"), name
    assert {name: lock["packages"][f"node_modules/{name}"]["version"] for name in wanted} == wanted


def test_an_executed_page_is_found_by_its_code(root, tmp_path):
    assert executed_pages(tmp_path / "empty") == {}
