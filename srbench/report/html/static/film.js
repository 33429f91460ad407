// Below the panes: the crop by every method, and the images to choose from.

function drawFilm(crop, shown, left, right) {
  const order = rankedMethods(shown);
  const frames = [...order, ...shown.filter((method) => !order.includes(method))].map((method) => {
    const badge =
      method === left && method === right ? "both" : method === left ? "left" : method === right ? "right" : "";
    const canvas = make("canvas", { "aria-hidden": "true" });
    showThumb(canvas, crop.scales[chosen.scale].sr[method]);
    return make(
      "button",
      {
        type: "button",
        "data-method": method,
        "data-side": badge || null,
        style: { "--c": colourOf(method, true) },
        onclick: (event) => choose(event.shiftKey ? { left: method } : { right: method }),
      },
      canvas,
      make("span", { class: "name" }, make("span", { class: "dot" }), make("b", {}, shortLabel(method))),
      make("span", { class: "value" }, imageValue(crop, method), make("span", { class: "badge" }, badge)),
    );
  });
  const focused = byId("film").contains(document.activeElement) ? document.activeElement.dataset.method : null;
  byId("film").replaceChildren(...frames);
  if (focused !== null) byId("film").querySelector(`[data-method="${focused}"]`)?.focus();
}

async function showThumb(canvas, image) {
  const crop = await canvasOf(image);
  Object.assign(canvas, { width: crop.width, height: crop.height });
  canvas.getContext("2d").drawImage(crop, 0, 0);
}

function drawThumbs() {
  const current = cropHere();
  const thumbs = cropsHere().map((crop, index) => {
    const [top, left, height, width] = crop.window.map((value, side) => (100 * value) / crop.size[side % 2]);
    const isFirst = cropsHere().findIndex((other) => other.image === crop.image) === index;
    const words = `${crop.image}${crop.wide ? ", wide view" : isFirst ? "" : ", another place"}`;
    return make(
      "label",
      { "data-tip": words },
      make("input", {
        type: "radio",
        name: "crop",
        "aria-label": words,
        checked: crop === current,
        onchange: () => choose({ crop }),
      }),
      make("img", { src: sourceOf(crop.whole), alt: `${crop.image}, the whole image`, decoding: "async" }),
      make("span", {
        class: "frame",
        style: { top: `${top}%`, left: `${left}%`, width: `${width}%`, height: `${height}%` },
      }),
    );
  });
  const focused = byId("thumbs").contains(document.activeElement);
  byId("thumbs").replaceChildren(...thumbs);
  if (focused) byId("thumbs").querySelector("input:checked")?.focus();
}
