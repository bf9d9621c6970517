// One of BertViz's views in a frame: its own script with the d3 and jQuery of today, its
// words in the language of the page, and the keyboard.
// `views` stands before this text: BertViz's three scripts as functions, which
// tools/bertviz_frames.py makes.
import { hsl } from "d3-color";
import { scaleOrdinal } from "d3-scale";
import { schemeCategory10 } from "d3-scale-chromatic";
import { select, selectAll, selection } from "d3-selection";
import { line } from "d3-shape";
import $ from "jquery/slim";

const { kind } = document.body.dataset;
const words = JSON.parse(document.body.dataset.words);
const params = {
  ...JSON.parse(document.body.dataset.parameters),
  attention: window.bertvizAttention,
};
const vis = document.getElementById("vis");
const all = (selector) => [...vis.querySelectorAll(selector)];

// BertViz's words, with their places filled in.
function say(english, ...parts) {
  return words[english].replace(/\{\}/g, () => parts.shift());
}

// BertViz's listeners take a datum and an index, as d3 gave them up to its version 5.
const { on } = selection.prototype;
selection.prototype.on = function (type, listener) {
  return this.each(function (_, index, group) {
    on.call(select(this), type, () => listener.call(this, this.__data__, index, group));
  });
};

// -- the keyboard: each view has groups of places, and a group is one stop of the tab key.
// Arrow keys lead from place to place: `down` and `across` say how far in the group. Where
// `hover` is true, the focus does what a mouse over the place does.

// The three largest weights of a token, where it looks or by whom it is looked at.
function describe(heads, tokens, index, left) {
  const weight = (i) =>
    heads.reduce((sum, head) => sum + (left ? head[index][i] : head[i][index]), 0) / heads.length;
  const strongest = tokens
    .map((token, i) => [weight(i), token])
    .sort((a, b) => b[0] - a[0])
    .slice(0, 3)
    .map(([value, token]) => `${token} ${value.toFixed(2)}`);
  return say(left ? "looks" : "looked", tokens[index], strongest.join(", "));
}

const groups = {
  head() {
    const { attn, left_text: tokens } = params.attention[params.default_filter];
    const layer = document.getElementById("layer").selectedIndex; // all of them, from 0
    const boxes = all("svg > g:not([id]) > rect");
    const heads = attn[layer].filter((_, head) => boxes[head].__data__);
    const token = (place, i) => ({
      place, role: "img", hover: true,
      label: describe(heads, tokens, i % tokens.length, i < tokens.length),
    });
    return [
      { down: 0, across: 1, places: boxes.map((place, head) => ({
        place, role: "checkbox", checked: place.__data__,
        label: say("Layer {}, head {}", layer, head),
      })) },
      { down: 1, across: tokens.length, places: all("g:has(> .background)").map(token) },
    ];
  },

  model() {
    const { attn, left_text: tokens } = params.attention[params.default_filter];
    const across = attn[0].length;
    let open; // the layer and the head that are enlarged
    const heads = all(".attn_background").map((background, i) => {
      const at = [Math.floor(i / across), i % across];
      const pressed = background.getAttribute("stroke-opacity") !== "0";
      if (pressed) open = at;
      return { place: background.parentNode, role: "button", pressed,
               label: say("Layer {}, head {}", ...at) };
    });
    const large = all(".detail > g:has(> .token)").slice(0, tokens.length); // the left ones
    return [
      { down: across, across: 1, places: heads },
      { down: 1, across: 0, places: large.map((place, i) => ({
        place, role: "img", hover: true,
        label: describe([attn[open[0]][open[1]]], tokens, i, true),
      })) },
    ];
  },

  neuron() {
    const { attn, left_text: tokens } = params.attention[params.default_filter];
    return ["#collapsed", "#expanded"].map((view, expanded) => ({
      down: 1, across: 0, places: all(`${view} .leftText > g`).map((place, i) => ({
        place, role: "button", hover: true, expanded: Boolean(expanded),
        label: describe([attn[0][0]], tokens, i, true),
      })),
    }));
  },
};

// What each place is called, now that the picture may be another.
function describeAll() {
  for (const { places } of groups[kind]()) {
    const stops = places.some(({ place }) => place.getAttribute("tabindex") === "0");
    places.forEach(({ place, role, label, ...states }, i) => {
      place.setAttribute("role", role);
      place.setAttribute("aria-label", label);
      for (const state of ["checked", "pressed", "expanded"]) {
        if (state in states) place.setAttribute(`aria-${state}`, states[state]);
      }
      if (!stops) place.setAttribute("tabindex", i ? -1 : 0); // the first, in a new picture
    });
  }
}

function focus(places, target) {
  for (const { place } of places) place.setAttribute("tabindex", place === target ? 0 : -1);
  target.focus();
}

// The group of a place, and which it is.
function find(element) {
  for (const group of groups[kind]()) {
    const at = group.places.findIndex(({ place }) => place === element);
    if (at >= 0) return { ...group, at, own: group.places[at] };
  }
}

const mouse = (type, target) => target.dispatchEvent(new MouseEvent(type, { bubbles: true }));

vis.addEventListener("focusin", (event) => {
  if (find(event.target)?.own.hover) mouse("mouseover", event.target);
});
vis.addEventListener("focusout", (event) => {
  if (find(event.target)?.own.hover) mouse("mouseleave", event.target);
});
for (const type of ["click", "dblclick"]) vis.addEventListener(type, describeAll);
vis.addEventListener("keydown", (event) => {
  const found = find(event.target);
  if (!found || event.altKey || event.ctrlKey || event.metaKey) return;
  const { at, own, places, down, across } = found;
  const steps = { ArrowDown: down, ArrowUp: -down, ArrowRight: across, ArrowLeft: -across };
  const to = { Home: 0, End: places.length - 1 }[event.key] ?? at + steps[event.key];
  if (places[to]) focus(places, places[to].place);
  else if ((event.key === "Enter" || event.key === " ") && own.role !== "img") {
    // What a mouse clicks is the last part of its place, or the place itself.
    mouse("click", own.place.lastElementChild ?? own.place);
    // The view with the other sign has taken the place of this one.
    if ("expanded" in own) {
      const other = groups[kind]()[own.expanded ? 0 : 1].places;
      focus(other, other[at].place);
    }
  } else return;
  event.preventDefault();
});

// -- the size: a picture is as wide as its frame, and never larger than BertViz draws it

function drawn() {
  const svg = vis.querySelector("svg:not([viewBox])");
  if (svg) {
    const [width, height] = ["width", "height"].map((side) => parseFloat(svg.getAttribute(side)));
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.style.maxWidth = `${width}px`;
  }
  describeAll();
}

new MutationObserver(drawn).observe(vis, { childList: true, subtree: true });
views[kind]($, { hsl, line, scaleOrdinal, schemeCategory10, select, selectAll }, params, say);
drawn();
