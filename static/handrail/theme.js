/* "As the system" for the theme, before the first paint. The server writes light or dark when the user chose one. */
"use strict";
(() => {
  const root = document.documentElement;
  const night = window.matchMedia("(prefers-color-scheme: dark)");
  root.classList.add("js");
  const show = () => {
    const wish = root.dataset.theme || "auto";
    root.dataset.bsTheme = wish === "auto" ? (night.matches ? "dark" : "light") : wish;
  };
  show();
  night.addEventListener("change", show);
  /* <input type="radio" name="theme" value="dark" data-theme-choice>: seen at once, kept when its form is saved. */
  document.addEventListener("change", (event) => {
    if (!event.target.matches("[data-theme-choice]")) return;
    root.dataset.theme = event.target.value;
    show();
  });
})();
