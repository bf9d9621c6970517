"""The views show the weights they were given, ask no other host, and are linked."""

import base64
import io
import json
import math
import re
import shutil
import subprocess

import numpy as np
import pytest
import torch
from bs4 import BeautifulSoup
from PIL import Image
from transformers import BertConfig, BertForSequenceClassification, BertModel, GPT2Config, GPT2Model

from letters import Letters
from utils.bertology import bertviz_stills, bertviz_views, views
from utils.bertology.heads import HeadError

ALT = "Where the tokens of a short sentence look, in a small random model."
OWN = (views.head_view, views.model_view)
BERTVIZ = (bertviz_views.bertviz_head_view, bertviz_views.bertviz_model_view)
chromium = pytest.mark.skipif(not shutil.which("chromium"), reason="needs chromium")


def weights(layers=2, heads=4, tokens=5, seed=0):
    """A tuple of layers [1, H, T, T] as a model gives them, rows sharp and flat."""
    noise = torch.randn(layers, 1, heads, tokens, tokens, generator=torch.Generator().manual_seed(seed))
    return tuple((3 * noise).softmax(-1))


def words(count=5):
    return ["[CLS]", "the", "cat", "sat", "[SEP]", *(f"w{i}" for i in range(5, count))][:count]


@pytest.fixture
def book(monkeypatch):
    monkeypatch.setenv("COURSE_BOOK", "1")


def soup(view):
    return BeautifulSoup(view._repr_html_(), "html.parser")


def frame_data(view):
    """What the site makes a frame of."""
    return json.loads(soup(view).select_one(".course-bertviz-frame script").string)


@pytest.fixture(scope="module")
def bert():
    torch.manual_seed(0)
    config = BertConfig(vocab_size=60, hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
                        intermediate_size=48, max_position_embeddings=40, initializer_range=0.5)
    model = BertModel(config, add_pooling_layer=False).eval()
    model.set_attn_implementation("eager")
    return model


# What a view shows


def test_the_data_of_a_head_view_are_the_weights(book):
    attentions = weights()
    data = json.loads(soup(views.head_view(attentions, words(), alt=ALT)).script.string)
    assert data["tokens"] == words() and data["shape"] == [2, 4, 5]
    shown = np.frombuffer(base64.b64decode(data["weights"]), np.uint8).reshape(2, 4, 5, 5) / 255
    assert np.abs(shown - torch.stack(attentions)[:, 0].numpy()).max() <= 0.5 / 255 + 1e-6


def test_the_still_lines_are_as_wide_as_the_weights(book):
    attentions = weights()
    page = soup(views.head_view(attentions, words(), layer=1, head=2, alt=ALT))
    lines = [{key: float(line[key]) for key in ("y1", "y2", "stroke-width")} for line in page.find_all("line")]
    widths = np.array([line["stroke-width"] for line in lines]).reshape(5, 5) / views.LINE
    assert np.abs(widths - attentions[1][0, 2].numpy()).max() < 3e-3
    # Line i * T + j leads from token i on the left to token j on the right.
    assert [(line["y1"], line["y2"]) for line in lines] == [
        (24 * i + 12, 24 * j + 12) for i in range(5) for j in range(5)]


def test_thumbnails_are_the_weights(book):
    attentions = weights()
    page = soup(views.model_view(attentions, words(), alt=ALT))
    style = page.select_one(".course-heads-grid")["style"]
    file = io.BytesIO(base64.b64decode(re.search(r"base64,([^)]+)\)", style)[1]))
    pixels = np.array(Image.open(file).convert("RGBA"))
    assert set(map(tuple, pixels[..., :3].reshape(-1, 3))) == {(0x00, 0x72, 0xB2)}
    for layer in range(2):
        for head in range(4):  # row `layer`, column `head` of the sheet
            tile = pixels[5 * layer:5 * layer + 5, 5 * head:5 * head + 5, 3] / 255
            assert np.abs(tile - attentions[layer][0, head].numpy()).max() <= 0.5 / 255 + 1e-6


