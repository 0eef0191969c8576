SwaggerUIBundle({
  url: new URL("../openapi.json", document.currentScript.src).href,
  dom_id: "#reference",
  deepLinking: true,
  validatorUrl: null,
});
