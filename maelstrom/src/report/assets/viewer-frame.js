// The frame around the lanes: their names, the axis of time, and the overview of the whole run.

// Returns the least number not below a length that is 1, 2 or 5 times a power of ten.
function roundStep(length) {
  const power = 10 ** Math.floor(Math.log10(length));
  return power * [1, 2, 5, 10].find((factor) => factor * power >= length * 0.999);
}

Object.assign(Canvas.prototype, {
  drawNames() {
    const { context: c, cached: colour } = this;
    c.fillStyle = colour.panel;
    c.fillRect(0, TOP, NAMES - 1, this.height - TOP);
    c.fillStyle = colour.line;
    c.fillRect(NAMES - 1, TOP, 1, this.height - TOP);
    c.textBaseline = 'middle';
    c.save();
    c.beginPath();
    c.rect(0, TOP, NAMES - 4, this.height - TOP);
    c.clip();
    for (const lane of this.lanes) {
      const y = lane.y - this.scroll;
      if (y < TOP - 10 || y > this.height + 10) continue;
      c.fillStyle = lane.weight < 0.6 ? colour.quiet : colour.fg;
      c.font = `${lane.weight < 0.6 ? '' : '600 '}${lane.weight < 0.6 ? 10 : 12}px system-ui, sans-serif`;
      c.fillText(lane.name, 8, y);
    }
    c.restore();
    c.font = '11px system-ui, sans-serif';
  },

  drawAxis() {
    const { context: c, cached: colour } = this;
    c.fillStyle = colour.panel;
    c.fillRect(0, OVERVIEW, this.width, TOP - OVERVIEW);
    const step = roundStep(((this.to - this.from) / (this.width - NAMES)) * 90);
    const digits = Math.max(0, Math.ceil(-Math.log10(step / 1e6) - 1e-9));
    c.textBaseline = 'middle';
    c.textAlign = 'center';
    for (let t = Math.ceil(this.from / step) * step; t <= this.to; t += step) {
      const x = this.x(t);
      c.fillStyle = colour.line;
      c.fillRect(x, TOP - 5, 1, this.height);
      c.fillStyle = colour.quiet;
      c.fillText(`${(t / 1e6).toFixed(digits)} s`, Math.min(x, this.width - 18), OVERVIEW + 11);
    }
    c.textAlign = 'left';
    c.fillStyle = colour.fg;
    let free = NAMES;
    for (const fault of this.model.faults) {
      const left = Math.max(free, this.x(fault.from) + 3);
      if (this.x(fault.to) < NAMES || left > this.width) continue;
      const text = fault.name + (fault.where ? `: ${fault.where}` : '');
      const room = Math.max(this.x(fault.to), left + 24) - left;
      c.save();
      c.beginPath();
      c.rect(left, TOP, room, 16);
      c.clip();
      c.fillText(text, left, TOP + 8);
      c.restore();
      free = Math.min(left + c.measureText(text).width, left + room) + 6;
    }
    c.fillStyle = colour.line;
    c.fillRect(0, TOP - 1, this.width, 1);
  },

  overviewX(time) {
    const [first, last] = this.model.bounds;
    return ((time - first) / (last - first)) * this.width;
  },

  overviewTime(x) {
    const [first, last] = this.model.bounds;
    return first + (x / this.width) * (last - first);
  },

  drawOverview() {
    const { context: c, cached: colour, model } = this;
    c.fillStyle = colour.panel;
    c.fillRect(0, 0, this.width, OVERVIEW);
    for (const fault of model.faults) {
      c.fillStyle = fault.colour;
      c.globalAlpha = 0.5;
      const left = this.overviewX(fault.from);
      c.fillRect(left, 0, Math.max(1, this.overviewX(fault.to) - left), OVERVIEW);
    }
    c.globalAlpha = 1;
    const counts = this.overviewCounts();
    c.fillStyle = colour.server;
    const most = Math.max(1, ...counts);
    counts.forEach((count, x) => {
      if (count) c.fillRect(x, OVERVIEW, 1, -Math.max(1, (OVERVIEW - 6) * (count / most)));
    });
    c.fillStyle = colour.wrong;
    for (const time of model.anomalies) c.fillRect(this.overviewX(time) - 1, 0, 2, 8);
    const [left, right] = [this.overviewX(this.from), this.overviewX(this.to)];
    c.fillStyle = colour.bg;
    c.globalAlpha = 0.6;
    c.fillRect(0, 0, left, OVERVIEW);
    c.fillRect(right, 0, this.width - right, OVERVIEW);
    c.globalAlpha = 1;
    c.strokeStyle = colour.link;
    c.lineWidth = 1.5;
    c.strokeRect(left + 0.75, 0.75, Math.max(2, right - left - 1.5), OVERVIEW - 2);
  },

  // The number of messages sent in each pixel of the overview; counted again when the filter changes.
  overviewCounts() {
    const { model } = this;
    const key = `${this.width} ${model.version || 0}`;
    if (this.countsKey !== key) {
      this.counts = new Float64Array(Math.max(1, Math.ceil(this.width)));
      for (let i = 0; i < model.count; i++) {
        const x = Math.floor(this.overviewX(model.sent[i]));
        if (model.shown[i] && x >= 0 && x < this.counts.length) this.counts[x]++;
      }
      this.countsKey = key;
    }
    return this.counts;
  },

  // Returns the message near a point, or the operation there; -1 for none.
  hit(x, y) {
    const inLanes = y + this.scroll;
    let best = { distance: 7, message: -1, op: -1 };
    for (const i of this.drawn) {
      const distance = distanceToSegment(x, inLanes, this.segment(i));
      const close = this.hasFocus && !this.model.marked[i] ? distance + 3 : distance;
      if (close < best.distance) best = { distance: close, message: i, op: -1 };
    }
    for (const [i, left, right, at] of this.bars) {
      const inside = x >= left - 2 && x <= right + 2 && Math.abs(inLanes - at) <= 4;
      if (inside && best.distance > 3) best = { distance: 3, message: -1, op: i };
    }
    return best;
  },
});

function distanceToSegment(x, y, [x0, y0, x1, y1]) {
  const [dx, dy] = [x1 - x0, y1 - y0];
  const along = ((x - x0) * dx + (y - y0) * dy) / (dx * dx + dy * dy || 1);
  const t = Math.min(1, Math.max(0, along));
  return Math.hypot(x - x0 - t * dx, y - y0 - t * dy);
}
