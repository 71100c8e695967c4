"use strict";
// Shows what /stream sends: {"community": …} once, then {"decision": …, "seen": …} for every step.
const KEPT = 288;
const byId = (id) => document.getElementById(id);
const fixed = (value, digits) => (value === null || value === undefined || !isFinite(value) ? "–" : value.toFixed(digits).replace("-", "−"));
const mean = (value) => {
  if (!Array.isArray(value)) return value ?? null;
  const known = value.filter((item) => item !== null);
  return known.length ? known.reduce((sum, item) => sum + item, 0) / known.length : null;
};
let about = null, steps = [], key = null, wait = 500, isWaiting = false, wasOpen = false;

function connect() {
  const place = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${location.pathname.replace(/[^/]*$/, "")}stream`;
  const socket = new WebSocket(place, key === null ? ["autonomy"] : ["autonomy", `autonomy.key.${key}`]);
  let opened = false;
  socket.onopen = () => {
    opened = wasOpen = true; wait = 500; steps = [];
    link("live", false);
    byId("door").hidden = true; byId("main").hidden = false;
  };
  socket.onmessage = (event) => {
    const told = JSON.parse(event.data);
    if (told.community) { about = told.community; byId("community").textContent = about.community; rows(); }
    else { steps.push(told); if (steps.length > KEPT) steps.shift(); }
    if (!isWaiting) { isWaiting = true; requestAnimationFrame(() => { isWaiting = false; draw(); }); }
  };
  socket.onclose = async () => {
    if (!opened && !wasOpen) {
      // A browser does not say why a WebSocket was refused; a plain request does.
      const answer = await fetch("community", key === null ? {} : { headers: { Authorization: `Bearer ${key}` } }).catch(() => null);
      if (answer && answer.status === 401) { link(key === null ? "locked" : "wrong key", true); byId("door").hidden = false; byId("key").focus(); return; }
    }
    link("connection lost; what is shown is old", true);
    setTimeout(connect, wait); wait = Math.min(wait * 2, 10000);
  };
}

function link(text, isLost) { const line = byId("link"); line.textContent = text; line.className = isLost ? "lost" : ""; }

function element(kind, name, text) {
  const made = document.createElement(kind);
  if (name) made.className = name;
  if (text !== undefined) made.textContent = text;
  return made;
}

function rows() {
  byId("batteries").replaceChildren(...about.prosumers.map((name, i) => {
    const row = element("li"), bar = element("div", "bar");
    const label = element("span", "name", name); label.title = name;
    bar.append(element("div", "fill"));
    for (const end of [about.soc_min[i], about.soc_max[i]]) {
      const mark = element("div", "band"); mark.style.left = `${100 * end}%`; bar.append(mark);
    }
    row.append(label, bar, element("span", "number"), element("span", "number"));
    return row;
  }));
}

function draw() {
  if (!steps.length || about === null) return;
  const { decision, seen } = steps[steps.length - 1];
  const mode = byId("mode");
  mode.textContent = decision.is_late ? `${decision.mode}, late` : decision.mode; mode.className = `mode ${decision.mode}`;
  const step = decision.step === null ? "" : `step ${decision.step}`;
  byId("step").textContent = [step, seen.time ?? "", `answered in ${fixed(decision.answered_in_ms, 1)} ms`].filter(Boolean).join(" · ");
  byId("reasons").replaceChildren(...decision.reasons.map((reason) => {
    const line = element("li", "", reason.text), who = reason.prosumers.map((i) => about.prosumers[i]).join(", ");
    if (who) line.append(element("span", "who", ` (${who})`));
    return line;
  }));
  feeder(decision, seen); prices(seen); batteries(decision, seen);
}

function feeder(decision, seen) {
  const most = about.feeder_export_limit_kw, least = about.feeder_import_limit_kw;
  byId("feeder").textContent = `${fixed(decision.feeder_kw, 2)} kW`;
  const metered = seen.feeder_kw === null ? "" : `, metered ${fixed(seen.feeder_kw, 2)}`;
  byId("feeder-limits").textContent = `planned${metered}; may import ${least === null ? "anything" : fixed(least, 1)}, export ${most === null ? "anything" : fixed(most, 1)}`;
  const limits = [most, least === null ? null : -least].filter((limit) => limit !== null);
  plot("feeder-plot", [["flow", steps.map((item) => item.decision.feeder_kw)], ...limits.map((limit) => ["limit", steps.map(() => limit)])], 0);
}

function prices(seen) {
  byId("prices").textContent = `${fixed(mean(seen.retail_price), 3)} / ${fixed(mean(seen.feed_in_price), 3)}`;
  plot("price-plot", [["retail", steps.map((item) => mean(item.seen.retail_price))], ["feed-in", steps.map((item) => mean(item.seen.feed_in_price))]], 2);
}

function batteries(decision, seen) {
  const all = byId("batteries").children, soc = seen.soc;
  for (let i = 0; i < all.length; i += 1) {
    const value = Array.isArray(soc) ? soc[i] ?? null : soc ?? null;
    const fill = all[i].querySelector(".fill"), numbers = all[i].querySelectorAll(".number");
    const isKnown = value !== null && value >= 0 && value <= 1;
    fill.className = isKnown ? "fill" : "fill doubt"; fill.style.width = `${isKnown ? 100 * value : 100}%`;
    numbers[0].textContent = isKnown ? `${fixed(100 * value, 0)} %` : "?";
    numbers[1].textContent = `${fixed(decision.battery_kw[i], 2)} kW`;
  }
}

function plot(id, series, digits) {
  const svg = byId(id), wide = svg.clientWidth || 400, high = svg.clientHeight || 160, left = 44, low = high - 8;
  const values = series.flatMap(([, points]) => points).filter((value) => value !== null && isFinite(value));
  if (!values.length) { svg.replaceChildren(); return; }
  let bottom = Math.min(0, ...values), top = Math.max(0, ...values);
  if (top === bottom) top = bottom + 1;
  const x = (k, count) => left + (count > 1 ? (k / (count - 1)) * (wide - left - 6) : 0);
  const y = (value) => low - ((value - bottom) / (top - bottom)) * (low - 10);
  const made = (kind, attributes, text) => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", kind);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    if (text !== undefined) node.textContent = text;
    return node;
  };
  svg.setAttribute("viewBox", `0 0 ${wide} ${high}`);
  const ticks = [...new Set([bottom, 0, top])].flatMap((value) => [
    made("line", { x1: left, x2: wide - 6, y1: y(value), y2: y(value) }),
    made("text", { x: left - 6, y: y(value) + 4, "text-anchor": "end" }, fixed(value, digits)),
  ]);
  const paths = series.map(([name, points]) => {
    let text = "", isPen = false;
    points.forEach((value, k) => {
      if (value === null || !isFinite(value)) { isPen = false; return; }
      text += `${isPen ? "L" : "M"}${x(k, points.length).toFixed(1)} ${y(value).toFixed(1)}`; isPen = true;
    });
    if (points.length === 1 && text) text += `h${(wide - left - 6).toFixed(1)}`;
    return made("path", { class: name, d: text });
  });
  svg.replaceChildren(...ticks, ...paths);
}

byId("door").addEventListener("submit", (event) => { event.preventDefault(); key = byId("key").value.trim(); byId("key").value = ""; connect(); });
addEventListener("resize", draw);
connect();
