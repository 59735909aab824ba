// The page: asks the API every half minute, and draws what it says. The address holds what is chosen.
import { bandOf, colourOf, scaleOf } from "./scale.js";
import { drawChart } from "./chart.js";
import { createMap } from "./map.js";

const REFRESH_MS = 30_000;
const DAY_S = 86_400;
const PLACES_SHOWN = 15;
const ARCHIVE = "https://archive.sensor.community/";

const at = (id) => document.getElementById(id);
const chosen = new URLSearchParams(location.hash.slice(1));
let about, rows = [], scale;

async function ask(path, parameters = {}) {
  const answer = await fetch(`${path}?${new URLSearchParams(parameters)}`);
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.detail);
  return body;
}

function element(name, text, properties = {}) {
  return Object.assign(document.createElement(name), { textContent: text, ...properties });
}

const measure = () => about.measures.find((each) => each.name === chosen.get("measure"));
const shown = (value) => (Math.abs(value) < 100 ? value.toFixed(1) : Math.round(value).toString());
const time = (second) => new Date(second * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
const doubts = (flags) => about.flags.filter((flag) => flags & flag.bit).map((flag) => flag.name.replaceAll("_", " "));

function age(second) {
  const seconds = Math.max(0, Math.round(Date.now() / 1000 - second));
  if (seconds < 120) return `${seconds} s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}

function choose(key, value) {
  chosen.set(key, value);
  history.replaceState(null, "", `#${chosen}`);
  refresh();
}

function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function showMeasures() {
  const there = about.measures.filter((each) => each.is_stored || each === measure());
  at("measures").replaceChildren(...there.map((each) => {
    const button = element("button", each.label, { type: "button", onclick: () => choose("measure", each.name) });
    button.setAttribute("aria-pressed", each === measure());
    return button;
  }));
}

function showLegend() {
  const steps = scale.steps.map((step) => {
    const item = element("span", step.label);
    const dot = element("i", "");
    dot.style.background = step.colour;
    item.prepend(dot);
    return item;
  });
  at("legend").replaceChildren(element("span", `${measure().label}, ${measure().unit}`), ...steps);
}

function showPlaces() {
  const rowsByPlace = Map.groupBy(rows.filter((row) => !row.flags), (row) => `${row.city || "no place"}, ${row.country}`);
  const places = [...rowsByPlace].map(([place, of]) => {
    const values = of.map((row) => row.value);
    return { place, of, middle: median(values), highest: Math.max(...values) };
  }).sort((a, b) => b.middle - a.middle);
  at("places-rows").replaceChildren(...places.slice(0, PLACES_SHOWN).map((each) => {
    const row = document.createElement("tr");
    const name = element("td", "");
    name.append(element("button", each.place, { type: "button", onclick: () => map.show(each.of) }));
    row.append(name, ...[each.of.length, shown(each.middle), shown(each.highest)].map((text) => element("td", text)));
    return row;
  }));
}

async function showHealth() {
  const health = await ask("/api/health");
  const fresh = health.newest_at_s === null ? "nothing stored yet" : `newest value ${age(health.newest_at_s)} old`;
  const forecast = health.issued_at_s === null ? "no forecast yet" : `forecast of ${time(health.issued_at_s)}`;
  at("health").replaceChildren(element("b", `${rows.length} sensors`), ` in the last hour · ${fresh} · ${forecast}`);
  const items = health.processes.map((each) =>
    element("li", `${each.is_ready ? "●" : "▲"} ${each.name}: ${each.is_ready ? "ready" : each.because}`,
      { className: each.is_ready ? "is-well" : "is-ill" }));
  at("processes-list").replaceChildren(...(items.length ? items : [element("li", "no process is watched (LIVE_PAGE_WATCHED)")]));
}

async function showSensor() {
  const row = rows.find((each) => String(each.sensor_id) === chosen.get("sensor"));
  if (!row) {
    at("sensor-name").textContent = chosen.has("sensor")
      ? `Sensor ${chosen.get("sensor")} sent no ${measure().label} in the last hour`
      : "Choose a sensor on the map";
    for (const id of ["sensor-now", "chart", "sensor-notes"]) at(id).replaceChildren();
    return;
  }
  at("sensor-name").textContent = `${row.sensor_type} ${row.sensor_id}, ${row.city || "no place"}, ${row.country}`;
  const band = bandOf(measure(), row.value);
  at("sensor-now").replaceChildren(element("strong", shown(row.value)),
    ` ${measure().unit}${band ? ` · ${band.name} (European index, particles alone)` : ""} · ${age(row.time)} ago`);
  const now = Math.floor(Date.now() / 1000);
  const whose = { measure: measure().name, sensor: row.sensor_id };
  const [series, forecast] = await Promise.all([
    ask("/api/series", { ...whose, from_s: now - DAY_S, to_s: now + 300 }), ask("/api/forecast", whose)]);
  drawChart(at("chart"), { measure: measure(), series, forecast: forecast.rows, now });
  const notes = [];
  if (row.flags) notes.push(`Doubted: ${doubts(row.flags).join(", ")}.`);
  const [next] = forecast.rows;
  notes.push(next
    ? `Forecast of ${time(next.issued_at)} by ${next.method}; the band holds 9 of 10 hours.`
    : "No forecast: too few hours are known of it yet, or none has skill.");
  const link = element("a", "raw archive", { href: ARCHIVE, rel: "noreferrer" });
  at("sensor-notes").replaceChildren(notes.join(" "), " ", link);
}

async function refresh() {
  try {
    about = await ask("/api/about");
    map ??= createMap(at("map"), { tilesUrl: about.tiles_url, onChoose: (id) => choose("sensor", id) });
    if (!measure()) chosen.set("measure", "pm25");
    showMeasures();
    rows = (await ask("/api/now", { measure: measure().name })).rows.filter((row) => row.value !== null);
    scale = scaleOf(measure(), rows);
    showLegend();
    map.draw(rows, { colour: (value) => colourOf(scale, value), chosen: chosen.get("sensor"),
      title: (row) => `${shown(row.value)} ${measure().unit} · ${row.sensor_type} ${row.sensor_id}` });
    showPlaces();
    await Promise.all([showHealth(), showSensor()]);
    at("problem").hidden = true;
    document.body.dataset.shown = "yes";
  } catch (error) {
    at("problem").textContent = `${error.message}. What is shown is from before; asking again in ${REFRESH_MS / 1000} s.`;
    at("problem").hidden = false;
  }
}

let map;
addEventListener("hashchange", () => {
  for (const [key, value] of new URLSearchParams(location.hash.slice(1))) chosen.set(key, value);
  refresh();
});
setInterval(() => document.hidden || refresh(), REFRESH_MS);
document.addEventListener("visibilitychange", () => document.hidden || refresh());
refresh();
