// What can be hit on a screen, where it is, whether it is cut off or covered; and what is wider than its place.
() => {
  // Thumbnails for which there is no room beside the live picture are left out whole: Review has them all.
  const leftOut = (el) => {
    const list = el.closest(".thumbs");
    return list && el.getBoundingClientRect().top >= list.getBoundingClientRect().bottom - 1;
  };
  const shown = (el) => {
    const box = el.getBoundingClientRect(), style = getComputedStyle(el);
    const over = document.querySelector("[data-covers]");
    return box.width > 1 && box.height > 1 && style.visibility === "visible" && !leftOut(el)
      && !el.closest(".sr, .skip, .link-lost") && !(el.matches("input") && el.closest("label.choice"))
      && !(over && !over.contains(el));
  };
  const kind = (el) => el.matches(".capture") ? "capture" : el.closest(".strip") ? "strip" : el.matches(".row") ? "row"
    : el.matches(".primary, .large, .rail .tall") ? "primary" : "control";
  const name = (el) => (el.id ? "#" + el.id : el.tagName.toLowerCase() + "." + el.className) + " "
    + (el.innerText || el.placeholder || el.name || "").trim().split("\n")[0].slice(0, 24);
  const root = (at) => at === document.body || at === document.documentElement;
  const scrolls = (at, way) => !root(at) && ["auto", "scroll"].includes(getComputedStyle(at)[`overflow${way}`]);
  const hides = (at, way) => root(at) || ["hidden", "clip"].includes(getComputedStyle(at)[`overflow${way}`]);
  const above = (at) => (getComputedStyle(at).position === "fixed" ? document.documentElement : at.parentElement);
  const edgeOf = (at) =>
    root(at) ? { top: 0, left: 0, right: innerWidth, bottom: innerHeight } : at.getBoundingClientRect();
  const cut = (el) => {
    let { top, bottom, left, right } = el.getBoundingClientRect();
    for (let at = above(el); at; at = root(at) ? null : above(at)) {
      const edge = edgeOf(at);
      if (scrolls(at, "Y")) [top, bottom] = [edge.top, edge.bottom];
      else if (hides(at, "Y") && (top < edge.top - 1 || bottom > edge.bottom + 1)) return true;
      if (hides(at, "X") && (left < edge.left - 1 || right > edge.right + 1)) return true;
    }
    return false;
  };
  const covered = (el) => {
    const box = el.getBoundingClientRect();
    const x = box.left + box.width / 2, y = box.top + box.height / 2;
    for (let at = above(el); at; at = root(at) ? null : above(at)) {
      const edge = edgeOf(at);
      if (scrolls(at, "Y") && (y < edge.top + 2 || y > edge.bottom - 2)) return "";  // scrolled away for now
    }
    const found = document.elementFromPoint(x, y);
    if (!found) return "nothing";
    return el.contains(found) || found.contains(el) || found.closest("#notice") ? "" : name(found);
  };
  const wide = [];
  for (const at of document.querySelectorAll("html, #main, #rail, #strip, #side, .review, .grid"))
    if (at.scrollWidth > at.clientWidth + 1) wide.push((at.id || at.className || "html") + " " + at.scrollWidth + " > " + at.clientWidth);
  for (const at of document.querySelectorAll(".strip .item, .strip button, .button, button, .state, .message, .tile .cap"))
    if (shown(at) && at.scrollWidth > at.clientWidth + 1) wide.push("words of " + name(at));
  const all = "a[href], button, input:not([type=hidden]), select, textarea, summary, label.choice";
  const controls = [...document.querySelectorAll(all)].filter(shown).map((el) => {
    const box = el.getBoundingClientRect();
    return { name: name(el), kind: kind(el), x: box.left, y: box.top, width: box.width, height: box.height, cut: cut(el), covered: covered(el) };
  });
  return { controls, wide };
}
