// What is shown, what the reader has chosen, and elements that hold text alone.

const page = JSON.parse(byId("document").textContent);

/** The reader's choices. Numbers are places in the page's lists. */
const chosen = {
  dataset: 0,
  scale: page.scales[0],
  metric: firstMetric(0),
  baseline: page.baseline,
  hidden: new Set(),
};

/** The first metric that a data set has values of. */
function firstMetric(dataset) {
  return Math.max(0, page.datasets[dataset]?.lacking.indexOf("") ?? 0);
}

const listeners = [];

/** Call `act` now, and again whenever one of the named choices changes. */
function follow(names, act) {
  listeners.push({ names, act });
  act();
}

/** Change choices, and redraw what follows them. */
function choose(changes) {
  Object.assign(chosen, changes);
  for (const { names, act } of listeners) {
    if (names.some((name) => name in changes)) act();
  }
}

function byId(id) {
  return document.getElementById(id);
}

/** An element. Children become text nodes: names of methods and files are never read as HTML. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") Object.entries(value).forEach(([key, text]) => element.style.setProperty(key, text));
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat(Infinity).filter((child) => child != null));
  return element;
}

const results = new Map(page.results.map((result) => [placeOf(result), result]));

function placeOf({ dataset, scale, method, metric }) {
  return `${dataset} ${scale} ${method} ${metric}`;
}

/** A method's value where the reader looks, or elsewhere; undefined where none was planned. */
function resultOf(method, elsewhere = {}) {
  return results.get(placeOf({ ...chosen, ...elsewhere, method }));
}

/** The numbers of the methods that are not hidden. */
function shownMethods() {
  return page.methods.map((_, method) => method).filter((method) => !chosen.hidden.has(method));
}

/** Methods with a value where the reader looks, the best first. */
function rankedMethods(methods = shownMethods()) {
  const sign = page.metrics[chosen.metric].higher ? -1 : 1;
  const value = (method) => toNumber(resultOf(method)?.value);
  return methods
    .filter((method) => !Number.isNaN(value(method)))
    .sort((a, b) => compare(sign * value(a), sign * value(b)));
}

/** A method's name, with its recipe only where the run has several of it. */
function shortLabel(method) {
  return page.methods[method].short;
}

/** A name that a narrow column breaks behind a colon, a dot or an underscore before it breaks inside a word. */
function breakable(name) {
  return name.split(/(?<=[:._/])/).flatMap((part, at) => (at ? [make("wbr"), part] : [part]));
}

/** The place where the reader looks, in words. */
function placeWords() {
  return `${page.datasets[chosen.dataset].name} ×${chosen.scale}`;
}
