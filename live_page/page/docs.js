// The description of the API, drawn from its own openapi.json.
const element = (name, text = "", ...children) => {
  const made = Object.assign(document.createElement(name), { textContent: text });
  made.append(...children);
  return made;
};

function rangeOf(schema) {
  const of = schema.anyOf?.[0] ?? schema;
  const bounds = [["≥", of.minimum], ["≤", of.maximum], [">", of.exclusiveMinimum]].filter(([, bound]) => bound !== undefined);
  const parts = [of.type, ...bounds.map(([sign, bound]) => `${sign} ${bound}`)];
  if (schema.default !== undefined) parts.push(`default ${schema.default}`);
  return parts.join(", ");
}

function described(path, { get }) {
  const parameters = (get.parameters ?? []).map((each) => element("tr", "",
    element("td", each.name + (each.required ? " (needed)" : "")),
    element("td", rangeOf(each.schema)), element("td", each.description ?? each.schema.description ?? "")));
  return element("section", "", element("h2", `GET ${path}`), element("p", get.description ?? ""),
    ...(parameters.length ? [element("table", "", element("tbody", "", ...parameters))] : []));
}

const { paths } = await (await fetch("/openapi.json")).json();
document.getElementById("paths").replaceChildren(...Object.entries(paths).map(([path, of]) => described(path, of)));