def test_pattern_masses_name_the_right_place():
    previous = np.eye(6, k=-1)
    previous[0, 0] = 1
    masses = views.pattern_masses(previous)
    assert masses["previous"] == 1 and masses["next"] == 0
    assert views.pattern_masses(previous.T)["next"] == 1
    assert views.pattern_masses(np.eye(1))["previous"] == 0


def test_tables_say_what_the_pictures_show(book):
    attentions = weights(seed=3)
    row = attentions[0][0, 1, 2]
    page = soup(views.head_view(attentions, words(), head=1, alt=ALT))
    cell = page.find("th", string="cat", attrs={"scope": "row"}).find_next("td").get_text()
    best = row.argsort(descending=True)[:3].tolist()
    assert [part.rsplit(" ", 1)[0] for part in cell.split(", ")] == [words()[i] for i in best]
    assert float(cell.split(", ")[0].rsplit(" ", 1)[1]) == pytest.approx(row.max().item(), abs=0.01)

    rows = soup(views.model_view(attentions, words(), alt=ALT)).select("tbody tr")
    names = [row.th.get_text() for row in rows]
    assert names == [f"{layer}-{head}" for layer in (1, 2) for head in (1, 2, 3, 4)]
    first = float(attentions[1][0, 2, :, 0].mean())  # head 2-3, column "the first token"
    assert float(rows[6].find_all("td")[4].get_text()) == pytest.approx(first, abs=0.006)


def test_tokens_that_stand_twice_are_told_apart(book):
    page = soup(views.head_view(weights(), ["a", "b", "a", "c", "d"], alt=ALT))
    assert [row.th.get_text() for row in page.select("tbody tr")] == ["a (1)", "b", "a (3)", "c", "d"]
    assert '"a (1)" is the token at that place' in page.get_text()
    assert "at that place" not in soup(views.head_view(weights(), words(), alt=ALT)).get_text()


def test_a_grid_of_numbers_shows_each_and_leaves_gaps(book):
    values = np.array([[0.1, np.nan], [0.5, -0.9]])
    page = soup(views.head_grid(torch.tensor(values), label="Importance <I>", alt=ALT))
    assert [button.get_text() for button in page.find_all("button")] == ["0.10", "", "0.50", "-0.90"]
    assert page.find_all("button")[1].has_attr("disabled")
    assert "Importance <I>" in page.get_text()
    assert [cell.get_text() for cell in page.select("td")] == ["0.10", "none", "0.50", "-0.90"]
    lowest, highest = (soup(views.head_grid(values, label="x", alt=ALT, limits=(0, 1)))
                       .find_all("button")[i]["style"] for i in (3, 2))
    assert lowest != highest


def test_heads_are_named_as_papers_do_and_numbered_as_code_does(book):
    page = soup(views.head_view(weights(), words(), layer=1, head=0, alt=ALT))
    assert page.select_one(".course-heads-now").get_text() == "layer 2, head 1 (2-1)"
    assert (page.div["data-layer"], page.div["data-head"]) == ("1", "0")
    button = soup(views.model_view(weights(), words(), alt=ALT)).find_all("button")[4]
    assert button["aria-label"].startswith("layer 2, head 1 (2-1): ")
    assert (button["data-layer"], button["data-head"]) == ("1", "0")


@pytest.mark.parametrize("make", [
    lambda: views.head_view(weights(), words(), alt=ALT),
    lambda: views.model_view(weights(), words(), alt=ALT),
    lambda: views.head_grid(np.eye(2), label="x", alt=ALT),
])
def test_a_view_is_described_and_reached_with_the_keyboard(make, book):
    page = soup(make())
    assert page.div["role"] == "group" and page.div["aria-label"] == ALT
    assert all(svg["aria-label"] == ALT for svg in page.find_all("svg"))
    assert page.find("details").find("table")
    buttons = page.find_all("button")
    assert all(button["aria-label"] for button in buttons)
    assert [button["tabindex"] for button in buttons].count("0") == (1 if buttons else 0)


