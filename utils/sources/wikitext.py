"""Wikipedia's markup turned into paragraphs of plain prose.

A page of Wikipedia is stored as *wikitext*: prose mixed with links, templates, tables,
footnotes and lists. `prose` keeps the prose. Where a piece of a sentence cannot be
written as plain text (a formula, a template that computes something) the whole
paragraph is left out: a sentence with a hole in it would be worse than no sentence.
"""

import html
import re

from utils.inputs import require_text

HOLE = "\x00"  # stands where something was removed that the sentence needs

SUPERSCRIPT = str.maketrans("0123456789+-−n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻ⁿ")
SUBSCRIPT = str.maketrans("0123456789+-−n", "₀₁₂₃₄₅₆₇₈₉₊₋₋ₙ")

APPENDICES = {
    "see also", "references", "notes", "notes and references", "further reading",
    "external links", "bibliography", "works cited", "sources", "footnotes",
    "citations", "selected bibliography", "publications", "filmography",
    "discography", "gallery", "works", "lists", "primary sources", "secondary sources",
}  # fmt: skip

COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
# One pattern, so that `<ref name="x"/>` is not taken for the start of a footnote.
FOOTNOTE = re.compile(r"<ref\b[^<>]*?/>|<ref\b[^<>]*>.*?</ref\s*>", re.DOTALL | re.I)
FORMULA = re.compile(r"<math\b[^<>]*>.*?</math>", re.DOTALL | re.I)
BLOCK = re.compile(
    r"<(gallery|timeline|imagemap|source|syntaxhighlight|pre|score|table|hiero|ol|ul)\b"
    r"[^<>]*>.*?</\1>",
    re.DOTALL | re.I,
)
SCRIPT = re.compile(r"<(sub|sup)>([^<>]*)</\1>", re.I)
TAG = re.compile(r"</?[a-z][^<>]*>", re.I)
TEMPLATE = re.compile(r"\{\{([^{}]*)\}\}")
TABLE = re.compile(r"\{\|(?:(?!\{\||\|\}).)*\|\}", re.DOTALL)
LINK = re.compile(r"\[\[([^\[\]]*)\]\]")
URL = re.compile(r"\[(?:https?:|ftp:)?//[^\s\]]+\s*([^\[\]]*)\]")
HEADING = re.compile(r"(={2,6})\s*(.+?)\s*\1\s*$")
MARKUP_LEFT = re.compile(
    r"\x00|[{}|=~]|\[\[|\]\]|</?\w|https?:|\dpx\b|__[A-Z]+__"
)

# Templates whose text is one of their arguments (counted from 0; -1 is the last).
SHOWS_ARGUMENT = {
    "lang": 1, "rtl-lang": 1, "transl": -1, "nihongo": 0, "nowrap": 0, "small": 0,
    "big": 0, "large": 0, "sc": 0, "angbr": 0, "linktext": -1, "script/arabic": 0,
    "nq": 0, "railgauge": 0, "quote": 0, "abbr": 0, "nobold": 0, "smallcaps": 0,
}  # fmt: skip
SHOWS_TEXT = {
    "'s": "'s", "'": "'", "' \"": "' \"", '-"': '"', "nbsp": " ", "spaces": " ",
    "snd": " – ", "spaced ndash": " – ", "ndash": "–", "mdash": "—", "mdashb": "—",
    "sic": "",
}  # fmt: skip
# Templates that a reader sees as a footnote, an editor's remark or a pronunciation.
SHOWS_NOTHING = re.compile(
    r"(cite|citation|ipa|sfn|harv|refn?$|rp$|r$|vr$|efn|respell|clarify|when$|which$"
    r"|who$|whom|by whom|page needed|failed|better|dubious|vague|full$|weasel|update"
    r"|unreliable|according|qualify|clear|coord|#tag:ref|inflation-fn|bibleref|fact$"
    r"|cn$|pp-|use |note|ref label|anchor|dead link|verify|disputed|nrp)"
)
RANGE_WORDS = {"to", "-", "–", "and", "by", "x", "or", "±"}
UNITS = {
    "C": "°C", "F": "°F", "sqmi": "sq mi", "mi2": "sq mi", "km2": "km²", "m2": "m²",
}  # fmt: skip


def _grouped(number: str) -> str:
    """`106400000` as the page shows it: 106,400,000."""
    whole, point, decimals = number.partition(".")
    if not re.fullmatch(r"\d{5,}", whole):
        return number
    return f"{int(whole):,}{point}{decimals}"


def _convert(arguments: list[str]) -> str:
    """What `{{convert|5|to|6|km|mi}}` shows, without the converted value."""
    value, *rest = (_grouped(argument) for argument in arguments)
    if len(rest) > 2 and rest[0] in RANGE_WORDS:
        dash = "–" if rest[0] in "-–" else f" {rest[0]} "
        value, rest = f"{value}{dash}{rest[1]}", rest[2:]
    unit = UNITS.get(rest[0], rest[0]) if rest else ""
    if len(rest) > 2 and re.fullmatch(r"[\d.,]+", rest[1]):  # 6 ft 3 in
        return f"{value} {unit} {rest[1]} {rest[2]}"
    return f"{value} {unit}"


