/* What holds the staff pages together: the token of each request, the idle warning, menus, notices.
   Order of the files: forms, live, drafts, keys, app; each adds to window.Handrail what the next ones use. */
"use strict";
window.Handrail = window.Handrail || {};
(() => {
  const meta = (name) => document.querySelector(`meta[name="${name}"]`)?.content || "";
  window.Handrail.csrf = () => meta("csrf-token");

  /* htmx -------------------------------------------------------------------------------------------------- */
  document.addEventListener("htmx:configRequest", (event) => {
    event.detail.headers["X-CSRFToken"] = window.Handrail.csrf();
  });
  /* A session that ended answers with the sign-in page; it must not be put into a card. */
  document.addEventListener("htmx:beforeSwap", (event) => {
    const login = meta("login-url");
    const { xhr } = event.detail;
    if (xhr.status === 401 || (login && xhr.responseURL && new URL(xhr.responseURL).pathname === login)) {
      event.detail.shouldSwap = false;
      window.Handrail.signedOut();
    }
  });
  document.addEventListener("htmx:sendError", () => window.Handrail.line(true));
  document.addEventListener("htmx:afterOnLoad", () => window.Handrail.line(false));
  document.addEventListener("htmx:responseError", (event) => {
    if (event.detail.xhr.status !== 401) notice("That did not work. Nothing was changed, what you typed is still here.");
  });

  /* One notice at the foot; the words of the page itself say success. ------------------------------------------ */
  const notice = (sentence) => {
    const place = document.createElement("div");
    place.className = "hr-toast";
    place.setAttribute("role", "alert");
    place.dataset.toast = "";
    place.innerHTML = '<i class="bi bi-exclamation-triangle" aria-hidden="true"></i><span></span><button class="btn btn-text btn-sm" type="button" data-toast-close>Close</button>';
    place.querySelector("span").textContent = sentence;
    shelf().append(place);
    shelve(place);
  };
  const shelf = () => {
    let place = document.getElementById("hr-toasts");
    if (!place) {
      place = Object.assign(document.createElement("div"), { id: "hr-toasts", className: "hr-toasts" });
      document.body.append(place);
    }
    return place;
  };
  const TOAST_MS = 8000;
  const shelve = (toast) => {
    const go = () => (toast.matches(":hover, :focus-within") ? setTimeout(go, 2000) : toast.remove());
    setTimeout(go, TOAST_MS);
  };
  document.querySelectorAll("[data-toast]").forEach(shelve);
  document.addEventListener("htmx:afterSettle", (event) => event.target.querySelectorAll?.("[data-toast]").forEach(shelve));
  document.addEventListener("click", (event) => event.target.closest("[data-toast-close]")?.closest("[data-toast]").remove());
  window.Handrail.notice = notice;

  /* Menus close when one looks elsewhere. ------------------------------------------------------------------------ */
  const closeMenus = (except) => document.querySelectorAll("details[data-menu][open]").forEach((menu) => menu !== except && (menu.open = false));
  document.addEventListener("click", (event) => closeMenus(event.target.closest("details[data-menu]")));
  document.addEventListener("focusin", (event) => closeMenus(event.target.closest("details[data-menu]")));

  /* Idle: the server ends the session after 15 minutes without a key or a tap. Polls do not count there, so
     keys and taps that cause no request are told to it once a minute at most. Tabs of one desk tell each other. */
  const dialog = document.getElementById("hr-idle");
  if (dialog) {
    const LIMIT_MS = 1000 * Number(dialog.dataset.idle), WARN_MS = 120000, TELL_MS = 60000;
    const tabs = "BroadcastChannel" in window ? new BroadcastChannel("handrail-active") : null;
    let activeAt = Date.now(), toldAt = Date.now();
    const tell = async () => {
      toldAt = Date.now();
      try {
        const response = await fetch(dialog.dataset.stay, { method: "POST", headers: { "X-CSRFToken": window.Handrail.csrf() }, redirect: "manual", credentials: "same-origin" });
        if (window.Handrail.isSignedOut(response)) window.Handrail.signedOut();
      } catch {
        toldAt = 0; // no line: with the next key again
      }
    };
    const active = () => {
      if (dialog.open) return; // the question wants an answer, not a mouse that was bumped
      activeAt = Date.now();
      if (activeAt - toldAt > TELL_MS) tell();
      tabs?.postMessage(activeAt);
    };
    const stay = () => {
      if (dialog.open) dialog.close();
      activeAt = Date.now();
      tabs?.postMessage(activeAt);
      tell();
    };
    ["keydown", "pointerdown"].forEach((name) => document.addEventListener(name, active, { passive: true }));
    dialog.querySelector("[data-idle-stay]").addEventListener("click", stay);
    dialog.addEventListener("cancel", stay);
    if (tabs)
      tabs.onmessage = (message) => {
        activeAt = Math.max(activeAt, message.data);
        toldAt = Math.max(toldAt, message.data);
        if (dialog.open) dialog.close();
      };
    const left = dialog.querySelector("[data-idle-left]");
    setInterval(async () => {
      const rest = LIMIT_MS - (Date.now() - activeAt);
      if (rest <= 0) {
        await window.Handrail.saveDrafts?.();
        // Never an unattended screen with a person on it, also when the line is lost.
        window.location.assign(`${meta("login-url") || "/"}?next=${encodeURIComponent(window.location.pathname)}`);
      } else if (rest <= WARN_MS) {
        if (!dialog.open) {
          window.Handrail.saveDrafts?.();
          dialog.showModal();
        }
        left.textContent = window.Handrail.duration(rest / 1000, true);
      }
    }, 1000);
  }
})();
