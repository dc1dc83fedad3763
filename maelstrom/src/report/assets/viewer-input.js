// The pointer and the keyboard.

Object.assign(Controls.prototype, {
  listen() {
    const { canvas: view } = this;
    const surface = view.canvas;
    surface.addEventListener('wheel', (event) => this.wheel(event), { passive: false });
    surface.addEventListener('pointerdown', (event) => this.pointerDown(event));
    surface.addEventListener('pointermove', (event) => this.pointerMove(event));
    for (const name of ['pointerup', 'pointercancel']) {
      surface.addEventListener(name, (event) => this.pointerUp(event));
    }
    surface.addEventListener('pointerleave', () => this.hover(-1));
    document.addEventListener('keydown', (event) => this.key(event));
  },

  wheel(event) {
    event.preventDefault();
    const { canvas: view } = this;
    const across = event.shiftKey ? event.deltaY : event.deltaX;
    if (Math.abs(across) > Math.abs(event.deltaY) || event.shiftKey) view.pan(across / view.width);
    else if (event.offsetX < NAMES) view.scrollTo(view.scroll + event.deltaY);
    else view.zoom(Math.exp(event.deltaY * 0.0025), event.offsetX);
  },

  pointerDown(event) {
    const { canvas: view } = this;
    view.canvas.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, [event.offsetX, event.offsetY]);
    this.moved = false;
    this.inOverview = event.offsetY < OVERVIEW;
    if (this.inOverview) this.jump(event.offsetX);
  },

  jump(x) {
    const { canvas: view } = this;
    const half = (view.to - view.from) / 2;
    const centre = view.overviewTime(x);
    view.show(centre - half, centre + half);
  },

  pointerMove(event) {
    const { canvas: view, pointers } = this;
    const here = [event.offsetX, event.offsetY];
    const before = pointers.get(event.pointerId);
    if (!before) {
      const found = event.offsetY > TOP && event.offsetX > NAMES ? view.hit(...here) : { message: -1 };
      this.hover(found.message, here);
      return;
    }
    if (Math.hypot(here[0] - before[0], here[1] - before[1]) > 3 || this.moved) {
      this.moved = true;
      if (this.inOverview) this.jump(here[0]);
      else if (pointers.size === 2) this.pinch(event.pointerId, before, here);
      else {
        view.pan((before[0] - here[0]) / (view.width - NAMES));
        view.scrollTo(view.scroll + before[1] - here[1]);
      }
      pointers.set(event.pointerId, here);
    }
  },

  pinch(id, before, here) {
    const [, other] = [...this.pointers].find(([pointer]) => pointer !== id);
    const was = Math.max(20, Math.abs(before[0] - other[0]));
    const is = Math.max(20, Math.abs(here[0] - other[0]));
    this.canvas.zoom(was / is, (here[0] + other[0]) / 2);
  },

  pointerUp(event) {
    const { canvas: view, pointers } = this;
    pointers.delete(event.pointerId);
    if (this.moved || this.inOverview || event.type === 'pointercancel') return;
    if (event.offsetX < NAMES && event.offsetY > TOP) {
      const y = event.offsetY + view.scroll;
      const lane = view.lanes.find((lane) => y >= lane.top && y < lane.top + lane.height);
      if (lane) location.hash = `#node=${encodeURIComponent(lane.name)}`;
      return;
    }
    const found = view.hit(event.offsetX, event.offsetY);
    if (found.message >= 0) this.select({ message: found.message, op: -1 });
    else if (found.op >= 0) this.showOperation(found.op);
  },

  hover(message, at) {
    const { canvas: view, model } = this;
    const tip = by('tip');
    if (view.hovered !== message) view.request();
    view.hovered = message;
    view.canvas.style.cursor = message >= 0 ? 'pointer' : 'default';
    tip.hidden = message < 0;
    if (message < 0) return;
    const { m, endpoints, kinds } = model;
    const took = m.l[message] >= 0 ? milliseconds(m.l[message]) : model.fates[m.f[message]];
    tip.textContent = `${endpoints[m.s[message]]} → ${endpoints[m.d[message]]}  ${kinds[m.k[message]]}, ${took}\n`
      + model.body(message).slice(0, 240);
    tip.style.left = `${Math.min(at[0] + 14, view.width - 260)}px`;
    tip.style.top = `${at[1] + view.canvas.offsetTop + 16}px`;
  },

  // Selects the next message, or the one before, of those that are drawn.
  step(direction) {
    const { canvas: view, model } = this;
    const list = view.hasFocus ? view.drawn.filter((i) => model.marked[i]) : view.drawn;
    if (!list.length) return;
    const at = list.indexOf(view.selected.message);
    const next = at < 0 ? (direction > 0 ? 0 : list.length - 1) : at + direction;
    if (list[next] !== undefined) this.select({ message: list[next], op: -1 });
  },

  key(event) {
    if (event.target.closest('input, select') && event.key !== 'Escape') return;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { canvas: view } = this;
    const actions = {
      ArrowLeft: () => view.pan(-0.2),
      ArrowRight: () => view.pan(0.2),
      ArrowUp: () => view.scrollTo(view.scroll - 60),
      ArrowDown: () => view.scrollTo(view.scroll + 60),
      '+': () => view.zoom(0.6),
      '=': () => view.zoom(0.6),
      '-': () => view.zoom(1 / 0.6),
      0: () => view.show(...this.model.bounds),
      n: () => this.step(1),
      p: () => this.step(-1),
      '/': () => by('text').focus(),
      Escape: () => { event.target.blur(); this.clear(); },
    };
    if (!actions[event.key]) return;
    event.preventDefault();
    actions[event.key]();
  },
});

(async () => {
  const model = new Model(JSON.parse(await unpack('data')));
  const controls = new Controls(new Canvas(by('canvas'), model), model);
  const ready = unpack('bodies').then((text) => {
    model.bodies = text.split('\n');
    controls.filter();
    controls.follow();
  });
  await ready;
  document.documentElement.dataset.ready = 'true';
})().catch((error) => {
  by('count').textContent = `The messages cannot be shown: ${error.message}`;
  throw error;
});
