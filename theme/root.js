// To the language chosen earlier, else the first of the browser's that the course
// has, else English. With #choose, or without a script, the list below stays.
(() => {
  const remembered = (language) => {
    try {
      if (language) localStorage.setItem("course-language", language);
      return localStorage.getItem("course-language");
    } catch {
      return null;
    }
  };
  document.addEventListener("DOMContentLoaded", () => {
    const links = new Map([...document.querySelectorAll("a[data-language]")].map(
      (link) => [link.dataset.language, link]));
    for (const [language, link] of links) {
      link.addEventListener("click", () => remembered(language));
    }
    if (location.hash === "#choose") return;
    const wanted = [remembered(), ...navigator.languages.map((tag) => tag.split("-")[0])];
    const language = wanted.find((code) => links.has(code)) ?? "en";
    location.replace(links.get(language).href);
  });
})();
