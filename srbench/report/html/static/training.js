// How the weights were trained: PSNR of the validation images over batches.

const DASHES = ["solid", "dash", "dot", "dashdot"];

function trainingsHere() {
  const shown = new Set(shownMethods());
  return page.trainings.filter(({ method, scales }) => shown.has(method) && scales.includes(chosen.scale));
}

function drawTraining(Plotly, element) {
  const found = trainingsHere();
  const seen = new Map();
  const traces = found.map(({ method, name, steps, validation }) => {
    const turn = seen.get(method) ?? 0;
    seen.set(method, turn + 1);
    const label = chartText(`${shortLabel(method)} ${name}`);
    return {
      type: "scatter",
      mode: "lines",
      name: label,
      x: steps,
      y: validation.map(toNumber),
      line: { color: colourOf(method), width: 2, dash: DASHES[turn % DASHES.length] },
      hovertemplate: `<b>${label}</b><br>batch %{x:,}<br>%{y:.2f} dB<extra></extra>`,
    };
  });
  draw(Plotly, element, traces, {
    height: 380,
    showlegend: true,
    legend: { orientation: "h", y: 1.02, yanchor: "bottom" }, // above, where no axis is, however narrow the chart
    xaxis: axis("batches", { rangemode: "tozero" }),
    yaxis: axis("validation PSNR (dB)"),
  });
  element.setAttribute(
    "aria-label",
    `Training at ×${chosen.scale}: ${found.map(({ method, name, validation }) => `${shortLabel(method)} ${name} reached ${printed(Math.max(...validation.map(toNumber)), 2)} dB`).join(", ") || "no curve"}.`,
  );
  byId("training-note").textContent = found.length
    ? `Weights for ×${chosen.scale}. PSNR is of the validation images, which are of the training's own data: values differ from the table's.`
    : `No weights for ×${chosen.scale} have a curve.`;
}
