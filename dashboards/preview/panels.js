"use strict";
// Draws one dashboard from its JSON and its queries' answers, in Grafana's colours, units and thresholds.
// BOARD = {title, variables, panels: [{panel, title, span: [from_s, to_s], targets: [[{tags, columns, rows}]]}]}

const PALETTE = ["#73BF69", "#F2CC0C", "#8AB8FF", "#FF780A", "#F2495C", "#5794F2", "#B877D9", "#705DA0", "#37872D", "#FADE2A", "#447EBC", "#C15C17"];
const NAMED = {green: "#73BF69", yellow: "#FADE2A", orange: "#FF9830", red: "#F2495C"};
const UNITS = {"conμgm3": " µg/m³", celsius: " °C", percent: "%", pressurehpa: " hPa", ppm: " ppm"};
const CELL = 38, GAP = 8, NARROW = 700;

const escaped = text => String(text).replace(/[&<>"]/g, sign => ({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}[sign]));
const colourOf = name => NAMED[name] || name;
const element = (tag, name, html = "") => Object.assign(document.createElement(tag), {className: name, innerHTML: html});

function trimmed(value, decimals) {
  const digits = decimals ?? (Math.abs(value) >= 100 || Number.isInteger(value) ? 0 : Math.abs(value) >= 10 ? 1 : 2);
  return value.toLocaleString("en", {minimumFractionDigits: decimals ?? 0, maximumFractionDigits: digits});
}

function scaled(value, steps, decimals) {
  let [size, name] = steps[0];
  for (const [each, of] of steps) if (Math.abs(value) >= each) [size, name] = [each, of];
  return trimmed(value / size, decimals) + name;
}

const LONG = [[1, ""], [1e3, " K"], [1e6, " Mil"], [1e9, " Bil"]];
const BINARY = [[1, " B"], [1024, " KiB"], [1024 ** 2, " MiB"], [1024 ** 3, " GiB"]];
const DURATION = [[1, " s"], [60, " min"], [3600, " hours"], [86400, " days"]];

function shown(value, field) {
  if (value === null || value === undefined) return "";
  if (typeof value === "string") return value;
  if (Number.isNaN(value)) return "NaN";
  const {unit = "", decimals} = field;
  if (unit === "dateTimeAsIso") return new Date(value).toISOString().slice(0, 16).replace("T", " ");
  if (unit === "percentunit") return trimmed(value * 100, decimals) + "%";
  if (unit === "bytes") return scaled(value, BINARY, decimals);
  if (unit === "s") return scaled(value, DURATION, decimals);
  if (unit === "short") return scaled(value, LONG, decimals);
  if (unit === "none" || unit === "string") return value.toFixed(decimals ?? 0);
  if (unit.startsWith("suffix:")) return trimmed(value, decimals) + unit.slice(7);
  return trimmed(value, decimals) + (UNITS[unit] ?? "");
}

function thresholdColour(value, field) {
  let colour = null;
  for (const step of field.thresholds?.steps ?? []) if (step.value == null || value >= step.value) colour = colourOf(step.color);
  return colour;
}

function mapped(value, field) {
  for (const mapping of field.mappings ?? []) {
    if (mapping.type === "value" && mapping.options[String(value)]) return mapping.options[String(value)];
    if (mapping.type === "range" && value >= mapping.options.from && value <= mapping.options.to) return mapping.options.result;
  }
  return null;
}

// Series as Grafana names them, each with its field's settings after the overrides.
function seriesOf(entry) {
  const made = [];
  entry.panel.targets.forEach((target, number) => {
    for (const frame of entry.targets[number] ?? []) {
      frame.columns.slice(1).forEach((column, at) => {
        const name = (target.legendFormat ?? target.alias ?? "$col").replace(/\{\{(\w+)\}\}|\$tag_(\w+)|\$col/g,
          (all, label, tag) => (label || tag) ? frame.tags[label || tag] ?? "" : column);
        const points = frame.rows.map(row => [row[0] / 1000, row[at + 1]]);
        made.push({column, points, ...settled(entry.panel, name || column)});
      });
    }
  });
  return made.filter(each => each.points.some(point => point[1] !== null));
}

function settled(panel, name) {
  const field = structuredClone(panel.fieldConfig?.defaults ?? {});
  field.custom = field.custom ?? {};
  for (const {matcher, properties} of panel.fieldConfig?.overrides ?? []) {
    const fits = matcher.id === "byRegexp" ? new RegExp(matcher.options.replace(/^\/|\/$/g, "")).test(name) : matcher.options === name;
    if (!fits) continue;
    for (const {id, value} of properties) {
      if (id.startsWith("custom.")) field.custom[id.slice(7)] = value; else field[id] = value;
    }
  }
  return {name, field, label: field.displayName ?? name};
}

const lastOf = points => points.reduce((last, point) => point[1] === null ? last : point[1], null);
const nothing = (body, entry) => { body.append(element("div", "nothing", escaped(entry.panel.fieldConfig?.defaults?.noValue ?? "No data"))); };

function drawStat(entry, body) {
  const series = seriesOf(entry), solid = (entry.panel.options.colorMode ?? "").startsWith("background");
  if (!series.length) return nothing(body, entry);
  const box = element("div", "stats");
  for (const each of series) {
    const value = lastOf(each.points), name = mapped(value, each.field);
    const colour = colourOf(name?.color ?? thresholdColour(value, each.field) ?? "#CCCCDC");
    const withName = (series.length > 1 && entry.panel.options.textMode !== "value") || entry.panel.options.textMode === "value_and_name";
    const stat = element("div", "stat", (withName ? `<span class="name">${escaped(each.label)}</span>` : "") +
      `<span class="value">${escaped(name?.text ?? shown(value, each.field))}</span>`);
    stat.style.setProperty("--size", `${Math.min(38, (series.length > 1 ? 230 : 330) / Math.max(8, (name?.text ?? shown(value, each.field)).length * 1.0))}px`);
    if (solid) { stat.style.background = colour; stat.style.color = readable(colour); } else stat.style.color = colour;
    box.append(stat);
  }
  body.append(box);
}

function readable(colour) {
  const [red, green, blue] = [1, 3, 5].map(at => parseInt(colour.slice(at, at + 2), 16));
  return 0.3 * red + 0.59 * green + 0.11 * blue > 120 ? "#000" : "#FFF";
}

function drawGauges(entry, body) {
  const series = seriesOf(entry);
  if (!series.length) return nothing(body, entry);
  const most = Math.max(...series.map(each => lastOf(each.points) ?? 0), 1e-9), box = element("div", "gauges");
  for (const each of series) {
    const value = lastOf(each.points), colour = colourOf(each.field.color?.fixedColor ?? thresholdColour(value, each.field));
    box.append(element("div", "gauge", `<span class="label">${escaped(each.label)}</span><span class="track">` +
      `<span class="bar" style="width:${100 * value / most}%;background:${colour}"></span></span>` +
      `<span class="number" style="color:${colour}">${escaped(shown(value, each.field))}</span>`));
  }
  body.append(box);
}

function drawTable(entry, body) {
  const rows = entry.rows.slice();
  if (!rows.length) return nothing(body, entry);
  const columns = Object.keys(rows[0]).map(name => settled(entry.panel, name));
  for (const {displayName, desc} of entry.panel.options.sortBy ?? []) {
    const by = columns.find(column => column.label === displayName)?.name;
    if (by) rows.sort((one, other) => (desc ? -1 : 1) * (one[by] > other[by] ? 1 : one[by] < other[by] ? -1 : 0));
  }
  const cell = (row, {name, field}) => {
    const value = row[name], isTime = name === "Time";
    const colour = field.custom.cellOptions?.type === "color-background" && value !== null ? thresholdColour(value, field) : null;
    const style = colour ? ` style="background:${colour};color:${readable(colour)}"` : "";
    const named = mapped(value, field);
    const text = named ? named.text : isTime ? shown(value, {unit: "dateTimeAsIso"}) : shown(value, field);
    return `<td class="${typeof value === "number" ? "right" : ""}"${style}>${(field.links ? `<a>${escaped(text)}</a>` : escaped(text))}</td>`;
  };
  body.append(element("div", "rows", `<table><tr>${columns.map(column => `<th>${escaped(column.label)}</th>`).join("")}</tr>` +
    rows.map(row => `<tr>${columns.map(column => cell(row, column)).join("")}</tr>`).join("") + "</table>"));
}

function drawStates(entry, body) {
  const series = seriesOf(entry), [from, to] = entry.span;
  if (!series.length) return nothing(body, entry);
  const box = element("div", "states"), colours = new Map();
  for (const each of series) {
    const strip = element("div", "strip", `<span class="label">${escaped(each.label)}</span>`), track = element("span", "track");
    const points = each.points.filter(point => point[1] !== null);
    points.forEach(([at, value], number) => {
      const name = mapped(value, each.field);
      if (!colours.has(value)) colours.set(value, PALETTE[colours.size % PALETTE.length]);
      const end = points[number + 1]?.[0] ?? to;
      const piece = element("span", "piece");
      piece.style.cssText = `left:${100 * (at - from) / (to - from)}%;width:${100 * (end - at) / (to - from) + 0.1}%;background:${name?.color ?? colours.get(value)}`;
      track.append(piece);
    });
    strip.append(track);
    box.append(strip);
  }
  const words = [...colours.keys()].filter(value => typeof value === "string");
  box.append(element("div", "legend", words.map(value => `<i style="background:${colours.get(value)}"></i>${escaped(value)}`).join(" ")));
  body.append(box);
}

function drawMap(entry, body) {
  const layer = entry.panel.options.layers[0], valueName = layer.config.style.color.field, sizeName = layer.config.style.size.field;
  const places = entry.rows.filter(row => row.lat != null && row.lon != null && row[valueName] != null);
  if (!places.length) return nothing(body, entry);
  const field = settled(entry.panel, valueName).field, wide = body.clientWidth, high = body.clientHeight;
  const y = lat => Math.log(Math.tan(Math.PI / 4 + lat * Math.PI / 360)) * 180 / Math.PI;
  const bounds = values => [Math.min(...values), Math.max(...values)];
  const [west, east] = bounds(places.map(place => place.lon)), [south, north] = bounds(places.map(place => y(place.lat)));
  const zoom = Math.min((wide - 120) / Math.max(east - west, 0.02), (high - 80) / Math.max(north - south, 0.02));
  const at = (lon, lat) => [wide / 2 + (lon - (west + east) / 2) * zoom, high / 2 - (y(lat) - (south + north) / 2) * zoom];
  const step = [0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 45].find(each => each * zoom > 90) ?? 45;
  const lines = [];
  const text = (px, py, words) => `<text x="${px}" y="${py}" class="grid">${words}</text>`;
  for (let lon = Math.floor(-180 / step) * step; lon <= 180; lon += step) {
    const [px] = at(lon, 0);
    if (px > 0 && px < wide) lines.push(`<line x1="${px}" x2="${px}" y1="0" y2="${high}" class="grid"/>` + text(px + 3, high - 4, `${trimmed(lon, 2)}°`));
  }
  for (let lat = Math.floor(-80 / step) * step; lat <= 80; lat += step) {
    const [, py] = at(0, lat);
    if (py > 0 && py < high) lines.push(`<line y1="${py}" y2="${py}" x1="0" x2="${wide}" class="grid"/>` + text(3, py - 3, `${trimmed(lat, 2)}°`));
  }
  const most = Math.max(...places.map(place => place[sizeName] ?? 1));
  const markers = places.map(place => {
    const [px, py] = at(place.lon, place.lat), size = sizeName ? 6 + 14 * Math.sqrt((place[sizeName] ?? 1) / most) : 8;
    const name = place.city ? `${escaped(place.city)} ${escaped(shown(place[valueName], field))}` : "";
    return `<circle cx="${px}" cy="${py}" r="${size}" fill="${thresholdColour(place[valueName], field)}" class="marker"/>` +
      `<text x="${px}" y="${py - size - 4}" class="place">${name}</text>`;
  });
  body.innerHTML = `<svg width="${wide}" height="${high}">${lines.join("")}${markers.join("")}</svg>` +
    `<div class="hint">no map tiles in a preview</div>`;
}

function drawLines(entry, body) {
  const series = seriesOf(entry).filter(each => each.points.length);
  if (!series.length) return nothing(body, entry);
  const times = [...new Set(series.flatMap(each => each.points.map(point => point[0])))].sort((one, other) => one - other);
  const isBars = each => (each.field.custom.drawStyle ?? "line") === "bars", gap = (series[0].field.custom.insertNulls || 0) / 1000;
  const data = [times], given = [{}], bands = [], units = [];
  const stacks = series.some(each => each.field.custom.stacking?.mode === "normal");
  let below = times.map(() => 0);
  series.forEach((each, number) => {
    const value = new Map(each.points);
    let column = times.map(at => Number.isNaN(value.get(at)) ? null : value.get(at) ?? undefined);
    if (gap) column = column.map((found, at) => found === undefined && times[at] - (times[at - 1] ?? times[at]) > gap ? null : found);
    if (stacks) { column = column.map((found, at) => (found ?? 0) + below[at]); below = column; }
    data.push(column);
    const unit = each.field.unit ?? "";
    if (!units.includes(unit)) units.push(unit);
    each.colour = colourOf(each.field.color?.fixedColor ?? PALETTE[number % PALETTE.length]);
    const fill = (each.field.custom.fillOpacity ?? 0) / 100, byValue = each.field.color?.mode === "thresholds";
    const tinted = at => each.colour + Math.round(at * 255).toString(16).padStart(2, "0");
    given.push({
      label: each.label, stroke: each.colour, width: each.field.custom.lineWidth ?? 1, scale: unit || "y", spanGaps: false,
      dash: each.field.custom.lineStyle?.fill === "dash" ? each.field.custom.lineStyle.dash : undefined,
      fill: fill && !each.field.custom.fillBelowTo ? tinted(fill) : undefined, points: {size: 4, fill: each.colour, show: each.field.custom.drawStyle === "points" || (!isBars(each) && (each.field.custom.lineWidth ?? 1) > 0 && each.points.length < 3)},
      paths: isBars(each) ? uPlot.paths.bars({size: [0.8, 60], ...(byValue ? {disp: {fill: {unit: 3, values: () => data[number + 1].map(found => thresholdColour(found, each.field))}, stroke: {unit: 3, values: () => data[number + 1].map(found => thresholdColour(found, each.field))}}} : {})}) : undefined,
    });
    if (each.field.custom.drawStyle === "points") given.at(-1).paths = () => null;
  });
  series.forEach((each, number) => {
    const low = series.findIndex(other => other.name === each.field.custom.fillBelowTo);
    if (low >= 0) bands.push({series: [number + 1, low + 1], fill: each.colour + "2E"});
  });
  if (stacks) { const drawn = given.splice(1).reverse(), columns = data.splice(1).reverse(); given.push(...drawn); data.push(...columns); }
  const legend = element("div", "legend", series.filter(each => !each.field.custom.hideFrom?.legend).map(each =>
    `<i style="background:${each.colour}"></i>${escaped(each.label)}`).join(" "));
  body.append(legend);
  const axis = {stroke: "#9FA7B3", grid: {stroke: "#2C3235", width: 1}, ticks: {show: false}, font: "11px sans-serif"};
  const scales = {x: {min: entry.span[0], max: entry.span[1]}};
  for (const unit of units) {
    const fields = series.filter(each => (each.field.unit ?? "") === unit).map(each => each.field);
    const [low, high] = [fields[0].min, fields[0].max];
    scales[unit || "y"] = {range: (_plot, least, most) => {
      const room = (most - least || Math.abs(most) || 1) * 0.08;
      return [low ?? least - room, high ?? most + room];
    }};
  }
  const sideOf = at => at % 2 ? 1 : 3;
  new uPlot({
    width: body.clientWidth, height: body.clientHeight - legend.offsetHeight - 4, legend: {show: false}, cursor: {show: false},
    scales, bands, series: given, padding: [10, 8, 0, 0], drawOrder: ["axes", "series"],
    axes: [{...axis, space: 70, values: [[86400, "{MM}/{DD}", null, null, null, null, null, null, 1], [3600, "{HH}:{mm}", "\n{MM}/{DD}", null, "\n{MM}/{DD}", null, null, null, 1], [60, "{HH}:{mm}", null, null, null, null, null, null, 1], [1, "{HH}:{mm}:{ss}", null, null, null, null, null, null, 1]]},
      ...units.map((unit, at) => ({...axis, scale: unit || "y", side: sideOf(at), size: 74, grid: {...axis.grid, show: at === 0}, values: (_plot, ticks) => ticks.map(tick => shown(tick, {unit}))}))],
  }, data, body);
}

function drawWords(entry, body) {
  const linked = text => escaped(text).replace(/\[([^\]]+)\]\(([^)]+)\)/g, "<a>$1</a>").replace(/\*\*([^*]+)\*\*/g, "<b>$1</b>").replace(/`([^`]+)`/g, "<code>$1</code>");
  const all = entry.panel.options.content.split("\n"), rows = all.filter(line => line.startsWith("|") && !line.startsWith("| ---"));
  const cells = (line, tag) => line.slice(1, -1).split("|").map(cell => `<${tag}>${linked(cell.trim())}</${tag}>`).join("");
  const table = rows.length ? `<table>${rows.map((line, at) => `<tr>${cells(line, at ? "td" : "th")}</tr>`).join("")}</table>` : "";
  body.append(element("div", "words", table || linked(entry.panel.options.content)));
}

const DRAW = {stat: drawStat, bargauge: drawGauges, table: drawTable, "state-timeline": drawStates, geomap: drawMap, timeseries: drawLines, text: drawWords};

function draw() {
  const room = document.getElementById("room"), narrow = document.body.clientWidth < NARROW;
  document.getElementById("title").textContent = BOARD.title;
  document.getElementById("chosen").innerHTML = BOARD.variables.map(([name, value]) => `<span><b>${escaped(name)}</b>${escaped(value)}</span>`).join("");
  const unit = room.clientWidth / 24;
  let top = 0;
  for (const entry of BOARD.panels) {
    const {x, y, w, h} = entry.panel.gridPos, isRow = entry.panel.type === "row";
    const box = element("section", isRow ? "row" : "panel", `<h2>${escaped(entry.title)}</h2>`);
    const high = isRow ? 1 : narrow ? Math.min(h, 9) : h;
    const at = narrow ? [0, top, room.clientWidth] : [x * unit, y * CELL, w * unit - GAP];
    box.style.cssText = `left:${at[0]}px;top:${at[1]}px;width:${at[2]}px;height:${high * CELL - GAP}px`;
    top += high * CELL;
    room.append(box);
    if (isRow) continue;
    const body = element("div", "body");
    box.append(body);
    if (!entry.title) box.querySelector("h2").remove();
    DRAW[entry.panel.type](entry, body);
  }
  document.body.dataset.drawn = "yes";
}
draw();
