/* Forms and small openings on every page, public ones too. Each part only spares a click or a mistake:
   without this file all of it still works as plain links, forms and <details>. */
"use strict";
(() => {
  const BUSY_MS = 8000; // a download never replaces the page, so its form must come back by itself

  /* A second click on Save. The server's idempotency key is the law, this is the politeness.
     aria-disabled and not disabled: a disabled button loses the focus. */
  const submitsOf = (form) => [...form.elements].filter((part) => part.matches("button:not([type=button]), input[type=submit]"));
  const settle = (form, busy) => {
    form.toggleAttribute("data-sent", busy);
    submitsOf(form).forEach((button) => (busy ? button.setAttribute("aria-disabled", "true") : button.removeAttribute("aria-disabled")));
  };
  document.addEventListener(
    "submit",
    (event) => {
      const form = event.target;
      if (form.method === "get" || form.method === "dialog" || "again" in form.dataset) return;
      if (form.hasAttribute("data-sent")) {
        event.preventDefault();
        event.stopImmediatePropagation();
        return;
      }
      settle(form, true);
      setTimeout(() => settle(form, false), BUSY_MS);
    },
    true,
  );
  window.addEventListener("pageshow", () => document.querySelectorAll("form[data-sent]").forEach((form) => settle(form, false)));
  document.addEventListener("htmx:afterRequest", (event) => {
    const form = event.detail.elt && event.detail.elt.closest("form");
    if (form) settle(form, false);
  });

  /* <form data-autosubmit>: filters apply when chosen, words when the typing rests. */
  let resting = 0;
  const apply = (form) => form.requestSubmit();
  document.addEventListener("change", (event) => {
    const form = event.target.form;
    if (form && "autosubmit" in form.dataset && event.target.type !== "search" && event.target.type !== "text") apply(form);
  });
  document.addEventListener("input", (event) => {
    const form = event.target.form;
    if (!form || !("autosubmit" in form.dataset) || (event.target.type !== "search" && event.target.type !== "text")) return;
    clearTimeout(resting);
    resting = setTimeout(() => apply(form), 400);
  });

  /* <button data-toggle="#id" aria-expanded="false">: chips that open "when there is time". */
  const toggle = (button) => {
    const part = document.querySelector(button.dataset.toggle);
    if (!part) return;
    part.hidden = !part.hidden;
    button.setAttribute("aria-expanded", String(!part.hidden));
    const first = !part.hidden && part.querySelector("input:not([type=hidden]), select, textarea, a, button");
    if (first) first.focus();
  };

  /* <a href="/page/" data-dialog-open="#id">: the page without a script, the dialog with one. */
  const openDialog = (selector) => {
    const dialog = document.querySelector(selector);
    if (!dialog || dialog.open) return false;
    dialog.dispatchEvent(new CustomEvent("hr:opening"));
    dialog.showModal();
    // Not `autofocus`: it is also tried when the page loads, while the dialog is closed.
    dialog.querySelector("[data-first]")?.focus();
    return true;
  };

  const copy = async (button) => {
    const source = document.querySelector(button.dataset.copy);
    const words = source ? source.value || source.textContent.trim() : button.dataset.copy;
    const label = button.querySelector("[data-copy-label]") || button;
    const before = label.textContent;
    try {
      await navigator.clipboard.writeText(words);
      label.textContent = "Copied";
    } catch {
      label.textContent = "Copy it by hand";
    }
    setTimeout(() => (label.textContent = before), 2000);
  };

  document.addEventListener("click", (event) => {
    const target = event.target.closest("[data-toggle], [data-dialog-open], [data-dialog-close], [data-copy], [data-print]");
    if (!target || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (target.dataset.toggle) toggle(target);
    else if (target.dataset.dialogOpen) {
      if (openDialog(target.dataset.dialogOpen)) event.preventDefault();
    } else if ("dialogClose" in target.dataset) {
      const dialog = target.closest("dialog");
      if (dialog) {
        event.preventDefault();
        dialog.close();
      }
    } else if (target.dataset.copy) copy(target);
    else if ("print" in target.dataset) window.print();
  });

  /* Chips whose part holds a mistake are opened by the server; tell the chip. */
  document.querySelectorAll("[data-toggle]").forEach((button) => {
    const part = document.querySelector(button.dataset.toggle);
    if (part) button.setAttribute("aria-expanded", String(!part.hidden));
  });

  /* After a refused form the summary is what to read first. */
  const summary = document.querySelector("[data-error-summary]");
  if (summary) summary.focus();
})();
