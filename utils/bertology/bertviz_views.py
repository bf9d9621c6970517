"""BertViz made safe: the same guards as `views`, and no other host on the site.

BertViz (pinned at 1.4.1) makes pages that load three scripts from another host. In a
notebook they stay BertViz's own. On the site there is a still picture of the same numbers,
and the numbers themselves, from which `tools/bertviz_frames.py` makes a frame with
BertViz's view in it.

Source: Vig 2019, "A Multiscale Visualization of Attention in the Transformer Model".
Taught in: chapter 5, section "Look".
"""

import html
import json
import os
import re

import numpy as np
import torch

from utils.bertology import bertviz_stills as stills
from utils.bertology.heads import HeadError
from utils.bertology.views import (
    WORDS,
    check_alt,
    check_head,
    check_sentence,
    checked,
    head_name,
)
from utils.languages import Shown, current, translate, translate_html

FROM_ZERO = "BertViz counts layers and heads from 0."
# What a frame says beside the tokens: BertViz's words, and those for the keyboard.
FRAME_WORDS = {name: WORDS[name] for name in ("looks", "looked")} | {word: word for word in (
    "Layer", "Heads", "Layers", "Layer {}, head {}", "Query", "Key", "q × k (elementwise)",
    "No token selected",
)}
_PARAMETERS = re.compile(r"((?:const params|window\.bertviz_params) = )(\{.*\})")


class BertVizView(Shown):
    """One of BertViz's views: its own page in a notebook, numbers for a frame on the site.

    `size` is the width and height in pixels of a frame in which BertViz has all its room.
    """

    def __init__(self, kind: str, page: str, alt: str, note: str, size: tuple, still: str):
        self.kind, self.page, self.alt = kind, _closed(page), check_alt(alt)
        self.note, self.size, self.still = note, size, still

    def render(self, language: str) -> dict:
        return {"text/html": self._page(language),
                "text/plain": f"[BertViz: {translate(self.alt, language)}]"}

    def _repr_html_(self) -> str:
        return self._page(current())

    def _page(self, language: str) -> str:
        note = f'<p class="course-heads-note">{html.escape(translate(self.note, language))}</p>'
        if "COURSE_BOOK" not in os.environ:
            return self.page + note
        width, height = self.size
        # The picture comes first: its description is that of the whole.
        return (
            f'<figure class="course-bertviz" style="--wide: {width}; --high: {height}">'
            f'<div class="course-bertviz-still">{translate_html(self.still, language)}</div>'
            '<div class="course-bertviz-frame"><script type="application/json">'
            f"{self._data(language)}</script>{note}</div></figure>"
        )

    def _data(self, language: str) -> str:
        """All that a frame is made of, as JSON that can stand in a page."""
        parameters = _parameters(self.page)
        # Each frame is a page of its own, so one name serves all, and the site's bytes do
        # not change from build to build.
        parameters["root_div_id"] = "bertviz-view"
        words = {key: translate(word, language) for key, word in FRAME_WORDS.items()}
        data = {"kind": self.kind, "title": translate(self.alt, language), "words": words,
                "parameters": parameters}
        text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
        return text.replace("<", "\\u003c")  # a token could end the script

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
    shown = range(weights.shape[1]) if heads is None else heads
    return BertVizView("head", page.data, alt, FROM_ZERO, (360, int(22.5 * len(tokens)) + 80),
                       stills.head_still(weights, tokens, layer, list(shown)))


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
    return BertVizView("model", page, alt, FROM_ZERO, (988, int(height) + 18),
                       stills.model_still(weights))


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
    data = _parameters(page)["attention"]["all"]
    attention, queries, keys = (np.array(data[name])[0, 0] for name in ("attn", "queries", "keys"))
    still = stills.neuron_still(attention, queries, keys, data["left_text"], layer, head)
    return BertVizView("neuron", page, alt, note, (1022, 26 * length + 118), still)


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


def _parameters(page: str) -> dict:
    """What BertViz hands to its script: the numbers, the tokens, what is shown first."""
    found = _PARAMETERS.search(page)
    if not found:
        raise ValueError("This BertViz hands its numbers to its script in another way than "
                         "version 1.4.1, which the course pins: install that one.")
    # After them comes, for some views, a comment that holds them again.
    return json.JSONDecoder().raw_decode(page, found.start(2))[0]
