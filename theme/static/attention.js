// Views of attention heads: mouse, keyboard, and the link between the views of a group.
// The pictures and tables stand in the page already; this only changes what they show.
(() => {
  // In a notebook each view brings this script along: the first one serves them all.
  if (window.courseHeads) return window.courseHeads();

  // A sentence of the view, in its language, with its places filled in.
  function say(view, key, ...parts) {
    return JSON.parse(view.dataset.words)[key].replace(/\{\}/g, () => parts.shift());
  }

  function choose(group, layer, head) {
    for (const view of document.querySelectorAll(".course-heads")) {
      if (view.dataset.group === group && view.courseShow) view.courseShow(layer, head);
    }
  }

  // The three largest weights in words, as the page wrote them.
  function strongest(weights, tokens) {
    return weights
      .map((weight, i) => [weight, i])
      .sort((a, b) => b[0] - a[0] || a[1] - b[1])
      .slice(0, 3)
      .map(([weight, i]) => `${tokens[i]} ${weight.toFixed(2)}`)
      .join(", ");
  }

  function headView(view, data) {
    const { tokens, shape: [layers, heads, length] } = data;
    const steps = Uint8Array.from(atob(data.weights), (c) => c.charCodeAt(0));
    const menus = [...view.querySelectorAll("select")];
    const svg = view.querySelector("svg");
    const lines = [...svg.querySelectorAll("line")];
    const marks = [...svg.querySelectorAll("g[data-token]")];
    const readout = view.querySelector(".course-heads-row");
    const cells = [...view.querySelectorAll("td")];
    let weights;

    const row = (i) => weights.slice(i * length, (i + 1) * length);
    const column = (j) => tokens.map((_, i) => weights[i * length + j]);
    const side = (mark) => mark.dataset.side;
    const place = (mark) => Number(mark.dataset.token);
    const describe = (mark) => side(mark) === "left"
      ? say(view, "looks", tokens[place(mark)], strongest(row(place(mark)), tokens))
      : say(view, "looked", tokens[place(mark)], strongest(column(place(mark)), tokens));

    const focused = () => marks.find((mark) => mark === document.activeElement);

    // Only the lines of one token, or all where there is none.
    function single(mark) {
      lines.forEach((line, k) => {
        const end = mark && (side(mark) === "left" ? Math.floor(k / length) : k % length);
        line.style.display = mark && end !== place(mark) ? "none" : "";
      });
      readout.textContent = mark
        ? describe(mark) : say(view, "point");
    }

    function show(layer, head) {
      if (layer >= layers || head >= heads) return; // another model's head
      const size = length * length;
      const start = (layer * heads + head) * size;
      weights = Array.from(steps.subarray(start, start + size), (step) => step / 255);
      lines.forEach((line, k) => line.setAttribute("stroke-width", weights[k] * data.line));
      cells.forEach((cell, i) => { cell.textContent = strongest(row(i), tokens); });
      marks.forEach((mark) => mark.setAttribute("aria-label", describe(mark)));
      menus[0].value = layer;
      menus[1].value = head;
      view.querySelector(".course-heads-now").textContent =
        say(view, "head", layer + 1, head + 1, `${layer + 1}-${head + 1}`);
      Object.assign(view.dataset, { layer, head });
      single(focused());
    }

    svg.setAttribute("role", "group"); // a picture as a whole hides the tokens in it
    marks.forEach((mark, i) => {
      mark.setAttribute("role", "img");
      mark.setAttribute("tabindex", i === 0 ? 0 : -1);
      mark.addEventListener("mouseenter", () => single(mark));
      mark.addEventListener("mouseleave", () => single(focused()));
      mark.addEventListener("focus", () => single(mark));
      mark.addEventListener("blur", () => single(null));
    });
    svg.addEventListener("keydown", (event) => {
      const at = marks.indexOf(event.target);
      if (at < 0) return;
      const top = at < length ? 0 : length;
      move(event, marks, {
        ArrowUp: Math.max(at - 1, top), ArrowDown: Math.min(at + 1, top + length - 1),
        ArrowLeft: at % length, ArrowRight: length + (at % length),
        Home: top, End: top + length - 1,
      });
    });
    for (const menu of menus) {
      menu.addEventListener("change", () =>
        choose(view.dataset.group, Number(menus[0].value), Number(menus[1].value)));
    }
    view.querySelector(".course-heads-menus").hidden = false;
    view.courseShow = show;
    show(Number(view.dataset.layer), Number(view.dataset.head));
  }

  // Put the focus on another of the items, of which one is in the tab order.
  function move(event, items, targets) {
    const to = items[targets[event.key]];
    if (!to || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    for (const item of items) item.setAttribute("tabindex", item === to ? 0 : -1);
    to.focus();
  }

  function gridView(view) {
    const cells = [...view.querySelectorAll("button[data-layer]")];
    const enabled = cells.filter((cell) => !cell.disabled);
    const at = (layer, head) => enabled.findIndex(
      (cell) => Number(cell.dataset.layer) === layer && Number(cell.dataset.head) === head);

    // The next head in a direction that exists.
    function next(cell, down, across) {
      const width = 1 + Math.max(...cells.map((c) => Number(c.dataset.head)));
      let [layer, head] = [Number(cell.dataset.layer), Number(cell.dataset.head)];
      do {
        [layer, head] = [layer + down, head + across];
        if (at(layer, head) >= 0) return at(layer, head);
      } while (layer >= 0 && head >= 0 && head < width && layer < cells.length / width);
      return enabled.indexOf(cell);
    }

    function show(layer, head) {
      const chosen = enabled[at(layer, head)];
      if (!chosen) return;
      for (const cell of cells) {
        cell.setAttribute("aria-pressed", cell === chosen);
        cell.tabIndex = cell === chosen ? 0 : -1;
      }
      const now = view.querySelector(".course-heads-now");
      now.textContent = chosen.getAttribute("aria-label");
      Object.assign(view.dataset, { layer, head });
    }

    view.addEventListener("click", (event) => {
      const cell = event.target.closest("button[data-layer]");
      if (!cell) return;
      choose(view.dataset.group, Number(cell.dataset.layer), Number(cell.dataset.head));
    });
    view.addEventListener("keydown", (event) => {
      const cell = event.target.closest("button[data-layer]");
      if (!cell) return;
      const inRow = enabled.filter((other) => other.dataset.layer === cell.dataset.layer);
      move(event, enabled, {
        ArrowUp: next(cell, -1, 0), ArrowDown: next(cell, 1, 0),
        ArrowLeft: next(cell, 0, -1), ArrowRight: next(cell, 0, 1),
        Home: enabled.indexOf(inRow[0]), End: enabled.indexOf(inRow.at(-1)),
      });
    });
    view.courseShow = show;
  }

  // In a notebook the data stand in the view; on the site they are in a file.
  function setUp(view) {
    const script = view.querySelector("script");
    if (script) return headView(view, JSON.parse(script.textContent));
    let wanted; // a head that was chosen elsewhere before the data were there
    view.courseShow = (...head) => { wanted = head; };
    window.courseNear(view, async () => {
      headView(view, await window.courseDataOf(view));
      if (wanted) view.courseShow(...wanted);
    });
  }

  window.courseHeads = () => {
    const views = [...document.querySelectorAll(".course-heads")];
    for (const view of views.filter((one) => !one.courseShow)) {
      if (view.dataset.kind === "head") setUp(view);
      else gridView(view);
      // A grid without a choice of its own marks what its group shows.
      const leader = views.find((other) =>
        other.dataset.group === view.dataset.group && other.dataset.layer !== undefined);
      if (view.dataset.layer === undefined && leader) {
        view.courseShow(Number(leader.dataset.layer), Number(leader.dataset.head));
      }
    }
  };
  if (document.readyState === "loading") {
    document.addEventListener("DOMContentLoaded", window.courseHeads);
  } else {
    window.courseHeads();
  }
})();
