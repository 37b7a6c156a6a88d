/* The keyboard map. Keys are written in the page (data-key="n"), never here; `?` lists what the page has.
   Single characters act only outside fields and only while the user's setting has them on (WCAG 2.1.4). */
"use strict";
(() => {
  const SEQUENCE_MS = 1500;
  const root = document.documentElement;
  const lettersOn = () => root.dataset.letters === "on";
  const isField = (element) => element.matches("input:not([type=radio], [type=checkbox], [type=button], [type=submit], [type=range]), textarea, select, [contenteditable]");
  const isSeen = (element) => element.getClientRects().length > 0 || element.matches("input[type=radio], input[type=checkbox]");
  const stage = () => {
    const dialogs = document.querySelectorAll("dialog[open]");
    return dialogs.length ? dialogs[dialogs.length - 1] : document;
  };

  /* A key inside a row belongs to the chosen row only. */
  const find = (name, wanted) =>
    [...stage().querySelectorAll(`[${name}]`)].find((element) => {
      if (wanted !== undefined && element.getAttribute(name) !== wanted) return false;
      const row = element.closest("[data-rows] > .hr-row");
      return isSeen(element) && element.getAttribute("aria-disabled") !== "true" && (!row || row.classList.contains("is-here"));
    });
  const act = (element) => {
    if (isField(element)) {
      element.focus({ preventScroll: Boolean(element.closest(".hr-top")) });
      if (element.select) element.select();
    } else {
      if (element.matches("input")) element.focus();
      element.click();
    }
  };

  /* Rows ------------------------------------------------------------------------------------------------ */
  const rows = () => [...document.querySelectorAll("[data-rows] > .hr-row")].filter((row) => isSeen(row));
  const mainOf = (row) => row.querySelector("[data-open], a.hr-name, a, button, input");
  const choose = (row) => {
    document.querySelectorAll(".hr-row.is-here").forEach((other) => other !== row && other.classList.remove("is-here"));
    row.classList.add("is-here");
  };
  const step = (by) => {
    const all = rows();
    if (!all.length) return false;
    const at = all.findIndex((row) => row.classList.contains("is-here"));
    const isInside = at >= 0 && all[at].contains(document.activeElement);
    // The first press on a page goes to the row that is already marked.
    const next = all[Math.min(all.length - 1, Math.max(0, at < 0 ? 0 : isInside ? at + by : at))];
    choose(next);
    (mainOf(next) || next).focus();
    next.scrollIntoView({ block: "nearest" });
    return true;
  };
  document.addEventListener("focusin", (event) => {
    const row = event.target.closest("[data-rows] > .hr-row");
    if (row) choose(row);
  });

  /* Grids of beds: one stop for Tab, arrows inside ---------------------------------------------------------- */
  const cellsOf = (grid) => [...grid.querySelectorAll(".hr-bed, [data-cell]")].filter(isSeen);
  const pick = (grid, cell, withFocus) => {
    cellsOf(grid).forEach((other) => other.setAttribute("tabindex", other === cell ? "0" : "-1"));
    if (withFocus) cell.focus();
  };
  const neighbor = (cells, cell, key, isFar) => {
    const at = cells.indexOf(cell);
    const box = cell.getBoundingClientRect();
    const inLine = cells.filter((other) => Math.abs(other.getBoundingClientRect().top - box.top) < box.height / 2);
    if (key === "ArrowRight") return cells[at + 1];
    if (key === "ArrowLeft") return cells[at - 1];
    if (key === "Home") return isFar ? cells[0] : inLine[0];
    if (key === "End") return isFar ? cells[cells.length - 1] : inLine[inLine.length - 1];
    const down = key === "ArrowDown";
    let best, bestScore = Infinity;
    cells.forEach((other) => {
      const place = other.getBoundingClientRect();
      const dy = down ? place.top - box.top : box.top - place.top;
      if (dy < box.height / 2) return;
      // The nearest line first, then the nearest column in it.
      const score = dy * 1000 + Math.abs(place.left + place.width / 2 - box.left - box.width / 2);
      if (score < bestScore) [best, bestScore] = [other, score];
    });
    return best;
  };
  const setUpGrids = () =>
    document.querySelectorAll("[data-grid]").forEach((grid) => {
      const cells = cellsOf(grid);
      if (cells.length && cells.filter((cell) => cell.getAttribute("tabindex") === "0").length !== 1)
        pick(grid, cells.find((cell) => cell.classList.contains("is-picked")) || cells[0], false);
    });
  document.addEventListener("focusin", (event) => {
    const cell = event.target.closest(".hr-bed, [data-cell]");
    const grid = cell && cell.closest("[data-grid]");
    if (!grid) return;
    pick(grid, cell, false);
    cell.dispatchEvent(new CustomEvent("hr:pick", { bubbles: true }));
  });
  const moveInGrid = (event) => {
    const cell = event.target.closest("[data-grid] .hr-bed, [data-grid] [data-cell]");
    if (!cell || !["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End"].includes(event.key)) return false;
    if (event.altKey || event.metaKey || event.shiftKey) return false;
    const grid = cell.closest("[data-grid]");
    const next = neighbor(cellsOf(grid), cell, event.key, event.ctrlKey);
    event.preventDefault();
    if (next) pick(grid, next, true);
    return true;
  };

  /* The map ------------------------------------------------------------------------------------------------- */
  const labelOf = (element) => {
    if (element.dataset.keyLabel) return element.dataset.keyLabel;
    if (element.getAttribute("aria-label")) return element.getAttribute("aria-label");
    const named = element.labels && element.labels[0] ? element.labels[0] : element;
    const copy = named.cloneNode(true);
    copy.querySelectorAll("kbd, .hr-count, .hr-hide, small").forEach((part) => part.remove());
    return copy.textContent.replace(/\s+/g, " ").trim();
  };
  const drawMap = (dialog) => {
    const lines = new Map();
    const add = (keys, label) => label && !lines.has(keys) && lines.set(keys, label);
    document.querySelectorAll("[data-key-alt]").forEach((element) => isSeen(element) && add(`Alt ${element.dataset.keyAlt}`, `${labelOf(element)}, also inside a field`));
    const primary = [...document.querySelectorAll("[data-key-ctrl-enter]")].find(isSeen);
    if (primary) add("Ctrl Enter", labelOf(primary));
    if (lettersOn()) {
      document.querySelectorAll("[data-key]").forEach((element) => (isSeen(element) || element.closest(".hr-side")) && element.dataset.key !== "Escape" && add(element.dataset.key, labelOf(element)));
      if (rows().length) add("j k", "next and previous row");
    }
    if (rows().length) add("Enter", "open the row");
    if (document.querySelector("[data-grid]")) add("← ↑ → ↓", "move over the beds");
    add("Esc", "out of the field, then back");
    const list = dialog.querySelector("[data-keymap]");
    list.replaceChildren();
    lines.forEach((label, keys) => {
      const term = document.createElement("dt"), words = document.createElement("dd");
      keys.split(" ").forEach((key, index) => {
        if (index) term.append(" ");
        term.append(Object.assign(document.createElement("kbd"), { textContent: key }));
      });
      words.textContent = label;
      list.append(term, words);
    });
  };
  const map = document.getElementById("hr-keymap");
  if (map) map.addEventListener("hr:opening", () => drawMap(map));

  /* Escape: out of the field; then close what is open; then back ----------------------------------------------- */
  const escape = (event) => {
    if (document.querySelector("dialog[open]")) return; // the browser closes it
    const menu = document.querySelector("details[data-menu][open]");
    if (menu) {
      menu.open = false;
      menu.querySelector("summary").focus();
    } else if (isField(event.target)) {
      event.preventDefault(); // a search field would lose its words
      event.target.blur();
    } else if (document.body.hasAttribute("data-no-escape")) {
      return;
    } else {
      const back = find("data-key", "Escape");
      if (back) back.click();
      else if (window.navigation?.canGoBack) window.history.back();
    }
  };

  /* One listener -------------------------------------------------------------------------------------------- */
  let started = "", startedAt = 0;
  const onKey = (event) => {
    if (event.defaultPrevented || event.isComposing || event.key === "Process") return;
    if (event.key === "Escape") return escape(event);
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      const primary = find("data-key-ctrl-enter");
      if (primary) {
        event.preventDefault();
        primary.click();
      }
      return;
    }
    if (moveInGrid(event)) return;
    if (event.ctrlKey || event.metaKey) return;
    if (event.altKey) {
      // By position: on some keyboards Alt and 1 write another character.
      const digit = /^(?:Digit|Numpad)(\d)$/.exec(event.code);
      const answer = digit && find("data-key-alt", digit[1]);
      if (answer) {
        event.preventDefault();
        act(answer);
      }
      return;
    }
    if (isField(event.target)) return;
    if (event.key === "Enter" && event.target === document.body) {
      const row = document.querySelector("[data-rows] > .hr-row.is-here");
      if (row) mainOf(row)?.click();
      return;
    }
    if ((event.key === "ArrowDown" || event.key === "ArrowUp") && event.target.closest("[data-rows] > .hr-row") && !event.target.matches("input")) {
      event.preventDefault();
      step(event.key === "ArrowDown" ? 1 : -1);
      return;
    }
    if (event.key.length !== 1 || event.key === " " || !lettersOn() || event.repeat && !"jk".includes(event.key)) return;
    const key = event.key;
    const isSecond = started && Date.now() - startedAt < SEQUENCE_MS;
    const wanted = isSecond ? `${started} ${key}` : key;
    started = "";
    const target = find("data-key", wanted) || (isSecond ? find("data-key", key) : null);
    if (target) {
      event.preventDefault();
      act(target);
    } else if ((key === "j" || key === "k") && stage() === document) {
      if (step(key === "j" ? 1 : -1)) event.preventDefault();
    } else if (document.querySelector(`[data-key^="${CSS.escape(key)} "]`)) {
      event.preventDefault();
      [started, startedAt] = [key, Date.now()];
    }
  };
  document.addEventListener("keydown", onKey);
  ["hr:polled", "htmx:afterSettle"].forEach((name) => document.addEventListener(name, setUpGrids));
  setUpGrids();
})();