def test_forms_of_the_same_attentions_give_the_same_view():
    attentions = weights()
    same = {views.head_view(form, words(), alt=ALT).html for form in (
        attentions, list(attentions), torch.stack(attentions), torch.stack(attentions)[:, 0].numpy())}
    assert len(same) == 1


def test_tokens_cannot_leave_their_place(book):
    tokens = ["<s>", "</script>", "&amp;", '"', "a" * 40]
    for draw in (*OWN, *BERTVIZ):
        text = draw(weights(), tokens, alt=ALT)._repr_html_()
        scripts = BeautifulSoup(text, "html.parser").find_all("script")
        assert text.count("</script>") == len(scripts)  # none ended before its time
        assert "<s>" not in text
    page = soup(views.head_view(weights(), tokens, alt=ALT))
    assert json.loads(page.script.string)["tokens"] == tokens
    shown = frame_data(bertviz_views.bertviz_head_view(weights(), tokens, alt=ALT))
    assert shown["parameters"]["attention"][0]["left_text"] == tokens
    assert [text.get_text() for text in page.find_all("text")][:4] == tokens[:4]
    assert page.find_all("text")[4].get_text() == "a" * 15 + "…"
    assert page.find_all("title")[4].get_text() == "a" * 40


def test_the_site_gets_no_script_and_no_host_and_a_notebook_gets_both_inline(book, monkeypatch):
    view = views.model_view(weights(), words(), alt=ALT)
    site = view._repr_html_()
    assert "<script>" not in site and "<style>" not in site
    for draw in (*OWN, *BERTVIZ):
        assert not re.search(r"https?://", draw(weights(), words(), alt=ALT)._repr_html_())
    monkeypatch.delenv("COURSE_BOOK")
    notebook = view._repr_html_()
    assert "course-heads" in notebook.split("<style>")[1].split("</style>")[0]
    assert "window.courseHeads" in notebook and site in notebook
    assert not re.search(r"https?://", notebook)


def test_sizes_of_a_model_of_six_layers(book):
    attentions, tokens = weights(6, 12, 16), words(16)
    for draw in OWN:
        assert len(draw(attentions, tokens, alt=ALT)._repr_html_()) < 100_000
    for draw in BERTVIZ:
        assert len(draw(attentions, tokens, alt=ALT)._repr_html_()) < 500_000


# Wrong use


@pytest.mark.parametrize("draw", [*OWN, *BERTVIZ])
@pytest.mark.parametrize("attentions, tokens, error, words_of_it", [
    ((), words(), HeadError, r'set_attn_implementation\("eager"\)'),
    (None, words(), HeadError, "capture"),
    ((weights()[0], None), words(), HeadError, r"attentions\[1\] is None"),
    ([torch.cat([w, w]) for w in weights()], words(), HeadError, r"2 sentences.*i:i \+ 1"),
    ((weights()[0], weights(heads=3)[1]), words(), HeadError, r"attentions\[0\] has 4, attentions\[1\] has 3"),
    ((weights()[0], weights(tokens=4)[1]), words(), HeadError, "one T"),
    ([w[..., :4] for w in weights()], words(), HeadError, "one T"),
    ([w[0, 0] for w in weights()], words(), HeadError, "shape"),
    ([w * 1.01 for w in weights()], words(), HeadError, "sum to 1"),
    ([w * math.nan for w in weights()], words(), HeadError, "sum to 1"),
    (weights(), words(4), ValueError, "4 tokens.*of 5"),
    (weights(), "the cat", TypeError, "list of tokens"),
    (weights(tokens=17), words(17), ValueError, "at most 16.*shorter"),
])
def test_wrong_use_is_named(draw, attentions, tokens, error, words_of_it):
    with pytest.raises(error, match=words_of_it):
        draw(attentions, tokens, alt=ALT)


def test_a_batch_as_large_as_the_number_of_heads_is_refused_too():
    """BertViz itself draws nonsense where heads and tokens are equally many."""
    batch = [torch.cat([w] * 4) for w in weights(tokens=4)]
    with pytest.raises(HeadError, match="4 sentences"):
        bertviz_views.bertviz_head_view(batch, words(4), alt=ALT)


