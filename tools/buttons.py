"""The buttons at the head of a page that lead to the repository; a Sphinx extension.

The theme makes them where `_config.yml` names a repository. What it makes is mended here:

- a report of a problem names the page with its language, and asks in that language what
  happened; the theme's names the page alone, in English;
- a page that is not translated yet has no file of its own, so it offers no editing.

And where no repository is named, so that there is no button for Colab either, the theme
would leave out the download of the executed notebook: it is offered all the same.
"""

import shutil
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from tools import site_editions

CHAPTERS = site_editions.CHAPTERS
REPORT = "Report a problem"
QUESTIONS = ("What I did:", "What happened, with the whole message:", "What I expected:")


def mend_buttons(app, pagename, templatename, context, doctree):
    """Change the theme's buttons in `context["header_buttons"]`, where it made any."""
    language = app.config.language
    own = (CHAPTERS / language / f"{pagename}.md").exists()
    for group in context.get("header_buttons", []):
        if group.get("label") != "source-buttons":
            continue
        group["buttons"] = [
            _report(button, language, pagename) if _is(button, "issues") else button
            for button in group["buttons"] if own or not _is(button, "edit")
        ]


def _is(button: dict, kind: str) -> bool:
    return button.get("label") == f"source-{kind}-button"


def _report(button: dict, language: str, page: str) -> dict:
    """The button with its words in the language, and with what the report begins with."""
    words = site_editions.about(language).get("words", {})
    text = words.get(REPORT, REPORT)
    body = "\n\n\n".join(words.get(question, question) for question in QUESTIONS)
    address = urlsplit(button["url"])
    # The theme knows what a host calls the two fields of a new report.
    fields = [name for name, _ in parse_qsl(address.query)]
    query = urlencode(dict(zip(fields, (f"{language}/{page}: ", body))), quote_via=quote)
    return button | {"text": text, "tooltip": text, "url": address._replace(query=query).geturl()}


def offer_notebook(app, pagename, templatename, context, doctree):
    """Do what the theme's button for Colab does besides: offer the executed notebook."""
    executed = Path(app.outdir).parent / f"jupyter_execute/{pagename}.ipynb"
    if app.config.html_theme_options.get("launch_buttons") or not executed.exists():
        return
    target = Path(app.outdir) / f"_sources/{pagename}.ipynb"
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(executed, target)
    context["ipynb_source"] = f"{pagename}.ipynb"


def setup(app):
    """Sphinx calls this: the module is one of the book's extensions."""
    # The theme makes its buttons at 501.
    app.connect("html-page-context", offer_notebook, priority=400)
    app.connect("html-page-context", mend_buttons, priority=600)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
