"""BertViz's views on the site: strict pages that answer to mouse and keyboard, from files."""

import gzip
import json
import re
import shutil
from pathlib import Path

import bertviz
import pytest
import torch
from bs4 import BeautifulSoup
from tools import bertviz_frames, node
from tools.serve import serve
from transformers import BertConfig, BertModel

from letters import Letters
from utils.bertology import bertviz_views

ALT = "Where the tokens of a short sentence look, in a small random model."
TOKENS = ["[CLS]", "the", "cat", "sat", "</script>", "[SEP]"]
chromium = pytest.mark.skipif(not shutil.which("chromium"), reason="needs chromium")


def weights(layers, heads, tokens):
    noise = torch.randn(layers, 1, heads, tokens, tokens, generator=torch.Generator().manual_seed(0))
    return tuple((3 * noise).softmax(-1))


def shown(language="en", layers=2, heads=4, tokens=TOKENS) -> str:
    """The three views as a chapter shows them in the book."""
    attentions = weights(layers, heads, len(tokens))
    torch.manual_seed(0)
    bert = BertModel(BertConfig(vocab_size=60, hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
                                intermediate_size=48, max_position_embeddings=40, initializer_range=0.5))
    views = (
        bertviz_views.bertviz_head_view(attentions, tokens, layer=1, heads=[0, 2], alt=ALT),
        bertviz_views.bertviz_model_view(attentions, tokens, alt=ALT),
        bertviz_views.bertviz_neuron_view(bert, Letters(), "a cat", layer=1, head=2, alt=ALT),
    )
    return "".join(view.render(language)["text/html"] for view in views)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder as that of an edition: a page with the three views, and all that they load."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "_static").mkdir()
    bertviz_frames.bundle(node.MODULES, folder / "_static")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_BOOK", "1")
        patch.setenv("COURSE_LANGUAGE", "en")
        page = bertviz_frames.extract(shown(), folder, "en")
    (folder / "page.html").write_text(
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>A page</title><link rel="icon" href="data:,">'
        f"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'self'; style-src 'unsafe-inline'; "
        f"img-src data:\"><body>{page}</body></html>", "utf-8")
    return folder


def frames(folder):
    return {soup.body["data-kind"]: soup for soup in (
        BeautifulSoup(path.read_text("utf-8"), "html.parser") for path in (folder / "frames").glob("*.html"))}


def size(path) -> int:
    return len(gzip.compress(path.read_bytes(), 6))


# The files


def test_a_page_holds_a_frame_for_each_view_and_no_script(site):
    page = BeautifulSoup((site / "page.html").read_text("utf-8"), "html.parser")
    found = page.select("figure.course-bertviz")
    assert len(found) == 3 and not page.find_all("script")
    for figure in found:
        assert figure.iframe["title"] == ALT and figure.iframe["loading"] == "lazy"
        assert (site / figure.iframe["src"]).is_file()
        assert len(figure.select_one(".course-bertviz-still svg")["aria-label"]) > 60


def test_a_frame_is_strict_described_and_holds_files_only(site):
    assert set(frames(site)) == {"head", "model", "neuron"}
    for frame in frames(site).values():
        policy = frame.find("meta", attrs={"http-equiv": "Content-Security-Policy"})["content"]
        assert policy.startswith("default-src 'self';") and "unsafe" not in policy
        assert frame.html["lang"] == "en" and frame.title.string == ALT
        loaded = [script["src"] for script in frame.find_all("script")] + [frame.link["href"]]
        assert len(loaded) == 3
        assert all((site / "frames" / name).resolve().is_file() for name in loaded)
        for tag in frame.find_all(True):
            assert not any(name == "style" or name.startswith("on") for name in tag.attrs), tag
        for menu in frame.find_all("select"):
            assert menu.parent.name == "label" and menu.parent.get_text(strip=True)


def test_the_script_loads_nothing_and_runs_no_text(site):
    text = (site / "_static/bertviz.js").read_text("utf-8")
    assert set(re.findall(r"\w+://[^/\"'`]+", text)) == {"http://www.w3.org"}  # names, not loads
    assert not re.search(r"\beval\(|new Function|\bFunction\(|cdnjs|requirejs|console\.", text)
    assert re.search("BertViz.*Apache.*d3.*ISC.*jQuery.*MIT", text[:300])


