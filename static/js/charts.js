// Draws the charts of reports with ECharts. The data stands in <script type="application/json"> beside each place, the
// same numbers stand in a table below. A click on a point opens the members behind it. On paper and in a saved picture
// charts are on white, and told apart without colour: by patterns, dashes and symbols. What is not complete yet is
// dotted, or pale, so that nobody takes it for a fall.

const shown = new Map();

let paper = false; // whether what is drawn now goes to a printer or into a picture
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const palette = () => Array.from({ length: 10 }, (_unused, i) => css(`--plot-${i}`));
const SYMBOLS = ["circle", "rect", "triangle", "diamond", "emptyCircle", "emptyRect"];
// None is dotted: that says that a point is not complete.
const LINES = ["solid", "dashed", [10, 3, 3, 3]];
const DASHES = ["solid", [8, 4], [14, 3, 3, 3], [10, 3], [4, 4], [14, 4], [6, 3, 3, 3], [20, 4], [12, 3, 3, 3, 3, 3], [5, 2]];
const DOTS = [1, 4];
const number = (value) => (value === null || value === undefined ? "–" : value.toLocaleString("en"));
// A share to a tenth, as the tables say it: one below that is neither none nor a tenth.
const tenth = (value) => (value > 0 && value < 0.1 ? "<0.1" : value.toFixed(1));
const escaped = (text) => String(text).replace(/[{}|]/g, " ");

const options = (data) => {
  const colours = palette();
  const many = data.series.length > 1;
  const narrow = window.innerWidth < 600;
  const suffix = data.percent ? "%" : "";
  const bars = data.kind !== "line";
  return {
    aria: { enabled: paper, decal: { show: paper && many } },
    animation: !paper && !window.matchMedia("(prefers-reduced-motion: reduce)").matches,
    animationDuration: 300,
    color: colours,
    textStyle: { fontFamily: getComputedStyle(document.body).fontFamily, color: css("--ink-2") },
    grid: { left: 8, right: 16, top: many ? 44 : 24, bottom: 8, containLabel: true },
    legend: many
      ? { type: "scroll", top: 0, left: 0, ...(paper ? { type: "plain", itemWidth: 32 } : { icon: "roundRect", itemWidth: 14, itemHeight: 8 }), textStyle: { color: css("--ink") }, pageIconColor: css("--ink-2"), pageTextStyle: { color: css("--ink-2") } }
      : undefined,
    // Rich text is painted on the canvas; an HTML tip would need inline styles, which the content policy forbids.
    tooltip: {
      trigger: "axis",
      renderMode: "richText",
      confine: true,
      axisPointer: { type: bars ? "shadow" : "line" },
      backgroundColor: css("--surface"),
      borderColor: css("--line-strong"),
      textStyle: { color: css("--ink") },
      formatter: (points) => {
        const [{ name, dataIndex }] = points;
        // Of a line in two parts both have a point here, of which one may be empty.
        const lines = [...new Set(points.map(seriesOf))].map((i) => {
          const value = data.series[i].data[dataIndex] ?? null;
          return `${escaped(data.series[i].name)}  ${number(value)}${value === null ? "" : suffix}`;
        });
        return [`${escaped(name)}${data.open[dataIndex] ? " …" : ""}`, ...lines].join("\n");
      },
    },
    xAxis: {
      type: "category",
      data: data.labels,
      boundaryGap: bars,
      axisTick: { show: false },
      axisLine: { onZero: false, lineStyle: { color: css("--line-strong") } },
      axisLabel: { color: css("--ink-2"), hideOverlap: true, ...(data.kind === "steps" ? { interval: 0, width: narrow ? 72 : 140, overflow: "break" } : {}) },
    },
    yAxis: {
      type: "value",
      minInterval: data.percent ? 0 : 1,
      max: data.percent && data.kind === "steps" ? 100 : undefined,
      splitLine: { lineStyle: { color: css("--line") } },
      axisLabel: { color: css("--ink-2"), formatter: (value) => `${number(value)}${suffix}` },
    },
    series: data.series.flatMap((series, i) => {
      const colour = colours[(series.colour >= 0 ? series.colour : i) % colours.length];
      if (bars && series.style !== "line") {
        return {
          id: i,
          name: series.name,
          type: "bar",
          data: data.open.includes(true) ? series.data.map((value, n) => (data.open[n] ? { value, itemStyle: { opacity: 0.45 } } : value)) : series.data,
          stack: data.kind === "stack" ? "all" : undefined,
          itemStyle: { color: colour, borderRadius: data.kind === "stack" ? 0 : [3, 3, 0, 0] },
          barMaxWidth: data.kind === "steps" && !many ? 88 : 36,
          label: data.kind === "steps" && !many ? { show: true, position: "top", color: css("--ink"), formatter: (point) => number(point.value) } : undefined,
        };
      }
      const past = series.style === "dashed";
      const line = {
        id: i,
        name: series.name,
        type: "line",
        data: series.data,
        symbol: SYMBOLS[i % SYMBOLS.length],
        symbolSize: 6,
        showSymbol: !past && (paper ? many : data.labels.length <= 40),
        showAllSymbol: paper ? "auto" : undefined,
        lineStyle: { width: past ? 1.5 : 2, type: past ? "dashed" : paper ? DASHES[i % DASHES.length] : LINES[Math.floor(i / 4) % LINES.length], color: past ? css("--ink-2") : colour },
        itemStyle: { color: past ? css("--ink-2") : colour },
        areaStyle: series.style === "area" ? { color: colour, opacity: 0.1 } : undefined,
        z: past ? 1 : 2,
      };
      return past ? line : apart(line, data.open);
    }),
  };
};
// A line as two of one name: the way to a point that is not complete is another one's. Such a point has its symbol always:
// without neighbours there is no way to it, and a click needs something to hit.
const apart = (line, open) => {
  if (!open.includes(true)) return line;
  const only = (wanted) => line.data.map((value, n) => (wanted(n) ? value : null));
  const way = only((n) => open[n] || open[n - 1] || open[n + 1]);
  const points = way.map((value, n) => ({ value, symbol: open[n] ? "emptyCircle" : "none" }));
  return [
    { ...line, data: only((n) => !open[n]) },
    { ...line, id: `${line.id} open`, data: points, showSymbol: true, lineStyle: { ...line.lineStyle, type: DOTS } },
  ];
};
const seriesOf = (point) => Number.parseInt(point.seriesId, 10);

