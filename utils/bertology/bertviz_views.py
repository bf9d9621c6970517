"""BertViz made safe: the same guards as `views`, and no other host on the site.

BertViz (pinned at 1.4.1) makes pages that load three scripts from another host. On the
site they stand in frames that load copies which lie beside the site's own scripts; in a
notebook they are BertViz's own pages.

Source: Vig 2019, "A Multiscale Visualization of Attention in the Transformer Model".
Taught in: chapter 5, section "Look".
"""

import html
import os
import re

import numpy as np
import torch

from utils.bertology.heads import HeadError
from utils.bertology.views import (
    check_alt,
    check_head,
    check_sentence,
    checked,
    head_name,
)
from utils.languages import Shown, current, translate

_NO_SCRIPT = "BertViz draws this view with a script."
FROM_ZERO = "BertViz counts layers and heads from 0."
_PARAMETERS = re.compile(r"((?:const params|window\.bertviz_params) = )(\{.*\})")
_LOADER = re.compile(r'<script src="https://[^"]*require[^"]*"></script>')
_ADDRESSES = re.compile(r"require\.config\(\{.*?\}\s*\}\);", re.S)
_OWN_SCRIPTS = (
    '<script src="_static/jquery.js"></script><script src="_static/d3.v5.min.js"></script>'
    "<script>function requirejs(names, use) { use(jQuery, d3); }</script>"
)


class BertVizView(Shown):
    """One of BertViz's views: its own page in a notebook, a frame on the site."""

    def __init__(self, page: str, alt: str, note: str, size: tuple[int, int]):
        self.page, self.alt = _closed(page), check_alt(alt)
        self.note, self.size = note, size

    def render(self, language: str) -> dict:
        return {"text/html": self._page(language),
                "text/plain": f"[BertViz: {translate(self.alt, language)}]"}

    def _repr_html_(self) -> str:
        return self._page(current())

    def _page(self, language: str) -> str:
        note = f'<p class="course-heads-note">{html.escape(translate(self.note, language))}</p>'
        if "COURSE_BOOK" not in os.environ:
            return self.page + note
        page, loaders = _LOADER.subn(lambda _: _OWN_SCRIPTS, self.page)
        page, addresses = _ADDRESSES.subn("", page)
        page = page.replace("https://github.com", "github.com")  # in a comment: the origin
        if (loaders, addresses) != (1, 1) or "cdnjs" in page:
            raise ValueError("This BertViz loads its scripts in another way than version "
                             "1.4.1, which the course pins: install that one.")
        # Each frame is a page of its own, so one name serves all and the site's bytes do
        # not change from build to build.
        page = re.sub(r"bertviz-[0-9a-f]{32}", "bertviz-view", page)
        width, height = self.size
        page = (
            "<!doctype html><style>"
            "html { background: #fff; color: #000; color-scheme: light }"
            f" body {{ margin: 12px; min-width: {width}px }}</style>"
            f"<noscript>{translate(_NO_SCRIPT, language)}</noscript>" + page
        )
        return (
            '<iframe class="course-bertviz" loading="lazy" '
            f'title="{html.escape(translate(self.alt, language))}" srcdoc="{_attribute(page)}" '
            f'style="width: 100%; max-width: {width + 40}px; height: {height + 24}px; '
            'border: 1px solid #8888; background: #fff; color-scheme: light"></iframe>'
            + note
        )

    def __repr__(self) -> str:
        return f"[BertViz: {translate(self.alt)}]"


def bertviz_head_view(attentions, tokens, *, layer=0, heads=None, alt) -> BertVizView:
    """BertViz's head view of one sentence, with the guards of `head_view`.

    Args:
        attentions, tokens, alt: as in `head_view`.
        layer: the layer shown first, counted from 0, as BertViz does throughout.
        heads: those shown first, counted from 0; by default all.

    Raises:
        TypeError, HeadError, ValueError: as `head_view`.

    Source: Vig (2019), "A Multiscale Visualization of Attention in the Transformer
        Model", section 2.1.
    Taught in: chapter 5, section "Look".
    """
    from bertviz import head_view as draw

    weights, tokens = checked(attentions, tokens)
    for head in [0] if heads is None else heads:
        check_head(weights.shape, layer, head)
    page = draw(_rounded(weights), tokens, layer=layer, heads=heads, html_action="return")
    height = 60 + 22.5 * (len(tokens) + 1)
    return BertVizView(page.data, alt, FROM_ZERO, (400, int(height)))


def bertviz_model_view(attentions, tokens, *, alt) -> BertVizView:
    """BertViz's model view of one sentence: a click on a head enlarges it.

    Args, errors: as `bertviz_head_view`.

    Source: Vig (2019), section 2.2.
    Taught in: chapter 5, section "Look".
    """
    from bertviz import model_view as draw

    weights, tokens = checked(attentions, tokens)
    page = draw(_rounded(weights), tokens, display_mode="light", html_action="return").data
    layers, heads, length, _ = weights.shape
    height = max(layers * (84 / heads * length + 10) + 40, 18 * length + 60)
    return BertVizView(page, alt, FROM_ZERO, (980, int(height) + 10))


