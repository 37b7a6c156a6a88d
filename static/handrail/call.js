/* The live call: what the answer of each autosave changes on the page, the danger question, more substances.
   Without this file the page is a plain form: the question has a button, empty rows are there, Save works. */
"use strict";
(() => {
  const first = document.querySelector("[data-focus-first]");
  if (first) first.focus();
  const form = document.querySelector("form[data-call]");
  if (!form) return;
  const RETRY_MS = 2000, LEAVE_MS = 1500;
  const all = (selector) => form.querySelectorAll(selector);
  const one = (selector) => form.querySelector(selector);

  /* What the server says of what is typed ------------------------------------------------------------------ */
  const say = (name, words) => all(`[data-live-words="${name}"]`).forEach((place) => place.textContent !== words && (place.textContent = words));
  const PILLS = { danger: ["Danger asked", "Danger not asked", "is-late"], facts: ["Three facts", "Three facts to go", "is-quiet"], promise_set: ["Promise set", "No promise", "is-quiet"] };
  const show = (live) => {
    if (live.asked) say("asked", live.asked);
    say("warning", live.warning);
    one("[data-live-warning]").hidden = !live.warning;
    say("promise_line", live.promise ? `A call on ${live.promise}.` : live.promise_problem);
    one("[data-live-promise]").hidden = !live.promise_set;
    Object.entries(PILLS).forEach(([name, [yes, no, otherwise]]) => {
      const pill = one(`[data-live-pill="${name}"]`);
      pill.className = `hr-pill ${live[name] ? "is-ok" : otherwise}`;
      pill.querySelector("i").className = `bi bi-${live[name] ? "check-lg" : name === "danger" ? "exclamation-triangle" : "dash"}`;
      pill.querySelector("span").textContent = live[name] ? yes : no;
    });
    const step = one("[data-live-step]");
    step.classList.toggle("is-done", live.facts);
    step.innerHTML = live.facts ? '<i class="bi bi-check-lg" aria-hidden="true"></i>' : "2";
  };
  form.addEventListener("hr:saved", (event) => show(event.detail));

  /* The danger question ---------------------------------------------------------------------------------------- */
  const chosen = (name) => one(`input[name="${name}"]:checked`)?.value || "";
  const isEmergency = () => chosen("danger") === "yes" || (chosen("danger") === "cannot_tell" && chosen("reachable") === "no" && chosen("fear") === "yes");
  const cover = document.getElementById("now");
  const alarm = () => {
    document.body.classList.add("hr-e1");
    form.hidden = true;
    cover.hidden = false;
    cover.querySelector("h1").focus();
  };
  let asking = 0;
  const ask = async () => {
    const mine = ++asking;
    if (isEmergency()) alarm();
    const body = new URLSearchParams();
    new FormData(form).forEach((value, name) => typeof value === "string" && body.append(name, value));
    try {
      const response = await fetch(form.dataset.danger, { method: "POST", body, headers: { "X-CSRFToken": window.Handrail.csrf(), "X-Handrail-Autosave": "1" }, credentials: "same-origin", redirect: "manual" });
      if (!response.ok) throw new Error(String(response.status));
      const answer = await response.json();
      window.Handrail.line(false);
      if (answer.version !== undefined) form.elements.version.value = answer.version;
      if (answer.go) {
        // All that is typed went along: there is nothing left to warn about.
        window.Handrail.forgetDraft?.(form);
        window.location.assign(answer.go);
      } else if (mine === asking) show(answer);
    } catch {
      window.Handrail.line(true);
      if (mine === asking) setTimeout(() => mine === asking && ask(), RETRY_MS);
    }
  };
  form.addEventListener("change", (event) => {
    if (!["danger", "reachable", "fear"].includes(event.target.name)) return;
    one("[data-cannot-tell]").hidden = chosen("danger") !== "cannot_tell";
    ask();
  });

  /* Leaving keeps the last words too; without a line the browser itself asks. */
  form.addEventListener("click", async (event) => {
    const leave = event.target.closest("[data-leave]");
    if (!leave || event.ctrlKey || event.metaKey || !window.Handrail.hasUnsaved()) return;
    event.preventDefault();
    await Promise.race([window.Handrail.saveDrafts(), new Promise((go) => setTimeout(go, LEAVE_MS))]);
    window.location.assign(leave.href);
  });

  /* Somebody who calls for themselves has given the name already. */
  const about = () => (form.elements.first.placeholder = form.elements.relation.value === "self" ? "The caller" : "");
  form.elements.relation.addEventListener("change", about);
  about();

  /* A promise at another time asks which ------------------------------------------------------------------------- */
  form.addEventListener("change", (event) => {
    if (event.target.name !== "promise") return;
    const other = one("[data-promise-other]");
    other.hidden = event.target.value !== "other";
    if (!other.hidden) other.querySelector("input").focus();
  });

  /* Substances ------------------------------------------------------------------------------------------------------ */
  const total = form.elements["s-TOTAL_FORMS"];
  const add = one("[data-substance-add]");
  add.addEventListener("click", () => {
    const empty = [...all("[data-substance]")].find((row) => !row.querySelector("input").value);
    if (empty) return empty.querySelector("input").focus();
    const number = Number(total.value);
    if (all("[data-substance]").length >= Number(add.dataset.most)) return;
    const part = one("[data-substance-template]").innerHTML.replaceAll("__prefix__", number).replaceAll("__number__", all("[data-substance]").length + 1);
    one("[data-substances]").insertAdjacentHTML("beforeend", part);
    total.value = number + 1;
    one("[data-substances]").lastElementChild.querySelector("input").focus();
  });
  form.addEventListener("click", (event) => {
    const remove = event.target.closest("[data-substance-remove]");
    if (!remove) return;
    const row = remove.closest("[data-substance]");
    if (all("[data-substance]").length > 1) row.remove();
    else row.querySelectorAll("input").forEach((input) => (input.value = ""));
    all("[data-substance]").forEach((other, at) => {
      other.querySelector(".hr-rank").textContent = at + 1;
      other.setAttribute("aria-label", `Substance ${at + 1}`);
      other.classList.toggle("is-more", at > 0);
    });
    add.focus();
    form.elements.words.dispatchEvent(new Event("input", { bubbles: true }));
  });
})();
