// Not a module: it runs before the page is drawn, so that no page flashes in the other colours.
(() => {
  const wanted = localStorage.getItem("threadkeep-theme");
  if (wanted === "light" || wanted === "dark") document.documentElement.dataset.theme = wanted;
})();
