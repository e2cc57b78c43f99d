/* Starts ReDoc on the element that names the document, light or dark as the reader's system is. */
"use strict";

(() => {
  const place = document.getElementById("redoc");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(`--${name}`).trim();

  const start = () => {
    Redoc.init(
      place.dataset.openapi,
      {
        disableSearch: true, // its index is built by a worker made from a blob, which the page's policy does not let run
        hideDownloadButtons: true, // the bar links to the document
        nativeScrollbars: true,
        scrollYOffset: () => document.querySelector("header.site").offsetHeight,
        expandResponses: "200",
        jsonSamplesExpandLevel: 2,
        sortRequiredPropsFirst: true,
        theme: {
          colors: {
            primary: { main: colour("link") },
            success: { main: dark.matches ? "#7fcf95" : "#1d7a3a" },
            error: { main: colour("server-error") },
            text: { primary: colour("ink"), secondary: colour("quiet") },
            border: { dark: colour("rule"), light: colour("rule") },
            gray: { 50: colour("sunken"), 100: colour("sunken") },
            responses: {
              success: { backgroundColor: colour("sunken"), tabTextColor: "#8fd0a0" },
              error: { color: colour("server-error"), backgroundColor: colour("sunken"), tabTextColor: "#ff9d90" },
            },
          },
          schema: { nestedBackground: colour("sunken"), linesColor: colour("rule"), typeNameColor: colour("quiet"), typeTitleColor: colour("quiet") },
          sidebar: { width: "270px", backgroundColor: colour("raised"), textColor: colour("ink"), activeTextColor: colour("link") },
          rightPanel: { backgroundColor: dark.matches ? "#0d1113" : "#20292d", textColor: "#e4e7e6" },
          codeBlock: { backgroundColor: dark.matches ? "#080b0c" : "#151c1f" },
          typography: {
            fontSize: "15px",
            lineHeight: "1.6",
            fontFamily: colour("sans"),
            headings: { fontFamily: colour("sans"), fontWeight: "600" }, // its menu too; titles are set by docs.css
            code: { fontFamily: colour("mono"), fontSize: "13px", color: colour("ink"), backgroundColor: colour("sunken") },
            links: { color: colour("link"), hover: colour("link-hover"), visited: colour("link") },
          },
        },
      },
      place,
    );
  };

  start();
  // Its colours are computed once; a reader who changes the system's scheme gets the page anew.
  dark.addEventListener("change", () => location.reload());
})();
