"use strict";
// A wedge reader is a keyboard that types very fast and ends with Enter. What it types is recognised on every screen and
// sent as a scan; it never presses a button that happens to have the focus, never captures and never confirms.
(() => {
  const FAST_MS = 60;
  const SHORTEST = 4;
  const LONGEST = 256;
  let text = "";
  let last = 0;
  let field = null;
  let before = "";

  function restart(event, now) {
    text = "";
    last = now;
    field = event.target && event.target.matches && event.target.matches("input, textarea") ? event.target : null;
    before = field ? field.value : "";
  }

  addEventListener("keydown", (event) => {
    const now = event.timeStamp;
    const fast = text !== "" && now - last <= FAST_MS;
    if (event.key === "Enter" || event.key === "Tab") {
      if (fast && text.length >= SHORTEST) {
        event.preventDefault();
        event.stopImmediatePropagation();
        const scanned = text;
        if (field) field.value = before;
        text = "";
        submit(scanned);
        return;
      }
      text = "";
      return;
    }
    if (event.key.length !== 1 || event.ctrlKey || event.altKey || event.metaKey) return;
    if (!fast) restart(event, now);
    text = (text + event.key).slice(-LONGEST);
    last = now;
    if (text.length > 1 && !field) { event.preventDefault(); event.stopImmediatePropagation(); }
  }, true);

  function submit(scanned) {
    const form = document.getElementById("scan-form");
    if (!form) return;
    form.elements.text.value = scanned;
    document.dispatchEvent(new CustomEvent("scanned"));
    form.submit();
  }
})();
