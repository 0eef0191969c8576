// A new request: the file is checked as soon as it is there, and sent with a bar of progress.
import { number, size } from "./format.js";
import { announce, parse, signedOut, tellProblem, tellSignedOut } from "./load.js";

export function followUpload() {
  const form = document.querySelector("form[data-upload]");
  if (!form) return;
  const [input, drop] = [form.elements.file, form.querySelector("[data-drop]")];
  const fields = form.querySelectorAll("[data-check-field]");
  let key = newKey();
  let checking;
  const check = async () => {
    checking?.abort();
    form.querySelector("#checked").replaceChildren();
    form.querySelector("#answer").replaceChildren();
    label(form, undefined);
    const file = input.files[0];
    if (!file) return;
    drop.querySelector(".call").textContent = `${file.name} · ${size(file.size)}`;
    drop.querySelector(".hint").textContent = "Choose or drop another file to replace it.";
    const body = new FormData();
    body.set("file", file);
    for (const field of fields) if (field.value) body.set(field.name, field.value);
    checking = new XMLHttpRequest();
    const page = await post(checking, form.dataset.check, body, form);
    if (page) {
      take(form, page, "#checked");
      label(form, form);
    } else if (checking.status === 400) {
      // Most often its columns have other names.
      form.querySelector("#columns")?.setAttribute("open", "");
    }
  };
  input.addEventListener("change", check);
  for (const field of fields) field.addEventListener("change", check);
  form.addEventListener("input", () => (key = newKey()));
  followDrop(drop, input);
  followQuality(form);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    checking?.abort();
    // Before its button is disabled: the button is part of the form.
    const body = new FormData(form, event.submitter);
    for (const one of form.querySelectorAll("[data-send]")) one.disabled = true;
    const request = new XMLHttpRequest();
    const page = await post(request, form.action, body, form, key);
    for (const one of form.querySelectorAll("[data-send]")) one.disabled = false;
    if (!page) return;
    if (request.status < 300) location.assign(request.responseURL);
    else form.querySelector("#problem")?.focus();
  });
}

/** Send a form; the page that came back, undefined if none did. A refusal is shown in the form. */
function post(request, address, body, form, key) {
  const bar = form.querySelector("#transfer");
  return new Promise((resolve) => {
    const end = (page) => {
      bar.hidden = true;
      resolve(page);
    };
    bar.value = 0;
    bar.hidden = false;
    request.open("POST", address);
    request.setRequestHeader("Accept", "text/html");
    if (key) request.setRequestHeader("Idempotency-Key", key);
    request.upload.onprogress = (event) => {
      if (event.lengthComputable && event.loaded < event.total) bar.value = event.loaded / event.total;
      else bar.removeAttribute("value");
    };
    request.onload = () => {
      if (signedOut(request.responseURL)) {
        tellSignedOut();
        end();
        return;
      }
      const page = parse(request.responseText);
      take(form, page, "#answer");
      end(request.status < 400 || key ? page : undefined);
    };
    request.onerror = () => {
      lost(form);
      end();
    };
    request.onabort = () => resolve(undefined);
    request.send(body);
  });
}

function take(form, page, part) {
  const newer = page.querySelector(part);
  if (newer) form.querySelector(part).replaceChildren(...newer.childNodes);
}

function lost(form) {
  const text = "The connection broke off. Press the button again: nothing is made twice, and your choices are still here.";
  tellProblem(form.querySelector("#answer"), text);
}

/** Say on the button how many images it is about, and aloud what was found. */
function label(form, found) {
  const counts = [...(found?.querySelectorAll("#checked .tiles data") ?? [])].map((one) => Number(one.value));
  const images = counts[1];
  const button = form.querySelector("[data-send].primary");
  button.textContent = images === undefined ? "Compress the images" : `Compress ${number(images)} ${images === 1 ? "image" : "images"}`;
  if (images !== undefined) announce(`${number(counts[0])} rows, ${number(images)} images, ${number(counts[3])} problems`);
}

function followDrop(drop, input) {
  for (const kind of ["dragenter", "dragover"]) {
    drop.addEventListener(kind, (event) => {
      event.preventDefault();
      drop.classList.add("over");
    });
  }
  for (const kind of ["dragleave", "drop"]) drop.addEventListener(kind, () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    if (!event.dataTransfer.files.length) return;
    input.files = event.dataTransfer.files;
    input.dispatchEvent(new Event("input", { bubbles: true }));
    input.dispatchEvent(new Event("change", { bubbles: true }));
  });
}

function followQuality(form) {
  const [range, field] = [form.querySelector("[data-quality-range]"), form.elements.quality];
  const meaning = form.querySelector("[data-qualities]");
  const words = JSON.parse(meaning.dataset.qualities);
  const tell = () => {
    const png = form.elements.format.value === "png";
    const [, text] = words.find(([highest]) => Number(field.value) <= highest) ?? words.at(-1);
    meaning.textContent = png ? "PNG loses nothing at any quality." : text;
  };
  range.addEventListener("input", () => {
    field.value = range.value;
    tell();
  });
  field.addEventListener("input", () => {
    range.value = field.value;
    tell();
  });
  form.addEventListener("change", tell);
  tell();
}

/** A key by which the gateway knows that it has this upload already. */
function newKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
