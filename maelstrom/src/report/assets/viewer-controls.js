// The controls: filters, pointer, keyboard, links, and the details of what is selected.

const by = (id) => document.getElementById(id);

class Controls {
  constructor(canvas, model) {
    Object.assign(this, { canvas, model, pointers: new Map() });
    this.fill(by('node'), model.endpoints.filter((_, e) => model.roles[e] !== 2));
    this.fill(by('kind'), model.kinds);
    this.fill(by('fate'), [...model.fates, 'not received']);
    for (const id of ['node', 'kind', 'fate']) by(id).addEventListener('change', () => this.filter());
    for (const id of ['key', 'text', 'op']) by(id).addEventListener('input', () => this.filter());
    by('clients').addEventListener('change', () => {
      canvas.expanded = by('clients').checked;
      canvas.layout();
      canvas.request();
    });
    by('in').onclick = () => canvas.zoom(0.5);
    by('out').onclick = () => canvas.zoom(2);
    by('all').onclick = () => canvas.show(...model.bounds);
    by('clear').onclick = () => this.clear();
    this.listen();
    window.addEventListener('hashchange', () => this.follow());
    this.filter();
  }

  fill(select, names) {
    names.forEach((name, value) => select.append(element('option', { value, textContent: name || '(none)' })));
  }

  filter() {
    const { model, canvas } = this;
    const chosen = (id) => (by(id).value === '' ? -1 : Number(by(id).value));
    const node = by('node').value === '' ? -1 : model.endpoints.indexOf(by('node').selectedOptions[0].textContent);
    const op = by('op').value === '' ? -1 : model.rowOfOp.get(Number(by('op').value)) ?? model.opCount;
    const count = model.filter({
      node, op, kind: chosen('kind'), fate: chosen('fate'), key: by('key').value.trim(), text: by('text').value,
    });
    model.version = (model.version || 0) + 1;
    by('count').textContent = `${count.toLocaleString('en')} of ${model.count.toLocaleString('en')} messages`;
    canvas.request();
  }

  clear() {
    for (const id of ['node', 'kind', 'fate', 'key', 'text', 'op']) by(id).value = '';
    this.model.mark(-1);
    this.select({ message: -1, op: -1 });
    this.filter();
  }

  // Shows the target of the address, or by default the anomaly.
  follow() {
    const { model, canvas } = this;
    const { op, m, t, node } = readHash();
    if (node !== undefined) {
      const at = [...by('node').options].findIndex((option) => option.textContent === node);
      if (at > 0) by('node').selectedIndex = at;
      this.filter();
    }
    if (t !== undefined) {
      const [from, to] = t.split('-').map(Number);
      canvas.show(from * 1e6 - (to === undefined ? 5e4 : 0), (to ?? from) * 1e6 + (to === undefined ? 5e4 : 0));
    }
    if (op !== undefined && model.rowOfOp.has(Number(op))) this.showOperation(model.rowOfOp.get(Number(op)));
    else if (m !== undefined) this.showMessage(model.rowOfMessage(Number(m)));
    else if (!location.hash && model.focus != null && model.rowOfOp.has(model.focus)) {
      this.showOperation(model.rowOfOp.get(model.focus));
    }
  }

  showOperation(op) {
    const { model, canvas } = this;
    const messages = model.messagesOf(op);
    let end = model.opTime[op] + Math.max(model.ops.l[op], 2000);
    for (const i of messages) end = Math.max(end, model.ends[i]);
    model.mark(op, /^(broadcast|add)$/.test(model.fs[model.ops.f[op]]) ? model.valueOf(op) : '', true);
    // Show also the messages that spread the value in the second after the operation.
    const until = end + 1e6;
    for (let i = model.marked.indexOf(1); i >= 0 && model.sent[i] < until; i = model.marked.indexOf(1, i + 1)) {
      end = Math.max(end, Math.min(model.ends[i], until));
    }
    const pad = (end - model.opTime[op]) * 0.2;
    canvas.show(model.opTime[op] - pad, end + pad);
    this.select({ message: -1, op });
  }

