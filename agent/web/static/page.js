"use strict";
// The server holds all state. On a change the same page is asked again and its living parts are replaced, but never under
// a finger, never within a second of a touch and never while somebody types. No word of a person stands in this file.
(() => {
  const QUIET_MS = 1000;
  let down = false;
  let touched = -QUIET_MS;
  let wanted = false;
  let lostAt = 0;
  const signals = () => document.getElementById("signals");
  const page = () => document.documentElement.dataset.page;

  // --- touch ------------------------------------------------------------------------------------------------
  addEventListener("pointerdown", () => { down = true; touched = performance.now(); unlock(); }, true);
  for (const kind of ["pointerup", "pointercancel"]) addEventListener(kind, () => { down = false; touched = performance.now(); }, true);
  addEventListener("keydown", () => { touched = performance.now(); unlock(); }, true);

  function typing() {
    const at = document.activeElement;
    return Boolean(at && at.matches("#main input:not([type=radio]):not([type=checkbox]), #main select, #main textarea") && (at.value || at.matches("select")));
  }
  // What an administrator typed and did not send yet is not lost because the login became too old meanwhile.
  function edited() {
    if (!page().startsWith("admin")) return false;
    return [...document.querySelectorAll("#main input:not([type=hidden]), #main textarea")].some((at) =>
      at.matches("[type=radio], [type=checkbox]") ? at.checked !== at.defaultChecked : at.value !== at.defaultValue);
  }
  function still() { return !down && performance.now() - touched >= QUIET_MS && !typing(); }

  // --- changes ----------------------------------------------------------------------------------------------
  function renew() {
    const parts = document.getElementById("main").dataset.renew;
    // Why a form was refused stays to be read; what the box says by itself comes and goes with its state.
    const kept = document.querySelector("#notice[data-kept] .message:not([hidden])");
    const always = kept ? "#banner,#strip,#signals" : "#banner,#strip,#notice,#signals";
    if (!still()) { wanted = true; return; }
    wanted = false;
    if (!window.htmx || document.querySelector(".htmx-request")) { wanted = true; return; }
    htmx.ajax("GET", location.pathname + location.search, { target: "#main", swap: "none", headers: { "X-By-Itself": "1" }, selectOOB: parts ? `${always},${parts}` : always });
  }

  function listen() {
    const events = new EventSource("/api/events");
    events.addEventListener("change", renew);
    events.onopen = () => { if (lostAt) { lostAt = 0; document.body.classList.remove("lost"); renew(); } };
    events.onerror = () => { if (!lostAt) lostAt = performance.now(); };
  }

  // --- what is heard and seen after the server said so -----------------------------------------------------------
  const players = {};
  function unlock() {
    if (document.body.dataset.sounds !== "on" || players.captured) return;
    for (const name of ["captured", "refused", "attention"]) {
      players[name] = new Audio(document.body.dataset[`${name}Sound`]);
      players[name].preload = "auto";
    }
  }
  function play(name) {
    document.dispatchEvent(new CustomEvent("heard", { detail: name }));
    document.body.dataset.heard = name;
    const player = players[name];
    if (!player) return;
    player.currentTime = 0;
    player.play().catch(() => {});
  }
  function facts() {
    const at = signals();
    return at ? { exam: at.dataset.exam, captured: Number(at.dataset.captured), refused: Number(at.dataset.refused), alarms: Number(at.dataset.alarms) } : null;
  }
  let known = null;
  function compare() {
    const now = facts();
    if (!now) return;
    if (known) {
      if (now.exam === known.exam && now.captured > known.captured) taken();
      if (now.refused > known.refused || document.querySelector("#notice .message.fail:not([data-said])")) play("refused");
      else if (now.alarms > known.alarms) play("attention");
    }
    for (const said of document.querySelectorAll("#notice .message")) said.dataset.said = "";
    known = now;
  }
  function taken() {
    play("captured");
    const stage = document.getElementById("stage");
    if (!stage) return;
    stage.classList.remove("taken");
    requestAnimationFrame(() => stage.classList.add("taken"));
    setTimeout(() => stage.classList.remove("taken"), 600);
  }

  // --- time that passes -----------------------------------------------------------------------------------------
  const born = new WeakMap();
  function age(element) {
    if (!born.has(element)) born.set(element, performance.now());
    return (performance.now() - born.get(element)) / 1000;
  }
  const two = (number) => String(number).padStart(2, "0");
  function tick() {
    for (const at of document.querySelectorAll("[data-since]")) {
      const seconds = Math.floor(Number(at.dataset.since) + age(at));
      const minutes = at.closest(".cover") ? two(Math.floor(seconds / 60)) : String(Math.floor(seconds / 60));
      at.textContent = `${minutes}:${two(seconds % 60)}`;
    }
    for (const ring of document.querySelectorAll("svg.ring")) {
      const left = Math.max(0, Number(ring.dataset.left) - age(ring));
      const whole = Number(ring.dataset.whole) || 1;
      ring.querySelector(".left").setAttribute("stroke-dashoffset", String(100 - (100 * left) / whole));
      ring.querySelector("text").textContent = String(Math.ceil(left));
      if (left === 0 && !ring.dataset.over) { ring.dataset.over = "1"; setTimeout(renew, 800); }
    }
    for (const at of document.querySelectorAll("[data-fades]")) if (age(at) > 1.5) at.hidden = true;
    for (const at of document.querySelectorAll("#notice .message")) if (age(at) > 9) at.hidden = true;
    if (lostAt && performance.now() - lostAt > 2500) document.body.classList.add("lost");
    if (wanted && still()) renew();
  }

  // --- keys -----------------------------------------------------------------------------------------------------
  function press(id) {
    const button = document.getElementById(id);
    if (button && !button.disabled) button.click();
  }
  addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.repeat || event.ctrlKey || event.altKey || event.metaKey) return;
    const covered = document.querySelector("[data-covers]");
    const named = [...document.querySelectorAll("[data-key]")].find((at) => at.dataset.key === event.key && at.matches("a"));
    if (named && !covered && !typing()) { event.preventDefault(); named.click(); return; }
    if (page() === "live") {
      const inOther = document.activeElement && document.activeElement.id === "capture";
      if (event.key === "Enter" && inOther) { event.preventDefault(); return; }
      if ((event.key === " " || event.key === "PageDown") && !covered) { event.preventDefault(); press("capture"); }
      return;
    }
    if (event.key === "Escape") { const back = document.getElementById("back") || document.getElementById("wrong"); if (back) { event.preventDefault(); back.click(); } }
    if (event.key === "Enter" && document.activeElement && document.activeElement.id === "typed") event.preventDefault();
  });

  document.addEventListener("click", (event) => {
    const key = event.target.closest("[data-key]");
    if (!key || !key.closest(".keypad")) return;
    const field = document.getElementById(key.closest(".keypad").dataset.for);
    if (key.dataset.key === "clear") field.value = "";
    else if (key.dataset.key === "back") field.value = field.value.slice(0, -1);
    else field.value += key.dataset.key;
  });

  // One tap, one act: a second one before the answer is not heard.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.dataset.sent) { event.preventDefault(); return; }
    if (!form.hasAttribute("hx-post") && !form.hasAttribute("hx-get")) {
      form.dataset.sent = "1";
      setTimeout(() => { for (const button of form.querySelectorAll("button")) button.classList.add("busy-now"); });
    }
  });
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });

  document.addEventListener("htmx:beforeSwap", (event) => {
    const answer = event.detail.xhr;
    // Asked for before the finger came: it is asked for again when the finger has gone.
    if (event.detail.requestConfig.headers["X-By-Itself"] && !still()) {
      event.detail.shouldSwap = false;
      wanted = true;
      return;
    }
    const kind = /data-page="([a-z-]+)"/.exec(answer.responseText || "");
    if (kind && kind[1] !== page()) {
      event.detail.shouldSwap = false;
      if (edited()) return;
      location.assign(answer.responseURL || location.href);
    }
  });
  // The wristband fits and nothing else stands in the way: the server said so, the form is sent by itself, once.
  function proceed() {
    const form = document.querySelector("form[data-auto]");
    if (!form || form.dataset.sent || form.dataset.waits) return;
    form.dataset.waits = "1";
    setTimeout(() => { if (form.isConnected) form.requestSubmit(document.getElementById("yes")); }, 600);
  }
  document.addEventListener("htmx:afterSettle", () => { compare(); proceed(); });

  document.addEventListener("DOMContentLoaded", () => {
    for (const pad of document.querySelectorAll(".keypad")) pad.hidden = false;
    known = facts();
    if (document.querySelector("#notice .message.fail")) play("refused");
    for (const said of document.querySelectorAll("#notice .message")) said.dataset.said = "";
    // A refused form stands on the page that it came from: asking again shows that page and sends nothing twice.
    const here = document.body.dataset.here;
    if (here && here !== decodeURIComponent(location.pathname)) history.replaceState(null, "", encodeURI(here));
    document.documentElement.dataset.ready = "1";
    if (document.body.dataset.follows === "1") listen();
    proceed();
    tick();
    setInterval(tick, 250);
  });
})();
