// The switch of language leads to the section that is being read, and is remembered.
// Every language has the anchors of the English pages.
(() => {
  // Japanese has no spaces: the index holds pairs of letters (Pairs in
  // tools/site_editions.py), and a query is cut in the same way.
  if (document.documentElement.lang === "ja") {
    const runs = /[\u3005\u3040-\u30ff\u3400-\u9fff]+|[a-z0-9_]+/g;
    window.splitQuery = (query) => (query.toLowerCase().match(runs) ?? []).flatMap((run) =>
      run < "\u3000" || run.length < 3 ? [run]
        : [...run].slice(1).map((letter, i) => run[i] + letter));
  }

  // The last section that has begun above the middle of the upper half of the window.
  function sectionInView() {
    const begun = [...document.querySelectorAll("article section[id]")].filter(
      (section) => section.getBoundingClientRect().top < window.innerHeight / 4);
    return begun.length > 1 ? begun.at(-1).id : ""; // the first is the page itself
  }

  function remember(language) {
    try {
      localStorage.setItem("course-language", language);
    } catch {
      // Without storage the choice holds for this click.
    }
  }

  document.addEventListener("DOMContentLoaded", () => {
    for (const link of document.querySelectorAll("a[data-language]")) {
      const lead = () => { link.hash = sectionInView(); };
      for (const event of ["pointerdown", "focus", "mouseenter"]) link.addEventListener(event, lead);
      link.addEventListener("click", () => {
        lead();
        remember(link.dataset.language);
      });
    }
  });
})();
