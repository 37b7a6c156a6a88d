/* What is typed is on the server within two seconds. Without a line it waits in this page and nowhere else:
   nothing about a person is written to the disk of a shared desk. */
"use strict";
window.Handrail = window.Handrail || {};
(() => {
  const REST_MS = 1000, LATEST_MS = 2000, LONGEST_RETRY_MS = 15000;
  const { duration, speak, line, isSignedOut } = window.Handrail;

  class Draft {
    constructor(form) {
      this.form = form;
      this.typedAt = 0; // the first key since the last save began
      this.savedAt = Date.parse(form.dataset.savedAt) || 0;
      this.failures = 0;
      this.isOver = false;
    }
    typed() {
      if (this.isOver) return;
      const now = Date.now();
      this.typedAt ||= now;
      this.in(Math.min(REST_MS, Math.max(0, this.typedAt + LATEST_MS - now)));
    }
    in(ms) {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.save(), ms);
    }
    get isUnsaved() {
      return !this.isOver && (this.typedAt > 0 || this.isSaving);
    }
    async save() {
      if (this.isSaving || this.isOver || !this.typedAt) return;
      this.isSaving = true;
      this.typedAt = 0;
      const body = new URLSearchParams();
      new FormData(this.form).forEach((value, name) => typeof value === "string" && body.append(name, value));
      try {
        const response = await fetch(this.form.dataset.autosave, {
          method: "POST",
          body,
          headers: { "X-CSRFToken": window.Handrail.csrf(), "X-Handrail-Autosave": "1", Accept: "application/json" },
          redirect: "manual",
          credentials: "same-origin",
        });
        if (response.status === 409) return this.conflict();
        if (isSignedOut(response)) throw new Error("signed out");
        if (!response.ok) throw new Error(String(response.status));
        const answer = await response.json();
        if (answer.version !== undefined && this.form.elements.version) this.form.elements.version.value = answer.version;
        this.savedAt = Date.now();
        this.failures = 0;
        line(false);
        this.form.dispatchEvent(new CustomEvent("hr:saved", { bubbles: true, detail: answer }));
      } catch (problem) {
        this.failures += 1;
        this.typedAt ||= Date.now();
        if (this.failures === 1) speak("Not saved, trying again.", true);
        if (problem.message === "signed out") window.Handrail.line(true, "You are signed out. What you typed is still here: sign in again in another tab, then go on.");
        this.in(Math.min(LONGEST_RETRY_MS, 1000 * 2 ** this.failures));
      } finally {
        this.isSaving = false;
        this.show();
      }
      if (this.typedAt && !this.failures) this.in(REST_MS);
    }
    /* Somebody else saved first. Nothing of theirs or ours is overwritten; saving stops until a person has looked. */
    conflict() {
      this.isOver = true;
      this.hasConflict = true;
      const note = this.form.querySelector("[data-conflict]") || document.querySelector("[data-conflict]");
      if (note) note.hidden = false;
      speak("Somebody else changed this while you typed.", true);
    }
    show() {
      const place = this.form.querySelector("[data-saved]") || document.querySelector("[data-saved]");
      if (!place) return;
      let icon = "cloud-check", words = "", isLate = false;
      if (this.hasConflict) [icon, words, isLate] = ["exclamation-triangle", "Not saved: somebody else changed this", true];
      else if (this.failures) [icon, words, isLate] = ["exclamation-triangle", "Not saved, trying again, kept on this device", true];
      else if (this.savedAt) words = `Saved ${duration(Math.max(1, (Date.now() - this.savedAt) / 1000), Date.now() - this.savedAt < 60000)} ago`;
      else return;
      if (place.dataset.words === words) return;
      place.dataset.words = words;
      place.classList.toggle("is-late", isLate);
      place.replaceChildren(Object.assign(document.createElement("i"), { className: `bi bi-${icon}`, ariaHidden: "true" }), document.createTextNode(words));
    }
  }

  const drafts = new Map();
  const draftOf = (form) => {
    if (!form || !form.dataset.autosave) return null;
    if (!drafts.has(form)) drafts.set(form, new Draft(form));
    return drafts.get(form);
  };
  const typed = (event) => {
    if (event.target.closest("[data-no-draft]")) return;
    draftOf(event.target.form)?.typed();
  };
  document.addEventListener("input", typed);
  document.addEventListener("change", typed);
  document.addEventListener("submit", (event) => {
    const draft = drafts.get(event.target);
    if (draft && !event.defaultPrevented) {
      draft.isOver = true;
      clearTimeout(draft.timer);
    }
  });
  window.addEventListener("pageshow", () => drafts.forEach((draft) => (draft.isOver = Boolean(draft.hasConflict))));
  window.addEventListener("online", () => drafts.forEach((draft) => draft.save()));
  window.addEventListener("beforeunload", (event) => {
    if ([...drafts.values()].some((draft) => draft.isUnsaved)) event.preventDefault();
  });
  document.addEventListener("visibilitychange", () => document.hidden && drafts.forEach((draft) => draft.save()));
  setInterval(() => drafts.forEach((draft) => draft.show()), 1000);
  document.querySelectorAll("form[data-autosave]").forEach(draftOf);

  window.Handrail.hasUnsaved = () => [...drafts.values()].some((draft) => draft.isUnsaved);
  /* All that is typed went along with another request: nothing is left to save or to warn about. */
  window.Handrail.forgetDraft = (form) => {
    const draft = drafts.get(form);
    if (!draft) return;
    draft.isOver = true;
    clearTimeout(draft.timer);
  };
  window.Handrail.saveDrafts = () => Promise.all([...drafts.values()].map((draft) => draft.save()));
})();
