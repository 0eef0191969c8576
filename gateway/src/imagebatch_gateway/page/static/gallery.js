// Pairs of images under one slider: a range input and a clip path, so that the keyboard works.

/** Turn the list of pairs into a picture with a slider and a row of thumbnails. */
export function showGallery(page) {
  const gallery = page.querySelector("[data-gallery]:not([data-shown])");
  if (!gallery) return;
  gallery.dataset.shown = "";
  const pairs = [...gallery.querySelectorAll("[data-pair]")].map(read);
  const view = build();
  gallery.replaceChildren(...(pairs.length > 1 ? [view.thumbs] : []), view.stage, view.compare, view.zoom);
  for (const pair of pairs) {
    pair.thumb = element("button", { type: "button", "aria-label": pair.name });
    pair.thumb.append(element("img", { src: pair.after, alt: "", loading: "lazy", decoding: "async" }));
    pair.thumb.addEventListener("click", () => choose(pair));
    view.thumbs.append(pair.thumb);
  }
  let fit = false;
  let shown;

  function choose(pair) {
    shown = pair;
    for (const other of pairs) other.thumb.setAttribute("aria-pressed", String(other === pair));
    view.before.src = pair.before;
    view.after.src = pair.after;
    view.before.alt = `${pair.name}, before`;
    view.after.alt = `${pair.name}, after`;
    view.bytesBefore.replaceChildren("Before", bold(pair.bytes[0]));
    view.bytesAfter.replaceChildren("After", bold(pair.bytes[1]));
    view.caption.replaceChildren(...pair.caption.map((node) => node.cloneNode(true)));
    layout();
    view.stage.scrollLeft = (view.layers.offsetWidth - view.stage.clientWidth) / 2;
    view.stage.scrollTop = (view.layers.offsetHeight - view.stage.clientHeight) / 2;
    divide();
  }

  function layout() {
    const { before, after, stage, layers } = view;
    const width = Math.max(before.naturalWidth, after.naturalWidth) || shown.width || stage.clientWidth;
    const height = Math.max(before.naturalHeight, after.naturalHeight) || shown.height || stage.clientHeight;
    const real = 1 / devicePixelRatio;
    const inside = Math.min(stage.clientWidth / width, stage.offsetHeight / height, real);
    const scale = fit ? inside : real;
    layers.style.width = `${width * scale}px`;
    layers.style.height = `${height * scale}px`;
    divide();
  }

  /** The edge keeps its place on the screen while the picture is scrolled below it. */
  function divide() {
    const { stage, layers, range } = view;
    const seen = Math.min(stage.clientWidth, layers.offsetWidth);
    const at = stage.scrollLeft + (seen * range.value) / 100;
    layers.style.setProperty("--at", `${(100 * at) / layers.offsetWidth}%`);
    const high = Math.min(stage.clientHeight, layers.offsetHeight);
    layers.style.setProperty("--grip", `${stage.scrollTop + high / 2}px`);
  }

  view.range.addEventListener("input", divide);
  view.stage.addEventListener("scroll", divide);
  view.before.addEventListener("load", layout);
  view.after.addEventListener("load", layout);
  addEventListener("resize", layout);
  view.size.addEventListener("click", () => {
    fit = !fit;
    view.size.textContent = fit ? "Real size" : "Fit into the frame";
    layout();
  });
  view.edge.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    view.edge.setPointerCapture(event.pointerId);
  });
  view.edge.addEventListener("pointermove", (event) => {
    if (!view.edge.hasPointerCapture(event.pointerId)) return;
    const box = view.layers.getBoundingClientRect();
    const seen = Math.min(view.stage.clientWidth, view.layers.offsetWidth);
    const left = Math.max(box.left, view.stage.getBoundingClientRect().left);
    view.range.value = String((100 * (event.clientX - left)) / seen);
    divide();
  });
  choose(pairs[0]);
}

function read(figure) {
  const caption = figure.querySelector("figcaption");
  return {
    name: `${caption.textContent.split(":")[0].trim()}`,
    before: figure.querySelector(".before").src,
    after: figure.querySelector(".after").src,
    width: Number(figure.dataset.width),
    height: Number(figure.dataset.height),
    bytes: [...caption.querySelectorAll("data[data-bytes]")],
    caption: [...caption.childNodes],
  };
}

function build() {
  const view = {
    thumbs: element("div", { class: "thumbs", role: "group", "aria-label": "Images of the sample" }),
    stage: element("div", { class: "stage", tabindex: "0", role: "region", "aria-label": "The picture; it scrolls" }),
    layers: element("div", { class: "layers" }),
    before: element("img", { class: "before", decoding: "async" }),
    after: element("img", { class: "after", decoding: "async" }),
    edge: element("span", { class: "edge", "aria-hidden": "true" }),
    compare: element("div", { class: "compare" }),
    bytesBefore: element("output", {}),
    bytesAfter: element("output", {}),
    range: element("input", { type: "range", min: "0", max: "100", step: "0.5", value: "50", "aria-label": "How much is shown as it was before" }),
    zoom: element("div", { class: "zoom" }),
    caption: element("p", { class: "hint" }),
    size: element("button", { type: "button" }),
  };
  view.size.textContent = "Fit into the frame";
  view.layers.append(view.after, view.before, view.edge);
  view.stage.append(view.layers);
  view.compare.append(view.bytesBefore, view.range, view.bytesAfter);
  view.zoom.append(view.size, view.caption);
  return view;
}

function bold(size) {
  const text = element("b", {});
  text.append(size ? size.cloneNode(true) : "–");
  return text;
}

function element(name, attributes) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}
