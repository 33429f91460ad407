// Start everything; each part follows the choices that it shows.

Object.assign(chosen, stateOf(location.hash));
startTheme();
startTips();
startSwitches();
startState();
startViewer();
startBaseline();
startRecord();
follow(["dataset", "scale", "metric", "baseline", "hidden"], drawSummary);
follow(["dataset", "scale", "metric", "hidden"], drawResults);
byId("intervals").closest("label").hidden = !page.results.some((result) => result.low != null);
follow(["dataset"], () => {
  const here = [...page.results.filter((result) => result.published.length), ...page.published];
  byId("published").closest("label").hidden = !here.some(({ dataset }) => dataset === chosen.dataset);
});
for (const id of ["intervals", "published"]) byId(id).addEventListener("change", drawResults);
byId("filter").addEventListener("input", (event) => resultsTable?.search(event.target.value).draw());
startImages();
follow(["dataset", "scale", "metric", "hidden"], drawMatrix);
byId("matrix").addEventListener("keydown", moveInMatrix);
startChart(byId("speed-plot"), ["dataset", "scale", "metric"], drawSpeed);
startChart(byId("differences-plot"), ["dataset", "scale", "metric", "baseline"], drawDifferences);
startChart(byId("training-plot"), ["scale"], drawTraining);
startDownloads();
startPrint();
