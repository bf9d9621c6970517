// Draws the interactive figures. Each stands in the page as a still picture and a
// specification; the scripts that draw it are loaded only on pages that have one.
const here = document.currentScript.src;

function loadVega() {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = new URL("vega.js", here).href;
    script.type = "module";
    script.onload = resolve;
    script.onerror = () => reject(new Error(`${script.src} could not be loaded`));
    document.head.append(script);
  });
}

document.addEventListener("DOMContentLoaded", async () => {
  const charts = document.querySelectorAll(".course-chart");
  if (charts.length === 0) return;
  await loadVega();
  for (const chart of charts) {
    const specification = chart.querySelector("script").textContent;
    // The ink of the figures is the colour of the page's text, in either theme.
    const themed = JSON.parse(specification.replaceAll("#010203", "currentColor"));
    const view = document.createElement("div");
    await window.vegaEmbed(view, themed, { renderer: "svg", actions: false });
    chart.querySelector(".course-chart-view").replaceChildren(view);
  }
});
