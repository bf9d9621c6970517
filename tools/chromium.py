"""The browser of this machine, which tries the site and prints the PDFs."""

import os
import shutil

NAME = "COURSE_CHROMIUM"  # names the browser, if it is not `chromium` on the path
INSTALL = f"Install Debian's package chromium, or name a Chromium in {NAME}."


class NoBrowser(RuntimeError):
    """There is no browser; the message says what to install."""


def chromium() -> str:
    """Where the browser is.

    Raises:
        NoBrowser: there is none.
    """
    named = os.environ.get(NAME, "").strip() or "chromium"
    if not (found := shutil.which(named)):
        raise NoBrowser(f"{named} was not found. {INSTALL}")
    return found
