// plotly and DataTables lie gzipped in the page and are unpacked when first needed, so that it opens at once.

const unpacked = {};

async function unpack(id) {
  const bytes = Uint8Array.from(atob(byId(id).textContent), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return URL.createObjectURL(new Blob([await new Response(stream).arrayBuffer()], { type: "text/javascript" }));
}

function loadPlotly() {
  unpacked.plotly ??= unpack("plotly-gz").then(
    (source) =>
      new Promise((resolve, reject) => {
        const script = make("script", { src: source, onload: () => resolve(globalThis.Plotly), onerror: reject });
        document.head.append(script);
      }),
  );
  return unpacked.plotly;
}

function loadDataTables() {
  unpacked.datatables ??= unpack("datatables-gz")
    .then((source) => import(source))
    .then((module) => module.default);
  return unpacked.datatables;
}

/** Without a library what it draws is replaced by a sentence; the rest of the page stands. */
function excuse(element) {
  return () =>
    element.replaceChildren(
      make("p", { class: "empty" }, "This browser is too old to unpack the chart; the tables hold the same values."),
    );
}

/** Act once an element comes near the window, or the browser has nothing else to do: who prints sees it too. */
function whenNear(element, act) {
  const idle = globalThis.requestIdleCallback ?? ((later) => setTimeout(later, 2000));
  let done = false;
  const once = () => {
    if (done) return;
    done = true;
    observer.disconnect();
    act();
  };
  const observer = new IntersectionObserver(
    (entries) => {
      if (entries.some((entry) => entry.isIntersecting)) once();
    },
    { rootMargin: "800px" },
  );
  observer.observe(element);
  addEventListener("load", () => setTimeout(() => idle(once), 1500));
}
