// The place where the reader looks is in the address: #set5/x4/psnr.

function stateText() {
  const parts = [page.datasets[chosen.dataset].name, `x${chosen.scale}`, page.metrics[chosen.metric].name];
  return `#${parts.map(encodeURIComponent).join("/")}`;
}

/** The choices that an address names; what it does not know stays as it is. */
function stateOf(hash) {
  let parts = [];
  try {
    parts = hash.replace(/^#/, "").split("/").map(decodeURIComponent);
  } catch {
    return {};
  }
  if (parts.length !== 3) return {};
  const dataset = page.datasets.findIndex(({ name }) => name === parts[0]);
  const scale = page.scales.find((value) => `x${value}` === parts[1]);
  const metric = page.metrics.findIndex(({ name, unavailable }) => name === parts[2] && !unavailable);
  return dataset < 0 || scale === undefined || metric < 0 ? {} : { dataset, scale, metric };
}

function startState() {
  const read = () => {
    const state = stateOf(location.hash);
    if (!("dataset" in state)) return;
    choose(state);
    for (const [name, value] of Object.entries(state)) byId(name).querySelector(`input[value="${value}"]`).checked = true;
  };
  const before = stateText();
  follow(["dataset", "scale", "metric"], () => {
    if (stateText() !== before || stateOf(location.hash).scale !== undefined) history.replaceState(null, "", stateText());
  });
  addEventListener("hashchange", read);
}
