// Draws the interactive figures. Each stands in the page as a still picture; what draws it
// (vega.js) and its data are scripts that are loaded when the reader comes near it.
(() => {
  const here = document.currentScript.src;
  const data = new Map();
  const loaded = new Map();

  // Each script once; a page opened from a disk may load scripts, but nothing else.
  function load(address) {
    if (!loaded.has(address)) {
      loaded.set(address, new Promise((resolve, reject) => {
        const script = document.createElement("script");
        script.src = address;
        script.onload = resolve;
        script.onerror = () => reject(new Error(`${address} could not be loaded`));
        document.head.append(script);
      }));
    }
    return loaded.get(address);
  }

  // A file of data says its name and what it holds.
  window.courseData = (name, content) => data.set(name, content);

  window.courseDataOf = async (figure) => {
    const { name, src } = figure.querySelector("[data-src]").dataset;
    await load(src);
    return data.get(name);
  };

  // Calls back once, when the figure is about to come into view.
  window.courseNear = (figure, callback) => {
    const observer = new IntersectionObserver((entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      observer.disconnect();
      callback(figure);
    }, { rootMargin: "300px" });
    observer.observe(figure);
  };

  async function draw(chart) {
    const [specification] = await Promise.all(
      [window.courseDataOf(chart), load(new URL("vega.js", here).href)]);
    const view = document.createElement("div");
    await window.courseVega(specification, view);
    chart.querySelector(".course-chart-view").replaceChildren(view);
  }

  for (const chart of document.querySelectorAll(".course-chart")) window.courseNear(chart, draw);
})();
