// Light, dark, or as the system has it.

const THEMES = { auto: "as the system has them", light: "light", dark: "dark" };
const systemDark = matchMedia("(prefers-color-scheme: dark)");

function isDark() {
  const theme = document.documentElement.dataset.theme;
  return theme ? theme === "dark" : systemDark.matches;
}

/** A colour of the style sheet as a chart needs it. */
function inkOf(name) {
  const probe = make("i", { style: { color: `var(--${name})`, display: "none" } });
  document.body.append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return colour;
}

/** The colour of a method, the same as in the plots, lighter on dark. */
function colourOf(method, dark = isDark()) {
  return page.methods[method][dark ? "on_dark" : "colour"];
}

/** A method's dot, which follows the theme by itself. */
function dotOf(method) {
  const { colour, on_dark: onDark } = page.methods[method];
  return make("span", { class: "dot", "aria-hidden": "true", style: { "--c": `light-dark(${colour}, ${onDark})` } });
}

function startTheme() {
  const button = byId("theme");
  const show = (theme) => {
    if (theme === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    button.textContent = theme;
    button.title = `Colours of the page: ${THEMES[theme]}`;
    choose({ theme });
  };
  button.addEventListener("click", () => {
    const names = Object.keys(THEMES);
    const next = names[(names.indexOf(button.textContent) + 1) % names.length];
    remember("theme", next);
    show(next);
  });
  systemDark.addEventListener("change", () => choose({ theme: button.textContent }));
  const kept = remembered("theme");
  show(kept in THEMES ? kept : "auto");
}

// A browser may forbid pages from files to remember anything: then they do without.
function remember(name, value) {
  try {
    localStorage.setItem(`srbench-${name}`, value);
  } catch {}
}

function remembered(name) {
  try {
    return localStorage.getItem(`srbench-${name}`) ?? "";
  } catch {
    return "";
  }
}
