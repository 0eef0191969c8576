// Keep the page current while it is seen: a request by its events, a list by looking now and then.
import { number, span } from "./format.js";
import { announce, connection, isAway, isProblem, load, rebase, root, show, shown, signedOut, tellSignedOut } from "./load.js";

const LOOK_MS = 4_000;
const LONGEST_MS = 30_000;
/** A request is looked at this often even if no event comes: a stream may be dead unnoticed. */
const SAFETY_MS = 30_000;
/** The pace is measured over this time. */
const WINDOW_MS = 60_000;

let busy = false;
let again = false;
let failures = 0;
let timer;
let leave = () => {};
const counts = [];

export function keepCurrent() {
  const live = document.getElementById("live");
  if (!live) return;
  if (live.dataset.address) {
    // The form was sent before this script ran, and was refused. From here on this is the request's page.
    rebase(document, location.href);
    history.replaceState(null, "", live.dataset.address);
  }
  measure();
  if (isProblem(document)) failures = 1;
  const begin = () => {
    leave();
    clearTimeout(timer);
    if (document.hidden) return;
    if (kind() === "request") leave = followEvents(live.dataset.id);
    next();
  };
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && kind()) refresh();
    begin();
  });
  addEventListener("pagehide", () => leave());
  addEventListener("pageshow", (event) => event.persisted && begin());
  addEventListener("online", () => kind() && refresh());
  begin();
}

/** Whether the page that was asked for could not be shown at all. */
const isRefused = () => document.querySelector("#live[data-refused]") !== null;
const kind = () => document.getElementById("live")?.dataset.live;

function next() {
  clearTimeout(timer);
  if (document.hidden || (!kind() && !failures)) return;
  const pause = failures ? Math.min(LOOK_MS * 2 ** (failures - 1), LONGEST_MS) : kind() === "request" && streaming ? SAFETY_MS : LOOK_MS;
  timer = setTimeout(refresh, pause);
}

/** Look now; if that does not work, look again later. */
export const lookNow = () => void refresh();

/** Look once; what comes meanwhile leads to one more look. */
async function refresh() {
  if (busy) {
    again = true;
    return;
  }
  busy = true;
  try {
    await look();
  } finally {
    busy = false;
    next();
  }
  if (again) {
    again = false;
    setTimeout(refresh, 500);
  }
}

async function look() {
  const [address, turn] = [location.href, shown];
  const got = await load(address);
  if (!got) {
    failures += 1;
    return;
  }
  if (address !== location.href) return;
  if (turn !== shown) {
    // Meanwhile the outcome of the reader's action was shown, and this version may be from before it.
    again = true;
    return;
  }
  if (signedOut(got.response.url)) {
    failures += 1;
    tellSignedOut();
    return;
  }
  const away = isAway(got);
  failures = away ? failures + 1 : 0;
  if (away) {
    const said = got.page.querySelector("#problem strong, h1")?.textContent ?? "ImageBatch does not answer";
    connection(`${said}. What you see is the last that is known; this page tries again by itself.`);
    if (!isProblem(document)) return;
  } else if (isRefused()) {
    // show() would not bring what lies outside of #live, such as the filters.
    location.reload();
    return;
  } else {
    connection("");
  }
  const before = states();
  keepAnswer(got.page);
  show(got.page);
  tellChanges(before);
  measure();
}

/** Keep the reason why the last action was refused, which a newer page does not know, while there are actions. */
function keepAnswer(page) {
  const [problem, place] = [document.querySelector("#answer #problem"), page.getElementById("answer")];
  const acts = page.querySelector("form[data-act]") !== null;
  if (problem && place && acts) place.replaceChildren(problem.cloneNode(true));
}

/** State of each row of the list, or of the request, by id. */
function states() {
  const found = new Map();
  for (const row of document.querySelectorAll("tr[data-status]")) found.set(row.id, row.dataset.status);
  const own = document.querySelector(".titled .badge");
  if (own) found.set("", own.dataset.state);
  return found;
}

function tellChanges(before) {
  const told = [];
  for (const [id, state] of states()) {
    if (before.get(id) === state) continue;
    const row = id && document.getElementById(id);
    const badge = (row || document).querySelector(".badge");
    if (row) {
      row.classList.remove("changed");
      requestAnimationFrame(() => row.classList.add("changed"));
      told.push(`${row.dataset.title}: ${badge.textContent.trim()}`);
    } else {
      told.push(badge.textContent.trim());
    }
  }
  if (told.length) announce(told.slice(0, 5).join(", "));
}

/** The pace of the last minute, and the time that is left by it. */
function measure() {
  const line = document.querySelector("[data-pace]");
  if (!line) return;
  const [done, total] = [Number(line.dataset.done), Number(line.dataset.total)];
  const now = Date.now();
  counts.push({ now, done });
  while (counts.length > 2 && counts[0].now < now - WINDOW_MS) counts.shift();
  const seconds = (now - counts[0].now) / 1000;
  const images = done - counts[0].done;
  if (seconds < 3 || images <= 0 || done >= total) return;
  const rate = images / seconds;
  const pace = rate >= 2 ? `${number(Math.round(rate))} a second` : `${number(Math.round(rate * 60))} a minute`;
  line.textContent = `${pace}, about ${span((total - done) / rate)} left`;
}

let streaming = false;

/** Follow a request's events, one stream for all tabs of this browser; the way to stop it. */
function followEvents(id) {
  const onTold = (told) => {
    streaming = told === "open" || told === "changed";
    if (told === "signed-out") tellSignedOut();
    else if (told !== "open") refresh();
    next();
  };
  if (typeof SharedWorker === "undefined") return followAlone(id, onTold);
  const { port } = new SharedWorker(new URL("./stream-worker.js", import.meta.url), { type: "module", name: "imagebatch-events" });
  port.onmessage = (message) => onTold(message.data);
  port.postMessage({ follow: addressOf(id) });
  const alive = setInterval(() => port.postMessage({ alive: true }), 15_000);
  return () => {
    clearInterval(alive);
    streaming = false;
    port.postMessage({ leave: true });
    port.close();
    leave = () => {};
  };
}

/** Where tabs cannot share (some phones), the one that is seen has its own stream. */
function followAlone(id, onTold) {
  const source = new EventSource(addressOf(id).replace(/(\?|$)/, "/events$1"));
  source.onopen = () => onTold("open");
  source.onerror = () => onTold("lost");
  source.addEventListener("status", (event) => {
    if (["completed", "failed", "cancelled"].includes(JSON.parse(event.data).status)) source.close();
    onTold("changed");
  });
  return () => {
    streaming = false;
    source.close();
  };
}

/** The address of a request's call, in the namespace that the page is about. */
function addressOf(id) {
  const address = new URL(`api/requests/${encodeURIComponent(id)}`, root);
  const namespace = new URLSearchParams(location.search).get("namespace");
  if (namespace) address.searchParams.set("namespace", namespace);
  return address.href;
}
