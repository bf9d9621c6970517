"""The library shows itself: real sources and computed numbers, in the page."""

import inspect
import os
import re
import textwrap

from IPython.display import Markdown, display

from utils.languages import current, quoted

GLUE = "application/papermill.record/"


def show(*objects) -> None:
    """Display the source of functions, classes or methods, highlighted.

    What the page shows is what runs: the text is read from the module that holds it.

    Raises:
        TypeError: an object has no Python source (a value, or a compiled function).
    """
    blocks = []
    for obj in objects:
        try:
            source = inspect.getsource(obj)
        except (TypeError, OSError):
            raise TypeError(
                f"show() displays functions, classes and methods written in Python; "
                f"{obj!r} has no source."
            ) from None
        source = textwrap.dedent(source).rstrip()
        runs = re.findall("`{3,}", source)  # the fence must be longer than any inside
        fence = max(["``", *runs], key=len) + "`"
        blocks.append(f"{fence}python\n{_place(obj)}{source}\n{fence}")
    display(Markdown("\n\n".join(blocks)))


def _place(obj) -> str:
    """A comment with the file that holds the source; none for what a notebook defines."""
    module = inspect.getmodule(inspect.unwrap(obj) if callable(obj) else obj)
    if module is None or module.__name__ == "__main__":
        return ""
    package = "/__init__" if hasattr(module, "__path__") else ""
    return f"# {module.__name__.replace('.', '/')}{package}.py\n"


def quote(name: str, value) -> None:
    """Make a computed value quotable in the prose of the page as {glue:text}`name`.

    In the book nothing is displayed here: the sentence shows the value. In a plain
    notebook, whose text cannot refer to a value, the value is printed by name.

    Raises:
        UnicodeEncodeError: a name or a value with half a surrogate pair.
    """
    text = str(value)
    if "COURSE_BOOK" in os.environ:
        # The record that MyST-NB's glue() stores, written without importing MyST-NB. The
        # page evaluates it, as a literal: quoted, "1,234" and "0.440" stay what they are.
        display(
            {GLUE + "text/plain": repr(text)},
            raw=True,
            metadata={"scrapbook": {"name": name, "mime_prefix": GLUE}},
        )
    else:
        print(f"{name} = {quoted(text, current())}")