  showMessage(i) {
    const { model, canvas } = this;
    if (i < 0) return;
    const pad = Math.max(2000, (model.ends[i] - model.sent[i]) * 2);
    if (model.sent[i] < canvas.from || model.ends[i] > canvas.to || canvas.found > ARROWS_MAX) {
      canvas.show(model.sent[i] - pad, model.ends[i] + pad);
    }
    this.select({ message: i, op: -1 });
  }

  select({ message, op }) {
    const { model, canvas } = this;
    canvas.selected = { message, op };
    canvas.request();
    const details = by('details');
    details.replaceChildren();
    details.hidden = message < 0 && op < 0;
    if (message >= 0) details.append(...this.messageDetails(message));
    if (op >= 0) details.append(...this.operationDetails(op));
    const hash = message >= 0 ? `#m=${model.id[message]}` : op >= 0 ? `#op=${model.opIndex[op]}` : '';
    if (hash && hash !== location.hash) {
      try { history.replaceState(null, '', hash); } catch { /* Some browsers forbid it for files. */ }
    }
    if (!details.hidden) {
      const close = element('button', { textContent: '×', title: 'Close (Esc)', className: 'close' });
      close.onclick = () => this.clear();
      details.prepend(close);
    }
  }

  messageDetails(i) {
    const { model } = this;
    const { m, endpoints } = model;
    const link = (name) => element('a', { href: `#node=${encodeURIComponent(name)}`, textContent: name });
    const fate = m.l[i] >= 0 ? `received at ${seconds(model.ends[i])}, after ${milliseconds(m.l[i])}`
      : m.f[i] ? `not received: ${model.fates[m.f[i]]}` : 'not received until the end of the run';
    const operation = m.o[i] >= 0 ? this.operationLink(m.o[i]) : null;
    let body = model.body(i);
    try { body = JSON.stringify(JSON.parse(body), null, 1); } catch { /* Long bodies are cut off. */ }
    return [
      element('h2', {}, `Message ${model.id[i]}: ${model.kinds[m.k[i]]}`),
      element('p', {}, link(endpoints[m.s[i]]), ' → ', link(endpoints[m.d[i]])),
      element('p', {}, `sent at ${seconds(model.sent[i])}, ${fate}${m.c[i] ? '; a second copy was made' : ''}`),
      operation && element('p', {}, 'caused by ', operation),
      element('pre', { textContent: body.slice(0, 6000) }),
    ].filter(Boolean);
  }

  operationLink(op) {
    const { model } = this;
    const text = `operation ${model.opIndex[op]}`;
    return element('a', { href: `#op=${model.opIndex[op]}`, textContent: text });
  }

  operationDetails(op) {
    const { model } = this;
    const { ops } = model;
    const took = ops.l[op] < 0 ? 'never completed' : `${model.outcomes[ops.o[op]]} after ${milliseconds(ops.l[op])}`;
    const node = ops.c[op] >= 0 && model.home[ops.c[op]] >= 0 ? ` on ${model.endpoints[model.home[ops.c[op]]]}` : '';
    const messages = model.messagesOf(op).slice(0, 40);
    const value = model.valueOf(op);
    const carry = element('button', { textContent: `Mark messages that contain ${value}` });
    carry.onclick = () => {
      model.mark(op, value);
      this.canvas.request();
    };
    const list = messages.map((i) => element('li', {}, element('a', {
      href: `#m=${model.id[i]}`,
      textContent: `${model.kinds[model.m.k[i]]} ${model.endpoints[model.m.s[i]]} → ${model.endpoints[model.m.d[i]]}`,
    })));
    return [
      element('h2', {}, `Operation ${model.opIndex[op]}: ${model.fs[ops.f[op]]}`),
      element('p', {}, `process ${ops.p[op]}${node}, at ${seconds(model.opTime[op])}, ${took}`),
      element('pre', { textContent: ops.v[op] }),
      element('p', {}, element('a', { href: `timeline.html#i${model.opIndex[op]}`, textContent: 'in the timeline' })),
      value && element('p', {}, carry),
      list.length ? element('ul', {}, ...list) : null,
    ].filter(Boolean);
  }
}

// Returns the value of an operation, if bodies can be searched for it.
Model.prototype.valueOf = function valueOf(op) {
  const found = /^(?:\["?[\w-]+"? )?"?([\w-]+)"?\]?$/.exec(this.ops.v[op]);
  return found && found[1] !== 'nil' ? found[1] : '';
};