// Hours by weekdays as a field of colours, from light to dark in one hue, with the numbers in it. As many hours have
// each shade, so that one busy hour does not make all others look alike. On a phone the hours run down. A place without
// a value is left empty: there is too little to say.
const heat = (data) => {
  const narrow = !paper && window.innerWidth < 600;
  const points = data.series.flatMap((series, day) => series.data.map((value, hour) => [...(narrow ? [day, hour] : [hour, day]), value ?? "-"]));
  const days = data.series.map((series) => series.name);
  const axis = (labels, inverse) => ({
    type: "category", data: labels, inverse, splitArea: { show: true, areaStyle: { color: [css("--surface"), css("--surface")] } },
    axisTick: { show: false }, axisLine: { show: false }, axisLabel: { color: css("--ink-2"), interval: 0, fontSize: narrow ? 10 : 12 },
  });
  const hue = css("--heat").split(" ").join(",");
  return {
    animation: false,
    textStyle: { fontFamily: getComputedStyle(document.body).fontFamily, color: css("--ink-2") },
    grid: { left: 8, right: 8, top: 8, bottom: 44, containLabel: true },
    tooltip: {
      renderMode: "richText", confine: true, backgroundColor: css("--surface"), borderColor: css("--line-strong"), textStyle: { color: css("--ink") },
      formatter: (point) => `${escaped(days[point.value[narrow ? 0 : 1]])} ${data.labels[point.value[narrow ? 1 : 0]]}:00  ${point.value[2] === "-" ? "–" : `${tenth(point.value[2])}%`}`,
    },
    xAxis: axis(narrow ? days : data.labels, false),
    yAxis: axis(narrow ? data.labels : days, true),
    visualMap: {
      type: "piecewise", orient: "horizontal", left: "center", bottom: 0, itemWidth: 16, itemHeight: 12, itemGap: narrow ? 6 : 12, textGap: narrow ? 4 : 10,
      selectedMode: false, textStyle: { color: css("--ink-2"), fontSize: narrow ? 10 : 12 },
      pieces: data.steps.map(([least, label], i) => ({
        gte: least, lt: data.steps[i + 1]?.[0], label, color: `rgba(${hue},${(0.65 * (i + 1)) / data.steps.length})`,
      })),
      outOfRange: { color: "transparent" },
    },
    series: [{
      type: "heatmap", data: points, itemStyle: { borderColor: css("--surface"), borderWidth: 2 },
      label: { show: true, color: css("--ink"), fontSize: 10, formatter: (point) => (point.value[2] === "-" ? "" : tenth(point.value[2])) },
      emphasis: { itemStyle: { borderColor: css("--ink") } },
    }],
  };
};
const heatLink = (data, point) => {
  const [day, hour] = window.innerWidth < 600 ? point.value : [point.value[1], point.value[0]];
  return data.series[day]?.links[hour];
};
const drawn = (data) => (data.kind === "heat" ? heat(data) : options(data));

const draw = (place) => {
  const source = document.getElementById(place.dataset.plot);
  if (!source || !window.echarts) return;
  const data = JSON.parse(source.textContent);
  const chart = window.echarts.init(place, null, { renderer: "canvas" });
  chart.setOption(drawn(data));
  chart.on("click", (point) => {
    const link = data.kind === "heat" ? heatLink(data, point) : data.series[seriesOf(point)]?.links[point.dataIndex];
    if (link && point.value) window.location.assign(link);
  });
  shown.set(place, { chart, data });
};

const drawAll = (root) => {
  for (const [place, { chart }] of shown) {
    if (!place.isConnected) { chart.dispose(); shown.delete(place); }
  }
  for (const place of root.querySelectorAll("[data-plot]")) if (!shown.has(place)) draw(place);
};