def test_heads_that_are_not_there_and_missing_descriptions():
    for wrong in ({"layer": 2}, {"head": 4}, {"layer": -1}):
        with pytest.raises(HeadError, match="counted from 0"):
            views.head_view(weights(), words(), alt=ALT, **wrong)
    with pytest.raises(HeadError, match="counted from 0 to 1"):
        views.model_view(weights(), words(), layer=2, head=0, alt=ALT)
    with pytest.raises(ValueError, match="both"):
        views.model_view(weights(), words(), layer=1, alt=ALT)
    for draw in (*OWN, *BERTVIZ):
        with pytest.raises(ValueError, match="alt="):
            draw(weights(), words(), alt=" ")
    with pytest.raises(HeadError, match="layer 1, head 2"):
        views.head_grid([[1, np.nan]], label="x", alt=ALT, layer=0, head=1)
    for wrong in (np.zeros(3), np.full((2, 2), np.nan)):
        with pytest.raises(ValueError, match=r"\[layers, heads\]"):
            views.head_grid(wrong, label="x", alt=ALT)


# BertViz


def test_bertviz_computes_what_transformers_does(bert):
    twin = bertviz_views.bertviz_bert(bert)
    ids = torch.tensor([[5, 8, 13, 21, 34, 55]])
    with torch.no_grad():
        ours, theirs = bert(ids, output_attentions=True), twin(ids)
    for layer, data in enumerate(theirs[-1]):
        assert torch.allclose(data["attn"], ours.attentions[layer], atol=1e-5)
        scores = data["queries"] @ data["keys"].mT / math.sqrt(8)
        assert torch.allclose(scores.softmax(-1), ours.attentions[layer], atol=1e-5)
    assert torch.allclose(theirs[0], ours.last_hidden_state, atol=1e-4)
    assert not torch.allclose(theirs[-1][0]["attn"], ours.attentions[1], atol=0.1)  # they differ


def test_bertviz_takes_the_encoder_of_a_classifier_and_leaves_chance_alone(bert):
    classifier = BertForSequenceClassification(bert.config).eval()
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    twin = bertviz_views.bertviz_bert(classifier)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(twin.embeddings.word_embeddings.weight,
                       classifier.bert.embeddings.word_embeddings.weight)


def test_the_neuron_view_carries_one_head(bert, book):
    view = bertviz_views.bertviz_neuron_view(bert, Letters(), "a cat sat", layer=1, head=2, alt=ALT)
    data = frame_data(view)["parameters"]["attention"]["all"]
    ids = torch.tensor([Letters().convert_tokens_to_ids(["[CLS]", *"a cat sat", "[SEP]"])])
    with torch.no_grad():
        truth = bert(ids, output_attentions=True).attentions[1][0, 2]
    assert np.abs(np.array(data["attn"]) - truth.numpy()).max() <= 6e-4
    assert np.array(data["attn"]).shape == (1, 1, 11, 11)
    assert np.array(data["queries"]).shape == np.array(data["keys"]).shape == (1, 1, 11, 8)
    assert len(view._repr_html_()) < 100_000
    assert "layer 2, head 3 (2-3)" in view._repr_html_()


def test_the_neuron_view_refuses_what_it_cannot_show(bert):
    draw = bertviz_views.bertviz_neuron_view
    with pytest.raises(TypeError, match="GPT2Model"):
        draw(GPT2Model(GPT2Config(n_layer=1, n_head=2, n_embd=8, vocab_size=10)), Letters(),
             "cat", layer=0, head=0, alt=ALT)
    with pytest.raises(ValueError, match="shorter"):
        draw(bert, Letters(), "a" * 15, layer=0, head=0, alt=ALT)
    with pytest.raises(HeadError, match="no head 4"):
        draw(bert, Letters(), "cat", layer=0, head=4, alt=ALT)
    pruned = BertModel(bert.config)
    pruned.encoder.layer[1].attention.self.query = torch.nn.Linear(32, 24)
    with pytest.raises(HeadError, match="not pruned.*query"):
        draw(pruned, Letters(), "cat", layer=0, head=0, alt=ALT)
    with pytest.raises(ValueError, match="gelu_new"):
        draw(BertModel(BertConfig(**bert.config.to_diff_dict() | {"hidden_act": "gelu_new"})),
             Letters(), "cat", layer=0, head=0, alt=ALT)


