"""As `test_empty_folder.py`, for the notebooks of the other languages.

They are in a file of their own, so that the two can run side by side.
"""

import pytest
from colab import address, equipped, fresh  # noqa: F401  fixtures
from colab import notebooks_of, run_alone


def spanish(outputs):
    """What figures and checks of chapter 2 say to a Spanish reader."""
    texts = [o.get("data", {}).get("text/plain", "") for o in outputs]
    assert "✎ skipgram_pairs: todavía sin escribir." in texts
    assert "✓ skipgram_pairs: correcto." in texts
    figures = [text for text in texts if text.startswith("[Figure: ")]
    assert figures and not [text for text in figures if " of the " in text]
    assert any("tokenizador" in o.get("data", {}).get("text/html", "") for o in outputs)


@pytest.mark.promise("notebooks of all languages that run in an empty folder")
@pytest.mark.parametrize("path", notebooks_of(english=False), ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_notebook_runs_in_an_empty_folder_and_speaks_its_language(path, equipped, address, tmp_path):
    outputs = run_alone(path, equipped, address, tmp_path)
    if (path.parent.name, path.stem[:2]) == ("es", "02"):
        spanish(outputs)
