// The drawing: lanes from top to bottom, time from left to right.

const NAMES = 74;
const OVERVIEW = 34;
const TOP = OVERVIEW + 24;
// Above this number of messages in view, their density is drawn in place of arrows.
const ARROWS_MAX = 4000;
const HEADS_MAX = 1500;
const LABELS_MAX = 120;

class Canvas {
  constructor(canvas, model) {
    Object.assign(this, { canvas, model });
    this.context = canvas.getContext('2d');
    [this.from, this.to] = model.bounds;
    this.scroll = 0;
    this.expanded = false;
    this.selected = { message: -1, op: -1 };
    this.hovered = -1;
    this.drawn = [];
    this.readColours();
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
      this.readColours();
      this.request();
    });
    new ResizeObserver(() => this.resize()).observe(canvas);
    this.resize();
  }

  readColours() {
    const style = getComputedStyle(document.documentElement);
    this.colours = new Proxy({}, { get: (_, name) => style.getPropertyValue(`--${name}`).trim() });
    this.cached = {};
    for (const name of ['bg', 'fg', 'quiet', 'line', 'panel', 'link', 'ok', 'info', 'fail', 'wrong', 'server', 'service']) {
      this.cached[name] = this.colours[name];
    }
  }

  resize() {
    const ratio = window.devicePixelRatio || 1;
    this.width = this.canvas.clientWidth;
    this.height = this.canvas.clientHeight;
    this.canvas.width = Math.round(this.width * ratio);
    this.canvas.height = Math.round(this.height * ratio);
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.layout();
    this.request();
  }

  // Computes the vertical position of every endpoint.
  layout() {
    const { endpoints, roles, home } = this.model;
    const clients = endpoints.map((_, e) => e).filter((e) => roles[e] === 2);
    this.lanes = [];
    endpoints.forEach((name, e) => {
      if (roles[e] === 2) return;
      if (this.expanded) {
        for (const c of clients.filter((c) => home[c] === e)) {
          this.lanes.push({ name: endpoints[c], endpoint: c, weight: 0.5 });
        }
      }
      this.lanes.push({ name, endpoint: e, weight: roles[e] === 1 ? 0.7 : 1 });
    });
    const room = this.height - TOP - 14;
    const weight = this.lanes.reduce((sum, lane) => sum + lane.weight, 0) || 1;
    this.unit = Math.min(110, Math.max(this.expanded ? 30 : 26, room / weight));
    this.y = new Float64Array(endpoints.length).fill(NaN);
    let top = TOP + 6;
    for (const lane of this.lanes) {
      lane.height = this.unit * lane.weight;
      this.y[lane.endpoint] = lane.y = top + lane.height * (this.expanded ? 0.5 : 0.68);
      lane.top = top;
      top += lane.height;
    }
    if (!this.expanded) {
      for (const c of clients) if (home[c] >= 0) this.y[c] = this.y[home[c]] - this.unit * 0.42;
    }
    this.depth = Math.max(0, top - this.height + 10);
    this.scroll = Math.min(this.scroll, this.depth);
  }

  x(time) {
    return NAMES + ((time - this.from) / (this.to - this.from)) * (this.width - NAMES);
  }

  time(x) {
    return this.from + ((x - NAMES) / (this.width - NAMES)) * (this.to - this.from);
  }

  // Shows a time range, within the run.
  show(from, to) {
    const [first, last] = this.model.bounds;
    const span = Math.min(Math.max(to - from, 20), (last - first) * 1.04);
    const slack = span * 0.02 + 1;
    from = Math.min(Math.max(from, first - slack), last + slack - span);
    [this.from, this.to] = [from, from + span];
    this.request();
  }

  zoom(factor, x = (NAMES + this.width) / 2) {
    const centre = this.time(x);
    this.show(centre - (centre - this.from) * factor, centre + (this.to - centre) * factor);
  }

  pan(fraction) {
    const span = this.to - this.from;
    this.show(this.from + fraction * span, this.to + fraction * span);
  }

  scrollTo(scroll) {
    this.scroll = Math.min(Math.max(0, scroll), this.depth);
    this.request();
  }

  request() {
    if (this.pending) return;
    this.pending = true;
    requestAnimationFrame(() => {
      this.pending = false;
      this.draw();
    });
  }

  draw() {
    const { context: c, cached: colour, width, height } = this;
    c.fillStyle = colour.bg;
    c.fillRect(0, 0, width, height);
    c.font = '11px system-ui, sans-serif';
    c.save();
    c.beginPath();
    c.rect(NAMES, TOP, width - NAMES, height - TOP);
    c.clip();
    c.translate(0, -this.scroll);
    this.drawFaults();
    this.drawLanes();
    this.drawOperations();
    this.drawMessages();
    c.restore();
    this.drawNames();
    this.drawAxis();
    this.drawOverview();
  }

  drawFaults() {
    const { context: c, model } = this;
    for (const fault of model.faults) {
      const left = Math.max(NAMES, this.x(fault.from));
      const right = Math.min(this.width, Math.max(this.x(fault.to), left + 1));
      if (right <= NAMES || left >= this.width) continue;
      c.fillStyle = fault.colour;
      const lanes = this.lanes.filter((lane) => fault.nodes.includes(lane.name));
      c.globalAlpha = 0.16;
      c.fillRect(left, TOP, right - left, this.height + this.scroll);
      c.globalAlpha = 0.34;
      if (lanes.length < this.lanes.length) {
        for (const lane of lanes) c.fillRect(left, lane.top, right - left, lane.height);
      }
      c.globalAlpha = 1;
    }
  }

  drawLanes() {
    const { context: c, cached: colour } = this;
    c.lineWidth = 1;
    for (const lane of this.lanes) {
      c.strokeStyle = colour.line;
      c.beginPath();
      c.moveTo(NAMES, lane.y);
      c.lineTo(this.width, lane.y);
      c.stroke();
    }
  }

  drawOperations() {
    const { context: c, cached: colour, model } = this;
    const { l, o, c: client } = model.ops;
    const colours = [colour.ok, colour.info, colour.fail, colour.info];
    this.bars = [];
    const high = firstIndex(model.opCount, (i) => model.opTime[i] > this.to);
    const per = Math.max(1, Math.floor(this.unit * 0.3 / 3));
    for (let i = 0; i < high; i++) {
      const end = l[i] < 0 ? model.bounds[1] : model.opTime[i] + l[i];
      if (end < this.from || client[i] < 0 || Number.isNaN(this.y[client[i]])) continue;
      const left = this.x(model.opTime[i]);
      const right = Math.max(this.x(end), left + 1.5);
      const y = this.y[client[i]] - (this.expanded ? 0 : (client[i] % per) * 2.5);
      const selected = this.selected.op === i;
      c.fillStyle = selected ? colour.fg : colours[o[i]];
      c.globalAlpha = l[i] < 0 ? 0.25 : selected ? 1 : 0.55;
      c.fillRect(left, y - (selected ? 3.5 : 2), right - left, selected ? 7 : 4);
      this.bars.push([i, left, right, y]);
    }
    c.globalAlpha = 1;
  }

  drawMessages() {
    const found = this.model.visible(this.from, this.to);
    this.found = found.length;
    const focused = found.filter((i) => this.model.marked[i]);
    this.hasFocus = this.model.marked.includes(1) || this.model.marked.includes(2);
    this.drawn = found.length <= ARROWS_MAX ? found : focused.length <= ARROWS_MAX ? focused : [];
    if (this.drawn !== found) this.drawDensity(found);
    this.drawArrows(this.drawn);
  }

  drawDensity(found) {
    const { context: c, cached: colour, model } = this;
    const columns = Math.ceil((this.width - NAMES) / 2);
    const counts = new Map();
    let most = 1;
    for (const i of found) {
      const y = this.y[model.m.s[i]];
      const column = Math.floor((this.x(model.sent[i]) - NAMES) / 2);
      if (Number.isNaN(y) || column < 0 || column >= columns) continue;
      if (!counts.has(y)) counts.set(y, new Uint32Array(columns));
      most = Math.max(most, ++counts.get(y)[column]);
    }
    c.fillStyle = colour.server;
    c.globalAlpha = 0.6;
    for (const [y, row] of counts) {
      row.forEach((count, column) => {
        if (!count) return;
        const tall = Math.max(1.5, this.unit * 0.36 * Math.sqrt(count / most));
        c.fillRect(NAMES + column * 2, y - tall / 2, 2, tall);
      });
    }
    c.globalAlpha = 1;
  }

  style(i) {
    const { m, roles, marked } = this.model;
    const colour = this.cached;
    if (i === this.selected.message) return [colour.link, 2.6, 1];
    const lost = m.f[i] > 1;
    const client = roles[m.s[i]] === 2 || roles[m.d[i]] === 2;
    const service = roles[m.s[i]] === 1 || roles[m.d[i]] === 1;
    const base = lost ? colour.wrong : client ? colour.ok : service ? colour.service : colour.server;
    if (i === this.hovered) return [base, 2.4, 1];
    if (this.hasFocus) return marked[i] ? [base, 1.8, 1] : [base, 0.8, 0.13];
    return [base, 1, client ? 0.75 : 0.8];
  }

  drawArrows(list) {
    const { context: c } = this;
    for (const i of list) {
      const [stroke, thickness, alpha] = this.style(i);
      const [x0, y0, x1, y1] = this.segment(i);
      if (Number.isNaN(y0) || Number.isNaN(y1)) continue;
      c.strokeStyle = c.fillStyle = stroke;
      c.lineWidth = thickness;
      c.globalAlpha = alpha;
      c.beginPath();
      c.moveTo(x0, y0);
      c.lineTo(x1, y1);
      if (this.model.latency[i] < 0) cross(c, x1, y1);
      c.stroke();
      if (list.length <= HEADS_MAX && this.model.latency[i] >= 0) head(c, x0, y0, x1, y1);
    }
    c.globalAlpha = 1;
    const labelled = list.filter((i) => !this.hasFocus || this.model.marked[i]);
    if (labelled.length <= LABELS_MAX) this.drawLabels(labelled);
  }

  // Draws the line of a message. The line of a lost message ends half-way.
  segment(i) {
    const { m, sent, latency } = this.model;
    const [x0, y0, y1] = [this.x(sent[i]), this.y[m.s[i]], this.y[m.d[i]]];
    if (latency[i] >= 0) return [x0, y0, Math.max(this.x(sent[i] + latency[i]), x0 + 0.5), y1];
    return [x0, y0, x0 + 14, y0 + Math.sign(y1 - y0) * Math.min(18, Math.abs(y1 - y0) / 2)];
  }

  drawLabels(list) {
    const { context: c, cached: colour, model } = this;
    c.textBaseline = 'middle';
    const taken = [];
    for (const i of list) {
      const [x0, y0, x1, y1] = this.segment(i);
      const text = `${model.kinds[model.m.k[i]]} ${summary(model.body(i))}`.trim().slice(0, 44);
      const [x, y] = [(x0 + x1) / 2 + 6, (y0 + y1) / 2];
      const wide = c.measureText(text).width;
      if (taken.some(([l, r, at]) => Math.abs(at - y) < 12 && x < r && x + wide > l)) continue;
      taken.push([x, x + wide, y]);
      c.strokeStyle = colour.bg;
      c.lineWidth = 3;
      c.strokeText(text, x, y);
      c.fillStyle = model.m.f[i] > 1 ? colour.wrong : colour.fg;
      c.fillText(text, x, y);
    }
  }
}

// Returns the informative fields of a body, in one line.
function summary(body) {
  return body
    .slice(0, 160)
    .replace(/"(type|msg_id|in_reply_to)":\s*("[^"]*"|\d+),?\s*/g, '')
    .replace(/^\{|[,}\s]+$/g, '')
    .replace(/"(\w+)":\s*/g, '$1=');
}

function head(c, x0, y0, x1, y1) {
  const [x, y] = [x1 - x0, y1 - y0];
  const length = Math.hypot(x, y) || 1;
  const [ux, uy] = [(x / length) * 6, (y / length) * 6];
  c.beginPath();
  c.moveTo(x1, y1);
  c.lineTo(x1 - ux - uy * 0.4, y1 - uy + ux * 0.4);
  c.lineTo(x1 - ux + uy * 0.4, y1 - uy - ux * 0.4);
  c.fill();
}

function cross(c, x, y) {
  c.moveTo(x - 4, y - 4);
  c.lineTo(x + 4, y + 4);
  c.moveTo(x + 4, y - 4);
  c.lineTo(x - 4, y + 4);
}
