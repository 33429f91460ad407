// On paper: every chart drawn at the width of the page, light, and nothing folded away.

const PAPER = 680; // pixels of a page of A4 or Letter between its margins

function startPrint() {
  let theme = "";
  let folded = [];
  addEventListener("beforeprint", () => {
    theme = document.documentElement.dataset.theme ?? "";
    document.documentElement.dataset.theme = "light";
    choose({ theme: "light" });
    folded = [...document.querySelectorAll("details:not([open])")];
    for (const fold of folded) fold.open = true;
    drawImages();
    for (const chart of document.querySelectorAll(".plot .js-plotly-plot, .plot.js-plotly-plot"))
      globalThis.Plotly?.relayout(chart, { width: PAPER, autosize: false });
  });
  addEventListener("afterprint", () => {
    if (theme) document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
    choose({ theme });
    for (const fold of folded) fold.open = false;
    for (const chart of document.querySelectorAll(".plot .js-plotly-plot, .plot.js-plotly-plot"))
      globalThis.Plotly?.relayout(chart, { width: null, autosize: true });
  });
}
