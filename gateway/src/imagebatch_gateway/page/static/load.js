// Newer versions of this page from the gateway, and what is said when it does not answer.
import { localize } from "./format.js";
import { showGallery } from "./gallery.js";
import { morph } from "./morph.js";

/** Where the gateway's first page is. */
export const root = new URL(document.documentElement.dataset.root, location);

/** Fetch a page; undefined if the gateway does not answer, which the reader is told. */
export async function load(address, options = {}) {
  let response;
  try {
    response = await fetch(address, { ...options, headers: { Accept: "text/html", ...options.headers } });
  } catch {
    connection("The connection to ImageBatch is lost. What you see is the last that is known; this page tries again by itself.");
    return undefined;
  }
  const page = parse(await response.text());
  if (folder(response.url) !== folder(location.href)) rebase(page, response.url);
  return { response, page };
}

/** A page's text as a document, with numbers and times in the reader's language. */
export function parse(text) {
  const page = new DOMParser().parseFromString(text, "text/html");
  localize(page);
  return page;
}

const folder = (address) => new URL(".", address).href;

/** Make a page's relative addresses absolute, because it is shown at another address than its own. */
export function rebase(page, own) {
  for (const name of ["href", "src", "action", "data-address"]) {
    for (const node of page.querySelectorAll(`[${name}]:not([${name}^="#"])`)) {
      node.setAttribute(name, new URL(node.getAttribute(name), own).href);
    }
  }
}

/** Whether the gateway could not show what was asked for; then what is on the screen is the last that is known. */
export function isAway({ response, page }) {
  const live = page.getElementById("live");
  return response.status >= 500 || response.status === 429 || !live || live.dataset.refused !== undefined;
}

/** Whether a page tells why it could not be shown; why an action was refused stands in #answer. */
export const isProblem = (page) => page.querySelector("#live #problem:not(#answer *)") !== null;

/** Whether the gateway led to where one signs in. */
export const signedOut = (address) => new URL(address).pathname === new URL("signin", root).pathname;

/** How many versions of this page were shown. If it grows while a version is loaded, that version is out of date. */
export let shown = 0;

/** Take over the newer version of the part of the page that changes. */
export function show(page) {
  const [from, to] = [document.getElementById("live"), page.getElementById("live")];
  if (!from || !to) return;
  shown += 1;
  morph(from, to);
  document.title = page.title;
  showGallery(document);
}

/** Say in this place, and to those who listen, what did not work. */
export function tellProblem(place, text) {
  const note = document.createElement("div");
  note.className = "note bad";
  note.id = "problem";
  note.tabIndex = -1;
  note.setAttribute("role", "alert");
  note.textContent = text;
  place.replaceChildren(note);
  note.focus();
}

/** Say something in the line at the top; nothing takes it away. */
export function connection(text, link) {
  const line = document.getElementById("connection");
  line.hidden = !text;
  if (line.dataset.text === text) return;
  line.dataset.text = text;
  line.replaceChildren(text ?? "");
  if (link) {
    const anchor = document.createElement("a");
    anchor.href = link.href;
    anchor.textContent = link.text;
    line.append(" ", anchor);
  }
}

/** Tell that the session is over, without taking away what is on the screen. */
export function tellSignedOut() {
  const here = location.pathname.slice(root.pathname.length) + location.search;
  const href = new URL(`signin?next=${encodeURIComponent(here)}`, root).href;
  connection("Your session has ended. What you see is the last that is known.", { href, text: "Sign in again" });
}

/** Read something aloud to those who listen. */
export function announce(text) {
  const line = document.getElementById("said");
  line.textContent = "";
  setTimeout(() => (line.textContent = text), 50);
}
