// One for all tabs of a browser: over HTTP/1.1 it opens six connections to a host, so that a stream
// for each tab would leave none for anything else. Tabs that are hidden take their leave.

/** Requests beyond so many are looked at now and then instead of streamed. */
const STREAMS = 2;
const LOOK_MS = 3_000;
/** A tab that is silent for so long is gone. */
const SILENT_MS = 45_000;
const ENDED = new Set(["completed", "failed", "cancelled"]);

/** Address of a request → who follows it, and how. */
const followed = new Map();
const heard = new Map();

onconnect = ({ ports: [port] }) => {
  port.onmessage = ({ data }) => {
    heard.set(port, Date.now());
    if (data.follow) follow(port, data.follow);
    if (data.leave) leave(port);
  };
};

setInterval(() => {
  for (const [port, time] of heard) if (time < Date.now() - SILENT_MS) leave(port);
}, SILENT_MS / 3);

function follow(port, at) {
  const one = followed.get(at) ?? { at, ports: new Set() };
  followed.set(at, one);
  one.ports.add(port);
  if (one.source?.readyState === EventSource.OPEN) port.postMessage("open");
  start(one);
}

function leave(port) {
  heard.delete(port);
  for (const one of followed.values()) {
    one.ports.delete(port);
    if (!one.ports.size) {
      stop(one);
      followed.delete(one.at);
    }
  }
  for (const one of followed.values()) start(one);
}

function start(one) {
  if (one.ended || one.source) return;
  const open = [...followed.values()].filter((other) => other.source).length;
  if (open >= STREAMS) {
    one.timer ??= setInterval(() => look(one), LOOK_MS);
    return;
  }
  clearInterval(one.timer);
  one.timer = undefined;
  const source = new EventSource(one.at.replace(/(\?|$)/, "/events$1"));
  one.source = source;
  source.onopen = () => tell(one, "open");
  source.addEventListener("status", (event) => take(one, event.data));
  source.onerror = () => {
    tell(one, "lost");
    // It comes back by itself, except after a refusal.
    if (source.readyState !== EventSource.CLOSED) return;
    one.source = undefined;
    one.timer ??= setInterval(() => look(one), LOOK_MS);
    look(one);
  };
}

function stop(one) {
  one.source?.close();
  clearInterval(one.timer);
  one.source = one.timer = undefined;
}

async function look(one) {
  try {
    const response = await fetch(one.at, { headers: { Accept: "application/json" } });
    if (response.status === 401) tell(one, "signed-out");
    if (response.ok) take(one, await response.text());
    if (response.status === 404) {
      stop(one);
      tell(one, "changed");
    }
  } catch {
    tell(one, "lost");
  }
}

function take(one, text) {
  if (one.text === text) return;
  one.text = text;
  if (ENDED.has(JSON.parse(text).status)) {
    one.ended = true;
    stop(one);
  }
  tell(one, "changed");
}

function tell(one, what) {
  for (const port of one.ports) port.postMessage(what);
}
