/* Starts Swagger UI on the element that names the document. Nothing is read from the address but the fragment (which operation is open). */
"use strict";

(() => {
  const place = document.getElementById("swagger-ui");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
  follow();
  dark.addEventListener("change", follow);

  // Colouring a megabyte of JSON freezes the page for seconds; beyond this length the text stays plain.
  const COLOURED_CHARACTERS = 50000;
  // A row of numbers is shown as a row, where it would stand with each number on a line of its own.
  const inRows = (text) => text.replace(/\[\s+([-+.\deE,\s]+?)\s+\]/g, (_, row) => `[${row.replace(/\s+/g, " ")}]`);
  const asWritten = (text) => {
    try {
      return text === JSON.stringify(JSON.parse(text), null, 2); // an example, and not what somebody is typing
    } catch {
      return false;
    }
  };
  const shownCode = {
    wrapComponents: {
      TextArea: (Original, system) => (props) =>
        system.React.createElement(Original, asWritten(props.value) ? { ...props, value: inRows(props.value) } : props),
      SyntaxHighlighter: (Original, system) => (props) => {
        if (typeof props.children !== "string") return system.React.createElement(Original, props);
        const text = inRows(props.children);
        const viewer = text.length > COLOURED_CHARACTERS ? system.getComponent("PlainTextViewer") : Original;
        return system.React.createElement(viewer, { ...props, children: text });
      },
    },
  };

  window.ui = SwaggerUIBundle({
    domNode: place,
    url: place.dataset.openapi,
    layout: "BaseLayout",
    presets: [SwaggerUIBundle.presets.apis],
    plugins: [shownCode],
    queryConfigEnabled: false,
    validatorUrl: null,
    deepLinking: true,
    filter: true,
    tryItOutEnabled: true,
    displayRequestDuration: true,
    syntaxHighlight: { theme: "tomorrow-night" },
    defaultModelsExpandDepth: 0,
    defaultModelExpandDepth: 2,
    defaultModelRendering: "example",
    showExtensions: false,
  });
})();
