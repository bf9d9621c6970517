"""The prose of a page: what a reader reads, without code, formulas, targets and labels."""

import re


def prose(text: str) -> str:
    """A MyST page as plain prose, a paragraph, item or table row on each line."""
    text = re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.S)
    # A glossary names each term in both languages.
    text = re.sub(r"^:::\{glossary\}\n(.*?)^:::$",
                  lambda m: re.sub(r"^(?=\S)(.+)$", r"“\1”", m[1], flags=re.M), text,
                  flags=re.M | re.S)
    # Code blocks go, the titles of exercises stay.
    text = re.sub(r"^(`{3,})\{exercise-start\} (.*)\n(?::.*\n)*\1$", r"\2\n", text, flags=re.M)
    text = re.sub(r"^(`{3,}).*?^\1[ \t]*$", "", text, flags=re.M | re.S)
    text = re.sub(r"^:{3,}\{\w+\}|^:{3,}$|^:[\w-]+:.*$|^\([\w:.-]+\)=$|^ *% .*$", "", text, flags=re.M)
    text = re.sub(r"\$\$.*?\$\$(?: *\([\w:-]+\))?|\$[^$]+\$", " ", text, flags=re.S)
    text = re.sub(r"\{(?:cite:\w|eq|glue:text|doc)\}`[^`]*`", " ", text)
    text = re.sub(r"\{\w+\}`([^`<]*?)\s*<[^`>]*>`", r"\1", text)  # the shown text of a role
    text = re.sub(r"\{ref\}`[^`]*`", " ", text)
    text = re.sub(r"\{term\}`([^`]*)`", r"\1", text)
    text = re.sub(r"`[^`]*`|<[^>\n]*>|\]\([^)]*\)|https?://\S+", " ", text)
    return text


# What is quoted, in italics or in quotation marks, may be of another language.
QUOTED = re.compile(r"«[^»]*»|“[^”]*”|\"[^\"\n]*\"|(?<!\*)\*(?!\*)[^*\n]+\*(?!\*)")


def words(text: str) -> list[str]:
    """The words of a text, hyphens and apostrophes inside them included."""
    found = re.findall(r"[^\W\d_]+(?:['’-][^\W\d_]+)*", text)
    return [word for word in found if len(word) > 1]  # a letter is a symbol


def sentences(text: str) -> list[str]:
    """The sentences of a page, without what they quote."""
    lines = QUOTED.sub(" ", prose(text)).split("\n")
    return [s for line in lines for s in re.split(r"(?<=[.!?:;|])\s", line) if s.strip()]