drawAll(document);
document.addEventListener("htmx:load", (event) => drawAll(event.detail.elt.parentElement ?? document));
document.documentElement.addEventListener("themechange", () => {
  for (const { chart, data } of shown.values()) chart.setOption(drawn(data), true);
});
let resizing = 0;
window.addEventListener("resize", () => {
  cancelAnimationFrame(resizing);
  resizing = requestAnimationFrame(() => { for (const { chart } of shown.values()) chart.resize(); });
});

// On paper
const UPRIGHT = 640; // what an A4 page leaves between its margins
const ACROSS = 960;
const inLight = (act) => {
  const root = document.documentElement;
  const theme = root.dataset.bsTheme;
  root.dataset.bsTheme = "light";
  paper = true;
  try { return act(); } finally {
    paper = false;
    root.dataset.bsTheme = theme;
  }
};
const painted = (option, width, height) => {
  const chart = window.echarts.init(document.createElement("div"), null, { renderer: "canvas", width, height });
  chart.setOption({ ...option, animation: false });
  chart.getZr().flush();
  const canvas = chart.renderToCanvas({ pixelRatio: 2, backgroundColor: "#fff" });
  chart.dispose();
  return canvas;
};
// How much lower a chart begins whose legend takes more than one line.
const legendLines = (data, width) => {
  const pen = document.createElement("canvas").getContext("2d");
  pen.font = `12px ${getComputedStyle(document.body).fontFamily}`;
  let [lines, filled] = [0, 0];
  for (const { name } of data.series) {
    const item = 32 + 5 + pen.measureText(name).width + 10;
    if (filled && filled + item > width - 24) [lines, filled] = [lines + 1, 0];
    filled += item;
  }
  return lines * 24;
};
const lowered = (data, width) => {
  const drawing = drawn(data);
  if (drawing.legend) drawing.grid.top += legendLines(data, width);
  return drawing;
};
window.addEventListener("beforeprint", () => {
  const width = document.querySelector(".is-wide") && !document.querySelector(".dash") ? ACROSS : UPRIGHT;
  inLight(() => {
    for (const [place, { data }] of shown) {
      // One canvas of its own: layers that lie on one another do not all get onto paper.
      const canvas = painted(lowered(data, width), width, 260);
      canvas.className = "plot-paper";
      canvas.style.width = `${width}px`;
      place.after(canvas);
    }
  });
});
window.addEventListener("afterprint", () => {
  for (const canvas of document.querySelectorAll(".plot-paper")) canvas.remove();
});

// As a picture: with its title, what was asked and the legend, twice as fine as the screen.
const WIDTH = 1000;
const LINE = 18;
const wrapped = (text, pen, width) => {
  const lines = [""];
  // Chinese breaks between any two characters but before a mark, other writing between words.
  for (const piece of text.match(/[\u3000-\u9fff\uff00-\uffef][、。），：；！？]*|[^\s\u3000-\u9fff\uff00-\uffef]+\s*|\s+/g) ?? []) {
    if (lines.at(-1) && pen.measureText(lines.at(-1) + piece.trimEnd()).width > width) lines.push("");
    lines[lines.length - 1] += piece;
  }
  return lines;
};
const picture = (data, title, asked) => inLight(() => {
  const pen = document.createElement("canvas").getContext("2d");
  const font = getComputedStyle(document.body).fontFamily;
  pen.font = `12px ${font}`;
  const lines = wrapped(asked, pen, WIDTH - 32);
  const head = 44 + lines.length * LINE;
  const drawing = lowered(data, WIDTH);
  return painted({
    ...drawing,
    title: { text: title, subtext: lines.join("\n"), left: 12, top: 12, itemGap: 8, textStyle: { color: css("--ink"), fontSize: 16 }, subtextStyle: { color: css("--ink-2"), fontSize: 12, lineHeight: LINE } },
    grid: { ...drawing.grid, left: 16, right: 24, top: head + drawing.grid.top, bottom: drawing.grid.bottom + 8 },
    legend: drawing.legend && { ...drawing.legend, top: head, left: 12 },
  }, WIDTH, head + 420);
});
const fileName = (text) => `${text.replace(/[\\/:*?"<>|\s]+/g, "-").slice(0, 80)}.png`;

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-plot-save]");
  const place = button?.closest("[data-plot-box]").querySelector("[data-plot]");
  if (!shown.has(place)) return;
  const { data } = shown.get(place);
  const parts = (button.closest("[data-card]") ?? document).querySelectorAll("[data-asked] > *");
  const asked = [...[...parts].map((part) => part.textContent.replace(/\s+/g, " ").trim()), data.note].filter(Boolean).join(" · ");
  const page = document.querySelector("h1")?.textContent.trim() ?? "";
  const title = page && !button.closest("[data-card]") && page !== data.label ? `${page} · ${data.label}` : data.label;
  picture(data, title, asked).toBlob((blob) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = fileName(title);
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }, "image/png");
});
