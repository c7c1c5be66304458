"use strict";
// The live picture, drawn frame by frame, so that its age is known: one that is older than allowed is covered, never shown.
(() => {
  let reader = null;
  let stop = null;
  let seen = 0;

  function stage() { return document.getElementById("stage"); }

  async function follow(url, canvas, signal) {
    const answer = await fetch(url, { signal, cache: "no-store" });
    if (!answer.ok || !answer.body) throw new Error("no picture");
    reader = answer.body.getReader();
    let bytes = new Uint8Array(0);
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const joined = new Uint8Array(bytes.length + value.length);
      joined.set(bytes);
      joined.set(value, bytes.length);
      bytes = joined;
      for (;;) {
        const part = cut(bytes);
        if (!part) break;
        bytes = part.rest;
        await draw(canvas, part.jpeg, part.number);
      }
    }
  }

  // One part is a head that ends with an empty line and says how long the picture behind it is.
  function cut(bytes) {
    const limit = Math.min(bytes.length, 512);
    for (let i = 3; i < limit; i += 1) {
      if (bytes[i] !== 10 || bytes[i - 1] !== 13 || bytes[i - 2] !== 10 || bytes[i - 3] !== 13) continue;
      const head = new TextDecoder().decode(bytes.subarray(0, i + 1));
      const found = /content-length: *(\d+)/i.exec(head);
      if (!found) throw new Error("not understood");
      const end = i + 1 + Number(found[1]);
      if (bytes.length < end) return null;
      const number = /x-frame-number: *(\d+)/i.exec(head);
      return { jpeg: bytes.subarray(i + 1, end), rest: bytes.slice(end).subarray(startOf(bytes, end)), number: number ? number[1] : "" };
    }
    return null;
  }

  function startOf(bytes, end) { return bytes[end] === 13 && bytes[end + 1] === 10 ? 2 : 0; }

  async function draw(canvas, jpeg, number) {
    const picture = await createImageBitmap(new Blob([jpeg], { type: "image/jpeg" }));
    if (canvas.width !== picture.width || canvas.height !== picture.height) {
      canvas.width = picture.width;
      canvas.height = picture.height;
    }
    canvas.getContext("2d", { alpha: false }).drawImage(picture, 0, 0);
    picture.close();
    seen = performance.now();
    canvas.dataset.frame = number;
    cover(false);
  }

  function cover(on) {
    const waiting = document.getElementById("waiting");
    if (!waiting || waiting.hidden === !on) return;
    waiting.hidden = !on;
    const canvas = document.getElementById("picture");
    if (on && canvas) canvas.getContext("2d", { alpha: false }).fillRect(0, 0, canvas.width, canvas.height);
  }

  async function keep() {
    for (;;) {
      const here = stage();
      if (!here || !here.dataset.preview) return;
      stop = new AbortController();
      try {
        await follow(here.dataset.preview, document.getElementById("picture"), stop.signal);
      } catch (error) {
        if (document.hidden) return;
      }
      await new Promise((resolve) => setTimeout(resolve, 700));
    }
  }

  function watch() {
    const here = stage();
    if (!here || !here.dataset.preview) return;
    const old = performance.now() - seen;
    if (old > Number(here.dataset.staleMs)) {
      cover(true);
      const count = document.querySelector("[data-stale]");
      const seconds = Math.floor(old / 1000);
      if (count) count.textContent = `${String(Math.floor(seconds / 60)).padStart(2, "0")}:${String(seconds % 60).padStart(2, "0")}`;
    }
  }

  document.addEventListener("DOMContentLoaded", () => {
    if (!stage() || !stage().dataset.preview) return;
    seen = performance.now();
    keep();
    setInterval(watch, 250);
  });
  addEventListener("pagehide", () => { if (stop) stop.abort(); });
})();
