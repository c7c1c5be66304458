"use strict";
// The server holds all state: on a change the same page is fetched again and its main part replaced,
// but never under a finger and never while somebody types.
let touched = 0;
for (const kind of ["pointerdown", "pointerup", "keydown"]) addEventListener(kind, () => { touched = Date.now(); });
async function renew() {
  const typing = document.activeElement && document.activeElement.matches("input[name=typed], select");
  if (typing || Date.now() - touched < 1000) { setTimeout(renew, 1100); return; }
  const answer = await fetch(location.href, { headers: { Accept: "text/html", "X-By-Itself": "1" } });
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of ["header", "nav", "footer", "aside", ".rows"]) {
    const [old, now] = [document.querySelector(part), fresh.querySelector(part)];
    if (old && now) old.replaceWith(now);
  }
}
new EventSource("/api/events").addEventListener("change", renew);
