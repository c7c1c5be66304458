// What can be hit on a screen, where it is, whether it is cut off or covered; and what is wider than its place.
() => {
  const shown = (el) => {
    const box = el.getBoundingClientRect(), style = getComputedStyle(el);
    return box.width > 1 && box.height > 1 && style.visibility === "visible" && !el.closest(".sr, .skip, .link-lost")
      && !(el.matches("input") && el.closest("label.choice"));
  };
  const kind = (el) => el.matches(".capture") ? "capture" : el.closest(".strip") ? "strip" : el.matches(".row") ? "row"
    : el.matches(".primary, .large, .rail .tall") ? "primary" : "control";
  const cut = (el) => {
    let box = el.getBoundingClientRect();
    let y = [box.top, box.bottom], x = [box.left, box.right];
    for (let at = el.parentElement; at; at = at.parentElement) {
      const style = getComputedStyle(at), root = at === document.body || at === document.documentElement;
      const edge = root ? { top: 0, left: 0, right: innerWidth, bottom: innerHeight } : at.getBoundingClientRect();
      const hides = (way) => root || ["hidden", "clip"].includes(way), scrolls = (way) => !root && ["auto", "scroll"].includes(way);
      if (scrolls(style.overflowY)) y = [edge.top, edge.bottom];
      else if (hides(style.overflowY) && (y[0] < edge.top - 1 || y[1] > edge.bottom + 1)) return true;
      if (scrolls(style.overflowX) && at.scrollWidth <= at.clientWidth + 1) x = [edge.left, edge.right];
      if (hides(style.overflowX) && (x[0] < edge.left - 1 || x[1] > edge.right + 1)) return true;
    }
    return false;
  };
  const hit = (el) => {
    const box = el.getBoundingClientRect(), main = document.getElementById("main").getBoundingClientRect();
    const x = box.left + box.width / 2, y = box.top + box.height / 2;
    const inside = el.closest("#main") ? main : { top: 0, bottom: innerHeight };
    if (y < inside.top || y > inside.bottom || x < 0 || x > innerWidth) return true;  // scrolled away for now
    const found = document.elementFromPoint(x, y);
    return Boolean(found) && (el.contains(found) || found.contains(el) || Boolean(found.closest("[data-covers], #notice")));
  };
  const name = (el) => (el.id ? "#" + el.id : el.tagName.toLowerCase() + "." + el.className) + " "
    + (el.innerText || el.placeholder || el.name || "").trim().split("\n")[0].slice(0, 24);
  const wide = [];
  for (const at of document.querySelectorAll("html, #main, #rail, #strip, #side, .review, .grid"))
    if (at.scrollWidth > at.clientWidth + 1) wide.push((at.id || at.className || "html") + " " + at.scrollWidth + " > " + at.clientWidth);
  const all = "a[href], button, input:not([type=hidden]), select, textarea, summary, label.choice";
  const controls = [...document.querySelectorAll(all)].filter(shown).map((el) => {
    const box = el.getBoundingClientRect();
    return { name: name(el), kind: kind(el), x: box.left, y: box.top, width: box.width, height: box.height, cut: cut(el), hit: hit(el) };
  });
  return { controls, wide };
}
