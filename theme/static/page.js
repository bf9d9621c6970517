// The theme's buttons that name what they do, and what differs on a disk.
document.addEventListener("DOMContentLoaded", () => {
  for (const button of document.querySelectorAll("[data-does]")) {
    button.addEventListener("click", () => {
      if (button.dataset.does === "print") window.print();
      else window.toggleFullScreen();
    });
  }
  // A link to the bibliography shows the entry while the pointer is on it.
  document.addEventListener("mouseover", (event) => {
    const link = event.target.closest?.("a.reference.internal[href^='#']:not([title])");
    const entry = link && document.getElementById(link.hash.slice(1));
    if (entry?.matches(".citation")) link.title = entry.querySelector("p").textContent;
  });
});
// The search quotes each page that it found, and asks the server for it; there is none
// where the pages were opened from a disk.
if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
