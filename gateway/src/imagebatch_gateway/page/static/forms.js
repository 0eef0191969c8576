// Forms that answer in place: filters of lists, actions on a request, lines to copy.
import { announce, connection, isProblem, load, show, signedOut, tellSignedOut } from "./load.js";

/** Apply a filter as it is typed. */
export function followFilters() {
  for (const form of document.querySelectorAll("form[data-filter]")) {
    let timer;
    let newest = 0;
    const apply = async () => {
      const address = new URL(form.action);
      for (const [name, value] of new FormData(form)) if (value) address.searchParams.set(name, value);
      const turn = (newest += 1);
      const got = await load(address);
      if (!got || turn !== newest) return;
      if (signedOut(got.response.url)) return tellSignedOut();
      connection("");
      history.replaceState(null, "", address);
      show(got.page);
      const rows = document.querySelectorAll("#live tbody tr").length;
      announce(rows ? `${rows} shown` : (document.querySelector("#live .empty strong, #live #problem strong")?.textContent ?? "None"));
    };
    const soon = (pause) => {
      clearTimeout(timer);
      timer = setTimeout(apply, pause);
    };
    form.addEventListener("input", (event) => soon(event.target.matches("select") ? 0 : 250));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      soon(0);
    });
  }
}

/** Send an action, and show its outcome where the reader is. */
export function followActions() {
  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!form.matches("form[data-act]")) return;
    event.preventDefault();
    const button = event.submitter;
    if (button?.ariaBusy === "true") return;
    if (button) button.ariaBusy = "true";
    const label = button?.textContent.trim() ?? "";
    const body = new URLSearchParams(new FormData(form, button));
    const got = await load(form.action, { method: "POST", body });
    if (button) button.ariaBusy = null;
    if (!got) return;
    const { response, page } = got;
    if (signedOut(response.url)) return tellSignedOut();
    const here = new URL(location.href).pathname;
    if (response.ok && new URL(response.url).pathname !== here) {
      location.assign(response.url);
      return;
    }
    const answer = document.getElementById("answer");
    if (isProblem(page) && answer) {
      // The request cannot be shown just now either: what is on the screen stays.
      answer.replaceChildren(page.getElementById("problem"));
      answer.firstElementChild.focus();
      return;
    }
    if (!page.getElementById("live")) {
      connection(page.querySelector("#problem strong")?.textContent ?? "That did not work. Load the page again.");
      return;
    }
    show(page);
    if (response.ok) announce(`Done: ${label}`);
    else (document.getElementById("problem") ?? document.getElementById("main")).focus();
  });
}

/** Copy a line. */
export function followCopies() {
  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.("[data-copy]");
    if (!button) return;
    const code = button.parentElement.querySelector("code");
    let copied = true;
    try {
      await navigator.clipboard.writeText(code.textContent);
    } catch {
      // Not over plain HTTP: the line is selected, for the keyboard to copy.
      getSelection().selectAllChildren(code);
      copied = document.execCommand("copy");
    }
    button.textContent = copied ? "Copied" : "Selected";
    announce(button.textContent);
    setTimeout(() => (button.textContent = "Copy"), 2_000);
  });
}