def bertviz_neuron_view(
    model, tokenizer, sentence: str, *, layer, head, alt
) -> BertVizView:
    """BertViz's neuron view of one head: the query and key vectors behind its weights.

    BertViz computes these with a BERT of its own, which can read no file of today. It is
    built here from `model`'s configuration and weights, without a file; `model` is not
    changed. The page carries the chosen head only: all heads of a small model are 4 MB.

    Args:
        model: a `BertModel` of transformers, or one with a head on top.
        tokenizer: its tokenizer.
        sentence: its pieces and two special tokens, at most `MOST_TOKENS` together.
        layer, head: counted from 0.

    Raises:
        TypeError: `model` is not a BERT of transformers.
        HeadError: the model is pruned; there is no such layer or head.
        ValueError: it has an activation that BertViz lacks; the sentence is too long;
            `alt` is empty.

    Source: Vig (2019), section 2.3.
    Taught in: chapter 5, section "Look".
    """
    from bertviz.neuron_view import show

    twin = bertviz_bert(model)
    config = twin.config
    check_head((config.num_hidden_layers, config.num_attention_heads), layer, head)
    length = len(tokenizer.tokenize(sentence)) + 2
    check_sentence([""] * length, length)  # not too long
    page = show(_OneHead(twin, layer, head), "bert", tokenizer, sentence, layer=0, head=0,
                display_mode="light", html_action="return").data
    for menu, index in (("layer", layer), ("head", head)):
        old = f'{menu}Select.append($("<option />").val(i).text(i))'
        if page.count(old) != 1:
            raise ValueError("This BertViz's menus are not those of version 1.4.1, which "
                             "the course pins: install that one.")
        page = page.replace(old, old.replace("text(i)", f"text({index})"))
    note = (f"This is {head_name(layer, head)}; BertViz counts from 0. Point at a token, "
            "then at its + sign.")
    return BertVizView(page, alt, note, (1030, 26 * length + 150))


def bertviz_bert(model):
    """BertViz's own BERT, from 2019, with the weights of a BERT of transformers.

    Its last output is a list with, for each layer, the tensors `attn` [B, H, T, T],
    `queries` and `keys` [B, H, T, D].

    Raises:
        TypeError: `model` is not a BERT of transformers.
        HeadError: the model is pruned.
        ValueError: it has an activation that BertViz lacks.

    Taught in: chapter 5, section "Look".
    """
    from bertviz.transformers_neuron_view import BertConfig, BertModel
    from transformers import BertPreTrainedModel

    if not isinstance(model, BertPreTrainedModel):
        raise TypeError(f"The neuron view needs a BERT of transformers, not "
                        f"{type(model).__name__}: BertViz has a copy of that model only.")
    model, config = model.base_model, model.config
    if config.hidden_act not in ("gelu", "relu", "swish"):
        raise ValueError(f"BertViz's BERT has no activation {config.hidden_act!r}.")
    names = ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size",
             "hidden_act", "max_position_embeddings", "type_vocab_size", "layer_norm_eps")
    settings = {name: getattr(config, name) for name in names}
    with torch.random.fork_rng():  # its weights are drawn at random first
        twin = BertModel(BertConfig(config.vocab_size, **settings))
    weights = {name: weight.float().cpu() for name, weight in model.state_dict().items()}
    own = twin.state_dict()
    for name in own.keys() & weights.keys():
        if own[name].shape != weights[name].shape:
            raise HeadError("The neuron view needs a model that is not pruned: "
                            f"{name} is {list(weights[name].shape)}, not "
                            f"{list(own[name].shape)}.")
    missing, unknown = twin.load_state_dict(weights, strict=False)
    if unknown or any(not name.startswith("pooler") for name in missing):
        raise ValueError(f"The weights do not fit BertViz's BERT: {[*missing, *unknown]}.")
    return twin.eval()


class _OneHead:
    """A model for BertViz that gives the data of one head only, rounded."""

    def __init__(self, model, layer: int, head: int):
        self.model, self.layer, self.head = model, layer, head

    def eval(self):
        return self

    def __call__(self, input_ids):
        with torch.no_grad():
            data = self.model(input_ids)[-1][self.layer]
        only = slice(self.head, self.head + 1)
        return ([{name: _rounded(part[:, only]) for name, part in data.items()}],)


def _rounded(values) -> torch.Tensor:
    """Three decimals, in double precision: they are short when written as JSON.

    [L, H, T, T] becomes [L, 1, H, T, T], layers with the batch that BertViz expects.
    """
    if isinstance(values, np.ndarray):
        values = torch.from_numpy(values).unsqueeze(1)
    return values.double().round(decimals=3)


def _closed(page: str) -> str:
    """Write "<" in the data as an escape: a token could end the script that holds it."""
    return _PARAMETERS.sub(lambda m: m[1] + m[2].replace("<", "\\u003c"), page)


def _attribute(page: str) -> str:
    return page.replace("&", "&amp;").replace('"', "&quot;")
