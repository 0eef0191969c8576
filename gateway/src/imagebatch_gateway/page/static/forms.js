// Forms that answer in place: filters of lists, actions on a request, lines to copy.
import { lookNow } from "./live.js";
import { announce, connection, isAway, load, show, signedOut, tellProblem, tellSignedOut } from "./load.js";

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
      if (turn !== newest) return;
      if (got && signedOut(got.response.url)) return tellSignedOut();
      history.replaceState(null, "", address);
      if (!got || isAway(got)) return lookNow();
      connection("");
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
    const answer = document.getElementById("answer");
    if (!got) {
      tellProblem(answer, "The connection broke off. It is not known whether this was done: look at the request before you try again.");
      lookNow();
      return;
    }
    const { response, page } = got;
    if (signedOut(response.url)) return tellSignedOut();
    if (response.redirected) {
      // It was done; whether the page after it can be shown just now is another matter.
      if (new URL(response.url).pathname !== location.pathname) return location.assign(response.url);
      answer.replaceChildren();
      if (response.ok) show(page);
      else lookNow();
      announce(`Done: ${label}`);
      return;
    }
    const problem = page.getElementById("problem");
    if (page.getElementById("live")) {
      show(page);
      document.getElementById("problem")?.focus();
    } else if (problem) {
      answer.replaceChildren(problem);
      problem.focus();
    } else {
      const said = page.querySelector("h1")?.textContent;
      tellProblem(answer, said ? `That did not work: ${said}` : "That did not work. Try again.");
    }
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
