// Numbers, sizes and times in the reader's own language.
const languages = navigator.languages?.length ? navigator.languages : undefined;
const plain = new Intl.NumberFormat(languages);
const exact = new Intl.DateTimeFormat(languages, { dateStyle: "medium", timeStyle: "short" });
const relative = new Intl.RelativeTimeFormat(languages, { numeric: "auto" });
const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte", "petabyte"];
const SPANS = [["day", 86_400], ["hour", 3_600], ["minute", 60], ["second", 1]];

/** A number with the reader's separators. */
export const number = (value) => plain.format(value);

/** A size in bytes, in the largest unit that it fills. */
export function size(bytes) {
  let unit = 0;
  let value = bytes;
  while (Math.abs(value) >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || Math.abs(value) >= 99.5 ? 0 : 1;
  const options = { style: "unit", unit: UNITS[unit], unitDisplay: unit ? "short" : "narrow", maximumFractionDigits: digits };
  return new Intl.NumberFormat(languages, options).format(value);
}

/** A span of seconds in its largest unit. */
export function span(seconds) {
  const [unit, length] = SPANS.find(([, each]) => seconds >= 0.95 * each) ?? SPANS.at(-1);
  const value = Math.max(1, Math.round(seconds / length));
  return new Intl.NumberFormat(languages, { style: "unit", unit, unitDisplay: "long" }).format(value);
}

function when(moment, form) {
  const ago = (moment - Date.now()) / 1000;
  if (form === "exact" || Math.abs(ago) > 6.5 * 86_400) return exact.format(moment);
  const [unit, length] = SPANS.find(([, each]) => Math.abs(ago) >= 0.95 * each) ?? SPANS.at(-1);
  return relative.format(unit === "second" && Math.abs(ago) < 10 ? 0 : Math.round(ago / length), unit);
}

/** Write every number, size and time below a node anew. */
export function localize(root) {
  for (const one of root.querySelectorAll("data[data-number]")) put(one, number(Number(one.value)));
  for (const one of root.querySelectorAll("data[data-bytes]")) put(one, size(Number(one.value)));
  for (const one of root.querySelectorAll("time[data-when]")) {
    const moment = new Date(one.dateTime);
    put(one, when(moment, one.dataset.when));
    one.title = exact.format(moment);
  }
}

function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