def test_bertviz_in_a_notebook_is_bertvizs_own_page(bert):
    view = bertviz_views.bertviz_head_view(weights(), words(), alt=ALT)
    assert "cdnjs" in view._repr_html_() and "<iframe" not in view._repr_html_()


def test_on_the_site_a_view_is_the_same_at_each_build(book):
    first, second = (bertviz_views.bertviz_model_view(weights(), words(), alt=ALT)._repr_html_() for _ in "ab")
    assert first == second


def test_the_numbers_of_a_frame_are_the_weights(book):
    attentions = weights()
    for draw, kind in zip(BERTVIZ, ("head", "model")):
        data = frame_data(draw(attentions, words(), alt=ALT))
        assert (data["kind"], data["title"]) == (kind, ALT)
        shown = np.array(data["parameters"]["attention"][0]["attn"])
        assert np.abs(shown - torch.stack(attentions)[:, 0].numpy()).max() <= 6e-4


def test_a_frame_and_its_picture_are_in_the_language_and_their_tokens_are_not(book):
    tokens = ["layer", "head", "query", "key", "weight"]
    for draw in BERTVIZ:
        page = BeautifulSoup(draw(weights(), tokens, alt=ALT).render("es")["text/html"], "html.parser")
        data = json.loads(page.select_one(".course-bertviz-frame script").string)
        assert data["words"]["Layers"] == "Capas"
        assert data["parameters"]["attention"][0]["left_text"] == tokens
        assert {text.get_text() for text in page.select("text[translate]")} <= set(tokens)
        assert "cabeza" in page.svg["aria-label"] and "token" in page.svg["aria-label"]


def test_another_bertviz_is_noticed(book, monkeypatch):
    monkeypatch.setattr(bertviz_views, "_PARAMETERS", re.compile("never"))
    with pytest.raises(ValueError, match="1.4.1"):
        bertviz_views.bertviz_head_view(weights(), words(), alt=ALT)._repr_html_()


# The pictures behind BertViz's frames


def pixels(image):
    """The numbers from -1 to 1 that a picture's colours stand for."""
    file = io.BytesIO(base64.b64decode(image["href"].split("base64,")[1]))
    colours = np.array(Image.open(file).convert("RGBA")).astype(float)
    return np.where(colours[..., 2] > colours[..., 0], 1, -1) * colours[..., 3] / 255