def _render_template(match: re.Match) -> str:
    """The text that a reader sees in place of a template, or HOLE when unknown."""
    name, *fields = (field.strip() for field in match[1].split("|"))
    name = name.lower()
    arguments = [field for field in fields if not re.match(r"\w+\s*=", field)]
    named = dict(field.split("=", 1) for field in fields if field not in arguments)
    named = {key.strip(): value.strip() for key, value in named.items()}
    if name in SHOWS_TEXT:
        return SHOWS_TEXT[name]
    if not arguments:
        return "" if SHOWS_NOTHING.match(name) else HOLE
    if name in SHOWS_ARGUMENT:
        place = SHOWS_ARGUMENT[name]
        return arguments[place] if place < len(arguments) else HOLE
    if name.startswith("lang-"):
        return arguments[0]
    if name in ("convert", "cvt"):
        return _convert(arguments)
    if name in ("chem", "chem2"):
        return "".join(arguments).translate(SUBSCRIPT)
    if name == "as of":
        start = "as of" if "lc" in named else "As of"
        return f"{start} {' '.join(reversed(arguments))}"
    if name == "val":
        power = f"×10{named['e'].translate(SUPERSCRIPT)}" if "e" in named else ""
        unit = f" {named['u']}" if "u" in named else ""
        return arguments[0] + power + unit
    if name == "e":
        return f"×10{arguments[0].translate(SUPERSCRIPT)}"
    if name in ("frac", "sfrac"):
        return "/".join(arguments if len(arguments) > 1 else ["1", *arguments])
    if name in ("us$", "us dollar"):
        return f"${arguments[0]}"
    return "" if SHOWS_NOTHING.match(name) else HOLE


def _render_link(match: re.Match) -> str:
    """The label of a link; nothing for a picture, a category or another language."""
    target, _, label = match[1].partition("|")
    namespace = target.strip().lstrip(":").partition(":")[0].lower()
    is_page = ":" not in target or target.startswith(":")
    if not is_page and (
        namespace in ("file", "image", "category", "media", "template")
        or re.fullmatch(r"[a-z]{2,3}(-[a-z]+)*", namespace)
    ):
        return ""
    return label.strip() or re.sub(r"^(wikt|s|w):", "", target.strip().lstrip(":"))


def _render_script(match: re.Match) -> str:
    """`m<sup>2</sup>` is m², `H<sub>2</sub>O` is H₂O; anything longer makes a hole."""
    table = SUBSCRIPT if match[1].lower() == "sub" else SUPERSCRIPT
    raised = match[2].strip().replace("''", "").translate(table)
    return raised if not re.search(r"[0-9+\-−]|\s", raised) else HOLE


def _innermost_first(pattern: re.Pattern, replacement, text: str) -> str:
    """Replace nested markup from the inside out, until nothing matches."""
    while True:
        text, count = pattern.subn(replacement, text)
        if not count:
            return text


def plain_text(wikitext: str) -> str:
    """Wikitext without its markup; headings, list marks and blank lines stay.

    Raises TypeError for what is no text.
    """
    text = html.unescape(require_text(wikitext)).replace("\xa0", " ").replace("\u2009", " ")
    for pattern, replacement in (
        (COMMENT, ""), (FOOTNOTE, ""), (FORMULA, HOLE), (BLOCK, "\n\n"),
        (SCRIPT, _render_script),
    ):  # fmt: skip
        text = pattern.sub(replacement, text)
    text = _innermost_first(TEMPLATE, _render_template, text)
    text = _innermost_first(TABLE, "\n\n", text)
    text = _innermost_first(LINK, _render_link, text)
    text = URL.sub(r"\1", text)
    text = re.sub(r"'{2,5}", "", text)
    text = re.sub(r"<br\s*/?>", " ", text, flags=re.I)
    return TAG.sub("", text)


def _tidy(paragraph: str) -> str:
    """Close the gaps that removed markup leaves: '( ; born 1905 )' → '(born 1905)'."""
    text = " ".join(paragraph.split())
    text = re.sub(r"\(\s*[;,:]\s*", "(", text)
    text = re.sub(r"\s*[;,:]?\s*\)", ")", text)
    text = re.sub(r"\s*\(\s*(or|and)?\s*\)", "", text)
    text = re.sub(r"\(\s+", "(", text)
    text = re.sub(r"([;,])(\s*[;,])+", r"\1", text)
    return re.sub(r"\s+([,;:.!?])(?=\s|$)", r"\1", text)


def _blocks(text: str):
    """Yield the runs of lines that make one paragraph, leaving the appendices out."""
    skipped_level, lines = None, []
    for line in [*text.split("\n"), ""]:
        heading = HEADING.match(line.strip())
        if heading:
            level, title = len(heading[1]), heading[2].strip().lower()
            if skipped_level is None or level <= skipped_level:
                skipped_level = level if title in APPENDICES else None
        # An unknown template at the start of a line is a box or a banner, not a word.
        line = line.lstrip(HOLE + " ") if line.startswith(HOLE) else line
        if heading or not line.strip() or line[0] in "*#:;|!{ ":
            if lines and skipped_level is None:
                yield " ".join(lines)
            lines = []
        else:
            lines.append(line)


def prose(wikitext: str, min_words: int = 40) -> tuple[str, ...]:
    """Return the paragraphs of real prose of one page, in order.

    A paragraph is kept when it has at least `min_words` words, ends as a sentence ends
    and holds no markup; lists, tables, captions, footnotes and the sections after the
    article (references, links, bibliography) are left out.
    Raises TypeError for what is no text.
    """
    kept = []
    for block in _blocks(plain_text(wikitext)):
        paragraph = _tidy(block)
        if (
            len(paragraph.split()) >= min_words
            and not MARKUP_LEFT.search(paragraph)
            and re.search(r"[.!?][\"'”’)\]]*$", paragraph)
        ):
            kept.append(paragraph)
    return tuple(kept)
