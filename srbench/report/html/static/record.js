// The command to repeat the run.

function startRecord() {
  const button = byId("copy");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(byId("command").textContent);
      button.textContent = "copied";
    } catch {
      // pages from files may not write to the clipboard everywhere: leave it selected
      getSelection().selectAllChildren(byId("command"));
      button.textContent = "selected";
    }
  });
}
