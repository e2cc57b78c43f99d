/* Puts the address under which the reader sees the service into the command, so that it can be copied as it is. */
"use strict";

document.getElementById("origin").textContent = new URL(".", location.href).href.replace(/\/$/, "");