def test_all_of_it_is_light(site, tmp_path, monkeypatch):
    assert sum(size(site / "_static" / name) for name in ("bertviz.js", "bertviz.css")) <= 60_000
    monkeypatch.setenv("COURSE_BOOK", "1")  # as large as the chapter's: six layers of twelve heads
    bertviz_frames.extract(shown(layers=6, heads=12, tokens=[f"token{i}" for i in range(13)]), tmp_path, "en")
    data = sum(size(path) for path in (tmp_path / "frames").iterdir())
    assert data + sum(size(path) for path in (site / "_static").iterdir()) <= 120_000


def test_views_of_one_sentence_share_its_numbers(site):
    numbers = {kind: frame.script["src"] for kind, frame in frames(site).items()}
    assert numbers["head"] == numbers["model"] != numbers["neuron"]
    text = (site / "frames" / numbers["head"]).read_text("utf-8")
    [data] = json.loads(text.removeprefix("window.bertvizAttention = ").removesuffix(";\n"))
    assert data["left_text"] == TOKENS
    truth = torch.stack(weights(2, 4, 6))[:, 0]
    assert (torch.tensor(data["attn"]) - truth).abs().max() <= 6e-4


def test_a_frame_speaks_the_language_of_its_page(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_BOOK", "1")
    bertviz_frames.extract(shown("es"), tmp_path, "es")
    head = frames(tmp_path)["head"]
    assert head.html["lang"] == "es" and head.label.get_text(strip=True) == "Capa"
    assert json.loads(head.body["data-words"])["looks"] == "{} mira a: {}"


def test_the_same_views_give_the_same_files(site, tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_BOOK", "1")
    bertviz_frames.extract(shown(), tmp_path, "en")
    names = {path.name for path in (tmp_path / "frames").iterdir()}
    assert names == {path.name for path in (site / "frames").iterdir()} and len(names) == 5


# What is not as it was


def test_a_page_without_views_stays_as_it_is(tmp_path):
    assert bertviz_frames.extract("<p>text</p>", tmp_path, "en") == "<p>text</p>"
    assert not (tmp_path / "frames").exists()


def test_a_view_without_its_numbers_is_noticed(tmp_path):
    with pytest.raises(bertviz_frames.FrameError, match="does not carry its data"):
        bertviz_frames.extract('<figure class="course-bertviz" style=""></figure>', tmp_path, "en")


@pytest.mark.parametrize("view", bertviz_frames._CHANGES)
def test_another_bertviz_is_noticed(view, tmp_path):
    own = (Path(bertviz.__file__).parent / f"{view}_view.js").read_text("utf-8")
    file = tmp_path / f"{view}_view.js"
    for old, _, _ in bertviz_frames._CHANGES[view]:
        file.write_text(own.replace(old, "something else", 1), "utf-8")
        with pytest.raises(bertviz_frames.FrameError, match="1.4.1"):
            bertviz_frames._adapted(view, tmp_path)
    file.write_text(own.replace("d3/5.7.0", "d3/7.9.0"), "utf-8")
    with pytest.raises(bertviz_frames.FrameError, match="in another way than version 1.4.1"):
        bertviz_frames._adapted(view, tmp_path)


# In a browser


class Reader:
    """The page in Chromium: its frames by kind, and all that went wrong."""

    def __init__(self, page, address):
        self.page, self.wrong = page, []
        page.on("console", lambda message: self.wrong.append(message.text))
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on("requestfailed", lambda request: self.wrong.append(request.url))
        page.goto(address)
        for frame in page.query_selector_all("iframe"):
            frame.scroll_into_view_if_needed()
            frame.content_frame().wait_for_selector("svg[viewBox]")
        self.frames = {frame.get_attribute("body", "data-kind"): frame for frame in page.frames[1:]}

    def focus(self, kind):
        """What the focus is on in a frame: its role, name and states."""
        return self.frames[kind].evaluate(
            "(({ activeElement: e }) => ({ role: e.getAttribute('role'), name: e.getAttribute('aria-label'), "
            "state: e.ariaChecked ?? e.ariaPressed ?? e.ariaExpanded }))(document)")


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module", params=["served", "from the disk"])
def address(site, request):
    if request.param == "served":
        with serve(site) as served:
            yield f"{served.address}/page.html"
    else:
        yield (site / "page.html").as_uri()


@pytest.fixture
def reader(browser, address):
    page = browser.new_page(viewport={"width": 1100, "height": 900})
    reader = Reader(page, address)
    assert set(reader.frames) == {"head", "model", "neuron"}
    yield reader
    page.close()
    assert reader.wrong == []


def lines(frame):
    """The lines that one sees: (head, from, to, opacity)."""
    return {tuple(line) for line in frame.evaluate("""[...document.querySelectorAll("#attention line")]
        .filter((line) => getComputedStyle(line).visibility === "visible" && line.getAttribute("stroke-opacity") > 0)
        .map((line) => [+line.parentNode.parentNode.getAttribute("head-index"),
          +line.getAttribute("left-token-index"), +line.getAttribute("right-token-index"),
          +line.getAttribute("stroke-opacity")])""")}


def truth(layer, heads):
    """What the head view draws: the weights, shared among the heads that are on."""
    data = torch.stack(weights(2, 4, 6))[layer, 0].double().round(decimals=3)
    return {(h, i, j, round(data[h, i, j].item() / len(heads), 4))
            for h in heads for i in range(6) for j in range(6) if data[h, i, j] > 0}


def rounded(found):
    return {(*line[:3], round(line[3], 4)) for line in found}


@chromium
def test_the_head_view_answers_to_the_mouse(reader):
    frame = reader.frames["head"]
    assert rounded(lines(frame)) == truth(1, [0, 2])
    frame.locator("#left text").nth(2).hover()
    assert rounded(lines(frame)) == {line for line in truth(1, [0, 2]) if line[1] == 2}
    frame.locator("#right text").nth(3).hover()
    assert rounded(lines(frame)) == {line for line in truth(1, [0, 2]) if line[2] == 3}
    frame.get_by_role("checkbox").nth(3).click()
    frame.get_by_role("checkbox").nth(0).click()
    frame.locator("label select").select_option("0")
    assert rounded(lines(frame)) == truth(0, [2, 3])
    frame.get_by_role("checkbox").nth(1).dblclick()
    assert rounded(lines(frame)) == truth(0, [1])
    assert [box.get_attribute("aria-checked") for box in frame.get_by_role("checkbox").all()] == [
        "false", "true", "false", "false"]
    assert frame.locator("#left text").nth(4).text_content() == "</script>"


@chromium
def test_the_head_view_answers_to_the_keyboard(reader):
    frame, press = reader.frames["head"], reader.page.keyboard.press
    frame.locator("label select").focus()
    press("Tab")
    row = weights(2, 4, 6)[1][0, [0, 2]].mean(0)[0]
    name = reader.focus("head")["name"]
    assert reader.focus("head")["role"] == "img" and name.startswith("[CLS] looks at: ")
    strongest = [part.rsplit(" ", 1) for part in name.removeprefix("[CLS] looks at: ").split(", ")]
    assert [token for token, _ in strongest] == [TOKENS[i] for i in row.argsort(descending=True)[:3]]
    assert [float(value) for _, value in strongest] == pytest.approx(
        row.sort(descending=True).values[:3].tolist(), abs=6e-3)
    press("ArrowDown")
    press("ArrowDown")
    assert rounded(lines(frame)) == {line for line in truth(1, [0, 2]) if line[1] == 2}
    press("ArrowRight")
    assert rounded(lines(frame)) == {line for line in truth(1, [0, 2]) if line[2] == 2}
    assert reader.focus("head")["name"].startswith("cat is looked at by: ")
    press("Tab")
    assert rounded(lines(frame)) == truth(1, [0, 2])  # the token was left
    assert reader.focus("head") == {"role": "checkbox", "name": "Layer 1, head 0", "state": "true"}
    press(" ")
    press("End")
    press("Enter")
    assert reader.focus("head") == {"role": "checkbox", "name": "Layer 1, head 3", "state": "true"}
    assert rounded(lines(frame)) == truth(1, [2, 3])
    press("Shift+Tab")
    assert reader.focus("head")["name"].startswith("cat is looked at by: ")  # where one was


@chromium
def test_the_model_view_enlarges_a_head(reader):
    frame, press = reader.frames["model"], reader.page.keyboard.press
    assert frame.locator("line").count() == 2 * 4 * 6 * 6 and frame.locator(".detail").count() == 0
    frame.get_by_role("button").nth(6).click()
    assert frame.locator("text.detail").text_content() == "Layer 1, head 2"
    opacities = frame.locator(".detail line").evaluate_all("(all) => all.map((l) => +l.getAttribute('stroke-opacity'))")
    assert (torch.tensor(opacities).reshape(6, 6) - weights(2, 4, 6)[1][0, 2]).abs().max() <= 6e-4
    press("Enter")
    assert frame.locator(".detail").count() == 0
    press("ArrowUp")
    press("ArrowRight")
    press(" ")
    assert frame.locator("text.detail").text_content() == "Layer 0, head 3"
    assert reader.focus("model") == {"role": "button", "name": "Layer 0, head 3", "state": "true"}
    press("Tab")
    press("ArrowDown")
    groups = frame.locator(".attn-line-group").evaluate_all("(all) => all.map((group) => group.style.opacity)")
    assert groups == ["0", "1", "0", "0", "0", "0"]
    assert reader.focus("model")["name"].startswith("the looks at: ")


@chromium
def test_the_neuron_view_opens_and_closes(reader):
    frame, press = reader.frames["neuron"], reader.page.keyboard.press
    one = "(all) => all.map((group) => +group.style.opacity)"
    token = frame.locator("#collapsed .leftText > g").nth(3)
    token.hover()
    assert frame.locator("#collapsed .attn-line-group").evaluate_all(one) == [0, 0, 0, 1, 0, 0, 0]
    assert frame.locator("#expanded").is_hidden()
    token.locator("rect").last.click()
    assert frame.locator("#expanded .vector").count() == 3 * 7 and frame.locator("#collapsed").is_hidden()
    assert frame.locator("#expanded .qk-line-group").evaluate_all(one) == [0, 0, 0, 1, 0, 0, 0]
    query, key, product = (
        torch.tensor(frame.locator(f"#{name} .vector").nth(i).locator(".element").evaluate_all(
            "(all) => all.map((element) => +element.dataset.value)"))
        for name, i in (("queries", 3), ("keys", 5), ("product", 5)))
    assert torch.allclose(query * key, product, atol=1e-5) and product.abs().max() > 0

    reader.page.mouse.move(0, 0)  # a mouse that rests over a token goes on pointing at it
    frame.locator("#expanded .leftText > g").nth(1).focus()
    press("Enter")
    assert reader.focus("neuron")["state"] == "false" and frame.locator("#expanded").is_hidden()
    press("ArrowDown")
    assert reader.focus("neuron")["name"].startswith("  looks at: ")  # a space is a token here
    press(" ")
    assert reader.focus("neuron")["state"] == "true"
    assert frame.locator("#expanded .qk-line-group").evaluate_all(one) == [0, 0, 1, 0, 0, 0, 0]


@chromium
def test_axe_finds_no_barrier_in_a_frame(reader):
    axe = (node.MODULES / "axe-core/axe.min.js").read_text("utf-8")
    reader.frames["model"].get_by_role("button").nth(5).click()
    for kind, frame in reader.frames.items():
        frame.evaluate(axe + "; null")
        found = frame.evaluate("""async () => (await axe.run(document, { preload: false,
            runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] })).violations
            .map(({ id, nodes }) => id + ": " + nodes[0].html.slice(0, 100))""")
        assert found == [], kind
        ids = frame.locator("[id]").evaluate_all("(all) => all.map((element) => element.id)")
        assert len(ids) == len(set(ids)), kind


@chromium
def test_a_narrow_frame_holds_the_whole_picture(browser, site):
    page = browser.new_page(viewport={"width": 326, "height": 500})
    for path in (site / "frames").glob("*.html"):
        page.goto(path.as_uri())
        page.wait_for_selector("svg[viewBox]")
        kind = page.get_attribute("body", "data-kind")
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide == 326 if kind == "head" else 624 < wide <= 650, kind
        right = max(page.locator("svg text").evaluate_all("(all) => all.map((t) => t.getBoundingClientRect().right)"))
        assert right <= wide, kind
    page.close()
