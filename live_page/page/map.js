// The map: Leaflet, the land's outline or tiles, a dot a sensor.
/* global L */
const LAND = "/page/vendor/land.json";
const DOUBTED = "#8a8f94";

export function createMap(place, { tilesUrl, onChoose }) {
  const map = L.map(place, { preferCanvas: true, worldCopyJump: true, maxZoom: 17, zoomSnap: 0.5 }).setView([50, 10], 4);
  map.attributionControl.setPrefix(false);
  if (tilesUrl) {
    L.tileLayer(tilesUrl, { maxZoom: 19, attribution: "© OpenStreetMap contributors" }).addTo(map);
  } else {
    drawLand(map);
  }
  L.control.scale({ imperial: false }).addTo(map);
  const dots = L.layerGroup().addTo(map);
  let hasFitted = false;
  const show = (rows) => {
    const positions = rows.filter((row) => row.lat !== null).map((row) => [row.lat, row.lon]);
    if (positions.length) map.fitBounds(L.latLngBounds(positions).pad(0.2), { maxZoom: 13 });
    return positions.length > 0;
  };
  return {
    show,
    draw(rows, { colour, chosen, title }) {
      dots.clearLayers();
      for (const row of rows.filter((each) => each.lat !== null)) {
        const isChosen = String(row.sensor_id) === chosen;
        L.circleMarker([row.lat, row.lon], {
          radius: isChosen ? 10 : 7, weight: isChosen ? 4 : 1, color: isChosen ? "#0b6e8a" : "#0008",
          fillColor: row.flags ? DOUBTED : colour(row.value), fillOpacity: row.flags ? 0.4 : 0.9,
        }).bindTooltip(title(row)).on("click", () => onChoose(row.sensor_id)).addTo(dots);
      }
      hasFitted ||= show(rows);
    },
  };
}

async function drawLand(map) {
  const land = await (await fetch(LAND)).json();
  map.createPane("land").style.zIndex = 300; // under the dots
  const style = { className: "land", weight: 1, fillOpacity: 1, interactive: false };
  L.geoJSON(land, { style, pane: "land", renderer: L.svg({ pane: "land", padding: 0.5 }) }).addTo(map);
}