def test_the_lines_of_a_picture_are_the_mean_of_the_heads_that_are_shown():
    attentions = torch.stack(weights())[:, 0].numpy()
    picture = BeautifulSoup(bertviz_stills.head_still(attentions, words(), 1, [0, 2]), "html.parser")
    mean = (attentions[1, 0] + attentions[1, 2]) / 2
    drawn = np.zeros((5, 5))
    for line in picture.find_all("path"):
        _, y1, _, y2 = map(float, re.findall(r"[\d.]+", line["d"]))
        drawn[int(y1 // 24) - 1, int(y2 // 24) - 1] = float(line["stroke-width"]) / views.LINE
    assert np.abs(drawn - mean).max() < 0.02
    label = picture.svg["aria-label"]
    assert "layer 2, the mean of 2 heads" in label
    inside = mean[1:4, 1:4] - np.eye(3)  # neither the ends nor a token itself
    start, end = np.unravel_index(inside.argmax(), (3, 3))
    assert f"leads from “{words()[start + 1]}” to “{words()[end + 1]}”, {inside.max():.2f}." in label


def test_the_thumbnails_of_a_picture_are_the_weights_and_their_places_are_counted():
    attentions = np.full((2, 3, 4, 4), 0.02)
    attentions[:, :, :, 3] = 0.94  # the last token
    attentions[1, 2] = 0.94 * np.eye(4) + 0.015 * (1 - np.eye(4)) + np.diag([0.015] * 4)
    picture = BeautifulSoup(bertviz_stills.model_still(attentions), "html.parser")
    sheet = pixels(picture.image)
    for layer, head in np.ndindex(2, 3):
        tile = sheet[4 * layer:4 * layer + 4, 4 * head:4 * head + 4]
        assert np.abs(tile - attentions[layer, head]).max() < 5e-3
    assert picture.svg["aria-label"].endswith(
        "the token itself is the strongest in 1 heads, the previous token in 0, the next token in 0, "
        "the first token in 0 and the last token in 5.")


def test_the_neurons_of_a_picture_are_those_of_the_token_that_looks_most_at_another():
    attention = np.array([[0.1, 0.9, 0, 0], [0.95, 0.05, 0, 0], [0.1, 0.6, 0.3, 0], [0, 0, 1, 0]])
    queries, keys = np.random.default_rng(0).normal(0, 3, (2, 4, 8))
    picture = BeautifulSoup(bertviz_stills.neuron_still(attention, queries, keys, list("abcd"), 2, 0),
                            "html.parser")
    query, key, product = (np.arctanh(np.clip(pixels(image)[::6], -0.99, 0.99)) * 4
                           for image in picture.find_all("image"))
    close = np.abs(keys) < 4  # beyond that the colours hardly differ
    assert np.abs(query - queries[2:3])[np.abs(queries[2:3]) < 4].max() < 0.1
    assert np.abs(key - keys)[close].max() < 0.1
    assert (np.sign(product) == np.sign(queries[2] * keys)).mean() > 0.95
    label = picture.svg["aria-label"]
    assert label.startswith("Layer 3, head 1 (3-1) from inside: the query of “c”")
    assert label.endswith("“c” looks most at “b”, 0.60.")


# In a browser


def browse(folder, body, script, root):
    """What `script` writes into the page's <output>, in headless Chromium."""
    for name in ("attention.js", "course.css"):
        shutil.copyfile(root / "theme/static" / name, folder / name)
    (folder / "page.html").write_text(
        '<!doctype html><meta charset="utf-8"><link rel="stylesheet" href="course.css">'
        f'<script src="attention.js"></script><body>{body}<output></output><script>'
        "const say = (value) => document.querySelector('output').textContent = JSON.stringify(value);"
        "const all = (what) => [...document.querySelectorAll(what)];"
        "const key = (name) => document.activeElement.dispatchEvent("
        "new KeyboardEvent('keydown', { key: name, bubbles: true, cancelable: true }));"
        f"addEventListener('load', () => {{ {script} }});</script>", "utf-8")
    page = subprocess.run(
        ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
         "--no-first-run", "--disable-background-networking", f"--user-data-dir={folder / 'user'}",
         "--virtual-time-budget=8000", "--dump-dom", (folder / "page.html").as_uri()],
        capture_output=True, text=True, timeout=90).stdout
    return json.loads(BeautifulSoup(page, "html.parser").output.get_text())


@chromium
def test_views_of_a_group_are_linked(book, tmp_path, root):
    attentions = weights()
    body = "".join(view._repr_html_() for view in (
        views.head_view(attentions, words(), layer=0, head=1, alt=ALT),
        views.model_view(attentions, words(), alt=ALT),
        views.head_grid(np.arange(8).reshape(2, 4), label="Number", alt=ALT),
        views.head_view(attentions, words(), alt=ALT, group="another"),
        views.head_view(weights(1, 1, 1), words(1), alt=ALT),  # has no head 2-3
    ))
    found = browse(tmp_path, body, """
        const state = () => ({
          now: all(".course-heads-now").map((part) => part.textContent),
          pressed: all("[aria-pressed=true]").map((b) => [b.dataset.layer, b.dataset.head].join()),
          stops: all("button[tabindex='0']").length,
          widths: [...all("svg")[0].querySelectorAll("line")].map((l) => +l.getAttribute("stroke-width")),
          cell: all("td")[2].textContent, menus: all("select").map((menu) => menu.value).join(""),
          shown: [...all("svg")[0].querySelectorAll("line")]
            .flatMap((line, i) => line.style.display === "none" ? [] : [i]),
          last: +all("svg")[2].querySelector("line").getAttribute("stroke-width"),
          row: all(".course-heads-row")[0].textContent,
        });
        const seen = { before: state() };
        all("button[tabindex='0']")[0].focus();
        for (const name of ["ArrowDown", "ArrowRight", "ArrowRight", "ArrowLeft", "ArrowDown", "End", "ArrowLeft"])
          key(name);
        document.activeElement.click();
        seen.clicked = state();
        all("g[data-token]")[0].focus();
        for (const name of ["ArrowUp", "ArrowDown", "ArrowDown"]) key(name);
        seen.token = state();
        key("ArrowRight");
        seen.right = state();
        document.activeElement.blur();
        const menu = all("select")[1];
        menu.value = "0";
        menu.dispatchEvent(new Event("change"));
        seen.menu = state();
        say(seen);
    """, root)
    before, clicked = found["before"], found["clicked"]
    assert before["pressed"] == ["0,1", "0,1"]  # the grids follow the group's head view
    assert before["stops"] == 2 and before["menus"] == "01" "00" "00"
    assert clicked["pressed"] == ["1,2", "1,2"] and clicked["stops"] == 2
    assert clicked["now"][0] == "layer 2, head 3 (2-3)" and clicked["menus"] == "12" "00" "00"
    assert clicked["now"][1].startswith("layer 2, head 3 (2-3): ")
    assert clicked["now"][2] == "layer 2, head 3 (2-3): 6.00"
    assert clicked["now"][3:] == ["layer 1, head 1 (1-1)"] * 2
    truth = attentions[1][0, 2].numpy()
    assert np.abs(np.array(clicked["widths"]).reshape(5, 5) / views.LINE - truth).max() < 3e-3
    still = soup(views.head_view(attentions, words(), layer=1, head=2, alt=ALT))
    assert clicked["cell"] == still.find_all("td")[2].get_text()  # script and Python agree
    assert clicked["last"] == views.LINE  # the only weight of a head of one token
    # Line i * T + j leads from i to j: the row of the third token, and then its column.
    assert clicked["shown"] == list(range(25))
    assert found["token"]["shown"] == [10, 11, 12, 13, 14]
    assert found["right"]["shown"] == [2, 7, 12, 17, 22]
    assert found["token"]["row"] == "cat looks at: " + clicked["cell"]
    looker = words()[int(truth[:, 2].argmax())]
    assert found["right"]["row"].startswith(f"cat is looked at by: {looker} ")
    assert found["menu"]["pressed"] == ["1,0", "1,0"] and len(found["menu"]["shown"]) == 25


@chromium
def test_no_view_is_wider_than_a_phone(book, tmp_path, root):
    attentions = weights(6, 12, 16)
    own = (*(draw(attentions, words(16), alt=ALT) for draw in OWN),
           views.head_grid(np.eye(6, 12), label="Number", alt=ALT))
    body = "".join(view._repr_html_() for view in own)
    found = browse(tmp_path, f'<div style="width: 328px">{body}</div>', """
        say({
          right: Math.max(...all("body > div > *").map((part) => part.scrollWidth)),
          boxes: all(".course-heads-box").map((box) => box.clientWidth),
        });
    """, root)
    assert found["right"] <= 330 and len(found["boxes"]) == 6 and max(found["boxes"]) <= 328


def test_the_numbers_of_a_grid_are_legible_on_every_colour_of_its_scale():
    import matplotlib as mpl

    def luminance(colour):
        return sum(share * (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4)
                   for share, c in zip((0.2126, 0.7152, 0.0722), mpl.colors.to_rgb(colour)))

    for name in (views.SEQUENTIAL, views.DIVERGING):
        for colour in mpl.colormaps[name](np.linspace(0, 1, 256)):
            light, dark = sorted((luminance(colour), luminance(views._ink(colour))), reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= 4.5, (name, colour)
