// What all charts have in common.

/** Plotly reads its texts as a kind of HTML: names must not be. */
function chartText(text) {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}

function axis(title, more = {}) {
  const line = inkOf("line");
  return {
    title: { text: title, standoff: 10 },
    gridcolor: line,
    linecolor: line,
    zeroline: false,
    ticks: "",
    automargin: true,
    fixedrange: true,
    ...more,
  };
}

function layout(more) {
  const ink = inkOf("ink");
  const family = getComputedStyle(document.body).fontFamily;
  return {
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family, size: 13, color: inkOf("dim") },
    hoverlabel: { bgcolor: ink, bordercolor: ink, font: { family, size: 13, color: inkOf("paper") }, align: "left" },
    margin: { l: 60, r: 24, t: 24, b: 56 },
    showlegend: false,
    dragmode: false,
    ...more,
  };
}

function draw(Plotly, element, traces, options) {
  element.style.height = `${options.height}px`; // plotly fills its element and never stretches it
  return Plotly.react(element, traces, layout(options), { displayModeBar: false, responsive: true });
}

/** Draw a chart when it comes near, and again when what it follows changes. */
function startChart(element, names, act) {
  if (!element) return;
  whenNear(element, () =>
    loadPlotly().then((Plotly) => {
      element.replaceChildren();
      follow([...names, "theme", "hidden"], () => act(Plotly, element));
    }, excuse(element)),
  );
}
