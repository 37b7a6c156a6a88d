/* Times that go on, and lists that renew themselves.
   One server instant sets the clock; the words are those of core/templatetags/hr.py, letter for letter. */
"use strict";
window.Handrail = window.Handrail || {};
(() => {
  const MINUTE = 60, HOUR = 3600, DAY = 86400;
  const meta = (name) => document.querySelector(`meta[name="${name}"]`)?.content || "";
  const served = Date.parse(meta("server-now"));
  // A desk whose clock is wrong must not make a promise late.
  const offset = Number.isNaN(served) ? 0 : served - Date.now();
  const now = () => Date.now() + offset;

  /* Words ------------------------------------------------------------------------------------------- */
  const two = (number) => String(number).padStart(2, "0");
  const duration = (given, withSeconds) => {
    const seconds = Math.abs(Math.trunc(given));
    const minutes = Math.floor(seconds / MINUTE);
    if (withSeconds && seconds < HOUR) return minutes ? `${minutes} min ${two(seconds % MINUTE)} s` : `${seconds} s`;
    if (seconds < HOUR) return `${minutes} min`;
    if (seconds < 2 * DAY) {
      const rest = Math.floor((seconds % HOUR) / MINUTE);
      return `${Math.floor(seconds / HOUR)} h${rest ? ` ${rest} min` : ""}`;
    }
    return `${Math.floor(seconds / DAY)} days`;
  };
  const until = (left) => (Math.abs(left) < MINUTE ? "now" : left > 0 ? `in ${duration(left)}` : `${duration(left)} late`);
  const since = (gone) => (gone < MINUTE ? "just now" : `${duration(gone)} ago`);
  const timer = (counted, padded) => {
    const seconds = Math.max(0, Math.trunc(counted));
    const minutes = Math.floor(seconds / MINUTE);
    if (minutes >= 60) return `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(seconds % MINUTE)}`;
    return `${padded ? two(minutes) : minutes}:${two(seconds % MINUTE)}`;
  };
  const words = (time, counted, down) => {
    if (time.dataset.as === "timer") return timer(counted, !down);
    if ("seconds" in time.dataset) return duration(Math.max(0, counted), true);
    if ("bare" in time.dataset) return duration(Math.max(0, counted));
    return down ? until(counted) : since(Math.max(0, counted));
  };

  /* Each second; written only where the words changed, so nothing is repainted for nothing. ------------ */
  const say = (element, text) => {
    if (element.textContent !== text) element.textContent = text;
  };
  const isLate = (data, left) => {
    if (data.lateWithin) return left < Number(data.lateWithin);
    if (data.lateAfter === undefined) return null;
    return -left >= Math.max(Number(data.lateAfter), data.until ? MINUTE : 0);
  };
  const renew = (root = document) => {
    const instant = now();
    root.querySelectorAll("time[data-until], time[data-since]").forEach((time) => {
      const down = "until" in time.dataset;
      const left = (Date.parse(time.dataset.until || time.dataset.since) - instant) / 1000;
      // Whole seconds away from zero, as Python's int() does.
      say(time, words(time, down ? Math.trunc(left) : Math.trunc(-left), down));
      const late = isLate(time.dataset, left);
      if (late !== null) (time.closest(".hr-when") || time).classList.toggle("is-late", late);
    });
    root.querySelectorAll("svg.hr-ring[data-until]").forEach((ring) => {
      const ends = Date.parse(ring.dataset.until), starts = Date.parse(ring.dataset.from);
      const share = Math.round(Math.min(100, Math.max(0, (100 * (ends - instant)) / Math.max(1, ends - starts))));
      const fill = ring.querySelector(".hr-ring-fill");
      if (fill.getAttribute("stroke-dasharray") !== `${share} 100`) fill.setAttribute("stroke-dasharray", `${share} 100`);
      ring.classList.toggle("is-late", ends - instant < 1000 * Number(ring.dataset.lateWithin || 0));
    });
  };

  const clocks = new Map();
  const clockOf = (zone) => {
    if (!clocks.has(zone)) {
      const options = { timeZone: zone, weekday: "short", month: "short", day: "numeric", hour: "numeric", minute: "2-digit", second: "2-digit", hour12: true };
      clocks.set(zone, new Intl.DateTimeFormat("en-US", options));
    }
    return clocks.get(zone);
  };
  const wall = (zone) => Object.fromEntries(clockOf(zone).formatToParts(now()).map((part) => [part.type, part.value]));
  const facilityClock = document.querySelector("[data-facility-clock]");
  const zone = facilityClock?.dataset.zone || undefined;
  const tickClock = () => {
    if (!facilityClock) return;
    const at = wall(zone);
    const date = facilityClock.querySelector(".hr-date");
    if (date) say(date, `${at.weekday} ${at.month} ${at.day} `);
    say(facilityClock.querySelector("strong") || facilityClock, `${at.hour}:${at.minute}\u00a0${at.dayPeriod.toLowerCase()}`);
  };
  const tick = () => {
    renew();
    tickClock();
  };
  setInterval(tick, 1000);
  tick();

  /* One polite sentence a minute at most -------------------------------------------------------------- */
  let spokenAt = -Infinity;
  const speak = (sentence, urgent) => {
    const voice = document.getElementById("hr-voice");
    if (!voice || (!urgent && Date.now() - spokenAt < 60000)) return;
    spokenAt = Date.now();
    voice.textContent = sentence;
  };

  /* The line ------------------------------------------------------------------------------------------ */
  const line = (isLost, sentence) => {
    const shown = document.getElementById("hr-offline");
    if (!shown || shown.hidden === !isLost) return;
    if (sentence) shown.querySelector("span").textContent = sentence;
    shown.hidden = !isLost;
  };
  /* Signed out elsewhere or by the clock. Somebody who is typing is not thrown off the page. */
  const signedOut = () => {
    if (window.Handrail.hasUnsaved?.()) {
      line(true, "You are signed out. What you typed is still here: sign in again in another tab, then go on.");
      return;
    }
    window.location.assign(`${meta("login-url") || "/"}?next=${encodeURIComponent(window.location.pathname)}`);
  };
  const isSignedOut = (response) => response.type === "opaqueredirect" || response.status === 401 || response.status === 403;

  /* Morph: change what differs, leave what is the same, so focus, scroll and the open row stay. --------- */
  const OURS = ["is-here", "is-picked", "hr-changed", "is-gone"]; // classes the browser set, unknown to the server
  const KEPT = ["csrfmiddlewaretoken", "idempotency_key"]; // differ in every answer and mean the same
  const keyOf = (node) => (node.nodeType === Node.ELEMENT_NODE ? node.dataset.rowId || node.id || "" : "");
  const mark = (node) => {
    const place = node.nodeType === Node.TEXT_NODE ? node.parentElement : node;
    if (!place || place.closest("time[data-until], time[data-since], option, svg")) return;
    place.classList.add("hr-changed");
    setTimeout(() => place.classList.remove("hr-changed"), 2100);
  };
  const sameKind = (one, other) =>
    one.nodeType === other.nodeType && one.nodeName === other.nodeName && keyOf(one) === keyOf(other);

  /* What a person opened or is sending stays so, whatever the server thinks. */
  const isTheirs = (node, name) => {
    if (name === "open" || name === "aria-expanded" || name === "data-sent") return true;
    if (name === "tabindex") return Boolean(node.closest("[data-grid]"));
    if (name === "aria-disabled") return Boolean(node.closest("form[data-sent]"));
    return name === "hidden" && Boolean(node.id && document.querySelector(`[data-toggle="#${CSS.escape(node.id)}"]`));
  };
  const morphAttributes = (from, to) => {
    const kept = OURS.filter((ours) => from.classList.contains(ours) && !to.classList.contains(ours));
    const wanted = [...to.classList, ...kept].join(" ");
    if ((from.getAttribute("class") || "") !== wanted) from.setAttribute("class", wanted);
    for (const { name, value } of [...to.attributes])
      if (name !== "class" && from.getAttribute(name) !== value && !isTheirs(from, name)) from.setAttribute(name, value);
    for (const { name } of [...from.attributes])
      if (name !== "class" && !to.hasAttribute(name) && !isTheirs(from, name)) from.removeAttribute(name);
  };
  const morph = (from, to, hold) => {
    if (from.nodeType !== Node.ELEMENT_NODE) {
      if (from.data !== to.data) {
        from.data = to.data;
        if (from.data.trim()) mark(from);
      }
      return;
    }
    if (from.hasAttribute("data-keep") || KEPT.includes(from.name)) return;
    if (from.matches("time[data-until], time[data-since]") && from.dataset.until === to.dataset.until && from.dataset.since === to.dataset.since) return;
    if (from.isEqualNode(to)) return;
    morphAttributes(from, to);
    if (from.matches("textarea, select") && from.contains(document.activeElement)) return;
    morphChildren(from, to, hold);
  };
  const isOurOwn = (node) => node.nodeType === Node.ELEMENT_NODE && node.hasAttribute("data-show-new");
  const morphChildren = (from, to, hold) => {
    if (hold && from.matches("[data-rows]")) return;
    const wantedKeys = new Set([...to.children].map(keyOf));
    // Gone first, so that what stays need not be moved: a moved element loses the focus.
    [...from.children].forEach((child) => keyOf(child) && !wantedKeys.has(keyOf(child)) && !isOurOwn(child) && child.remove());
    const keyed = new Map([...from.children].filter(keyOf).map((child) => [keyOf(child), child]));
    let here = from.firstChild;
    for (const wanted of [...to.childNodes]) {
      while (here && isOurOwn(here)) here = here.nextSibling;
      const key = keyOf(wanted);
      let match = key ? keyed.get(key) : here;
      if (match && (!sameKind(match, wanted) || (!key && keyOf(match)))) match = null;
      // Space before a match is put away and the match left standing: a moved element loses the focus.
      while (key && match && here && here !== match && (isOurOwn(here) || here.nodeType !== Node.ELEMENT_NODE)) {
        const next = here.nextSibling;
        if (!isOurOwn(here)) here.remove();
        here = next;
      }
      if (match) {
        if (match !== here) from.insertBefore(match, here);
        else here = here.nextSibling;
        morph(match, wanted, hold);
      } else {
        const fresh = document.importNode(wanted, true);
        from.insertBefore(fresh, here);
        if (fresh.nodeType === Node.ELEMENT_NODE && !keyOf(fresh)) mark(fresh);
      }
    }
    while (here) {
      const next = here.nextSibling;
      if (!isOurOwn(here)) here.remove();
      here = next;
    }
  };

  /* Polls ---------------------------------------------------------------------------------------------- */
  const rowsIn = (root) => new Map([...root.querySelectorAll("[data-rows] > [data-row-id]")].map((row) => [row.dataset.rowId, row]));
  const newButtonOf = (place) => {
    let button = place.querySelector(":scope .hr-new[data-show-new]") || document.querySelector(`.hr-new[data-show-new="${place.id}"]`);
    if (!button) {
      button = document.createElement("button");
      button.type = "button";
      button.className = "hr-new";
      button.hidden = true;
      button.dataset.showNew = place.id;
      button.dataset.key = ".";
      button.dataset.keyLabel = "show what is new";
      const list = place.querySelector("[data-rows]");
      if (list) list.before(button);
      else place.prepend(button);
    }
    return button;
  };
  const offer = (place, fresh, gone) => {
    const button = newButtonOf(place);
    button.hidden = !fresh && !gone;
    if (button.hidden) return;
    const parts = [fresh && `${fresh} new`, gone && `${gone} done`].filter(Boolean).join(", ");
    const words = fresh ? "show them" : "put away";
    button.innerHTML = `<i class="bi bi-arrow-up" aria-hidden="true"></i><span>${parts}, ${words}</span><kbd>.</kbd>`;
    if (fresh) speak(`${fresh} new in the list.`);
  };
  const settled = (place) => {
    renew(place);
    window.htmx?.process(place);
    place.dispatchEvent(new CustomEvent("hr:polled", { bubbles: true }));
  };
  /* New rows wait, done rows stay dimmed, all others change where they stand. */
  const patch = (place, wanted) => {
    const before = rowsIn(place), after = rowsIn(wanted);
    let fresh = 0, gone = 0;
    after.forEach((row, id) => (before.has(id) ? morph(before.get(id), row, false) : (fresh += 1)));
    before.forEach((row, id) => {
      row.classList.toggle("is-gone", !after.has(id));
      if (!after.has(id)) gone += 1;
    });
    // An empty list has nothing under a finger: show at once.
    if (fresh && !before.size) return showAll(place, wanted);
    morphChildren(place, wanted, true);
    offer(place, fresh, gone);
    settled(place);
  };
  const showAll = (place, wanted) => {
    const chosen = place.querySelector(".is-here")?.dataset.rowId;
    place.querySelectorAll(".is-gone").forEach((row) => row.classList.remove("is-gone"));
    morphChildren(place, wanted, false);
    const button = newButtonOf(place);
    button.hidden = true;
    if (chosen) place.querySelector(`[data-row-id="${CSS.escape(chosen)}"]`)?.classList.add("is-here");
    settled(place);
  };
  const parse = (text, place) => {
    const page = new DOMParser().parseFromString(text, "text/html");
    return (place.id && page.getElementById(place.id)) || page.body;
  };

  class Poll {
    constructor(place) {
      this.place = place;
      this.every = Math.max(1000, Number(place.dataset.pollEvery) || 15000);
      this.etag = place.dataset.pollEtag || "";
      this.failures = 0;
      this.wait(this.every);
    }
    wait(ms) {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.ask(), ms);
    }
    async ask() {
      if (!this.place.isConnected) return;
      if (document.hidden || this.isAsking) return;
      this.isAsking = true;
      try {
        const headers = { "X-Handrail-Poll": "1" };
        if (this.etag) headers["If-None-Match"] = this.etag;
        const response = await fetch(this.place.dataset.poll, { headers, redirect: "manual", cache: "no-store", credentials: "same-origin" });
        if (isSignedOut(response)) return signedOut();
        if (!response.ok && response.status !== 304) throw new Error(String(response.status));
        if (response.status === 200) {
          this.etag = response.headers.get("ETag") || "";
          this.show(await response.text());
        }
        this.failures = 0;
        line(false);
        this.live();
      } catch {
        this.failures += 1;
        if (this.failures > 1 || !navigator.onLine) line(true);
      } finally {
        this.isAsking = false;
      }
      this.wait(Math.min(60000, this.every * 2 ** Math.min(this.failures, 4)));
    }
    show(text) {
      this.latest = parse(text, this.place);
      const sentence = this.latest.querySelector("[data-voice]")?.textContent.trim();
      if (sentence) speak(sentence);
      if ("pollReplace" in this.place.dataset) showAll(this.place, this.latest);
      else patch(this.place, this.latest);
    }
    live() {
      const at = wall(zone);
      document.querySelectorAll("[data-live]").forEach((label) => {
        const words = label.querySelector("span") || label;
        say(words, `Live, ${at.hour}:${at.minute}:${at.second}\u00a0${at.dayPeriod.toLowerCase()}`);
      });
    }
  }
  const polls = new Map();
  const startPolls = () => {
    document.querySelectorAll("[data-poll]").forEach((place) => {
      if (!polls.has(place)) polls.set(place, new Poll(place));
    });
    polls.forEach((poll, place) => place.isConnected || polls.delete(place));
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-show-new]");
    if (!button) return;
    const place = document.getElementById(button.dataset.showNew) || button.closest("[data-poll]");
    const poll = polls.get(place);
    if (poll?.latest) showAll(place, poll.latest);
    place?.querySelector("[data-rows] > .hr-row a, [data-rows] > .hr-row button")?.focus();
  });
  document.addEventListener("visibilitychange", () => {
    tick();
    if (!document.hidden) polls.forEach((poll) => poll.ask());
  });
  window.addEventListener("offline", () => line(true));
  window.addEventListener("online", () => polls.forEach((poll) => poll.ask()));
  document.addEventListener("htmx:afterSettle", (event) => {
    renew(event.target.parentNode || document);
    startPolls();
  });
  startPolls();

  Object.assign(window.Handrail, { now, duration, until, since, renew, speak, line, signedOut, isSignedOut });
})();
