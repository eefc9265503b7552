// Loaded before anything is painted, so that a dark screen never flashes white.
(() => {
  const root = document.documentElement;
  const device = window.matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    const wanted = root.dataset.wantedTheme;
    root.dataset.bsTheme = wanted === "light" || wanted === "dark" ? wanted : device.matches ? "dark" : "light";
    root.dispatchEvent(new Event("themechange"));
  };
  device.addEventListener("change", apply);
  window.applyTheme = (wanted) => { root.dataset.wantedTheme = wanted; apply(); };
  // Paper is white, whatever the screen is.
  window.addEventListener("beforeprint", () => { root.dataset.bsTheme = "light"; });
  window.addEventListener("afterprint", apply);
  apply();
})();
