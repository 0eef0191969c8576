// Change a part of the page into a newer one, node by node: focus, open folds, what is typed and
// what is scrolled stay as they are.

/** Make `from`, which is in the page, like `to`. */
export function morph(from, to) {
  if (from.isEqualNode(to)) return;
  if (from.nodeType !== to.nodeType || from.nodeName !== to.nodeName) {
    from.replaceWith(to);
    return;
  }
  if (from.nodeType !== Node.ELEMENT_NODE) {
    from.data = to.data;
    return;
  }
  const kept = from.dataset.keep;
  if (kept !== undefined && kept === to.dataset.keep) return;
  if (kept !== undefined) {
    from.replaceWith(to);
    return;
  }
  changeAttributes(from, to);
  changeChildren(from, to);
}

function changeAttributes(from, to) {
  const own = from.nodeName === "DETAILS" ? ["open"] : [];
  for (const { name } of [...from.attributes]) {
    if (!to.hasAttribute(name) && !own.includes(name)) from.removeAttribute(name);
  }
  for (const { name, value } of to.attributes) {
    if (from.getAttribute(name) !== value && !own.includes(name)) from.setAttribute(name, value);
  }
}

function changeChildren(from, to) {
  const wantedIds = new Set([...to.children].map((child) => child.id).filter(Boolean));
  const byId = new Map();
  for (const child of [...from.children]) {
    if (!child.id) continue;
    if (wantedIds.has(child.id)) byId.set(child.id, child);
    else child.remove();
  }
  let at = from.firstChild;
  for (const wanted of [...to.childNodes]) {
    const same = wanted.id ? byId.get(wanted.id) : alike(at, wanted) ? at : undefined;
    if (!same) {
      from.insertBefore(wanted, at);
      continue;
    }
    if (same === at) at = at.nextSibling;
    else from.insertBefore(same, at);
    morph(same, wanted);
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

const alike = (one, other) =>
  one && one.nodeType === other.nodeType && one.nodeName === other.nodeName && !one.id;
